//! One watch a kind: fills the store, wakes the kind's controller, and tells what changed.
//!
//! **Invariant:** the status that a controller writes itself never wakes it again.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use futures::StreamExt as _;
use kube::api::Api;
use kube_runtime::WatchStreamExt as _;
use kube_runtime::reflector::store::Writer;
use kube_runtime::watcher::{self, Event, watcher};

use super::kind::{Watched, identity};
use crate::api::conditions::{condition_type, find};
use crate::api::metadata::REQUESTED_AT_ANNOTATION;
use crate::controller::config::Config;
use crate::telemetry::causes;

/// What somebody wants to know of a kind's objects.
pub(super) trait Listen<K>: Send {
    /// All objects are in the store, or there can be none, for the cluster does not have the kind. Told again with every list.
    fn listed(&mut self);
    /// The object is there for the first time, or something was asked of it: a spec, a request, its deletion.
    fn asked(&mut self, object: &K);
    /// Its artifact, readiness or generation changed.
    fn changed(&mut self, object: &K);
    /// It is gone.
    fn gone(&mut self, namespace: &str, name: &str);
}

/// What of an object wakes whom, as digests, for there is one for every object.
struct Marks {
    uid: Option<String>,
    /// Of the spec, requests, deletion and finalizers.
    request: u64,
    /// Of the generations, the artifact and readiness.
    result: u64,
}

impl Marks {
    fn of<K: Watched>(object: &K) -> Self {
        let metadata = object.meta();
        let facts = object.status().map(K::facts);
        let artifact = facts.as_ref().and_then(|facts| facts.artifact);
        let ready = facts.as_ref().and_then(|facts| find(facts.conditions, condition_type::READY));
        let request = (
            metadata.generation,
            metadata.annotations.as_ref().and_then(|all| all.get(REQUESTED_AT_ANNOTATION)),
            metadata.deletion_timestamp.is_some(),
            metadata.finalizers.as_ref().map_or(0, Vec::len),
        );
        let result = (
            metadata.generation,
            facts.as_ref().and_then(|facts| facts.observed_generation),
            artifact.map(|artifact| (&artifact.revision, &artifact.digest)),
            ready.map(|ready| (&ready.status, &ready.message)),
        );
        Self { uid: metadata.uid.clone(), request: digest(&request), result: digest(&result) }
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Who reconciles the objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// This program.
    Own,
    /// Another one.
    Other,
}

/// What is watched of a kind, by what the operator was told. Shards divide what is reconciled; sources that others keep may be read by all.
pub(super) fn scope<K: Watched>(client: kube::Client, config: &Config, keeper: Keeper) -> (Api<K>, watcher::Config) {
    let api: Api<K> = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let selector = watcher::Config::default();
    match &config.watch_label_selector {
        Some(labels) if keeper == Keeper::Own => (api, selector.labels(labels)),
        _ => (api, selector),
    }
}

/// Watches a kind for as long as the future is polled.
pub(super) async fn watch<K: Watched>(
    (api, selector): (Api<K>, watcher::Config),
    writer: Writer<K>,
    listener: &mut dyn Listen<K>,
) {
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
                listener.listed();
            }
            // The definitions of an older Flux lack some kinds; nobody can use what is not defined.
            Err(error) if is_undefined(&error) => {
                listener.listed();
                if !std::mem::replace(&mut is_missing_told, true) {
                    tracing::info!(kind = K::KIND, "the cluster has no definition of this kind; waiting for it");
                }
            }
            Err(error) => tracing::warn!(error = causes(&error), kind = K::KIND, "cannot watch; trying again"),
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

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::api::HelmRepository;

    /// Notes what it is told.
    #[derive(Default)]
    struct Notes {
        told: Vec<String>,
        listed: CancellationToken,
    }

    impl Listen<HelmRepository> for Notes {
        fn listed(&mut self) {
            self.told.push("listed".into());
            self.listed.cancel();
        }
        fn asked(&mut self, object: &HelmRepository) {
            self.told.push(format!("asked {}", key(object).1));
        }
        fn changed(&mut self, object: &HelmRepository) {
            self.told.push(format!("changed {}", key(object).1));
        }
        fn gone(&mut self, _: &str, name: &str) {
            self.told.push(format!("gone {name}"));
        }
    }

    /// What a listener is told up to when all is listed, by a server that answers lists so and never ends a watch.
    async fn told(code: u16, answer: Value) -> Vec<String> {
        let service = tower::service_fn(move |request: Request<Body>| {
            let text = answer.to_string();
            async move {
                if request.uri().query().unwrap_or_default().contains("watch=true") {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::convert::Infallible>(
                    Response::builder().status(code).body(Body::from(text.into_bytes())).unwrap(),
                )
            }
        });
        let mut notes = Notes::default();
        let (listed, client) = (notes.listed.clone(), kube::Client::new(service, "ns"));
        let (_, writer) = kube_runtime::reflector::store();
        tokio::select! {
            () = watch((kube::Api::all(client), watcher::Config::default()), writer, &mut notes) => {}
            () = listed.cancelled() => {}
        }
        notes.told
    }

    #[tokio::test]
    async fn listeners_are_told_when_all_is_listed_and_when_the_cluster_has_no_such_kind() {
        let repository = json!({
            "metadata": {"name": "charts", "namespace": "ns", "uid": "1", "resourceVersion": "5"},
            "spec": {"url": "https://charts.example.com"},
        });
        let list = json!({"metadata": {"resourceVersion": "9"}, "items": [repository]});
        assert_eq!(told(200, list).await, ["asked charts", "changed charts", "listed"]);
        let missing =
            json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found", "reason": "NotFound"});
        assert_eq!(told(404, missing).await, ["listed"]);
    }
}
