//! Starts everything: connection, watches, controllers, leader election; stops it again.
//!
//! **Invariant:** nothing is written before this process leads, and nothing after it no longer does.

use std::sync::Arc;

use futures::Stream;
use kube_runtime::reflector::{self, ObjectRef, Store};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::backoff::Backoff;
use super::config::Config;
use super::contests::Contests;
use super::context::{Context, identity};
use super::engagement::Engagements;
use super::events::Events;
use super::lease::{Election, LeaseTimes};
use super::notify::Notifier;
use super::observe::ForeignActions;
use super::queue::Line;
use super::remote::{ClusterChanges, Remotes};
use super::requeue::Patience;
use super::sources::{self, Changed, Dependencies};
use super::trigger::Waker;
use super::written::Written;
use super::{Error, helm_release, migrate, queue, watch};
use crate::action::{Slot, Slots};
use crate::admin::Readiness;
use crate::api::HelmRelease;
use crate::cluster::{Cluster, ConnectOptions, Fence, Touch, WatchScope};
use crate::storage::{Storage, StorageTouch};
use crate::telemetry::Metrics;

/// The Lease that Flux's helm-controller uses too, so that the two never run at once.
const LEASE: &str = "helm-controller-leader-election";

/// Runs the operator until it is told to stop, or has lost its lease.
pub async fn run(
    config: Config,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    stop: CancellationToken,
) -> Result<(), Error> {
    let fence = if config.leader_election.is_some() { Fence::closed() } else { Fence::default() };
    let options = ConnectOptions {
        fence: fence.clone(),
        scope: config.watch_namespace.clone().map_or(WatchScope::Cluster, WatchScope::Namespace),
        field_manager: config.field_manager.clone(),
        answers: metrics.requests(),
        ..ConnectOptions::default()
    };
    let cluster = Cluster::connect(&options).await?;
    readiness.set(true);
    let (remotes, remote_changes) = Remotes::new(ConnectOptions {
        allow_exec: config.kubeconfigs.exec,
        allow_insecure_tls: config.kubeconfigs.insecure_tls,
        ..options
    });
    let election = config.leader_election.clone().map(|times| election(&config, times, fence));
    let work = Box::pin(in_task(lead(config, cluster, (remotes, remote_changes), Arc::clone(&metrics), stop.clone())));
    let Some(election) = election else { return work.await };
    metrics.set_leader(&election.name, false);
    // The Lease itself is asked for outside of its fence.
    let client = Cluster::client_of(&ConnectOptions::default()).await?;
    let mut result = Ok(());
    let leading = election.lead(client, &stop, async {
        metrics.set_leader(&election.name, true);
        result = work.await;
    });
    let lost = Box::pin(leading).await;
    metrics.set_leader(&election.name, false);
    if lost { Err(Error::LeaseLost) } else { result }
}

fn election(config: &Config, times: LeaseTimes, fence: Fence) -> Election {
    let unique = format!("{}_{}_{}", hostname(), std::process::id(), jiff::Timestamp::now().as_nanosecond());
    let name = match &config.watch_label_selector {
        // Each shard elects its own leader, as in Flux.
        Some(selector) => format!("{LEASE}-{}", short_hash(selector)),
        None => LEASE.to_owned(),
    };
    Election { name, namespace: config.runtime_namespace.clone(), identity: unique, times, fence }
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
    let started = sources::start(&Dependencies {
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
        written: Written::new(releases.clone()),
        patience: Patience::default(),
        foreign_actions: ForeignActions::default(),
        contests: Contests::default(),
        events,
        metrics: Arc::clone(&metrics),
        engagements: engagements.clone(),
    });
    metrics.set_max_workers("helmrelease", config.concurrent);
    let (waker, woken) = Waker::new(releases.clone(), engagements);
    let watch = watch::watch_releases(client.clone(), Arc::clone(&config), writer, waker.clone(), Arc::clone(&metrics));
    let triggers = wake(&waker, &ctx, started.changes, [(touches, records), remote_changes]);
    let controller = control(releases, woken, Arc::clone(&ctx), &stop);
    let background = async {
        tokio::join!(in_task(watch), triggers, in_task(started.run), migrate::migrate(client, &config));
    };
    tokio::select! {
        () = controller => {}
        () = background => {}
    }
    Ok(())
}

/// Runs work as a task of its own, which what happens elsewhere does not wake; it is called off with the future.
async fn in_task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Nobody else has a handle to call it off with, so the runtime itself is going down.
            Err(_) => std::future::pending().await,
        },
    }
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

/// Runs reconciles until told to stop; those under way may go on until they are done or have to wait.
async fn control(
    releases: Store<HelmRelease>,
    woken: impl Stream<Item = ObjectRef<HelmRelease>> + Unpin,
    ctx: Arc<Context>,
    stop: &CancellationToken,
) {
    let grace = ctx.config.graceful_shutdown_timeout;
    let slots = ctx.slots.clone();
    let line = Line { controller: "helmrelease", metrics: Arc::clone(&ctx.metrics) };
    let reconcile = |release: Arc<HelmRelease>, slot: Slot| {
        let (namespace, name) = identity(&release);
        let span = tracing::info_span!(
            target: "rhumb",
            "reconcile",
            controller = "helmrelease",
            controllerGroup = "helm.toolkit.fluxcd.io",
            controllerKind = "HelmRelease",
            namespace,
            name,
            otel.status_code = tracing::field::Empty
        );
        helm_release::reconcile(release, slot, Arc::clone(&ctx)).instrument(span)
    };
    let mut runner = std::pin::pin!(queue::run(line, releases, woken, &slots, stop, reconcile));
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
