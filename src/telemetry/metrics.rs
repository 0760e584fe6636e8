//! The metrics, by the names that Flux's controllers and controller-runtime give them.
//!
//! **Invariant:** an object that is gone leaves no series behind, but for the `Deleted` series that Flux's rules expect.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::process::Process;

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

/// The state of a release in `planton_helm_release_reconciliation_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseState {
    /// The release is as wanted.
    Succeeded,
    /// The last attempt failed.
    Failed,
    /// Work goes on.
    InProgress,
    /// The object is suspended.
    Suspended,
    /// Nothing happens until an input changes.
    Stalled,
}

impl ReleaseState {
    const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::InProgress, Self::Suspended, Self::Stalled];

    fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Suspended => "suspended",
            Self::Stalled => "stalled",
        }
    }
}

/// What identifies a release in `planton_helm_release_reconciliation_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseLabels {
    /// The release's name in Helm's storage.
    pub release: String,
    /// The chart's name.
    pub chart: String,
    /// The chart's version.
    pub version: String,
}

/// What `gotk_resource_info` tells of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceInfo {
    /// The API group.
    pub group: &'static str,
    /// The API version.
    pub version: &'static str,
    /// Status of the Ready condition.
    pub ready: String,
    /// Whether the object is suspended.
    pub suspended: bool,
    /// The revision: a chart version, or an artifact's revision.
    pub revision: String,
    /// The chart's name, for a HelmRelease.
    pub chart_name: String,
    /// The chart's application version, for a HelmRelease.
    pub chart_app_version: String,
    /// The name of `spec.chartRef`, for a HelmRelease.
    pub chart_ref_name: String,
    /// The name of the chart's source, for a HelmRelease.
    pub chart_source_name: String,
    /// The URL, for a source.
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kind: &'static str,
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    kind: &'static str,
    name: String,
    namespace: String,
    r#type: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InfoLabels {
    customresource_group: &'static str,
    customresource_kind: &'static str,
    customresource_version: &'static str,
    exported_namespace: String,
    name: String,
    ready: String,
    suspended: String,
    revision: String,
    chart_name: String,
    chart_app_version: String,
    chart_ref_name: String,
    chart_source_name: String,
    url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    namespace: String,
    name: String,
    release: String,
    chart: String,
    version: String,
    status: &'static str,
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
struct QueueLabels {
    name: &'static str,
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

type ObjectKey = (&'static str, String, String);

/// The release, chart and version of a release.
type ReleaseIdentity = (String, String, String);

/// The label sets of an object that change with it.
type CurrentLabels = (Option<InfoLabels>, Option<ReleaseIdentity>);

/// All metrics of the program.
pub struct Metrics {
    registry: Registry,
    reconcile_duration: Family<ObjectLabels, Histogram>,
    condition: Family<ConditionLabels, Gauge>,
    suspended: Family<ObjectLabels, Gauge>,
    info: Family<InfoLabels, Gauge>,
    release_state: Family<StateLabels, Gauge>,
    actions: Family<ActionLabels, Counter>,
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
    leader: Family<NameLabels, Gauge>,
    /// The label sets that an object has at present in families whose labels change with the object.
    current: Mutex<HashMap<ObjectKey, CurrentLabels>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// Ten buckets from 10 ms to 30 min in equal ratios, as Flux has them.
fn flux_buckets() -> Histogram {
    const FIRST: f64 = 0.01;
    const LAST: f64 = 1800.0;
    const COUNT: i32 = 10;
    let factor = (LAST / FIRST).powf(1.0 / f64::from(COUNT - 1));
    Histogram::new((0..COUNT).map(move |power| FIRST * factor.powi(power)))
}

/// Buckets from 5 ms to 1 min, for the work of controllers.
fn work_buckets() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

/// The statuses that a condition has a series for; `Deleted` marks objects that are gone.
const CONDITION_STATUSES: [&str; 4] = ["True", "False", "Unknown", "Deleted"];

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            reconcile_duration: Family::new_with_constructor(flux_buckets),
            condition: Family::default(),
            suspended: Family::default(),
            info: Family::default(),
            release_state: Family::default(),
            actions: Family::default(),
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
            leader: Family::default(),
            current: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "gotk_reconcile_duration_seconds",
            "How long reconciles of an object took",
            self.reconcile_duration.clone(),
        );
        r.register("gotk_reconcile_condition", "The current condition of an object", self.condition.clone());
        r.register("gotk_suspend_status", "Whether an object is suspended", self.suspended.clone());
        r.register("gotk_resource_info", "The current state of an object", self.info.clone());
        r.register(
            "planton_helm_release_reconciliation_status",
            "The current reconciliation status of a release",
            self.release_state.clone(),
        );
        r.register("rhumb_release_actions", "Release actions performed, by result", self.actions.clone());
        r.register("rhumb_notifications", "Events for --events-addr, by result", self.notifications.clone());
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
        r.register("leader_election_master_status", "Whether this process holds the lease", self.leader.clone());
        r.register_collector(Box::new(Process::starting_now()));
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
    }

    /// Notes that a reconcile begins.
    pub fn reconcile_started(&self, controller: &'static str) {
        self.active_workers.get_or_create(&ControllerLabels { controller }).inc();
        self.queue_adds.get_or_create(&QueueLabels { name: controller, controller }).inc();
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
        let object = ObjectLabels { kind, name: name.to_owned(), namespace: namespace.to_owned() };
        self.reconcile_duration.get_or_create(&object).observe(took.as_secs_f64());
    }

    /// Notes a release action and whether it went well.
    pub fn action_ended(&self, action: &'static str, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        self.actions.get_or_create(&ActionLabels { action, result }).inc();
    }

    /// Notes what became of an event for `--events-addr`.
    pub fn notification_ended(&self, result: NotificationResult) {
        self.notifications.get_or_create(&NotificationLabels { result: result.label() }).inc();
    }

    /// Notes the state of an object: its Ready condition, whether it is suspended, and what it is about.
    pub fn set_object(&self, kind: &'static str, namespace: &str, name: &str, info: &ResourceInfo) {
        self.set_condition(kind, namespace, name, &info.ready);
        let object = ObjectLabels { kind, name: name.to_owned(), namespace: namespace.to_owned() };
        self.suspended.get_or_create(&object).set(i64::from(info.suspended));
        let labels = InfoLabels {
            customresource_group: info.group,
            customresource_kind: kind,
            customresource_version: info.version,
            exported_namespace: namespace.to_owned(),
            name: name.to_owned(),
            ready: info.ready.clone(),
            suspended: info.suspended.to_string(),
            revision: info.revision.clone(),
            chart_name: info.chart_name.clone(),
            chart_app_version: info.chart_app_version.clone(),
            chart_ref_name: info.chart_ref_name.clone(),
            chart_source_name: info.chart_source_name.clone(),
            url: info.url.clone(),
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = current.entry((kind, namespace.to_owned(), name.to_owned())).or_default();
        if entry.0.as_ref() != Some(&labels) {
            if let Some(old) = entry.0.take() {
                self.info.remove(&old);
            }
            self.info.get_or_create(&labels).set(1);
            entry.0 = Some(labels);
        }
    }

    /// Notes the state of a release, one-hot over the states.
    pub fn set_release(&self, namespace: &str, name: &str, labels: &ReleaseLabels, state: ReleaseState) {
        let identity = (labels.release.clone(), labels.chart.clone(), labels.version.clone());
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = current.entry(("HelmRelease", namespace.to_owned(), name.to_owned())).or_default();
        if entry.1.as_ref() != Some(&identity) {
            if let Some(old) = entry.1.take() {
                self.remove_states(namespace, name, &old);
            }
            entry.1 = Some(identity.clone());
        }
        for each in ReleaseState::ALL {
            let labels = state_labels(namespace, name, &identity, each);
            self.release_state.get_or_create(&labels).set(i64::from(each == state));
        }
    }

    /// Removes the series of an object that is gone.
    pub fn forget(&self, kind: &'static str, namespace: &str, name: &str) {
        self.set_condition(kind, namespace, name, "Deleted");
        let object = ObjectLabels { kind, name: name.to_owned(), namespace: namespace.to_owned() };
        self.suspended.remove(&object);
        self.reconcile_duration.remove(&object);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((info, release)) = current.remove(&(kind, namespace.to_owned(), name.to_owned())) {
            if let Some(info) = info {
                self.info.remove(&info);
            }
            if let Some(release) = release {
                self.remove_states(namespace, name, &release);
            }
        }
    }

    /// Notes whether this process leads.
    pub fn set_leader(&self, lease: &str, leads: bool) {
        self.leader.get_or_create(&NameLabels { name: lease.to_owned() }).set(i64::from(leads));
    }

    fn set_condition(&self, kind: &'static str, namespace: &str, name: &str, ready: &str) {
        for status in CONDITION_STATUSES {
            let labels = ConditionLabels {
                kind,
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                r#type: "Ready",
                status,
            };
            if ready == "Deleted" && status != "Deleted" {
                self.condition.remove(&labels);
            } else {
                self.condition.get_or_create(&labels).set(i64::from(status == ready));
            }
        }
    }

    fn remove_states(&self, namespace: &str, name: &str, identity: &(String, String, String)) {
        for state in ReleaseState::ALL {
            self.release_state.remove(&state_labels(namespace, name, identity, state));
        }
    }
}

fn state_labels(namespace: &str, name: &str, identity: &(String, String, String), state: ReleaseState) -> StateLabels {
    StateLabels {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        release: identity.0.clone(),
        chart: identity.1.clone(),
        version: identity.2.clone(),
        status: state.label(),
    }
}
