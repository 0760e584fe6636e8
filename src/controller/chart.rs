//! Which chart a release asks for, and whether it can be had.
//!
//! A template becomes a HelmChart object, as in Flux, so that `flux` and people see where a chart comes from; it is written only when it
//! differs from the one in the store.
//!
//! **Invariant:** finding out about a chart costs no download; only rendering needs its content.

use std::sync::Arc;

use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams};
use kube_runtime::reflector::ObjectRef;
use serde_json::json;

use super::Error;
use super::context::{Context, identity};
use crate::api::chart::{ChartReference, ChartReferenceKind, ChartTemplate};
use crate::api::conditions::{condition_type, find, is_true};
use crate::api::helm_chart::HelmChartSpec;
use crate::api::metadata::{ORIGIN_NAME_LABEL, ORIGIN_NAMESPACE_LABEL};
use crate::api::{ChartRequest, ExternalArtifact, HelmChart, HelmRelease, InlineChart, OciRepository};
use crate::chart::Chart;
use crate::lifecycle::ChartFacts;
use crate::version::Version;

/// Hex digits of a registry digest that become the version's build metadata, as in Flux.
const DIGEST_SUFFIX: usize = 12;

/// A chart that can be had.
#[derive(Clone)]
pub(super) struct FoundChart {
    pub(super) facts: ChartFacts,
    origin: Origin,
}

#[derive(Clone)]
enum Origin {
    HelmChart(Arc<HelmChart>),
    Loaded(Arc<Chart>),
}

impl FoundChart {
    /// The chart's content.
    pub(super) async fn load(&self, ctx: &Context) -> Result<Arc<Chart>, Error> {
        match &self.origin {
            Origin::Loaded(chart) => Ok(Arc::clone(chart)),
            Origin::HelmChart(chart) => ctx.sources.helm_chart(chart).await.map_err(|source| Error::Artifact {
                what: format!("chart {}@{}", self.facts.name, self.facts.version),
                source,
            }),
        }
    }
}

/// Finds the chart that a release asks for; makes or changes its HelmChart if there has to be one.
pub(super) async fn find_chart(release: &HelmRelease, ctx: &Context) -> Result<FoundChart, Error> {
    match release.chart_request()? {
        ChartRequest::Template(template) => from_template(release, &template, ctx).await,
        ChartRequest::Reference(reference) => from_reference(release, &reference, ctx).await,
        ChartRequest::Inline(inline) => from_inline(release, &inline, ctx).await,
    }
}

/// The HelmChart that a release has, as `namespace/name`; none if it asks for its chart otherwise.
pub(super) fn wanted_helm_chart(release: &HelmRelease) -> Option<(String, String)> {
    let Ok(ChartRequest::Template(template)) = release.chart_request() else { return None };
    let (own, _) = identity(release);
    Some((template.spec.source_ref.namespace_or(own).to_owned(), release.helm_chart_name()))
}

/// Deletes a HelmChart that was made for a release.
pub(super) async fn delete_helm_chart(location: &str, ctx: &Context) -> Result<(), Error> {
    let Some((namespace, name)) = location.split_once('/') else { return Ok(()) };
    let api: Api<HelmChart> = Api::namespaced(ctx.client.clone(), namespace);
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::write(format!("HelmChart {location}"), source)),
    }
}

fn check_namespace(
    release: &HelmRelease,
    kind: &'static str,
    namespace: &str,
    name: &str,
    ctx: &Context,
) -> Result<(), Error> {
    let (own, _) = identity(release);
    if ctx.config.no_cross_namespace_refs && namespace != own {
        return Err(Error::AccessDenied { kind, namespace: namespace.to_owned(), name: name.to_owned() });
    }
    Ok(())
}

async fn from_template(release: &HelmRelease, template: &ChartTemplate, ctx: &Context) -> Result<FoundChart, Error> {
    let (own, _) = identity(release);
    let source = &template.spec.source_ref;
    let namespace = source.namespace_or(own);
    check_namespace(release, source.kind.as_str(), namespace, &source.name, ctx)?;
    if ctx.config.require_pinned_versions && Version::parse_strict(&template.spec.version).is_err() {
        return Err(unpinned("spec.chart.spec.version", &template.spec.version, "--require-pinned-versions is on"));
    }
    let chart = ensure_helm_chart(release, template, namespace, ctx).await?;
    from_helm_chart(&chart)
}

fn unpinned(field: &'static str, version: &str, why: &'static str) -> Error {
    Error::UnpinnedVersion { field, version: version.to_owned(), why }
}

/// The HelmChart as it should be: the stored one if it is so already, else the one that was applied just now.
async fn ensure_helm_chart(
    release: &HelmRelease,
    template: &ChartTemplate,
    namespace: &str,
    ctx: &Context,
) -> Result<Arc<HelmChart>, Error> {
    let name = release.helm_chart_name();
    let wanted = helm_chart(release, template, namespace, &name);
    if let Some(stored) = ctx.source_stores.charts.get(&ObjectRef::new(&name).within(namespace))
        && is_as_wanted(&stored, &wanted)
    {
        return Ok(stored);
    }
    let api: Api<HelmChart> = Api::namespaced(ctx.client.clone(), namespace);
    let params = PatchParams::apply(&ctx.config.field_manager).force();
    // The status belongs to whoever reconciles the chart, so it is left out.
    let patch = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmChart",
        "metadata": wanted.metadata,
        "spec": wanted.spec,
    });
    let applied = api.patch(&name, &params, &Patch::Apply(&patch)).await;
    applied.map(Arc::new).map_err(|source| Error::write(format!("HelmChart {namespace}/{name}"), source))
}

fn helm_chart(release: &HelmRelease, template: &ChartTemplate, namespace: &str, name: &str) -> HelmChart {
    let (own_namespace, own_name) = identity(release);
    let spec = &template.spec;
    let mut labels = template.metadata.labels.clone();
    labels.insert(ORIGIN_NAME_LABEL.to_owned(), own_name.to_owned());
    labels.insert(ORIGIN_NAMESPACE_LABEL.to_owned(), own_namespace.to_owned());
    let annotations = template.metadata.annotations.clone();
    HelmChart {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            ..ObjectMeta::default()
        },
        spec: HelmChartSpec::of_template(spec, release.interval()),
        status: None,
    }
}

/// Whether the stored chart says what is wanted; labels and annotations by others do not matter.
fn is_as_wanted(stored: &HelmChart, wanted: &HelmChart) -> bool {
    let holds = |stored: Option<&std::collections::BTreeMap<String, String>>,
                 wanted: Option<&std::collections::BTreeMap<String, String>>| {
        wanted.into_iter().flatten().all(|(key, value)| stored.and_then(|stored| stored.get(key)) == Some(value))
    };
    stored.metadata.deletion_timestamp.is_none()
        && stored.spec == wanted.spec
        && holds(stored.metadata.labels.as_ref(), wanted.metadata.labels.as_ref())
        && holds(stored.metadata.annotations.as_ref(), wanted.metadata.annotations.as_ref())
}

fn from_helm_chart(chart: &Arc<HelmChart>) -> Result<FoundChart, Error> {
    let metadata = &chart.metadata;
    let name = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let not_ready = |why: &str| Error::SourceNotReady(format!("HelmChart '{name}' is not ready: {why}"));
    let pending = || {
        let why = "latest generation of object has not been reconciled";
        Error::SourcePending(format!("HelmChart '{name}' is not ready: {why}"))
    };
    let Some(status) = &chart.status else { return Err(pending()) };
    if status.common.observed_generation != metadata.generation {
        return Err(pending());
    }
    let ready = find(&status.common.conditions, condition_type::READY);
    let message = ready.map_or_else(|| "does not have an artifact".to_owned(), |ready| ready.message.clone());
    let stalled = is_true(&status.common.conditions, condition_type::STALLED);
    match &status.artifact {
        Some(artifact) if !stalled => Ok(FoundChart {
            facts: ChartFacts {
                name: status.observed_chart_name.clone().unwrap_or_default(),
                version: artifact.revision.clone(),
                oci_digest: None,
            },
            origin: Origin::HelmChart(Arc::clone(chart)),
        }),
        _ => Err(not_ready(&message)),
    }
}

async fn from_reference(release: &HelmRelease, reference: &ChartReference, ctx: &Context) -> Result<FoundChart, Error> {
    let (own, _) = identity(release);
    let namespace = reference.namespace_or(own);
    let kind = reference.kind.as_str();
    check_namespace(release, kind, namespace, &reference.name, ctx)?;
    let missing = || Error::SourceNotReady(format!("{kind} '{namespace}/{}' does not exist", reference.name));
    match reference.kind {
        ChartReferenceKind::HelmChart => {
            let key = ObjectRef::new(&reference.name).within(namespace);
            from_helm_chart(&ctx.source_stores.charts.get(&key).ok_or_else(missing)?)
        }
        ChartReferenceKind::OciRepository => {
            let key = ObjectRef::new(&reference.name).within(namespace);
            from_oci_repository(&ctx.source_stores.oci.get(&key).ok_or_else(missing)?, ctx).await
        }
        ChartReferenceKind::ExternalArtifact => {
            let key = ObjectRef::new(&reference.name).within(namespace);
            let external = ctx.source_stores.external.get(&key).ok_or_else(missing)?;
            from_external_artifact(&external, ctx).await
        }
    }
}

async fn from_oci_repository(repository: &Arc<OciRepository>, ctx: &Context) -> Result<FoundChart, Error> {
    let metadata = &repository.metadata;
    let name = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let not_ready = |why: &str| Error::SourceNotReady(format!("OCIRepository '{name}' is not ready: {why}"));
    let Some(status) =
        repository.status.as_ref().filter(|status| status.common.observed_generation == metadata.generation)
    else {
        let why = "latest generation of object has not been reconciled";
        return Err(Error::SourcePending(format!("OCIRepository '{name}' is not ready: {why}")));
    };
    let message = find(&status.common.conditions, condition_type::READY).map(|ready| ready.message.clone());
    let Some(artifact) =
        status.artifact.as_ref().filter(|_| !is_true(&status.common.conditions, condition_type::STALLED))
    else {
        return Err(not_ready(message.as_deref().unwrap_or("does not have an artifact")));
    };
    let chart = ctx.sources.oci_repository(repository).await.map_err(|source| Error::Artifact {
        what: format!("chart of OCIRepository '{name}' at {}", artifact.revision),
        source,
    })?;
    at_revision(&chart, &artifact.revision)
}

/// The chart that somebody else has made and serves; whoever that is says whether it is ready.
async fn from_external_artifact(external: &ExternalArtifact, ctx: &Context) -> Result<FoundChart, Error> {
    let metadata = &external.metadata;
    let name = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let not_ready = |why: &str| Error::SourceNotReady(format!("ExternalArtifact '{name}' is not ready: {why}"));
    let status = external.status.as_ref().ok_or_else(|| not_ready("does not have an artifact"))?;
    let Some(artifact) = status.artifact.as_ref().filter(|_| !is_true(&status.conditions, condition_type::STALLED))
    else {
        let message = find(&status.conditions, condition_type::READY).map(|ready| ready.message.as_str());
        return Err(not_ready(message.unwrap_or("does not have an artifact")));
    };
    let chart = ctx.sources.external_artifact(external).await.map_err(|source| Error::Artifact {
        what: format!("chart of ExternalArtifact '{name}' at {}", artifact.revision),
        source,
    })?;
    at_revision(&chart, &artifact.revision)
}

/// A chart at the revision of its artifact, which marks its version if it holds a digest.
fn at_revision(chart: &Arc<Chart>, revision: &str) -> Result<FoundChart, Error> {
    let (tag, digest) = match revision.rsplit_once('@') {
        Some((tag, digest)) => (Some(tag), digest),
        None => (None, revision),
    };
    let name = chart.name().to_owned();
    if !digest.contains(':') {
        // A revision such as a mere version, which only an ExternalArtifact has.
        let version = chart.metadata.version.clone();
        return Ok(FoundChart {
            facts: ChartFacts { name, version, oci_digest: None },
            origin: Origin::Loaded(Arc::clone(chart)),
        });
    }
    let version = digest_version(chart, tag, digest)?;
    let facts = ChartFacts { name, version: version.clone(), oci_digest: Some(digest.to_owned()) };
    Ok(FoundChart { facts, origin: Origin::Loaded(with_version(chart, version)) })
}

/// The chart's version with the first digits of the digest as build metadata; a tag that is a version must be the chart's.
fn digest_version(chart: &Chart, tag: Option<&str>, digest: &str) -> Result<String, Error> {
    let version = &chart.metadata.version;
    if let Some(tag) = tag {
        let tag = tag.replace('_', "+");
        if let (Ok(tagged), Ok(own)) = (Version::parse(&tag), Version::parse(version))
            && (tagged.to_string() != own.to_string())
        {
            return Err(Error::ChartMutate(format!(
                "artifact revision {tag}@{digest} does not match chart version {version} of chart {}",
                chart.name()
            )));
        }
    }
    let hex = digest.rsplit(':').next().unwrap_or(digest);
    let suffix: String = hex.chars().take(DIGEST_SUFFIX).collect();
    let base = version.split('+').next().unwrap_or(version);
    Ok(format!("{base}+{suffix}"))
}

fn with_version(chart: &Arc<Chart>, version: String) -> Arc<Chart> {
    let mut chart = Chart::clone(chart);
    chart.metadata.version = version;
    Arc::new(chart)
}

async fn from_inline(release: &HelmRelease, inline: &InlineChart, ctx: &Context) -> Result<FoundChart, Error> {
    let (namespace, _) = identity(release);
    if Version::parse_strict(&inline.version).is_err() {
        return Err(unpinned("spec.chart.version", &inline.version, "the short form of spec.chart takes no range"));
    }
    let what = || format!("chart {} {} from {}", inline.name, inline.version, inline.repo);
    let fetched =
        ctx.sources.inline(namespace, inline).await.map_err(|source| Error::Artifact { what: what(), source })?;
    let chart = fetched.chart;
    let facts = ChartFacts { name: chart.name().to_owned(), version: chart.metadata.version.clone(), oci_digest: None };
    Ok(FoundChart { facts, origin: Origin::Loaded(chart) })
}
