//! What is told of single objects: their state, what they are about, what is under way.
//!
//! With very many objects that is too much for some Prometheus; then only sums over all of them are told.
//!
//! **Invariant:** an object that is gone leaves no series behind, but for the `Deleted` series that Flux's rules expect.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

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

/// What metrics tell of a release besides its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The release's name in Helm's storage.
    pub release: String,
    /// The chart's name.
    pub chart: String,
    /// The chart's version.
    pub version: String,
    /// Whether live objects differ from the release, as far as known.
    pub is_drifted: bool,
    /// Whether failures have used up the retries.
    pub has_exhausted_retries: bool,
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
struct ReleaseLabels {
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    event_type: &'static str,
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
struct SumLabels {
    state: &'static str,
}

/// A gauge of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// The statuses that a condition has a series for; `Deleted` marks objects that are gone.
const CONDITION_STATUSES: [&str; 4] = ["True", "False", "Unknown", "Deleted"];

/// What became of a question to a cache, in Flux's words.
const CACHE_HIT: &str = "cache_hit";
const CACHE_MISS: &str = "cache_miss";
/// The kinds whose charts are kept.
const CACHED: [&str; 2] = ["HelmChart", "OCIRepository"];

/// Ten buckets from 10 ms to 30 min in equal ratios, as Flux has them.
fn flux_buckets() -> Histogram {
    const FIRST: f64 = 0.01;
    const LAST: f64 = 1800.0;
    const COUNT: i32 = 10;
    let factor = (LAST / FIRST).powf(1.0 / f64::from(COUNT - 1));
    Histogram::new((0..COUNT).map(move |power| FIRST * factor.powi(power)))
}

type ObjectKey = (&'static str, String, String);

/// The release, chart and version of a release.
type ReleaseIdentity = (String, String, String);

/// What an object has at present in families whose labels change with it.
#[derive(Debug, Default)]
struct Current {
    info: Option<InfoLabels>,
    release: Option<ReleaseIdentity>,
    state: Option<ReleaseState>,
}

/// The metrics of single objects. Clones share them.
#[derive(Clone)]
pub(super) struct Objects {
    /// Whether anything but sums is told.
    each: bool,
    reconcile_duration: Family<ObjectLabels, Histogram>,
    condition: Family<ConditionLabels, Gauge>,
    suspended: Family<ObjectLabels, Gauge>,
    info: Family<InfoLabels, Gauge>,
    state: Family<StateLabels, Gauge>,
    drifted: Family<ReleaseLabels, Gauge>,
    retries_exhausted: Family<ReleaseLabels, Gauge>,
    storage_bytes: Family<ReleaseLabels, Gauge>,
    deadline: Family<ReleaseLabels, Seconds>,
    source_interval: Family<ObjectLabels, Seconds>,
    source_checked: Family<ObjectLabels, Seconds>,
    cache_events: Family<CacheLabels, Counter>,
    current: Arc<Mutex<HashMap<ObjectKey, Current>>>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("each", &self.each).finish_non_exhaustive()
    }
}

/// An action is under way until this is dropped.
#[derive(Debug)]
#[must_use = "the action is under way for as long as this lives"]
pub struct UnderWay {
    objects: Objects,
    labels: ReleaseLabels,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.objects.deadline.remove(&self.labels);
    }
}

impl Objects {
    pub(super) fn new(each: bool) -> Self {
        Self {
            each,
            reconcile_duration: Family::new_with_constructor(flux_buckets),
            condition: Family::default(),
            suspended: Family::default(),
            info: Family::default(),
            state: Family::default(),
            drifted: Family::default(),
            retries_exhausted: Family::default(),
            storage_bytes: Family::default(),
            deadline: Family::default(),
            source_interval: Family::default(),
            source_checked: Family::default(),
            cache_events: Family::default(),
            current: Arc::default(),
        }
    }

    pub(super) fn register(&self, r: &mut Registry) {
        let objects = self.clone();
        r.register_collector(Box::new(Sums(Arc::clone(&objects.current))));
        if !self.each {
            return;
        }
        r.register(
            "gotk_reconcile_duration_seconds",
            "How long reconciles of an object took",
            objects.reconcile_duration,
        );
        r.register("gotk_reconcile_condition", "The current condition of an object", objects.condition);
        r.register("gotk_suspend_status", "Whether an object is suspended", objects.suspended);
        r.register("gotk_resource_info", "The current state of an object", objects.info);
        r.register(
            "planton_helm_release_reconciliation_status",
            "The current reconciliation status of a release",
            objects.state,
        );
        r.register("rhumb_release_drifted", "Whether live objects differ from the release", objects.drifted);
        r.register(
            "rhumb_release_retries_exhausted",
            "Whether failures have used up the retries",
            objects.retries_exhausted,
        );
        r.register(
            "rhumb_release_storage_bytes",
            "Bytes of the release's newest record, of which the API server takes 1 MiB",
            objects.storage_bytes,
        );
        r.register(
            "rhumb_release_action_deadline_timestamp_seconds",
            "When the action under way reaches the release's timeout, in seconds since the Unix epoch",
            objects.deadline,
        );
        r.register("rhumb_source_interval_seconds", "How often a source is checked", objects.source_interval);
        r.register(
            "rhumb_source_checked_timestamp_seconds",
            "When a source was last checked with success, in seconds since the Unix epoch",
            objects.source_checked,
        );
        r.register("gotk_cache_events", "Charts that were kept, or had to be fetched, by source", objects.cache_events);
    }

    fn current(&self) -> MutexGuard<'_, HashMap<ObjectKey, Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reconciled(&self, kind: &'static str, namespace: &str, name: &str, took: Duration) {
        if self.each {
            self.reconcile_duration.get_or_create(&object(kind, namespace, name)).observe(took.as_secs_f64());
        }
    }

    pub(super) fn set_object(&self, kind: &'static str, namespace: &str, name: &str, info: &ResourceInfo) {
        if !self.each {
            return;
        }
        self.set_condition(kind, namespace, name, &info.ready);
        self.suspended.get_or_create(&object(kind, namespace, name)).set(i64::from(info.suspended));
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
        let mut current = self.current();
        let entry = current.entry((kind, namespace.to_owned(), name.to_owned())).or_default();
        if entry.info.as_ref() != Some(&labels) {
            if let Some(old) = entry.info.take() {
                self.info.remove(&old);
            }
            self.info.get_or_create(&labels).set(1);
            entry.info = Some(labels);
        }
    }

    pub(super) fn set_release(&self, namespace: &str, name: &str, facts: &ReleaseFacts, state: ReleaseState) {
        let identity = (facts.release.clone(), facts.chart.clone(), facts.version.clone());
        let mut current = self.current();
        let entry = current.entry(("HelmRelease", namespace.to_owned(), name.to_owned())).or_default();
        entry.state = Some(state);
        if !self.each {
            return;
        }
        if entry.release.as_ref() != Some(&identity) {
            if let Some(old) = entry.release.take() {
                self.remove_states(namespace, name, &old);
            }
            entry.release = Some(identity.clone());
        }
        for each in ReleaseState::ALL {
            let labels = state_labels(namespace, name, &identity, each);
            self.state.get_or_create(&labels).set(i64::from(each == state));
        }
        let labels = release(namespace, name);
        self.drifted.get_or_create(&labels).set(i64::from(facts.is_drifted));
        self.retries_exhausted.get_or_create(&labels).set(i64::from(facts.has_exhausted_retries));
    }

    pub(super) fn set_storage_bytes(&self, namespace: &str, name: &str, bytes: usize) {
        if self.each {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.storage_bytes.get_or_create(&release(namespace, name)).set(bytes);
        }
    }

    pub(super) fn action_started(&self, namespace: &str, name: &str, deadline: f64) -> UnderWay {
        let labels = release(namespace, name);
        if self.each {
            self.deadline.get_or_create(&labels).set(deadline);
        }
        UnderWay { objects: self.clone(), labels }
    }

    pub(super) fn source_checked(&self, kind: &'static str, namespace: &str, name: &str, interval: Duration, now: f64) {
        if self.each {
            let labels = object(kind, namespace, name);
            self.source_interval.get_or_create(&labels).set(interval.as_secs_f64());
            self.source_checked.get_or_create(&labels).set(now);
        }
    }

    pub(super) fn cache_asked(&self, namespace: &str, name: &str, found: bool) {
        if self.each {
            self.cache_events.get_or_create(&cache(if found { CACHE_HIT } else { CACHE_MISS }, namespace, name)).inc();
        }
    }

    pub(super) fn source_left(&self, kind: &'static str, namespace: &str, name: &str) {
        let labels = object(kind, namespace, name);
        self.source_interval.remove(&labels);
        self.source_checked.remove(&labels);
    }

    pub(super) fn forget(&self, kind: &'static str, namespace: &str, name: &str) {
        let labels = object(kind, namespace, name);
        if self.each {
            self.set_condition(kind, namespace, name, "Deleted");
        }
        self.suspended.remove(&labels);
        self.reconcile_duration.remove(&labels);
        self.source_left(kind, namespace, name);
        if CACHED.contains(&kind) {
            for event in [CACHE_HIT, CACHE_MISS] {
                self.cache_events.remove(&cache(event, namespace, name));
            }
        }
        let mut current = self.current();
        let Some(gone) = current.remove(&(kind, namespace.to_owned(), name.to_owned())) else { return };
        if let Some(info) = gone.info {
            self.info.remove(&info);
        }
        if let Some(identity) = gone.release {
            self.remove_states(namespace, name, &identity);
        }
        if gone.state.is_some() {
            let labels = release(namespace, name);
            self.drifted.remove(&labels);
            self.retries_exhausted.remove(&labels);
            self.storage_bytes.remove(&labels);
        }
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

    fn remove_states(&self, namespace: &str, name: &str, identity: &ReleaseIdentity) {
        for state in ReleaseState::ALL {
            self.state.remove(&state_labels(namespace, name, identity, state));
        }
    }
}

/// How many releases are in each state.
#[derive(Debug)]
struct Sums(Arc<Mutex<HashMap<ObjectKey, Current>>>);

impl Collector for Sums {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor("rhumb_releases", "Releases by state", None, kind)?;
        for state in ReleaseState::ALL {
            let count = current.values().filter(|each| each.state == Some(state)).count();
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&SumLabels { state: state.label() })?)?;
        }
        Ok(())
    }
}

fn object(kind: &'static str, namespace: &str, name: &str) -> ObjectLabels {
    ObjectLabels { kind, name: name.to_owned(), namespace: namespace.to_owned() }
}

fn cache(event_type: &'static str, namespace: &str, name: &str) -> CacheLabels {
    CacheLabels { event_type, name: name.to_owned(), namespace: namespace.to_owned() }
}

fn release(namespace: &str, name: &str) -> ReleaseLabels {
    ReleaseLabels { name: name.to_owned(), namespace: namespace.to_owned() }
}

fn state_labels(namespace: &str, name: &str, identity: &ReleaseIdentity, state: ReleaseState) -> StateLabels {
    StateLabels {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        release: identity.0.clone(),
        chart: identity.1.clone(),
        version: identity.2.clone(),
        status: state.label(),
    }
}
