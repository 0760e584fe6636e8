//! The chart sources: HelmRepository, HelmChart, OCIRepository and GitRepository; and Bucket and ExternalArtifact, which others keep.
//!
//! One watch a kind fills a store, wakes the controller of its kind and tells the rest of the program what changed. With
//! `--sources=own` the controllers keep the objects' status as Flux's source-controller 1.9 does; with `--sources=external` there are
//! the watches only, and charts are read from where Flux serves them.
//!
//! ```text
//! watch ─▶ store, queue ─▶ driver ─▶ a kind each ─▶ status, event
//!   └─▶ Changed, for releases               content: the chart of a source, for releases
//! ```
//!
//! **Invariant:** a source that has nothing new costs no write.

mod access;
mod bucket;
mod content;
mod driver;
mod files;
mod git_repository;
mod helm_chart;
mod helm_repository;
mod kind;
mod oci_repository;
mod status;
mod suspects;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::ObjectReference;
use kube_runtime::reflector::store::Writer;
use kube_runtime::reflector::{ObjectRef, Store, store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::driver::{Reconcile, Shared, control};
use self::kind::{Watched, identity};
use self::suspects::Suspects;
use self::watch::{Keeper, Listen, scope, watch};
use super::config::{self, Config};
use crate::api::{Bucket, ExternalArtifact, GitRepository, HelmChart, HelmRepository, OciRepository};
use crate::lifecycle::Event;
use crate::source::Library;
use crate::telemetry::Metrics;

pub(super) use self::content::Sources;

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
    /// All Buckets, which others keep.
    pub(super) buckets: Store<Bucket>,
    /// All ExternalArtifacts, which others keep.
    pub(super) external: Store<ExternalArtifact>,
}

/// A source whose artifact, readiness or generation changed, or that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Changed {
    /// The kind as it stands in manifests.
    pub(super) kind: &'static str,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
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
pub(super) fn start(dependencies: &Dependencies) -> Started {
    let (changed, changes) = mpsc::unbounded_channel();
    let (repositories, repository_writer) = store();
    let (charts, chart_writer) = store();
    let (oci, oci_writer) = store();
    let (git, git_writer) = store();
    let (buckets, bucket_writer) = store();
    let (external, external_writer) = store();
    let stores = SourceStores { repositories, charts, oci, git, buckets, external };
    let (chart_sender, chart_queue) = unbounded();
    let sources = Sources {
        stores: stores.clone(),
        library: Library::new(dependencies.config.source_egress.clone()),
        client: dependencies.client.clone(),
        mode: dependencies.config.sources,
        suspects: Suspects::new(chart_sender.clone()),
        metrics: Arc::clone(&dependencies.metrics),
    };
    let (git_sender, git_queue) = unbounded();
    let host = format!("rhumb.{}.svc.cluster.local.", dependencies.config.runtime_namespace);
    let shared = Arc::new(Shared { dependencies: dependencies.clone(), sources: sources.clone(), host });
    let dependants = Dependants {
        charts: stores.charts.clone(),
        wake: chart_sender.clone(),
        including: stores.git.clone(),
        wake_including: git_sender.clone(),
    };
    let attendance = Attendance { shared, changed, dependants };
    let [for_repositories, for_charts, for_oci, for_git, for_buckets] = std::array::from_fn(|_| Listed::new());
    // A chart whose source is merely not listed yet would be told to be missing.
    let sources_of_charts = [&for_repositories, &for_oci, &for_git, &for_buckets].map(Clone::clone);
    let kinds = [
        attendance.attend(stores.repositories, (repository_writer, for_repositories), unbounded(), []),
        attendance.attend(stores.charts, (chart_writer, for_charts), (chart_sender, chart_queue), sources_of_charts),
        attendance.attend(stores.oci, (oci_writer, for_oci), unbounded(), []),
        attendance.attend(stores.git, (git_writer, for_git), (git_sender, git_queue), []),
        attendance.follow((bucket_writer, for_buckets)),
        attendance.follow((external_writer, Listed::new())),
    ];
    let run = async move {
        // A task a kind, so that what happens to one wakes none of the others.
        futures::future::join_all(kinds.map(|kind| AbortOnDropHandle::new(tokio::spawn(kind)))).await;
    };
    Started { sources, changes, run: Box::pin(run) }
}

/// What it takes to attend to one kind of source.
struct Attendance {
    shared: Arc<Shared>,
    changed: mpsc::UnboundedSender<Changed>,
    dependants: Dependants,
}

impl Attendance {
    /// Watches a kind and, with `--sources=own`, reconciles it once these others are listed; ends after the operator is told to stop.
    fn attend<K: Reconcile>(
        &self,
        objects: Store<K>,
        (writer, listed): (Writer<K>, Listed),
        (sender, queue): (UnboundedSender<ObjectRef<K>>, UnboundedReceiver<ObjectRef<K>>),
        others: impl IntoIterator<Item = Listed, IntoIter: Send> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        let Dependencies { client, config, metrics, stop, .. } = shared.dependencies.clone();
        let (changed, dependants) = (self.changed.clone(), self.dependants.clone());
        let mut ears = Ears { listed, queue: sender, changed, dependants, metrics };
        Box::pin(async move {
            let keeper = if config.sources == config::Sources::Own { Keeper::Own } else { Keeper::Other };
            let watching = watch(scope(client, &config, keeper), writer, &mut ears);
            let controlling = async {
                if config.sources == config::Sources::External {
                    return stop.cancelled().await;
                }
                for other in others {
                    other.cancelled().await;
                }
                control(shared, objects, queue).await;
            };
            tokio::select! {
                () = watching => {}
                () = controlling => {}
            }
        })
    }
}

impl Attendance {
    /// Watches a kind that others keep.
    fn follow<K: Watched>(&self, (writer, listed): (Writer<K>, Listed)) -> BoxFuture<'static, ()> {
        let Dependencies { client, config, metrics, stop, .. } = self.shared.dependencies.clone();
        let (changed, dependants) = (self.changed.clone(), self.dependants.clone());
        // Nobody reconciles these, so what is asked of them goes nowhere.
        let (queue, _) = unbounded();
        let mut ears = Ears { listed, queue, changed, dependants, metrics };
        Box::pin(async move {
            tokio::select! {
                () = watch(scope(client, &config, Keeper::Other), writer, &mut ears) => {}
                () = stop.cancelled() => {}
            }
        })
    }
}

/// Wakes the HelmCharts of a source, and the GitRepositories that include it.
#[derive(Clone)]
struct Dependants {
    charts: Store<HelmChart>,
    wake: UnboundedSender<ObjectRef<HelmChart>>,
    including: Store<GitRepository>,
    wake_including: UnboundedSender<ObjectRef<GitRepository>>,
}

impl Dependants {
    fn wake(&self, kind: &str, namespace: &str, name: &str) {
        // No chart is taken out of a HelmChart, and there may be a thousand of them that change.
        if kind == HelmChart::KIND {
            return;
        }
        for chart in self.charts.state() {
            let reference = &chart.spec.source_ref;
            let is_of_source = reference.kind.as_str() == kind && reference.name == name;
            if is_of_source && chart.metadata.namespace.as_deref() == Some(namespace) {
                // The receivers are gone only while the program stops, or where no controller runs.
                let _ = self.wake.unbounded_send(ObjectRef::from_obj(&*chart));
            }
        }
        if kind != GitRepository::KIND {
            return;
        }
        for repository in self.including.state() {
            let includes = repository.spec.include.iter().any(|include| include.repository.name == name);
            if includes && repository.metadata.namespace.as_deref() == Some(namespace) {
                let _ = self.wake_including.unbounded_send(ObjectRef::from_obj(&*repository));
            }
        }
    }
}

/// Becomes cancelled once all objects of a kind are in its store. The store tells that itself, but only to the last who asks.
type Listed = CancellationToken;

/// Hears what a watch tells, and passes it on.
struct Ears<K: Watched> {
    listed: Listed,
    queue: UnboundedSender<ObjectRef<K>>,
    changed: mpsc::UnboundedSender<Changed>,
    dependants: Dependants,
    metrics: Arc<Metrics>,
}

impl<K: Watched> Listen<K> for Ears<K> {
    fn listed(&mut self) {
        self.listed.cancel();
    }

    fn asked(&mut self, object: &K) {
        // The receivers are gone only while the program stops, or where no controller runs.
        let _ = self.queue.unbounded_send(ObjectRef::from_obj(object));
    }

    fn changed(&mut self, object: &K) {
        let (namespace, name) = identity(object);
        self.tell(namespace, name);
    }

    fn gone(&mut self, namespace: &str, name: &str) {
        self.metrics.forget(K::KIND, namespace, name);
        self.tell(namespace, name);
    }
}

impl<K: Watched> Ears<K> {
    fn tell(&self, namespace: &str, name: &str) {
        let changed = Changed { kind: K::KIND, namespace: namespace.to_owned(), name: name.to_owned() };
        // The receiver is gone only while the program stops.
        let _ = self.changed.send(changed);
        self.dependants.wake(K::KIND, namespace, name);
    }
}
