//! What is told of single objects: their state, what they are about, what is under way.
//!
//! With very many objects that is too much for some Prometheus; then only sums over all of them are told. Each object is one small record, and
//! its two dozen series are made when somebody asks: series kept for a thousand releases would take more memory than the releases.
//!
//! **Invariant:** an object that is gone leaves no series behind, but for the `Deleted` series that Flux's rules expect.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
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

/// The statuses that a condition has a series for; `Deleted` marks objects that are gone.
const CONDITION_STATUSES: [&str; 4] = ["True", "False", "Unknown", "Deleted"];

/// The kind that has HelmReleases' own series.
const RELEASE: &str = "HelmRelease";
/// Stands for the kinds whose charts are kept, which the series of the cache do not tell apart.
const CACHED: &str = "";
/// The kinds that it stands for.
const CACHED_KINDS: [&str; 2] = ["HelmChart", "OCIRepository"];

/// Ten buckets from 10 ms to 30 min in equal ratios, as Flux has them.
const BUCKETS: usize = 10;

/// The upper bound of a bucket in seconds.
fn bound(bucket: usize) -> f64 {
    const FIRST: f64 = 0.01;
    const LAST: f64 = 1800.0;
    let factor = (LAST / FIRST).powf(1.0 / (BUCKETS - 1) as f64);
    FIRST * factor.powi(bucket as i32)
}

/// How long the reconciles of an object took.
#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    sum: f64,
    /// By bucket; the last holds what is longer than all bounds.
    counts: [u32; BUCKETS + 1],
}

impl Durations {
    fn observe(&mut self, seconds: f64) {
        self.sum += seconds;
        let bucket = (0..BUCKETS).find(|bucket| seconds <= bound(*bucket)).unwrap_or(BUCKETS);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    fn count(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = (0..BUCKETS).map(bound).chain([f64::MAX]);
        bounds.zip(self.counts).map(|(bound, count)| (bound, u64::from(count))).collect()
    }
}

/// Kind, namespace and name.
type Key = (&'static str, String, String);

/// What is known of an object.
#[derive(Debug, Default)]
struct Told {
    is_gone: bool,
    durations: Durations,
    info: Option<ResourceInfo>,
    release: Option<(ReleaseFacts, ReleaseState)>,
    storage_bytes: Option<i64>,
    deadline: Option<f64>,
    /// The interval of a source and when it was checked, in seconds.
    checked: Option<(f64, f64)>,
    cache_hits: u64,
    cache_misses: u64,
}

#[derive(Debug)]
struct Shared {
    /// Whether anything but sums is told.
    each: bool,
    told: Mutex<All>,
}

/// The metrics of single objects. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Objects(Arc<Shared>);

/// An action is under way until this is dropped.
#[derive(Debug)]
#[must_use = "the action is under way for as long as this lives"]
pub struct UnderWay {
    objects: Objects,
    key: Key,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(told) = self.objects.told().get_mut(&self.key) {
            told.deadline = None;
        }
    }
}

impl Objects {
    pub(super) fn new(each: bool) -> Self {
        Self(Arc::new(Shared { each, told: Mutex::default() }))
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(self.clone()));
    }

    fn told(&self) -> MutexGuard<'_, All> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is told of an object, where single objects are told of.
    fn tell(&self, kind: &'static str, namespace: &str, name: &str, change: impl FnOnce(&mut Told)) {
        if self.0.each {
            change(self.told().entry(key(kind, namespace, name)).or_default());
        }
    }

    pub(super) fn reconciled(&self, kind: &'static str, namespace: &str, name: &str, took: Duration) {
        self.tell(kind, namespace, name, |told| told.durations.observe(took.as_secs_f64()));
    }

    pub(super) fn set_object(&self, kind: &'static str, namespace: &str, name: &str, info: &ResourceInfo) {
        self.tell(kind, namespace, name, |told| {
            if told.is_gone {
                *told = Told::default();
            }
            if told.info.as_ref() != Some(info) {
                told.info = Some(info.clone());
            }
        });
    }

    pub(super) fn set_release(&self, namespace: &str, name: &str, facts: &ReleaseFacts, state: ReleaseState) {
        // Sums need the state, and nothing else.
        let facts = if self.0.each { facts.clone() } else { ReleaseFacts::default() };
        self.told().entry(key(RELEASE, namespace, name)).or_default().release = Some((facts, state));
    }

    pub(super) fn set_storage_bytes(&self, namespace: &str, name: &str, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.tell(RELEASE, namespace, name, |told| told.storage_bytes = Some(bytes));
    }

    pub(super) fn action_started(&self, namespace: &str, name: &str, deadline: f64) -> UnderWay {
        self.tell(RELEASE, namespace, name, |told| told.deadline = Some(deadline));
        UnderWay { objects: self.clone(), key: key(RELEASE, namespace, name) }
    }

    pub(super) fn source_checked(&self, kind: &'static str, namespace: &str, name: &str, interval: Duration, now: f64) {
        self.tell(kind, namespace, name, |told| told.checked = Some((interval.as_secs_f64(), now)));
    }

    pub(super) fn cache_asked(&self, namespace: &str, name: &str, found: bool) {
        self.tell(CACHED, namespace, name, |told| {
            if found {
                told.cache_hits += 1;
            } else {
                told.cache_misses += 1;
            }
        });
    }

    pub(super) fn source_left(&self, kind: &'static str, namespace: &str, name: &str) {
        if let Some(told) = self.told().get_mut(&key(kind, namespace, name)) {
            told.checked = None;
        }
    }

    pub(super) fn leave(&self, kind: &'static str, namespace: &str, name: &str) {
        let mut all = self.told();
        let key_of_object = key(kind, namespace, name);
        if all.get(&key_of_object).is_some_and(|told| !told.is_gone) {
            all.remove(&key_of_object);
        }
        if CACHED_KINDS.contains(&kind) {
            all.remove(&key(CACHED, namespace, name));
        }
    }

    pub(super) fn forget(&self, kind: &'static str, namespace: &str, name: &str) {
        let mut all = self.told();
        all.remove(&key(kind, namespace, name));
        if CACHED_KINDS.contains(&kind) {
            all.remove(&key(CACHED, namespace, name));
        }
        if self.0.each {
            all.insert(key(kind, namespace, name), Box::new(Told { is_gone: true, ..Told::default() }));
        }
    }
}

fn key(kind: &'static str, namespace: &str, name: &str) -> Key {
    (kind, namespace.to_owned(), name.to_owned())
}

/// No labels of an exemplar.
type NoExemplar = Exemplar<Vec<(&'static str, String)>, f64>;

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let told = self.told();
        encode_sums(&told, &mut encoder)?;
        if !self.0.each {
            return Ok(());
        }
        encode_states(&told, &mut encoder)?;
        encode_releases(&told, &mut encoder)?;
        encode_sources(&told, &mut encoder)
    }
}

/// What is known of all objects.
type All = BTreeMap<Key, Box<Told>>;

/// One series of a gauge.
fn gauge(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, value: i64) -> Result<(), fmt::Error> {
    family.encode_family(labels)?.encode_gauge(&value)
}

/// One series of a gauge of seconds.
fn seconds(family: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, value: f64) -> Result<(), fmt::Error> {
    family.encode_family(labels)?.encode_gauge(&value)
}

fn object_labels((kind, namespace, name): &Key) -> [(&'static str, &str); 3] {
    [("kind", *kind), ("name", name), ("namespace", namespace)]
}

fn release_labels((_, namespace, name): &Key) -> [(&'static str, &str); 2] {
    [("name", name), ("namespace", namespace)]
}

fn encode_sums(told: &All, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor("rhumb_releases", "Releases by state", None, MetricType::Gauge)?;
    for state in ReleaseState::ALL {
        let count = with(told, |told| told.release.as_ref()).filter(|(_, (_, each))| *each == state).count();
        gauge(&mut family, &[("state", state.label())], i64::try_from(count).unwrap_or(i64::MAX))?;
    }
    Ok(())
}

/// What is told of objects of every kind.
fn encode_states(told: &All, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let name = "gotk_reconcile_duration_seconds";
    let mut family =
        encoder.encode_descriptor(name, "How long reconciles of an object took", None, MetricType::Histogram)?;
    for (key, told) in told.iter().filter(|(_, told)| !told.is_gone && told.durations.count() > 0) {
        let Durations { sum, .. } = told.durations;
        let none: Option<&std::collections::HashMap<usize, NoExemplar>> = None;
        let labels = object_labels(key);
        let mut series = family.encode_family(&labels)?;
        series.encode_histogram(sum, told.durations.count(), &told.durations.buckets(), none)?;
    }
    let name = "gotk_reconcile_condition";
    let mut family = encoder.encode_descriptor(name, "The current condition of an object", None, MetricType::Gauge)?;
    for (key, told) in told {
        let present = match &told.info {
            Some(info) => info.ready.as_str(),
            None if told.is_gone => "Deleted",
            None => continue,
        };
        for status in CONDITION_STATUSES.into_iter().filter(|status| !told.is_gone || *status == "Deleted") {
            let [kind, name, namespace] = object_labels(key);
            let labels = [kind, name, namespace, ("type", "Ready"), ("status", status)];
            gauge(&mut family, &labels, i64::from(status == present))?;
        }
    }
    let name = "gotk_suspend_status";
    let mut family = encoder.encode_descriptor(name, "Whether an object is suspended", None, MetricType::Gauge)?;
    for (key, info) in with(told, |told| told.info.as_ref()) {
        gauge(&mut family, &object_labels(key), i64::from(info.suspended))?;
    }
    let mut family =
        encoder.encode_descriptor("gotk_resource_info", "The current state of an object", None, MetricType::Gauge)?;
    for ((kind, namespace, name), info) in with(told, |told| told.info.as_ref()) {
        let labels = [
            ("customresource_group", info.group),
            ("customresource_kind", kind),
            ("customresource_version", info.version),
            ("exported_namespace", namespace),
            ("name", name),
            ("ready", &info.ready),
            ("suspended", if info.suspended { "true" } else { "false" }),
            ("revision", &info.revision),
            ("chart_name", &info.chart_name),
            ("chart_app_version", &info.chart_app_version),
            ("chart_ref_name", &info.chart_ref_name),
            ("chart_source_name", &info.chart_source_name),
            ("url", &info.url),
        ];
        gauge(&mut family, &labels, 1)?;
    }
    Ok(())
}

/// What is told of HelmReleases alone.
fn encode_releases(told: &All, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let name = "planton_helm_release_reconciliation_status";
    let help = "The current reconciliation status of a release";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for ((_, namespace, name), (facts, state)) in with(told, |told| told.release.as_ref()) {
        for each in ReleaseState::ALL {
            let labels = [
                ("namespace", namespace.as_str()),
                ("name", name),
                ("release", &facts.release),
                ("chart", &facts.chart),
                ("version", &facts.version),
                ("status", each.label()),
            ];
            gauge(&mut family, &labels, i64::from(each == *state))?;
        }
    }
    let name = "rhumb_release_drifted";
    let help = "Whether live objects differ from the release";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (key, (facts, _)) in with(told, |told| told.release.as_ref()) {
        gauge(&mut family, &release_labels(key), i64::from(facts.is_drifted))?;
    }
    let name = "rhumb_release_retries_exhausted";
    let help = "Whether failures have used up the retries";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (key, (facts, _)) in with(told, |told| told.release.as_ref()) {
        gauge(&mut family, &release_labels(key), i64::from(facts.has_exhausted_retries))?;
    }
    let name = "rhumb_release_storage_bytes";
    let help = "Bytes of the release's newest record, of which the API server takes 1 MiB";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (key, bytes) in with(told, |told| told.storage_bytes) {
        gauge(&mut family, &release_labels(key), bytes)?;
    }
    let name = "rhumb_release_action_deadline_timestamp_seconds";
    let help = "When the action under way reaches the release's timeout, in seconds since the Unix epoch";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (key, deadline) in with(told, |told| told.deadline) {
        seconds(&mut family, &release_labels(key), deadline)?;
    }
    Ok(())
}

/// What is told of sources and their charts alone.
fn encode_sources(told: &All, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let name = "rhumb_source_interval_seconds";
    let mut family = encoder.encode_descriptor(name, "How often a source is checked", None, MetricType::Gauge)?;
    for (key, (interval, _)) in with(told, |told| told.checked) {
        seconds(&mut family, &object_labels(key), interval)?;
    }
    let name = "rhumb_source_checked_timestamp_seconds";
    let help = "When a source was last checked with success, in seconds since the Unix epoch";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (key, (_, checked)) in with(told, |told| told.checked) {
        seconds(&mut family, &object_labels(key), checked)?;
    }
    let help = "Charts that were kept, or had to be fetched, by source";
    let mut family = encoder.encode_descriptor("gotk_cache_events", help, None, MetricType::Counter)?;
    for ((_, namespace, name), told) in told {
        // What became of a question to a cache, in Flux's words.
        for (event, count) in [("cache_hit", told.cache_hits), ("cache_miss", told.cache_misses)] {
            if count > 0 {
                let labels = [("event_type", event), ("name", name), ("namespace", namespace)];
                let none: Option<&NoExemplar> = None;
                family.encode_family(&labels)?.encode_counter(&count, none)?;
            }
        }
    }
    Ok(())
}

/// The objects that something is known of.
fn with<'a, T>(told: &'a All, what: impl Fn(&'a Told) -> Option<T>) -> impl Iterator<Item = (&'a Key, T)> {
    told.iter().filter_map(move |(key, told)| Some((key, what(told)?)))
}
