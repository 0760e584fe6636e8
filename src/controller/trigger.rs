//! What wakes a release, besides its own object: sources, dependencies, watched ConfigMaps and Secrets, drift, release records.
//!
//! Each trigger names the releases that it concerns; the queue of the controller makes one reconcile of many triggers.
//!
//! **Invariant:** a trigger only wakes; what is true is read anew by the reconcile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PartialObjectMeta};
use kube::{Resource, ResourceExt as _};
use kube_runtime::WatchStreamExt as _;
use kube_runtime::reflector::{ObjectRef, Store};
use kube_runtime::watcher::{self, watcher};

use super::config::Config;
use super::engagement::{Engagements, Trigger};
use super::interests::{Interests, Role};
use super::sources::Changed;
use crate::api::HelmRelease;
use crate::api::helm_release::ValuesReferenceKind;
use crate::cluster::Touch;
use crate::storage::StorageTouch;
use crate::telemetry::causes;

/// Wakes releases.
#[derive(Clone)]
pub(super) struct Waker {
    releases: Store<HelmRelease>,
    engagements: Engagements,
    interests: Arc<Mutex<Interests>>,
    sender: UnboundedSender<ObjectRef<HelmRelease>>,
}

/// That the release itself has changed.
fn own(namespace: &str, name: &str) -> Trigger {
    Trigger { kind: "HelmRelease", namespace: namespace.to_owned(), name: name.to_owned() }
}

impl Waker {
    /// A waker, and the stream of releases to wake.
    pub(super) fn new(
        releases: Store<HelmRelease>,
        engagements: Engagements,
    ) -> (Self, UnboundedReceiver<ObjectRef<HelmRelease>>) {
        let (sender, receiver) = unbounded();
        (Self { releases, engagements, interests: Arc::default(), sender }, receiver)
    }

    /// Takes a release as its watch tells of it: what it names wakes it from now on.
    pub(super) fn note(&self, release: &HelmRelease) {
        self.interests().note(release);
    }

    /// Forgets a release that is gone, or is no longer this process's business; a reconcile of it under way need not go on.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.interests().forget(namespace, name);
        self.engagements.tell(namespace, name, &own(namespace, name));
    }

    fn interests(&self) -> MutexGuard<'_, Interests> {
        self.interests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The release itself has changed.
    pub(super) fn release(&self, namespace: &str, name: &str) {
        self.engagements.tell(namespace, name, &own(namespace, name));
        self.wake(ObjectRef::new(name).within(namespace));
    }

    fn wake(&self, release: ObjectRef<HelmRelease>) {
        // The receiver is gone only while the program stops.
        let _ = self.sender.unbounded_send(release);
    }

    /// What releases are made of has changed; one that is being worked on may have to begin anew.
    fn input(&self, role: Role, kind: &'static str, namespace: &str, name: &str) {
        let trigger = Trigger { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        let concerned = self.interests().in_role(role, namespace, name);
        for release in concerned {
            self.engagements.tell(release.namespace.as_deref().unwrap_or_default(), &release.name, &trigger);
            self.wake(release);
        }
    }

    fn wake_all(&self, role: Role, namespace: &str, name: &str) {
        let concerned = self.interests().in_role(role, namespace, name);
        for release in concerned {
            self.wake(release);
        }
    }

    /// A source has changed.
    pub(super) fn source(&self, changed: &Changed) {
        let Changed { kind, namespace, name } = changed;
        self.input(Role::Source(kind), kind, namespace, name);
    }

    /// A HelmRelease has changed: those that depend on it may go on.
    pub(super) fn dependants(&self, namespace: &str, name: &str) {
        self.wake_all(Role::Dependency, namespace, name);
    }

    /// A HelmRelease has changed in any way: expressions about it may hold now.
    pub(super) fn expressions(&self, namespace: &str, name: &str) {
        self.wake_all(Role::Expression, namespace, name);
    }

    /// Somebody else has touched a live object.
    pub(super) fn touch(&self, touch: &Touch) {
        let key = ObjectRef::new(&touch.release.name).within(&touch.release.namespace);
        if self.releases.get(&key).is_some() {
            tracing::debug!(object = %touch.object, release = %touch.release, "a live object was touched");
            self.wake(key);
        }
    }

    /// Somebody else has written or deleted a release record.
    pub(super) fn record(&self, touch: &StorageTouch) {
        self.wake_all(Role::Record, &touch.key.namespace, &touch.key.name);
    }

    /// A watched ConfigMap or Secret has changed.
    fn values(&self, kind: ValuesReferenceKind, namespace: &str, name: &str) {
        self.input(Role::Values(kind), kind.as_str(), namespace, name);
    }

    /// Watches the labelled ConfigMaps and Secrets, by their metadata only; ends never, unless none are to be watched.
    pub(super) async fn watch_values(self, client: kube::Client, config: Arc<Config>) {
        let Some(selector) = &config.watch_configs_label_selector else { return };
        let secrets =
            changes::<Secret>(client.clone(), &config, selector).map(|key| (ValuesReferenceKind::Secret, key));
        let maps = changes::<ConfigMap>(client, &config, selector).map(|key| (ValuesReferenceKind::ConfigMap, key));
        let mut all = futures::stream::select(secrets.boxed(), maps.boxed());
        while let Some((kind, (namespace, name))) = all.next().await {
            self.values(kind, &namespace, &name);
        }
    }
}

/// Objects that match the selector for watched values, as they change or go.
fn changes<K>(client: kube::Client, config: &Config, selector: &str) -> impl Stream<Item = (String, String)> + use<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Send
        + 'static,
    K: serde::de::DeserializeOwned + kube::Resource,
{
    let api: Api<PartialObjectMeta<K>> = match &config.watch_namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let selector = watcher::Config::default().labels(selector);
    watcher(api, selector).default_backoff().touched_objects().filter_map(|event| async move {
        match event {
            Ok(object) => Some((object.namespace().unwrap_or_default(), object.name_any())),
            Err(error) => {
                tracing::warn!(
                    error = causes(&error),
                    "cannot watch ConfigMaps and Secrets for changed values; trying again"
                );
                None
            }
        }
    })
}
