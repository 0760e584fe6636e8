//! One watch a kind: fills the store, wakes the kind's controller, and tells what changed.
//!
//! **Invariant:** the status that a controller writes itself never wakes it again.

use std::collections::{BTreeSet, HashMap};

use futures::StreamExt as _;
use kube::api::Api;
use kube_runtime::WatchStreamExt as _;
use kube_runtime::reflector::store::Writer;
use kube_runtime::watcher::{self, Event, watcher};

use super::kind::{Watched, identity};
use crate::api::conditions::{condition_type, find};
use crate::api::metadata::REQUESTED_AT_ANNOTATION;
use crate::controller::config::Config;

/// What somebody wants to know of a kind's objects.
pub(super) trait Listen<K>: Send {
    /// The object is there for the first time, or something was asked of it: a spec, a request, its deletion.
    fn asked(&mut self, object: &K);
    /// Its artifact, readiness or generation changed.
    fn changed(&mut self, object: &K);
    /// It is gone.
    fn gone(&mut self, namespace: &str, name: &str);
}

/// What of an object wakes whom.
#[derive(PartialEq, Eq)]
struct Marks {
    uid: Option<String>,
    request: Request,
    result: Outcome,
}

#[derive(PartialEq, Eq)]
struct Request {
    generation: Option<i64>,
    token: Option<String>,
    is_deleted: bool,
    finalizers: usize,
}

#[derive(PartialEq, Eq)]
struct Outcome {
    generation: Option<i64>,
    observed_generation: Option<i64>,
    artifact: Option<(String, Option<String>)>,
    ready: Option<(String, String)>,
}

impl Marks {
    fn of<K: Watched>(object: &K) -> Self {
        let metadata = object.meta();
        let facts = object.status().map(K::facts);
        let artifact = facts.as_ref().and_then(|facts| facts.artifact);
        let ready = facts.as_ref().and_then(|facts| find(facts.conditions, condition_type::READY));
        Self {
            uid: metadata.uid.clone(),
            request: Request {
                generation: metadata.generation,
                token: metadata.annotations.as_ref().and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).cloned(),
                is_deleted: metadata.deletion_timestamp.is_some(),
                finalizers: metadata.finalizers.as_ref().map_or(0, Vec::len),
            },
            result: Outcome {
                generation: metadata.generation,
                observed_generation: facts.as_ref().and_then(|facts| facts.observed_generation),
                artifact: artifact.map(|artifact| (artifact.revision.clone(), artifact.digest.clone())),
                ready: ready.map(|ready| (ready.status.clone(), ready.message.clone())),
            },
        }
    }
}

/// Watches a kind for as long as the future is polled.
pub(super) async fn watch<K: Watched>(
    client: kube::Client,
    config: &Config,
    writer: Writer<K>,
    listener: &mut dyn Listen<K>,
) {
    let api: Api<K> = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut selector = watcher::Config::default();
    if let Some(labels) = &config.watch_label_selector {
        selector = selector.labels(labels);
    }
    let events = watcher(api, selector)
        .default_backoff()
        .modify(|object: &mut K| object.meta_mut().managed_fields = None)
        .reflect(writer);
    let mut events = std::pin::pin!(events);
    let mut seen: HashMap<(String, String), Marks> = HashMap::new();
    // What a list that is under way has not named yet; at its end, that is gone.
    let mut unconfirmed = BTreeSet::new();
    let mut is_missing_told = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => unconfirmed = seen.keys().cloned().collect(),
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                let key = key(&object);
                unconfirmed.remove(&key);
                let marks = Marks::of(&object);
                let before = seen.get(&key).filter(|before| before.uid == marks.uid);
                if before.is_none_or(|before| before.request != marks.request) {
                    listener.asked(&object);
                }
                if before.is_none_or(|before| before.result != marks.result) {
                    listener.changed(&object);
                }
                seen.insert(key, marks);
            }
            Ok(Event::Delete(object)) => {
                let key = key(&object);
                seen.remove(&key);
                listener.gone(&key.0, &key.1);
            }
            Ok(Event::InitDone) => {
                for key in std::mem::take(&mut unconfirmed) {
                    seen.remove(&key);
                    listener.gone(&key.0, &key.1);
                }
            }
            // The definitions of an older Flux lack some kinds; nobody can use what is not defined.
            Err(error) if is_undefined(&error) => {
                if !std::mem::replace(&mut is_missing_told, true) {
                    tracing::info!(kind = K::KIND, "the cluster has no definition of this kind; waiting for it");
                }
            }
            Err(error) => tracing::warn!(%error, kind = K::KIND, "cannot watch; trying again"),
        }
    }
}

/// Whether the API server does not know the kind at all.
fn is_undefined(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(answer))
        | watcher::Error::WatchStartFailed(kube::Error::Api(answer)) => answer.code == 404,
        _ => false,
    }
}

/// The key of an object, for maps.
pub(super) fn key(object: &impl kube::Resource) -> (String, String) {
    let (namespace, name) = identity(object);
    (namespace.to_owned(), name.to_owned())
}
