//! What must be known before anything can be decided: the chart, the dependencies, the values, who acts.
//!
//! **Invariant:** nothing is installed, changed or removed here, but for the HelmChart object that a template asks for.

use std::sync::Arc;

use tracing::Instrument as _;

use super::chart::{FoundChart, find_chart, wanted_helm_chart};
use super::context::{Context, identity};
use super::engagement::Engagement;
use super::remote::{self, Place};
use super::{Error, chart, dependencies, values};
use crate::action::Workbench;
use crate::api::conditions::reason;
use crate::api::{HelmRelease, HelmReleaseStatus};
use crate::chart::Values;
use crate::cluster::{Impersonation, Origin, ReleaseKey};
use crate::lifecycle::{Desired, Event, EventType, InputDigests};
use crate::readiness::{HealthCheckSource, HealthChecks};
use crate::release::{config_digest, digest_of};
use crate::storage::StorageKey;
use crate::telemetry::phase;

/// Everything that decisions and actions rest on.
pub(super) struct Inputs {
    pub(super) desired: Desired,
    pub(super) chart: FoundChart,
    pub(super) values: Arc<Values>,
    pub(super) bench: Workbench,
}

/// Gathers the inputs of a release. The location of its HelmChart is noted in the status, and an earlier one is deleted.
pub(super) async fn gather(
    release: &HelmRelease,
    status: &mut HelmReleaseStatus,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<Inputs, Error> {
    let health_checks = health_checks(release)?;
    move_helm_chart(release, status, ctx).await?;
    let found = find_chart(release, ctx).instrument(phase("chart")).await;
    dependencies::check(release, ctx).await?;
    let chart = found?;
    let values = values::compose(release, ctx).instrument(phase("values")).await?;
    let digests = InputDigests {
        config: config_digest(&values).map_err(|error| Error::Values { message: error.to_string() })?,
        post_renderers: if release.spec.post_renderers.is_empty() {
            String::new()
        } else {
            digest_of(&release.spec.post_renderers)
        },
        common_metadata: release.spec.common_metadata.as_ref().map(digest_of).unwrap_or_default(),
    };
    let desired = Desired::of(release, chart.facts.clone(), digests, ctx.config.default_drift_mode);
    let place = remote::place(release, ctx).await?;
    let mut bench = workbench(
        release,
        &desired.release_name,
        &desired.release_namespace,
        &desired.storage_namespace,
        engagement,
        &place,
        ctx,
    );
    bench.health_checks = Arc::new(health_checks);
    bench.oci_digest.clone_from(&desired.chart.oci_digest);
    Ok(Inputs { desired, chart, values: Arc::new(values), bench })
}

fn health_checks(release: &HelmRelease) -> Result<HealthChecks, Error> {
    let sources = release.spec.health_check_exprs.iter().map(|check| HealthCheckSource {
        api_version: &check.api_version,
        kind: &check.kind,
        in_progress: check.in_progress.as_deref(),
        failed: check.failed.as_deref(),
        current: &check.current,
    });
    HealthChecks::parse(sources)
        .map_err(|source| Error::Expression { field: "spec.healthCheckExprs".to_owned(), source })
}

/// Oddities of the spec that are accepted and should be known.
pub(super) fn warnings(release: &HelmRelease) -> Vec<Event> {
    let event = |message| Event { event_type: EventType::Warning, reason: reason::SPEC_WARNING, message };
    release.warnings().into_iter().map(event).collect()
}

/// Notes where the release's HelmChart is; one that it no longer wants is deleted.
async fn move_helm_chart(release: &HelmRelease, status: &mut HelmReleaseStatus, ctx: &Context) -> Result<(), Error> {
    let wanted = wanted_helm_chart(release).map(|(namespace, name)| format!("{namespace}/{name}"));
    if let Some(old) = status.helm_chart.take()
        && wanted.as_ref() != Some(&old)
    {
        chart::delete_helm_chart(&old, ctx).await?;
    }
    status.helm_chart = wanted;
    Ok(())
}

/// The service account that a release acts as.
pub(super) fn account<'a>(release: &'a HelmRelease, ctx: &'a Context) -> Option<&'a str> {
    let given = release.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
    given.or(ctx.config.default_service_account.as_deref())
}

/// The workbench for a release at a place in storage of its cluster, in the name of the release's service account.
pub(super) fn workbench(
    release: &HelmRelease,
    helm_name: &str,
    helm_namespace: &str,
    storage_namespace: &str,
    engagement: &Engagement,
    place: &Place,
    ctx: &Context,
) -> Workbench {
    let (namespace, name) = identity(release);
    let (cluster, storage) = match account(release, ctx) {
        Some(account) => {
            let user = Impersonation::ServiceAccount { namespace: namespace.to_owned(), name: account.to_owned() };
            let cluster = place.cluster.impersonate(&user);
            let storage = place.storage.with_user(&cluster);
            (cluster, storage)
        }
        None => (place.cluster.clone(), place.storage.clone()),
    };
    Workbench {
        cluster,
        storage,
        key: StorageKey { namespace: storage_namespace.to_owned(), name: helm_name.to_owned() },
        origin: Origin {
            release: ReleaseKey { namespace: namespace.to_owned(), name: name.to_owned() },
            helm_name: helm_name.to_owned(),
            helm_namespace: helm_namespace.to_owned(),
        },
        slot: engagement.slot.clone(),
        // A program that stops lets actions end within its grace period; cutting a wait short would fail a release for it.
        interrupt: engagement.interrupt.clone(),
        health_checks: Arc::default(),
        oci_digest: None,
    }
}
