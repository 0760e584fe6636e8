//! The metrics, by the names that Flux's controllers and controller-runtime give them.
//!
//! What is told of single objects is in [`super::objects`].
//!
//! **Invariant:** the number of series here is bounded by the program, not by what it works on.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::objects::{Objects, ReleaseFacts, ReleaseState, ResourceInfo, UnderWay};
use super::process::Process;
use super::queue::{Queue, QueueLabels, Waiting};
use super::requests::Requests;

/// What a reconcile ended with, in controller-runtime's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// Done until something changes.
    Success,
    /// To be done again after a fixed time.
    RequeueAfter,
    /// To be done again with back-off, without an error.
    Requeue,
    /// Failed.
    Error,
    /// Failed, and not tried again until an input changes.
    TerminalError,
}

impl ReconcileResult {
    /// Whether something went wrong.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::TerminalError)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Requeue => "requeue",
            Self::Error | Self::TerminalError => "error",
        }
    }
}

/// What became of an event for `--events-addr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationResult {
    /// The receiver took it.
    Sent,
    /// The receiver has had the same one a moment ago.
    Duplicate,
    /// The receiver refused it, or did not answer after several attempts.
    Failed,
    /// Too many others waited already.
    Dropped,
}

impl NotificationResult {
    fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotificationLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    name: String,
}

/// All metrics of the program.
pub struct Metrics {
    registry: Registry,
    actions: Family<ActionLabels, Counter>,
    action_duration: Family<ActionLabels, Histogram>,
    render_duration: Histogram,
    chart_duration: Histogram,
    notifications: Family<NotificationLabels, Counter>,
    reconciles: Family<ResultLabels, Counter>,
    errors: Family<ControllerLabels, Counter>,
    terminal_errors: Family<ControllerLabels, Counter>,
    reconcile_time: Family<ControllerLabels, Histogram>,
    active_workers: Family<ControllerLabels, Gauge>,
    max_workers: Family<ControllerLabels, Gauge>,
    queue_adds: Family<QueueLabels, Counter>,
    queue_retries: Family<QueueLabels, Counter>,
    queue_work: Family<QueueLabels, Histogram>,
    queue_wait: Family<QueueLabels, Histogram>,
    leader: Family<NameLabels, Gauge>,
    requests: Requests,
    queue: Queue,
    /// What is told of single objects.
    objects: Objects,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Buckets from 5 ms to 1 min, for the work of controllers.
fn work_buckets() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// Buckets from 1 ms to 30 s, for rendering and fetching charts.
fn chart_buckets() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Buckets from 100 ms to 30 min, for actions.
fn action_buckets() -> Histogram {
    Histogram::new([0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0])
}

impl Default for Metrics {
    /// All metrics, of each object too.
    fn default() -> Self {
        Self::new(true)
    }
}

impl Metrics {
    /// All metrics, of each object too or with sums over objects only (`--metrics-per-object`).
    pub fn new(per_object: bool) -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            actions: Family::default(),
            action_duration: Family::new_with_constructor(action_buckets),
            render_duration: chart_buckets(),
            chart_duration: chart_buckets(),
            notifications: Family::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            terminal_errors: Family::default(),
            reconcile_time: Family::new_with_constructor(work_buckets),
            active_workers: Family::default(),
            max_workers: Family::default(),
            queue_adds: Family::default(),
            queue_retries: Family::default(),
            queue_work: Family::new_with_constructor(work_buckets),
            queue_wait: Family::new_with_constructor(work_buckets),
            leader: Family::default(),
            requests: Requests::default(),
            queue: Queue::default(),
            objects: Objects::new(per_object),
        };
        metrics.register_own();
        metrics.register_controllers();
        metrics.objects.register(&mut metrics.registry);
        metrics
    }

    fn register_own(&mut self) {
        let r = &mut self.registry;
        r.register("rhumb_release_actions", "Release actions performed, by result", self.actions.clone());
        r.register(
            "rhumb_release_action_duration_seconds",
            "How long release actions took, by result",
            self.action_duration.clone(),
        );
        r.register("rhumb_render_duration_seconds", "How long charts took to render", self.render_duration.clone());
        r.register(
            "rhumb_chart_load_duration_seconds",
            "How long charts took to be at hand, fetched or kept",
            self.chart_duration.clone(),
        );
        r.register("rhumb_notifications", "Events for --events-addr, by result", self.notifications.clone());
        r.register("leader_election_master_status", "Whether this process holds the lease", self.leader.clone());
        self.requests.register(r);
        r.register_collector(Box::new(Process::starting_now()));
    }

    fn register_controllers(&mut self) {
        let r = &mut self.registry;
        r.register("controller_runtime_reconcile", "Reconciles, by result", self.reconciles.clone());
        r.register("controller_runtime_reconcile_errors", "Reconciles that failed", self.errors.clone());
        r.register(
            "controller_runtime_terminal_reconcile_errors",
            "Reconciles that failed until an input changes",
            self.terminal_errors.clone(),
        );
        r.register(
            "controller_runtime_reconcile_time_seconds",
            "How long reconciles took",
            self.reconcile_time.clone(),
        );
        r.register("controller_runtime_active_workers", "Reconciles under way", self.active_workers.clone());
        r.register(
            "controller_runtime_max_concurrent_reconciles",
            "Reconciles that may run at once",
            self.max_workers.clone(),
        );
        r.register("workqueue_adds", "Objects handed to a controller", self.queue_adds.clone());
        r.register("workqueue_retries", "Objects handed to a controller again", self.queue_retries.clone());
        r.register("workqueue_work_duration_seconds", "How long work on an object took", self.queue_work.clone());
        r.register("workqueue_queue_duration_seconds", "How long an object waited for work", self.queue_wait.clone());
        r.register_collector(Box::new(self.queue.clone()));
    }

    /// The metrics in OpenMetrics text.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Notes that a controller may run this many reconciles at once.
    pub fn set_max_workers(&self, controller: &'static str, count: usize) {
        self.max_workers.get_or_create(&ControllerLabels { controller }).set(count as i64);
        self.active_workers.get_or_create(&ControllerLabels { controller }).set(0);
        self.queue.begin(controller);
    }

    /// Where answers of API servers are counted.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Notes that an object waits for work; give the answer to [`Metrics::reconcile_taken`].
    pub fn reconcile_queued(&self, controller: &'static str) -> Waiting {
        self.queue_adds.get_or_create(&QueueLabels { name: controller, controller }).inc();
        self.queue.wait(controller)
    }

    /// Notes that an object has waited until its turn.
    pub fn reconcile_taken(&self, controller: &'static str, waited: Waiting) {
        let labels = QueueLabels { name: controller, controller };
        self.queue_wait.get_or_create(&labels).observe(waited.since().as_secs_f64());
        drop(waited);
    }

    /// Notes that a reconcile begins.
    pub fn reconcile_started(&self, controller: &'static str, namespace: &str, name: &str) {
        self.active_workers.get_or_create(&ControllerLabels { controller }).inc();
        self.queue.start(controller, namespace, name);
    }

    /// Notes that a reconcile of an object ended.
    pub fn reconcile_ended(
        &self,
        controller: &'static str,
        kind: &'static str,
        namespace: &str,
        name: &str,
        took: Duration,
        result: ReconcileResult,
    ) {
        let labels = ControllerLabels { controller };
        self.queue.end(controller, namespace, name);
        self.active_workers.get_or_create(&labels).dec();
        self.reconcile_time.get_or_create(&labels).observe(took.as_secs_f64());
        self.queue_work.get_or_create(&QueueLabels { name: controller, controller }).observe(took.as_secs_f64());
        self.reconciles.get_or_create(&ResultLabels { controller, result: result.label() }).inc();
        match result {
            ReconcileResult::Error => {
                self.errors.get_or_create(&labels).inc();
                self.queue_retries.get_or_create(&QueueLabels { name: controller, controller }).inc();
            }
            ReconcileResult::TerminalError => {
                self.errors.get_or_create(&labels).inc();
                self.terminal_errors.get_or_create(&labels).inc();
            }
            ReconcileResult::Requeue => {
                self.queue_retries.get_or_create(&QueueLabels { name: controller, controller }).inc();
            }
            ReconcileResult::Success | ReconcileResult::RequeueAfter => {}
        }
        self.objects.reconciled(kind, namespace, name, took);
    }

    /// Notes that a release action begins, and when its release's timeout ends it, in seconds since the Unix epoch.
    pub fn action_started(&self, namespace: &str, name: &str, deadline: f64) -> UnderWay {
        self.objects.action_started(namespace, name, deadline)
    }

    /// Notes a release action and whether it went well.
    pub fn action_ended(&self, action: &'static str, took: Duration, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        let labels = ActionLabels { action, result };
        self.actions.get_or_create(&labels).inc();
        self.action_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Notes how long a chart took to be at hand.
    pub fn chart_loaded(&self, took: Duration) {
        self.chart_duration.observe(took.as_secs_f64());
    }

    /// Notes how long a chart took to render.
    pub fn chart_rendered(&self, took: Duration) {
        self.render_duration.observe(took.as_secs_f64());
    }

    /// Notes what became of an event for `--events-addr`.
    pub fn notification_ended(&self, result: NotificationResult) {
        self.notifications.get_or_create(&NotificationLabels { result: result.label() }).inc();
    }

    /// Notes the state of an object: its Ready condition, whether it is suspended, and what it is about.
    pub fn set_object(&self, kind: &'static str, namespace: &str, name: &str, info: &ResourceInfo) {
        self.objects.set_object(kind, namespace, name, info);
    }

    /// Notes the state of a release, one-hot over the states.
    pub fn set_release(&self, namespace: &str, name: &str, facts: &ReleaseFacts, state: ReleaseState) {
        self.objects.set_release(namespace, name, facts, state);
    }

    /// Notes the bytes of a release's newest record in storage.
    pub fn set_storage_bytes(&self, namespace: &str, name: &str, bytes: usize) {
        self.objects.set_storage_bytes(namespace, name, bytes);
    }

    /// Notes that a source was checked with success at this time, in seconds since the Unix epoch, and how often it is.
    pub fn source_checked(&self, kind: &'static str, namespace: &str, name: &str, interval: Duration, now: f64) {
        self.objects.source_checked(kind, namespace, name, interval, now);
    }

    /// Notes whether the chart of a HelmChart or OCIRepository was at hand.
    pub fn cache_asked(&self, namespace: &str, name: &str, found: bool) {
        self.objects.cache_asked(namespace, name, found);
    }

    /// Notes that a source is no longer checked: it is suspended, or has nothing to check.
    pub fn source_left(&self, kind: &'static str, namespace: &str, name: &str) {
        self.objects.source_left(kind, namespace, name);
    }

    /// Removes the series of an object that is gone.
    pub fn forget(&self, kind: &'static str, namespace: &str, name: &str) {
        self.objects.forget(kind, namespace, name);
    }

    /// Removes the series of an object that is another process's business now; what is told of one that is gone stays told.
    pub fn leave(&self, kind: &'static str, namespace: &str, name: &str) {
        self.objects.leave(kind, namespace, name);
    }

    /// Notes whether this process leads.
    pub fn set_leader(&self, lease: &str, leads: bool) {
        self.leader.get_or_create(&NameLabels { name: lease.to_owned() }).set(i64::from(leads));
    }
}
