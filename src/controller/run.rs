//! Starts everything: connection, watches, controllers, leader election; stops it again.
//!
//! **Invariant:** nothing is written before this process leads, and nothing after it no longer does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use futures::{FutureExt as _, Stream, StreamExt as _};
use kube::api::Api;
use kube_runtime::WatchStreamExt as _;
use kube_runtime::controller::{self, Action};
use kube_runtime::reflector::{self, ObjectRef, Store};
use kube_runtime::watcher::{self, watcher};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::backoff::Backoff;
use super::config::Config;
use super::contests::Contests;
use super::context::{Context, identity};
use super::engagement::Engagements;
use super::events::Events;
use super::lease::Election;
use super::notify::Notifier;
use super::observe::ForeignActions;
use super::remote::{ClusterChanges, Remotes};
use super::requeue::Patience;
use super::sources::{self, Changed, Dependencies};
use super::status::Written;
use super::trigger::Waker;
use super::{Error, helm_release};
use crate::action::Slots;
use crate::admin::Readiness;
use crate::api::HelmRelease;
use crate::api::conditions::{condition_type, is_true};
use crate::api::metadata::FINALIZER;
use crate::cluster::{Cluster, ConnectOptions, Touch, WatchScope};
use crate::storage::{Storage, StorageTouch};
use crate::telemetry::Metrics;

/// The Lease that Flux's helm-controller uses too, so that the two never run at once.
const LEASE: &str = "helm-controller-leader-election";
/// Annotations that ask for something begin with this.
const REQUEST_PREFIX: &str = "reconcile.fluxcd.io/";

/// Runs the operator until it is told to stop, or has lost its lease.
pub async fn run(
    config: Config,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), Error> {
    let options = ConnectOptions {
        scope: config.watch_namespace.clone().map_or(WatchScope::Cluster, WatchScope::Namespace),
        field_manager: config.field_manager.clone(),
        answers: metrics.requests(),
        ..ConnectOptions::default()
    };
    let cluster = Cluster::connect(&options).await?;
    readiness.set(true);
    let client = cluster.own_client().clone();
    let (remotes, remote_changes) = Remotes::new(ConnectOptions {
        allow_exec: config.kubeconfigs.exec,
        allow_insecure_tls: config.kubeconfigs.insecure_tls,
        ..options
    });
    let election = config.leader_election.then(|| election(&config));
    let work = Box::pin(lead(config, cluster, (remotes, remote_changes), Arc::clone(&metrics), stop.clone()));
    let Some(election) = election else { return work.await };
    metrics.set_leader(&election.name, false);
    let mut result = Ok(());
    let leading = election.lead(client, &stop, async {
        metrics.set_leader(&election.name, true);
        result = work.await;
    });
    let lost = Box::pin(leading).await;
    metrics.set_leader(&election.name, false);
    if lost { Err(Error::LeaseLost) } else { result }
}

fn election(config: &Config) -> Election {
    let unique = format!("{}_{}_{}", hostname(), std::process::id(), jiff::Timestamp::now().as_nanosecond());
    let name = match &config.watch_label_selector {
        // Each shard elects its own leader, as in Flux.
        Some(selector) => format!("{LEASE}-{}", short_hash(selector)),
        None => LEASE.to_owned(),
    };
    Election::new(name, config.runtime_namespace.clone(), unique)
}

/// The name of the Pod.
fn hostname() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| "rhumb".to_owned())
}

fn short_hash(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let number = Sha256::digest(text).iter().take(4).fold(0u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{number:08x}")
}

/// The work of the leader.
async fn lead(
    config: Config,
    cluster: Cluster,
    (remotes, remote_changes): (Remotes, ClusterChanges),
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let config = Arc::new(config);
    let client = cluster.own_client().clone();
    let [events, source_events] = recorders(&client, &config, &metrics)?;
    let started = sources::start(Dependencies {
        client: client.clone(),
        config: Arc::clone(&config),
        metrics: Arc::clone(&metrics),
        publish: Arc::new(move |about, event, annotations| source_events.publish(about, event, annotations)),
        stop: stop.clone(),
    });
    let (releases, writer) = reflector::store::<HelmRelease>();
    let storage = Storage::secrets(&cluster);
    let records = storage.touches();
    let touches = cluster.watches().touches();
    let engagements = Engagements::default();
    let ctx = Arc::new(Context {
        backoff: Backoff::new(config.min_retry_delay, config.max_retry_delay),
        slots: Slots::new(config.concurrent),
        config: Arc::clone(&config),
        client: client.clone(),
        cluster,
        storage,
        remotes,
        source_stores: started.sources.stores.clone(),
        sources: started.sources,
        releases: releases.clone(),
        written: Written::default(),
        patience: Patience::default(),
        foreign_actions: ForeignActions::default(),
        contests: Contests::default(),
        events,
        metrics: Arc::clone(&metrics),
        engagements: engagements.clone(),
    });
    metrics.set_max_workers("helmrelease", config.concurrent);
    let (waker, woken) = Waker::new(releases.clone(), engagements);
    let watch = watch_releases(client.clone(), &config, writer, &waker);
    let triggers = wake(&waker, &ctx, started.changes, [(touches, records), remote_changes]);
    let controller = control(releases, woken, Arc::clone(&ctx), &stop);
    let background = async {
        tokio::join!(watch, triggers, started.run);
    };
    tokio::select! {
        () = controller => {}
        () = background => {}
    }
    Ok(())
}

/// Wakes releases for whatever concerns them besides their own objects.
async fn wake(
    waker: &Waker,
    ctx: &Context,
    sources: UnboundedReceiver<Changed>,
    [(touches, records), (remote_touches, remote_records)]: [ClusterChanges; 2],
) {
    tokio::join!(
        forward_sources(sources, waker),
        forward_cluster(touches, records, waker),
        forward_cluster(remote_touches, remote_records, waker),
        waker.clone().watch_values(ctx.client.clone(), Arc::clone(&ctx.config)),
        ctx.remotes.keep_only_used(&ctx.releases),
    );
}

/// What publishes events: about releases, and about sources.
fn recorders(client: &kube::Client, config: &Config, metrics: &Arc<Metrics>) -> Result<[Events; 2], Error> {
    let notifier =
        config.events_address.clone().map(|address| Notifier::start(address, hostname(), Arc::clone(metrics)));
    let notifier = notifier.transpose().map_err(Error::Notifier)?;
    Ok(["helm-controller", "source-controller"].map(|name| Events::new(client.clone(), name, notifier.clone())))
}

/// Wakes the releases of changed sources.
async fn forward_sources(mut changes: UnboundedReceiver<Changed>, waker: &Waker) {
    while let Some(changed) = changes.recv().await {
        waker.source(&changed);
    }
}

/// Wakes the releases of what others touch in a cluster.
async fn forward_cluster(touches: UnboundedReceiver<Touch>, records: UnboundedReceiver<StorageTouch>, waker: &Waker) {
    tokio::join!(forward_touches(touches, waker), forward_records(records, waker));
}

/// Wakes the releases of touched live objects.
async fn forward_touches(mut touches: UnboundedReceiver<Touch>, waker: &Waker) {
    while let Some(touch) = touches.recv().await {
        waker.touch(&touch);
    }
}

/// Wakes the releases of records that others wrote.
async fn forward_records(mut touches: UnboundedReceiver<StorageTouch>, waker: &Waker) {
    while let Some(touch) = touches.recv().await {
        waker.record(&touch);
    }
}

/// Keeps the store of HelmReleases; wakes those that changed in a way that matters, and those that depend on them.
async fn watch_releases(
    client: kube::Client,
    config: &Config,
    writer: reflector::store::Writer<HelmRelease>,
    waker: &Waker,
) {
    let api: Api<HelmRelease> = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut selector = watcher::Config::default();
    if let Some(labels) = &config.watch_label_selector {
        selector = selector.labels(labels);
    }
    let mut seen: HashMap<String, Marks> = HashMap::new();
    // Those that wait for expressions; where there are none, most changes of a status concern nobody else.
    let mut expressing: HashSet<String> = HashSet::new();
    let events = watcher(api, selector)
        .default_backoff()
        .modify(|release: &mut HelmRelease| release.metadata.managed_fields = None)
        .reflect(writer);
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(release) | watcher::Event::InitApply(release)) => {
                let marks = Marks::of(&release);
                let before = seen.insert(marks.uid.clone(), marks.clone());
                if marks.described.is_some() {
                    expressing.insert(marks.uid.clone());
                } else {
                    expressing.remove(&marks.uid);
                }
                let lost_finalizer = |before: &Marks| before.has_finalizer && !marks.has_finalizer;
                if before.as_ref().is_none_or(|before| {
                    before.request != marks.request || before.described != marks.described || lost_finalizer(before)
                }) {
                    waker.release(&release);
                }
                if before.is_none_or(|before| before.readiness != marks.readiness) {
                    waker.dependants(&release);
                } else if !expressing.is_empty() {
                    waker.expressions(&release);
                }
            }
            Ok(watcher::Event::Delete(release)) => {
                let uid = release.metadata.uid.as_deref().unwrap_or_default();
                seen.remove(uid);
                expressing.remove(uid);
                waker.dependants(&release);
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
            Err(error) => tracing::warn!(%error, "cannot watch HelmReleases; trying again"),
        }
    }
}

/// Runs reconciles until told to stop; those under way may end first.
async fn control(
    releases: Store<HelmRelease>,
    woken: impl Stream<Item = ObjectRef<HelmRelease>> + Send + 'static,
    ctx: Arc<Context>,
    stop: &CancellationToken,
) {
    let grace = ctx.config.graceful_shutdown_timeout;
    let queue = woken.map(Ok::<_, Infallible>).take_until(stop.clone().cancelled_owned());
    let reconcile = |release: Arc<HelmRelease>, ctx| {
        let (namespace, name) = identity(&release);
        let span = tracing::info_span!(
            target: "rhumb",
            "reconcile",
            controller = "helmrelease",
            controllerGroup = "helm.toolkit.fluxcd.io",
            controllerKind = "HelmRelease",
            namespace,
            name
        );
        helm_release::reconcile(release, ctx).instrument(span).boxed()
    };
    // The slots of the context bound the work; the queue itself must not hold back releases that wait.
    let unbounded = controller::Config::default().concurrency(0);
    let runner = controller::applier(reconcile, |_, _, _| Action::await_change(), ctx, releases, queue, unbounded);
    let mut runner = std::pin::pin!(runner.for_each(|_| std::future::ready(())));
    tokio::select! {
        () = &mut runner => return,
        () = stop.cancelled() => {}
    }
    if tokio::time::timeout(grace, runner).await.is_err() {
        tracing::error!(
            "actions were still running after the grace period; their releases are unlocked at the next start"
        );
    }
}

/// What of a HelmRelease matters to whom.
#[derive(Clone, PartialEq, Eq)]
struct Marks {
    uid: String,
    /// What wakes the release itself: spec, requests, deletion; not the status.
    request: (Option<i64>, Vec<(String, String)>, bool),
    /// Labels and annotations, of a release that waits for an expression: it may be about them.
    described: Option<(BTreeMap<String, String>, BTreeMap<String, String>)>,
    /// Our finalizer is on; that somebody took it off matters, that we put it on does not.
    has_finalizer: bool,
    /// What wakes those that depend on it.
    readiness: (Option<i64>, bool),
}

impl Marks {
    fn of(release: &HelmRelease) -> Self {
        let metadata = &release.metadata;
        let requests = metadata.annotations.iter().flatten().filter(|(key, _)| key.starts_with(REQUEST_PREFIX));
        let status = release.status.as_ref();
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            request: (
                metadata.generation,
                requests.map(|(key, value)| (key.clone(), value.clone())).collect(),
                metadata.deletion_timestamp.is_some(),
            ),
            described: release.spec.depends_on.iter().any(|dependency| dependency.ready_expr.is_some()).then(|| {
                (metadata.labels.clone().unwrap_or_default(), metadata.annotations.clone().unwrap_or_default())
            }),
            has_finalizer: metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER),
            readiness: (
                status.and_then(|status| status.observed_generation),
                status.is_some_and(|status| is_true(&status.conditions, condition_type::READY)),
            ),
        }
    }
}
