//! Reconciles HelmCharts: finds the version in the source, pulls the chart, merges values files.
//!
//! Counterpart: Flux's source-controller 1.9. Beyond it, a version that was published again with other bytes is noticed where the index
//! gives digests, and what is missing is waited for by watch.
//!
//! **Invariant:** a HelmChart whose version is the one it has costs no download and no write.

use kube_runtime::reflector::ObjectRef;

use super::bucket;
use super::content::{self, Place, Sources, values_files};
use super::driver::{Reconcile, Shared};
use super::kind::{Source, identity};
use super::status::{Done, Failed, FailedEnding, NewArtifact, put_artifact, tell_verified};
use crate::api::HelmChart;
use crate::api::conditions::{condition_type, find, is_true, reason};
use crate::api::helm_chart::HelmChartStatus;
use crate::api::source::SourceKind;
use crate::source::{Error, Merged, Step, is_override};

impl Reconcile for HelmChart {
    async fn attempt(&self, status: &mut HelmChartStatus, shared: &Shared) -> Result<Done, Failed> {
        let failed = |error: &Error| Failed::of(error, Step::Chart);
        let sources = &shared.sources;
        let is_suspect = sources.suspects.take(self);
        let revision = source_revision(self, shared)?;
        if !is_suspect && is_settled(self, revision.as_deref()) {
            return Ok(unchanged(status));
        }
        let mut place = sources.place(self, None).await.map_err(|error| failed(&error))?;
        let (version, digest) = sources.resolve(&place).await.map_err(|error| failed(&error))?;
        verify(self, status, sources, &mut place, &version).await?;
        if !is_suspect && is_current(self, &version, digest.as_deref()) {
            status.observed_source_artifact_revision = revision;
            return Ok(unchanged(status));
        }
        let merged = sources.build(self, place).await.map_err(|error| failed(&error))?;
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
    let archive = match place {
        Place::Archive(archive) if archive.verification.is_some() => archive,
        Place::Archive(_) | Place::Files(_) => {
            tell_verified(chart, status, None);
            return Ok(());
        }
    };
    let (namespace, _) = identity(chart);
    if let Err(error) = sources.verify(namespace, archive, version).await {
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
    let stores = &shared.sources.stores;
    let (plural, found) = match source.kind {
        SourceKind::HelmRepository => {
            let found = stores.repositories.get(&ObjectRef::new(&source.name).within(namespace));
            ("helmrepositories", found.map(|found| revision_of(&*found, content::has_artifact(&found))))
        }
        SourceKind::GitRepository => {
            let found = stores.git.get(&ObjectRef::new(&source.name).within(namespace));
            ("gitrepositories", found.map(|found| revision_of(&*found, false)))
        }
        SourceKind::Bucket => {
            let found = stores.buckets.get(&ObjectRef::new(&source.name).within(namespace));
            let artifact = found.as_deref().map(|bucket| bucket::artifact(bucket).map(|found| found.revision.clone()));
            // That nobody will ever fetch it is told, rather than waited for.
            let revision = artifact.transpose().map_err(|error| Failed::of(&error, Step::Chart))?;
            ("buckets", revision.map(|revision| Some(Some(revision))))
        }
        SourceKind::OciRepository => return Ok(None),
    };
    let waiting = |reason, message| Failed {
        reason,
        message,
        condition: condition_type::FETCH_FAILED,
        ending: FailedEnding::Waiting,
    };
    let found = found.ok_or_else(|| {
        let message = format!("failed to get source: {plural}.source.toolkit.fluxcd.io \"{}\" not found", source.name);
        waiting(reason::SOURCE_UNAVAILABLE, message)
    })?;
    found.ok_or_else(|| {
        let message = format!("no artifact available for {} source '{}'", source.kind.as_str(), source.name);
        waiting(reason::NO_SOURCE_ARTIFACT, message)
    })
}

/// The revision of a source's artifact; none of a registry, which has charts without; `None` of a source without charts yet.
#[expect(clippy::option_option, reason = "a registry has no revision, which is not the same as having nothing yet")]
fn revision_of<K: Source>(source: &K, has_charts: bool) -> Option<Option<String>> {
    let artifact = source.status().and_then(|status| K::facts(status).artifact);
    match artifact {
        Some(_) if source.is_static() => Some(None),
        Some(artifact) => Some(Some(artifact.revision.clone())),
        None => has_charts.then_some(None),
    }
}

/// Whether a chart among the files of a source was made of what the source has now; nothing has to be looked at then.
fn is_settled(chart: &HelmChart, revision: Option<&str>) -> bool {
    let Some(status) = &chart.status else { return false };
    has_files(chart)
        && status.artifact.is_some()
        && status.common.observed_generation == chart.metadata.generation
        && status.observed_source_artifact_revision.as_deref() == revision
        && is_true(&status.common.conditions, condition_type::READY)
}

/// Whether a chart is one among the files of its source.
fn has_files(chart: &HelmChart) -> bool {
    matches!(chart.spec.source_ref.kind, SourceKind::GitRepository | SourceKind::Bucket)
}

/// Whether the artifact is what the source gives for this generation.
fn is_current(chart: &HelmChart, version: &str, digest: Option<&str>) -> bool {
    let Some(status) = &chart.status else { return false };
    let Some(artifact) = &status.artifact else { return false };
    let generation = chart.metadata.generation;
    if status.common.observed_generation != generation || !is_true(&status.common.conditions, condition_type::READY) {
        return false;
    }
    if !has_files(chart) && is_override(&values_files(chart)) {
        let base = version.split('+').next().unwrap_or_default();
        let built = format!("{base}+{}", generation.unwrap_or_default());
        return artifact.revision == built || artifact.revision == version;
    }
    artifact.revision == version && digest.is_none_or(|digest| artifact.digest.as_deref() == Some(digest))
}

/// What the status said before, said again.
fn unchanged(status: &HelmChartStatus) -> Done {
    let ready = find(&status.common.conditions, condition_type::READY);
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
    let (reason, done) = if merged.is_packaged {
        (reason::CHART_PACKAGE_SUCCEEDED, "packaged")
    } else {
        (reason::CHART_PULL_SUCCEEDED, "pulled")
    };
    let merged_files = match merged.files.as_slice() {
        [] => String::new(),
        files => format!(" and merged values files [{}]", files.join(" ")),
    };
    let message = format!("{done} '{name}' chart with version '{version}'{merged_files}");
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
