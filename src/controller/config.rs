//! What the operator is told at its start, checked.
//!
//! **Invariant:** nothing else in the program reads flags or the environment.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use super::lease::LeaseTimes;
use crate::api::helm_release::DriftMode;
use crate::source::Egress;

/// Who reconciles the chart sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// This program reconciles HelmRepository, HelmChart, OCIRepository and GitRepository.
    Own,
    /// Flux's source-controller does; this program reads the artifacts that it serves.
    External,
}

/// What a kubeconfig that a user gives may do; nothing of it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubeConfigTrust {
    /// Run programs for its credentials.
    pub exec: bool,
    /// Turn off certificate checks.
    pub insecure_tls: bool,
}

/// How the operator runs.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Config {
    /// Releases that are worked on at once; waiting for readiness does not count.
    pub concurrent: usize,
    /// The only namespace to watch; all without one.
    pub watch_namespace: Option<String>,
    /// Selector that HelmReleases and sources must match to be this process's business.
    pub watch_label_selector: Option<String>,
    /// Selector of ConfigMaps and Secrets whose change triggers the releases that use them; without one none are watched.
    pub watch_configs_label_selector: Option<String>,
    /// Whether a dependency with a readyExpr must be ready as well, rather than only fulfil the expression.
    pub additive_ready_expressions: bool,
    /// Whether waits end when something else is wanted meanwhile.
    pub calls_off_waits: bool,
    /// The namespace that the operator itself runs in.
    pub runtime_namespace: String,
    /// Whether references to sources in other namespaces are refused.
    pub no_cross_namespace_refs: bool,
    /// ServiceAccount to act as where a HelmRelease names none.
    pub default_service_account: Option<String>,
    /// ServiceAccount whose token goes to another cluster where the ConfigMap of `spec.kubeConfig.configMapRef` names none.
    pub default_kubeconfig_service_account: Option<String>,
    /// Time before dependencies and sources that are not ready are looked at again, should no watch wake the release first.
    pub requeue_dependency: Duration,
    /// Shortest back-off after an error.
    pub min_retry_delay: Duration,
    /// Longest back-off after an error.
    pub max_retry_delay: Duration,
    /// How much intervals vary, in percent, so that releases do not come all at once.
    pub interval_jitter_percentage: u8,
    /// How long actions may go on after the program is told to stop, until each is done or has to wait. Those that wait are handed over to
    /// whoever leads next.
    pub graceful_shutdown_timeout: Duration,
    /// Drift mode of releases that state none.
    pub default_drift_mode: DriftMode,
    /// Revisions kept of releases that state none.
    pub default_max_history: i64,
    /// Whether charts must be asked for by an exact version or digest.
    pub require_pinned_versions: bool,
    /// Who reconciles the chart sources.
    pub sources: Sources,
    /// Addresses that sources are not fetched from.
    pub source_egress: Egress,
    /// Field manager of everything applied.
    pub field_manager: String,
    /// What kubeconfigs of releases may do.
    pub kubeconfigs: KubeConfigTrust,
    /// Where events are posted to, besides the API server.
    pub events_address: Option<reqwest::Url>,
    /// How one of several processes leads; none where there is only one.
    pub leader_election: Option<LeaseTimes>,
}

impl Config {
    /// The interval, a little longer or shorter, so that objects made together do not stay together.
    pub(super) fn jittered(&self, interval: Duration) -> Duration {
        jittered(interval, self.interval_jitter_percentage)
    }
}

/// The interval, longer or shorter by up to so many percent.
pub(super) fn jittered(interval: Duration, percent: u8) -> Duration {
    let share = f64::from(percent) / 100.0;
    let random = f64::from(RandomState::new().build_hasher().finish() as u32) / f64::from(u32::MAX);
    interval.mul_f64(1.0 + share * (2.0 * random - 1.0))
}
