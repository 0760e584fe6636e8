//! Makes the release that an install or upgrade will store and apply: CRDs first, then values, rendering, post-rendering.
//!
//! **Invariant:** apart from CustomResourceDefinitions, nothing in the cluster or in storage changes here.

use std::sync::Arc;

use serde_json::Value;
use tracing::Instrument as _;

use super::inventory::inventory;
use super::manifest::manifest_objects;
use super::postrender::post_rendering;
use super::{Error, Settings, SystemAmbient, Workbench, now};
use crate::api::helm_release::CommonMetadata;
use crate::api::post_renderer::{PostRenderStrategy, PostRenderer};
use crate::api::status::Inventory;
use crate::chart::{self, Chart, Values};
use crate::cluster::{ClusterLookup, CrdPolicy};
use crate::release::{ApplyMethod, Info, Release, Status, Time, encode};
use crate::render::{self, Capabilities, KubeVersion, RenderOptions, Rendered};
use crate::storage::{self, Stored};
use crate::telemetry::phase;

/// How long definitions may take to be established, as in Flux.
const CRD_DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// What to make a release of.
pub struct Request {
    /// The chart.
    pub chart: Arc<Chart>,
    /// The version that the release is to carry, which may have a digest added.
    pub version: String,
    /// The composed values.
    pub values: Arc<Values>,
    /// Whether this is an upgrade.
    pub is_upgrade: bool,
    /// The newest revision in storage.
    pub newest: Option<Arc<Stored>>,
    /// The user's post-renderers.
    pub post_renderers: Vec<PostRenderer>,
    /// Labels and annotations for every object.
    pub common_metadata: Option<CommonMetadata>,
    /// Whether hooks pass the post-renderers.
    pub post_render_strategy: PostRenderStrategy,
}

/// A release that is ready to be stored and applied.
pub struct Prepared {
    /// The record, pending.
    pub release: Release,
    /// The objects of its manifest.
    pub objects: Vec<Value>,
    /// The objects for the status.
    pub inventory: Inventory,
    /// The newest revision in storage, as the request had it.
    pub(super) newest: Option<Arc<Stored>>,
}

/// Prepares an install or upgrade.
pub async fn prepare(bench: &Workbench, settings: &Settings, request: Request) -> Result<Prepared, Error> {
    let crds = crd_objects(&request)?;
    if !crds.is_empty() && settings.crds != CrdPolicy::Skip {
        check_size(bench, settings, &request).await?;
        let cancel = bench.interrupt.waits();
        let applied = bench.cluster.apply_crds(&crds, settings.crds, &bench.origin, CRD_DEADLINE, &cancel);
        bench.slot.idle(applied).instrument(phase("crds")).await?;
    }
    let values = values(settings, &request);
    let options = options(bench, &request).await?;
    let (rendered, chart) =
        render_blocking(bench, settings, &request, values.clone(), options).instrument(phase("render")).await?;
    let objects = manifest_objects(&rendered.manifest())?;
    let inventory = inventory(bench, &objects, &crds).await?;
    let release = record(bench, settings, &request, rendered, chart, values);
    Ok(Prepared { release, objects, inventory, newest: request.newest })
}

/// Whether the record will fit into a Secret, as far as it can be told before the definitions are there: nobody takes those away again.
async fn check_size(bench: &Workbench, settings: &Settings, request: &Request) -> Result<(), Error> {
    let values = values(settings, request);
    let options = options(bench, request).await?;
    // A template may ask for the very definitions; what is wrong with it is told when they are there.
    let Ok((rendered, chart)) = render_blocking(bench, settings, request, values.clone(), options).await else {
        return Ok(());
    };
    encode(&record(bench, settings, request, rendered, chart, values)).map_err(storage::Error::from)?;
    Ok(())
}

/// The definitions in the chart's `crds/` folders; other objects there are left out, as in Flux.
fn crd_objects(request: &Request) -> Result<Vec<Value>, Error> {
    let chart = chart::process_dependencies(&request.chart, &request.values, &mut Vec::new())?;
    let mut objects = Vec::new();
    for (_, file) in chart.crds() {
        objects.extend(manifest_objects(&String::from_utf8_lossy(&file.data))?);
    }
    objects.retain(|object| object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition"));
    Ok(objects)
}

/// The user's values: those given, or with `preserveValues` laid over those of the revision before (`helm upgrade --reuse-values`).
fn values(settings: &Settings, request: &Request) -> Values {
    let given = Values::clone(&request.values);
    match &request.newest {
        Some(newest) if settings.preserve_values => {
            let mut values = newest.release.config.clone();
            chart::merge_values(&mut values, given);
            values
        }
        _ => given,
    }
}

async fn options(bench: &Workbench, request: &Request) -> Result<RenderOptions, Error> {
    let discovered = bench.cluster.discovery().capabilities().await?;
    let capabilities = Capabilities {
        kube_version: KubeVersion::discovered(&discovered.version, &discovered.major, &discovered.minor),
        api_versions: discovered.api_versions.to_vec(),
        ..Capabilities::default()
    };
    Ok(RenderOptions {
        name: bench.origin.helm_name.clone(),
        namespace: bench.origin.helm_namespace.clone(),
        revision: next_revision(request),
        is_upgrade: request.is_upgrade,
        capabilities,
        ..RenderOptions::default()
    })
}

fn next_revision(request: &Request) -> u32 {
    request.newest.as_ref().map_or(1, |newest| newest.release.revision + 1)
}

/// Renders on a blocking thread, so that neither deep templates nor `lookup` get in the way of other work.
async fn render_blocking(
    bench: &Workbench,
    settings: &Settings,
    request: &Request,
    values: Values,
    options: RenderOptions,
) -> Result<(Rendered, Chart), Error> {
    let chart = Arc::clone(&request.chart);
    let version = request.version.clone();
    let skip_schema = !settings.validate_values;
    let post_rendering = post_rendering(request);
    let lookup = ClusterLookup::new(bench.cluster.clone(), tokio::runtime::Handle::current());
    let work = move || {
        render::on_large_stack(|| -> Result<(Rendered, Chart), Error> {
            let mut prepared = chart::prepare(&chart, &values, skip_schema)?;
            prepared.chart.metadata.version = version;
            prepared.chart.check_installable()?;
            prepared.chart.check_kube_version(options.capabilities.kube_version.checked())?;
            let rendered = render::render(&prepared, &options, &lookup, &SystemAmbient::default())?;
            let rendered = post_rendering.apply(rendered)?;
            Ok((rendered, prepared.chart))
        })
    };
    let result = tokio::task::spawn_blocking(work).await.map_err(|error| render::Error::Stack(error.to_string()))?;
    result?
}

/// The record of what was rendered, pending.
fn record(
    bench: &Workbench,
    settings: &Settings,
    request: &Request,
    rendered: Rendered,
    chart: Chart,
    values: Values,
) -> Release {
    let now = Time::from(now());
    let before = request.newest.as_ref().filter(|_| request.is_upgrade);
    let (status, description) = if request.is_upgrade {
        (Status::PendingUpgrade, "Preparing upgrade")
    } else {
        (Status::PendingInstall, "Initial install underway")
    };
    Release {
        name: bench.origin.helm_name.clone(),
        namespace: bench.origin.helm_namespace.clone(),
        revision: next_revision(request),
        info: Info {
            first_deployed: before.and_then(|before| before.release.info.first_deployed).or(Some(now)),
            last_deployed: Some(now),
            description: description.to_owned(),
            status,
            notes: rendered.notes.clone(),
            ..Info::default()
        },
        manifest: rendered.manifest(),
        hooks: rendered.hooks,
        chart: Some(chart),
        config: values,
        apply_method: Some(if settings.server_side { ApplyMethod::ServerSide } else { ApplyMethod::ClientSide }),
        labels: before.map(|before| before.release.labels.clone()).unwrap_or_default(),
    }
}
