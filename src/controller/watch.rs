//! The watch of HelmReleases: keeps their store, and wakes those that changed in a way that matters and those that depend on them.
//!
//! At the start there may be a thousand releases at once: those that ask for something are woken first, and those whose status says that all
//! is well after them, so that nobody waits for a look that finds nothing to do.
//!
//! **Invariant:** the status that the operator writes itself never wakes its own release.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt as _;
use kube::api::Api;
use kube_runtime::WatchStreamExt as _;
use kube_runtime::reflector::store::Writer;
use kube_runtime::watcher::{self, Event, watcher};

use super::config::Config;
use super::context::identity;
use super::trigger::Waker;
use crate::api::HelmRelease;
use crate::api::conditions::{condition_type, is_true};
use crate::api::metadata::FINALIZER;
use crate::telemetry::{Metrics, causes};

/// Annotations that ask for something begin with this.
const REQUEST_PREFIX: &str = "reconcile.fluxcd.io/";

/// Watches HelmReleases for as long as the future is polled.
pub(super) async fn watch_releases(
    client: kube::Client,
    config: Arc<Config>,
    writer: Writer<HelmRelease>,
    waker: Waker,
    metrics: Arc<Metrics>,
) {
    let api: Api<HelmRelease> = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut selector = watcher::Config::default();
    if let Some(labels) = &config.watch_label_selector {
        selector = selector.labels(labels);
    }
    let events = watcher(api, selector)
        .default_backoff()
        .modify(|release: &mut HelmRelease| release.metadata.managed_fields = None)
        .reflect(writer);
    let mut events = std::pin::pin!(events);
    let mut ears =
        Ears { waker: &waker, metrics: &metrics, seen: HashMap::new(), unconfirmed: BTreeSet::new(), at_rest: None };
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => ears.begin_list(),
            Ok(Event::Apply(release) | Event::InitApply(release)) => ears.applied(&release),
            Ok(Event::Delete(release)) => {
                let (namespace, name) = identity(&release);
                ears.gone(&(namespace.to_owned(), name.to_owned()));
            }
            Ok(Event::InitDone) => ears.end_list(),
            Err(error) => tracing::warn!(error = causes(&error), "cannot watch HelmReleases; trying again"),
        }
    }
}

/// Namespace and name.
type Key = (String, String);

/// Hears what the watch tells, and wakes whom it concerns.
struct Ears<'a> {
    waker: &'a Waker,
    metrics: &'a Metrics,
    seen: HashMap<Key, Marks>,
    /// What a list that is under way has not named yet; at its end, that is gone.
    unconfirmed: BTreeSet<Key>,
    /// While a list is under way: what is to be woken at its end.
    at_rest: Option<Vec<Key>>,
}

impl Ears<'_> {
    fn begin_list(&mut self) {
        self.unconfirmed = self.seen.keys().cloned().collect();
        // A list that broke off has noted some already, and the next one takes them for known.
        self.at_rest.get_or_insert_default();
    }

    fn end_list(&mut self) {
        for (namespace, name) in self.at_rest.take().into_iter().flatten() {
            self.waker.release(&namespace, &name);
        }
        for key in std::mem::take(&mut self.unconfirmed) {
            self.gone(&key);
        }
    }

    fn applied(&mut self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        let key = (namespace.to_owned(), name.to_owned());
        self.unconfirmed.remove(&key);
        self.waker.note(release);
        let marks = Marks::of(release);
        let before = self.seen.get(&key).filter(|before| before.uid == marks.uid);
        if before.is_none_or(|before| marks.ask_more_than(before)) {
            match &mut self.at_rest {
                Some(at_rest) if release.is_at_rest() => at_rest.push(key.clone()),
                _ => self.waker.release(namespace, name),
            }
        }
        if before.is_none_or(|before| before.readiness != marks.readiness) {
            self.waker.dependants(namespace, name);
        } else {
            self.waker.expressions(namespace, name);
        }
        self.seen.insert(key, marks);
    }

    fn gone(&mut self, key: &Key) {
        let (namespace, name) = key;
        self.seen.remove(key);
        self.waker.forget(namespace, name);
        // It may live on as the business of another shard.
        self.metrics.leave("HelmRelease", namespace, name);
        self.waker.dependants(namespace, name);
    }
}

/// What of a HelmRelease matters to whom.
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

    /// Whether the release itself has to be looked at again.
    fn ask_more_than(&self, before: &Self) -> bool {
        let lost_finalizer = before.has_finalizer && !self.has_finalizer;
        before.request != self.request || before.described != self.described || lost_finalizer
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use kube_runtime::reflector::store;
    use serde_json::json;

    use super::*;
    use crate::controller::engagement::Engagements;

    fn release(name: &str, observed: i64) -> HelmRelease {
        let ready = json!({"type": "Ready", "status": "True", "reason": "", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "ns", "uid": name, "generation": 2},
            "spec": {"interval": "1m"},
            "status": {"observedGeneration": observed, "conditions": [ready]},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn who_asks_for_something_goes_before_who_is_at_rest() {
        let (releases, _writer) = store();
        let (waker, mut woken) = Waker::new(releases, Engagements::default());
        let metrics = Metrics::default();
        let mut ears = Ears {
            waker: &waker,
            metrics: &metrics,
            seen: HashMap::new(),
            unconfirmed: BTreeSet::new(),
            at_rest: None,
        };
        let mut names = move || {
            let next = std::iter::from_fn(|| woken.next().now_or_never().flatten());
            next.map(|release| release.name).collect::<Vec<_>>()
        };
        ears.begin_list();
        for release in [release("a", 2), release("b", 1), release("c", 2), release("d", 1)] {
            ears.applied(&release);
        }
        assert_eq!(names(), ["b", "d"]);
        ears.end_list();
        assert_eq!(names(), ["a", "c"]);
        // Later on each is heard at once; and a list that tells nothing new wakes nobody.
        ears.applied(&release("e", 2));
        assert_eq!(names(), ["e"]);
        ears.begin_list();
        ears.applied(&release("a", 2));
        ears.end_list();
        assert_eq!(names(), [""; 0]);
        // A list that breaks off is begun again.
        ears.begin_list();
        ears.applied(&release("f", 2));
        ears.begin_list();
        ears.applied(&release("f", 2));
        ears.end_list();
        assert_eq!(names(), ["f"]);
    }
}
