//! The chart sources: HelmRepository, HelmChart, OCIRepository and GitRepository.
//!
//! One watch a kind fills a store, wakes the controller of its kind and tells the rest of the program what changed. With
//! `--sources=own` the controllers keep the objects' status as Flux's source-controller 1.9 does; with `--sources=external` there are
//! the watches only, and charts are read from where Flux serves them.
//!
//! **Invariant:** a source that has nothing new costs no write.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ObjectReference;
use kube_runtime::reflector::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::api::{GitRepository, HelmChart, HelmRepository, InlineChart, OciRepository};
use crate::chart::Chart;
use crate::lifecycle::Event;
use crate::source::{Error, Fetched, Library};
use crate::telemetry::Metrics;

/// Publishes an event about an object, with annotations.
pub(super) type Publish = Arc<dyn Fn(ObjectReference, &Event, BTreeMap<String, String>) + Send + Sync>;

/// What the sources need of the program.
#[derive(Clone)]
pub(super) struct Dependencies {
    /// Talks to the API server in the operator's own name.
    pub(super) client: kube::Client,
    /// How the operator runs.
    pub(super) config: Arc<Config>,
    /// Where numbers go.
    pub(super) metrics: Arc<Metrics>,
    /// Where events go.
    pub(super) publish: Publish,
    /// Ends all work.
    pub(super) stop: CancellationToken,
}

/// What is known of the sources in the cluster.
#[derive(Clone)]
pub(super) struct SourceStores {
    /// All HelmRepositories.
    pub(super) repositories: Store<HelmRepository>,
    /// All HelmCharts.
    pub(super) charts: Store<HelmChart>,
    /// All OCIRepositories.
    pub(super) oci: Store<OciRepository>,
    /// All GitRepositories.
    pub(super) git: Store<GitRepository>,
}

/// A source whose artifact, readiness or generation changed, or that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Changed {
    /// `HelmRepository`, `HelmChart`, `OCIRepository` or `GitRepository`.
    pub(super) kind: &'static str,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

/// The content of sources. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sources {
    /// The objects.
    pub(super) stores: SourceStores,
    library: Library,
}

/// The sources, and what has to run for them.
pub(super) struct Started {
    /// For whoever wants charts.
    pub(super) sources: Sources,
    /// Tells of every source that changed; must be read, or memory grows.
    pub(super) changes: mpsc::UnboundedReceiver<Changed>,
    /// Watches and controllers; must be polled, ends after `stop`.
    pub(super) run: BoxFuture<'static, ()>,
}

/// Makes the stores, the watches and (with `--sources=own`) the controllers. Nothing happens until `run` is polled.
pub(super) fn start(dependencies: Dependencies) -> Started {
    let (sender, changes) = mpsc::unbounded_channel();
    let stores = SourceStores {
        repositories: kube_runtime::reflector::store().0,
        charts: kube_runtime::reflector::store().0,
        oci: kube_runtime::reflector::store().0,
        git: kube_runtime::reflector::store().0,
    };
    let run = async move {
        let _sender = sender;
        dependencies.stop.cancelled().await;
    };
    Started { sources: Sources { stores, library: Library::new() }, changes, run: Box::pin(run) }
}

impl Sources {
    /// The chart of a HelmChart that has an artifact: at hand, or fetched again.
    ///
    /// # Errors
    /// The HelmChart has no artifact, its source is gone, or what the source now gives is not the artifact.
    pub(super) async fn helm_chart(&self, chart: &HelmChart) -> Result<Arc<Chart>, Error> {
        let _ = &self.library;
        Err(Error::Unsupported { what: chart.spec.chart.clone() })
    }

    /// The chart in an OCIRepository that has an artifact: at hand, or fetched again by the digest of its revision.
    ///
    /// # Errors
    /// The OCIRepository has no artifact, or it is no chart.
    pub(super) async fn oci_repository(&self, repository: &OciRepository) -> Result<Arc<Chart>, Error> {
        Err(Error::Unsupported { what: repository.spec.url.clone() })
    }

    /// A chart by URL, name and exact version, asked for by nobody in particular.
    ///
    /// # Errors
    /// The version is a range, or there is no such chart.
    pub(super) async fn inline(&self, namespace: &str, chart: &InlineChart) -> Result<Fetched, Error> {
        Err(Error::Unsupported { what: format!("{namespace} {}", chart.repo) })
    }

    /// The chart at a URL at which somebody else serves it (an ExternalArtifact), checked by its digest.
    ///
    /// # Errors
    /// It cannot be fetched, has another digest, or is no chart.
    pub(super) async fn artifact(&self, url: &str, digest: &str) -> Result<Arc<Chart>, Error> {
        self.library.chart_from_url(url, digest).await.map(|fetched| fetched.chart)
    }
}
