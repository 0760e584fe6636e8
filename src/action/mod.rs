//! Performs one decided release action, the way Helm 4.3 performs it, and tells what became of it.
//!
//! In: a [`Workbench`] (the cluster as the acting user, the storage, who the release is), [`Settings`] and, for installs and upgrades, a
//! [`Prepared`] release. Out: an `Outcome` with every record that was written, which `lifecycle::record` turns into status.
//!
//! **Invariant:** makes no choices of its own about what to do next, and leaves a record in storage from which a next start converges.

mod ambient;
mod correct_drift;
mod error;
mod hooks;
mod install;
mod interrupt;
mod inventory;
mod journal;
mod manifest;
mod postrender;
mod prepare;
mod rollback;
mod settings;
mod slot;
mod test;
mod uninstall;
mod unlock;
mod upgrade;

use std::sync::Arc;

use jiff::Timestamp;

use crate::cluster::{ApplyOptions, Cluster, CustomRule, Origin, Ownership, WaitOptions};
use crate::readiness::{HealthChecks, Purpose};
use crate::storage::{Storage, StorageKey};

pub use ambient::SystemAmbient;
pub use correct_drift::correct_drift;
pub use error::Error;
pub use install::install;
pub use interrupt::Interrupt;
pub use journal::snapshot;
pub use manifest::manifest_objects;
pub use prepare::{Prepared, Request, prepare};
pub use rollback::rollback;
pub use settings::Settings;
pub use slot::{Slot, Slots};
pub use test::test;
pub use uninstall::{Uninstalled, uninstall, uninstall_remediation};
pub use unlock::unlock;
pub use upgrade::upgrade;

/// Now; the only clock of the actions.
fn now() -> Timestamp {
    Timestamp::now()
}

/// What every action works with.
#[derive(Clone)]
pub struct Workbench {
    /// The cluster, as the user that the release acts as.
    pub cluster: Cluster,
    /// The release records, as the same user.
    pub storage: Storage,
    /// Where the records of the release are.
    pub key: StorageKey,
    /// The marks on the release's objects.
    pub origin: Origin,
    /// The place among the releases being worked on; given up while waiting.
    pub slot: Slot,
    /// Ends waits early when the release is wanted otherwise.
    pub interrupt: Interrupt,
    /// What readiness of custom resources means for this release.
    pub health_checks: Arc<HealthChecks>,
    /// Digest of the chart's artifact, for snapshots.
    pub oci_digest: Option<String>,
}

impl Workbench {
    /// How objects of the release are applied.
    pub fn apply_options(&self, settings: &Settings) -> ApplyOptions {
        ApplyOptions {
            ownership: if settings.take_ownership { Ownership::Take } else { Ownership::Check },
            strict: settings.validate,
            server_side: settings.server_side,
            take_over: settings.take_over.clone(),
            replace: settings.force && !settings.server_side,
            ..ApplyOptions::new(self.origin.clone())
        }
    }

    /// How objects of the release are waited for.
    fn wait_options(&self, settings: &Settings, purpose: Purpose) -> WaitOptions {
        let checks = Arc::clone(&self.health_checks);
        let rule: CustomRule = Arc::new(move |object| checks.judge(object));
        WaitOptions {
            origin: self.origin.clone(),
            purpose,
            timeout: settings.timeout,
            cancel: self.interrupt.waits(),
            abort: self.interrupt.all(),
            // Expressions belong to the other way to judge readiness, as in Flux.
            custom: (!self.health_checks.is_empty() && !settings.legacy_wait).then_some(rule),
            fail_fast: true,
        }
    }
}
