//! What waits for work and what is worked on, as controller-runtime's work queues tell it.
//!
//! **Invariant:** an object that is worked on is counted until its work ends, however it ends.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct QueueLabels {
    pub(super) name: &'static str,
    pub(super) controller: &'static str,
}

/// A controller, and the namespace and name of an object of its.
type Key = (&'static str, String, String);

/// The objects that are worked on, and how many wait. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<&'static str, u64>,
    running: BTreeMap<Key, Instant>,
}

/// An object waits for work until this is dropped.
#[derive(Debug)]
#[must_use = "the object waits for as long as this lives"]
pub struct Waiting {
    queue: Queue,
    controller: &'static str,
    since: Instant,
}

impl Waiting {
    pub(super) fn since(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(count) = self.queue.state().waiting.get_mut(self.controller) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A controller that is to be told of, even while nothing waits for it.
    pub(super) fn begin(&self, controller: &'static str) {
        self.state().waiting.entry(controller).or_default();
    }

    pub(super) fn wait(&self, controller: &'static str) -> Waiting {
        *self.state().waiting.entry(controller).or_default() += 1;
        Waiting { queue: self.clone(), controller, since: Instant::now() }
    }

    pub(super) fn start(&self, controller: &'static str, namespace: &str, name: &str) {
        self.state().running.insert((controller, namespace.to_owned(), name.to_owned()), Instant::now());
    }

    pub(super) fn end(&self, controller: &'static str, namespace: &str, name: &str) {
        self.state().running.remove(&(controller, namespace.to_owned(), name.to_owned()));
    }
}

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let state = self.state();
        let mut sums: BTreeMap<&'static str, (f64, f64)> =
            state.waiting.keys().map(|controller| (*controller, (0.0, 0.0))).collect();
        for ((controller, ..), started) in &state.running {
            let age = started.elapsed().as_secs_f64();
            let (sum, longest) = sums.entry(controller).or_default();
            *sum += age;
            *longest = longest.max(age);
        }
        let depths = state.waiting.iter().map(|(controller, count)| (*controller, *count as f64)).collect();
        let sum = sums.iter().map(|(controller, (sum, _))| (*controller, *sum)).collect();
        let longest = sums.iter().map(|(controller, (_, longest))| (*controller, *longest)).collect();
        gauges(&mut encoder, "workqueue_depth", "Objects that wait for work", depths)?;
        gauges(&mut encoder, "workqueue_unfinished_work_seconds", "How long work under way has taken, in sum", sum)?;
        gauges(
            &mut encoder,
            "workqueue_longest_running_processor_seconds",
            "How long the work that began first has taken",
            longest,
        )
    }
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Vec<(&'static str, f64)>,
) -> Result<(), fmt::Error> {
    if values.is_empty() {
        return Ok(());
    }
    let kind = ConstGauge::new(0.0).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (controller, value) in values {
        let labels = QueueLabels { name: controller, controller };
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
