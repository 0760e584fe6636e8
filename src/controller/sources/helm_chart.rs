//! Reconciles HelmCharts: finds the version in the source, pulls the chart, merges values files.
//!
//! Counterpart: Flux's source-controller 1.9. Beyond it, a version that was published again with other bytes is noticed where the index
//! gives digests, and what is missing is waited for by watch.
//!
//! **Invariant:** a HelmChart whose version is the one it has costs no download and no write.

use std::sync::Arc;

use kube_runtime::reflector::ObjectRef;

use super::content::{self, Place, Sources, values_files};
use super::driver::{Reconcile, Shared};
use super::kind::identity;
use super::status::{Done, Failed, FailedEnding, NewArtifact, put_artifact, tell_verified};
use crate::api::conditions::{condition_type, find, is_true, reason};
use crate::api::helm_chart::HelmChartStatus;
use crate::api::source::SourceKind;
use crate::api::{HelmChart, HelmRepository};
use crate::source::{Error, Merged, Step, is_override};

impl Reconcile for HelmChart {
    async fn attempt(&self, status: &mut HelmChartStatus, shared: &Shared) -> Result<Done, Failed> {
        let failed = |error: &Error| Failed::of(error, Step::Chart);
        let sources = &shared.sources;
        let is_suspect = sources.suspects.take(self);
        let revision = source_revision(self, shared)?;
        let mut place = sources.place(self).await.map_err(|error| failed(&error))?;
        let (version, digest) = sources.resolve(&place).await.map_err(|error| failed(&error))?;
        verify(self, status, sources, &mut place, &version).await?;
        if !is_suspect && is_current(self, &version, digest.as_deref()) {
            status.observed_source_artifact_revision = revision;
            return Ok(unchanged(status));
        }
        let fetched = sources.pull(&place).await.map_err(|error| failed(&error))?;
        let merged = sources.build(self, &fetched).map_err(|error| failed(&error))?;
        status.observed_source_artifact_revision = revision;
        Ok(put(self, status, merged, &shared.host))
    }
}

/// Checks the signature, if one is asked for, and says so.
async fn verify(
    chart: &HelmChart,
    status: &mut HelmChartStatus,
    sources: &Sources,
    place: &mut Place,
    version: &str,
) -> Result<(), Failed> {
    if place.verification.is_none() {
        tell_verified(chart, status, None);
        return Ok(());
    }
    let (namespace, _) = identity(chart);
    if let Err(error) = sources.verify(namespace, place, version).await {
        let failed = Failed::of_verification(&error, Step::Chart);
        tell_verified(chart, status, Some(Err(&failed)));
        return Err(failed);
    }
    tell_verified(chart, status, Some(Ok(format!("verified signature of version {version}"))));
    Ok(())
}

/// The revision of the source's artifact, if the source has to have one.
fn source_revision(chart: &HelmChart, shared: &Shared) -> Result<Option<String>, Failed> {
    let (namespace, _) = identity(chart);
    let source = &chart.spec.source_ref;
    if source.kind != SourceKind::HelmRepository {
        return Ok(None);
    }
    let waiting = |reason, message| Failed {
        reason,
        message,
        condition: condition_type::FETCH_FAILED,
        ending: FailedEnding::Waiting,
    };
    let found = shared.sources.stores.repositories.get(&ObjectRef::new(&source.name).within(namespace));
    let repository: Arc<HelmRepository> = found.ok_or_else(|| {
        let message =
            format!("failed to get source: helmrepositories.source.toolkit.fluxcd.io \"{}\" not found", source.name);
        waiting(reason::SOURCE_UNAVAILABLE, message)
    })?;
    if !content::has_artifact(&repository) {
        let message = format!("no artifact available for HelmRepository source '{}'", source.name);
        return Err(waiting(reason::NO_SOURCE_ARTIFACT, message));
    }
    let artifact = repository.status.as_ref().and_then(|status| status.artifact.as_ref());
    Ok(artifact.filter(|_| !repository.spec.is_oci()).map(|artifact| artifact.revision.clone()))
}

/// Whether the artifact is what the source gives for this generation.
fn is_current(chart: &HelmChart, version: &str, digest: Option<&str>) -> bool {
    let Some(status) = &chart.status else { return false };
    let Some(artifact) = &status.artifact else { return false };
    let generation = chart.metadata.generation;
    if status.observed_generation != generation || !is_true(&status.conditions, condition_type::READY) {
        return false;
    }
    if is_override(&values_files(chart)) {
        let base = version.split('+').next().unwrap_or_default();
        let built = format!("{base}+{}", generation.unwrap_or_default());
        return artifact.revision == built || artifact.revision == version;
    }
    artifact.revision == version && digest.is_none_or(|digest| artifact.digest.as_deref() == Some(digest))
}

/// What the status said before, said again.
fn unchanged(status: &HelmChartStatus) -> Done {
    let ready = find(&status.conditions, condition_type::READY);
    let is_packaged = ready.is_some_and(|ready| ready.reason == reason::CHART_PACKAGE_SUCCEEDED);
    Done {
        reason: if is_packaged { reason::CHART_PACKAGE_SUCCEEDED } else { reason::CHART_PULL_SUCCEEDED },
        message: ready.map(|ready| ready.message.clone()).unwrap_or_default(),
        news: None,
        has_artifact: true,
    }
}

fn put(chart: &HelmChart, status: &mut HelmChartStatus, merged: Merged, host: &str) -> Done {
    let fetched = merged.fetched;
    let name = fetched.chart.name().to_owned();
    let version = fetched.version.clone();
    let (reason, message) = if merged.files.is_empty() {
        (reason::CHART_PULL_SUCCEEDED, format!("pulled '{name}' chart with version '{version}'"))
    } else {
        let files = merged.files.join(" ");
        let message = format!("packaged '{name}' chart with version '{version}' and merged values files [{files}]");
        (reason::CHART_PACKAGE_SUCCEEDED, message)
    };
    let before = status.artifact.as_ref();
    let is_new = before
        .is_none_or(|before| before.revision != version || before.digest.as_deref() != Some(fetched.digest.as_str()));
    if is_new {
        let new = NewArtifact {
            file: &format!("{name}-{version}.tgz"),
            latest: "latest.tar.gz",
            revision: version,
            digest: fetched.digest,
            size: fetched.size,
            metadata: std::collections::BTreeMap::new(),
        };
        put_artifact(chart, status, host, new);
    }
    status.observed_chart_name = Some(name);
    status.observed_values_files = if chart.spec.ignore_missing_values_files { merged.files } else { Vec::new() };
    Done { reason, news: is_new.then(|| (reason, message.clone())), message, has_artifact: true }
}
