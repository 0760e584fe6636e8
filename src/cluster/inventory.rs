//! The shared watches: every live object that carries an origin label, one watch a kind for all releases.
//!
//! In: events of label-filtered watches (`helm.toolkit.fluxcd.io/name` exists) and the answers to our own writes. Out: lean copies for
//! waiting and drift detection, and a [`Touch`] whenever somebody else changed or deleted an owned object.
//!
//! **Invariant:** never keeps managed fields, Secret values or long texts; digests stand for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::Scope;
use kube::{Api, Client};
use kube_runtime::watcher;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::store::{Store, content};
use super::watch::{AbortOnDrop, Health, settled, spawn_watch};
use super::{ObjectReference, ResourceKind, WatchScope};
use crate::diff::{self, FieldOwner};

/// The labels that say which HelmRelease an object belongs to, as Flux names them.
pub mod label {
    /// The HelmRelease's name.
    pub const NAME: &str = "helm.toolkit.fluxcd.io/name";
    /// The HelmRelease's namespace.
    pub const NAMESPACE: &str = "helm.toolkit.fluxcd.io/namespace";
    pub(in crate::cluster) const NAME_POINTER: &str = "/metadata/labels/helm.toolkit.fluxcd.io~1name";
    pub(in crate::cluster) const NAMESPACE_POINTER: &str = "/metadata/labels/helm.toolkit.fluxcd.io~1namespace";
}

/// The HelmRelease that objects belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReleaseKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What happened to an owned object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchKind {
    /// Somebody else took or changed fields that we applied, or deletion has begun.
    Changed,
    /// It is gone, or no longer carries our labels.
    Deleted,
}

/// Somebody else has touched an object of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Whose object.
    pub release: ReleaseKey,
    /// Which object.
    pub object: ObjectReference,
    /// What happened.
    pub kind: TouchKind,
}

/// A live object as the store keeps it.
#[derive(Clone, Debug)]
pub struct LiveObject {
    /// The object's identifier, new with each creation.
    pub uid: String,
    /// The version of this copy.
    pub resource_version: String,
    /// A digest of everything but status and bookkeeping.
    pub(super) content: u64,
    /// The object in JSON, compacted.
    pub(super) json: Arc<str>,
    /// What other managers have of it.
    pub(super) owners: Arc<[FieldOwner]>,
}

impl LiveObject {
    /// A copy of an object that was read, compacted like those of the store.
    pub(super) fn new(mut object: Value, ours: &str) -> Self {
        let owners = FieldOwner::others(&object, ours).into();
        diff::compact(&mut object);
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            uid: text("/metadata/uid"),
            resource_version: text("/metadata/resourceVersion"),
            content: content(&object),
            json: Arc::from(object.to_string()),
            owners,
        }
    }

    /// The compacted object.
    pub fn parse(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}

/// Holds back touches of one release while an action works on it; touches by others are told when it is dropped.
#[must_use = "touches are held back only while the guard lives"]
pub struct ActionGuard {
    store: Arc<Store>,
    release: ReleaseKey,
}

impl Drop for ActionGuard {
    fn drop(&mut self) {
        self.store.release(&self.release);
    }
}

/// The registry of shared watches; clones share it.
#[derive(Clone)]
pub struct Watches {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    scope: WatchScope,
    store: Arc<Store>,
    running: Mutex<HashMap<GroupVersionKind, Running>>,
}

struct Running {
    health: watch::Receiver<Health>,
    _task: AbortOnDrop,
}

impl Watches {
    pub(super) fn new(client: Client, scope: WatchScope, manager: &str) -> Self {
        let store = Arc::new(Store::new(manager));
        Self { inner: Arc::new(Inner { client, scope, store, running: Mutex::default() }) }
    }

    /// Tells of owned objects that others touch, from now on.
    pub fn touches(&self) -> mpsc::UnboundedReceiver<Touch> {
        self.inner.store.subscribe()
    }

    /// Holds back touches of a release while an action works on it.
    pub fn hold(&self, release: &ReleaseKey) -> ActionGuard {
        self.inner.store.hold(release);
        ActionGuard { store: self.inner.store.clone(), release: release.clone() }
    }

    /// The live object as the store has it.
    pub fn get(&self, release: &ReleaseKey, object: &ObjectReference) -> Option<LiveObject> {
        self.inner.store.get(release, object)
    }

    /// All live objects that carry the labels of a release, as far as their kinds are watched.
    pub fn inventory(&self, release: &ReleaseKey) -> Vec<(ObjectReference, LiveObject)> {
        self.inner.store.inventory(release)
    }

    /// How many objects are kept, for metrics.
    pub fn len(&self) -> usize {
        self.inner.store.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many watches run, for metrics.
    pub fn running(&self) -> usize {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    /// Whether the store follows objects of a kind in a namespace, once the watch has settled; begins the watch if need be.
    pub(super) async fn follows(&self, kind: &ResourceKind, namespace: Option<&str>) -> bool {
        if !self.covers(kind, namespace) {
            return false;
        }
        settled(self.begin(kind)).await == Health::Synced
    }

    /// Begins to watch a kind without waiting for it.
    pub(super) fn begin(&self, kind: &ResourceKind) -> watch::Receiver<Health> {
        let gvk = GroupVersionKind::gvk(&kind.api.group, &kind.api.version, &kind.api.kind);
        let mut running = self.inner.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = running.get(&gvk).filter(|found| *found.health.borrow() != Health::Gone) {
            return found.health.clone();
        }
        let (sender, health) = watch::channel(Health::Starting);
        let task = self.spawn(kind, sender);
        running.insert(gvk, Running { health: health.clone(), _task: task });
        health
    }

    /// Whether the watch of a kind would see a namespace.
    pub(super) fn covers(&self, kind: &ResourceKind, namespace: Option<&str>) -> bool {
        kind.watchable
            && match &self.inner.scope {
                WatchScope::Cluster => true,
                WatchScope::Namespace(scope) => !kind.namespaced || namespace == Some(scope),
            }
    }

    fn spawn(&self, kind: &ResourceKind, health: watch::Sender<Health>) -> AbortOnDrop {
        let scope = if kind.namespaced { Scope::Namespaced } else { Scope::Cluster };
        let api: Api<DynamicObject> = Api::dynamic(self.inner.client.clone(), &kind.api, &scope);
        let api = match &self.inner.scope {
            WatchScope::Namespace(namespace) => api.constrain(namespace),
            WatchScope::Cluster => api,
        };
        let config = watcher::Config::default().labels(label::NAME);
        let store = self.inner.store.clone();
        let kind = kind.clone();
        let mut begun = 0;
        spawn_watch(api, config, health, move |event| match event {
            watcher::Event::Init => begun = store.begin_list(),
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => store.observe(raw(&kind, object)),
            watcher::Event::InitDone => store.listed(&kind, begun),
            watcher::Event::Delete(object) => store.gone(raw(&kind, object)),
        })
    }
}

/// The object as JSON. Objects in a list lack their kind, which is put back.
pub(super) fn raw(kind: &ResourceKind, mut object: DynamicObject) -> Value {
    object.types.get_or_insert_with(|| kube::core::TypeMeta {
        api_version: kind.api.api_version.clone(),
        kind: kind.api.kind.clone(),
    });
    serde_json::to_value(object).unwrap_or_default()
}
