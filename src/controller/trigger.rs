//! What wakes a release, besides its own object: sources, dependencies, watched ConfigMaps and Secrets, drift, release records.
//!
//! Each trigger names the releases that it concerns; the queue of the controller makes one reconcile of many triggers.
//!
//! **Invariant:** a trigger only wakes; what is true is read anew by the reconcile.

use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, PartialObjectMeta};
use kube::{Resource, ResourceExt as _};
use kube_runtime::WatchStreamExt as _;
use kube_runtime::reflector::{ObjectRef, Store};
use kube_runtime::watcher::{self, watcher};

use super::config::Config;
use super::context::identity;
use super::dependencies::{depends_by_expression, depends_on};
use super::engagement::{Engagements, Trigger};
use super::sources::Changed;
use crate::api::chart::ChartReferenceKind;
use crate::api::helm_release::ValuesReferenceKind;
use crate::api::{ChartRequest, HelmRelease};
use crate::cluster::Touch;
use crate::storage::StorageTouch;

/// Wakes releases.
#[derive(Clone)]
pub(super) struct Waker {
    releases: Store<HelmRelease>,
    engagements: Engagements,
    sender: UnboundedSender<ObjectRef<HelmRelease>>,
}

impl Waker {
    /// A waker, and the stream of releases to wake.
    pub(super) fn new(
        releases: Store<HelmRelease>,
        engagements: Engagements,
    ) -> (Self, UnboundedReceiver<ObjectRef<HelmRelease>>) {
        let (sender, receiver) = unbounded();
        (Self { releases, engagements, sender }, receiver)
    }

    /// The release itself has changed.
    pub(super) fn release(&self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        let trigger = Trigger { kind: "HelmRelease", namespace: namespace.to_owned(), name: name.to_owned() };
        self.engagements.tell(release, &trigger);
        self.wake(release);
    }

    fn wake(&self, release: &HelmRelease) {
        // The receiver is gone only while the program stops.
        let _ = self.sender.unbounded_send(ObjectRef::from_obj(release));
    }

    /// What releases are made of has changed; one that is being worked on may have to begin anew.
    fn input(&self, trigger: &Trigger, concerns: impl Fn(&HelmRelease) -> bool) {
        for release in self.releases.state() {
            if concerns(&release) {
                self.engagements.tell(&release, trigger);
                self.wake(&release);
            }
        }
    }

    fn wake_where(&self, concerns: impl Fn(&HelmRelease) -> bool) {
        for release in self.releases.state() {
            if concerns(&release) {
                self.wake(&release);
            }
        }
    }

    /// A source has changed.
    pub(super) fn source(&self, changed: &Changed) {
        let Changed { kind, namespace, name } = changed;
        let trigger = Trigger { kind, namespace: namespace.clone(), name: name.clone() };
        self.input(&trigger, |release| uses_source(release, changed));
    }

    /// A HelmRelease has changed: those that depend on it may go on.
    pub(super) fn dependants(&self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        self.wake_where(|other| depends_on(other, namespace, name));
    }

    /// A HelmRelease has changed in any way: expressions about it may hold now.
    pub(super) fn expressions(&self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        self.wake_where(|other| depends_by_expression(other, namespace, name));
    }

    /// Somebody else has touched a live object.
    pub(super) fn touch(&self, touch: &Touch) {
        let key = ObjectRef::new(&touch.release.name).within(&touch.release.namespace);
        if let Some(release) = self.releases.get(&key) {
            tracing::debug!(object = %touch.object, release = %touch.release, "a live object was touched");
            self.wake(&release);
        }
    }

    /// Somebody else has written or deleted a release record.
    pub(super) fn record(&self, touch: &StorageTouch) {
        self.wake_where(|release| {
            release.storage_namespace() == touch.key.namespace && release.release_name() == touch.key.name
        });
    }

    /// A watched ConfigMap or Secret has changed.
    fn values(&self, kind: ValuesReferenceKind, namespace: &str, name: &str) {
        let trigger = Trigger { kind: kind.as_str(), namespace: namespace.to_owned(), name: name.to_owned() };
        self.input(&trigger, |release| identity(release).0 == namespace && uses_config(release, kind, name));
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
                tracing::warn!(%error, "cannot watch ConfigMaps and Secrets for changed values; trying again");
                None
            }
        }
    })
}

/// Whether values or the kubeconfig of a release come from an object of its namespace.
fn uses_config(release: &HelmRelease, kind: ValuesReferenceKind, name: &str) -> bool {
    let has_values = release.spec.values_from.iter().any(|reference| reference.kind == kind && reference.name == name);
    let kubeconfig = release.spec.kube_config.as_ref().and_then(|reference| reference.secret_ref.as_ref());
    has_values || kind == ValuesReferenceKind::Secret && kubeconfig.is_some_and(|reference| reference.name == name)
}

fn uses_source(release: &HelmRelease, changed: &Changed) -> bool {
    let (own, _) = identity(release);
    match release.chart_request() {
        Ok(ChartRequest::Template(template)) => {
            let namespace = template.spec.source_ref.namespace_or(own);
            changed.kind == "HelmChart" && changed.namespace == namespace && changed.name == release.helm_chart_name()
        }
        Ok(ChartRequest::Reference(reference)) => {
            let kind = match reference.kind {
                ChartReferenceKind::HelmChart => "HelmChart",
                ChartReferenceKind::OciRepository => "OCIRepository",
                ChartReferenceKind::ExternalArtifact => "ExternalArtifact",
            };
            changed.kind == kind && changed.namespace == reference.namespace_or(own) && changed.name == reference.name
        }
        Ok(ChartRequest::Inline(_)) | Err(_) => false,
    }
}
