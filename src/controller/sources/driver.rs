//! One reconcile of a source of any kind: deletion, suspension, the attempt, status, event, metrics, and when to come back.
//!
//! **Invariant:** every end of an attempt maps to one answer for the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedReceiver;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{Api, Patch};
use kube_runtime::reflector::{ObjectRef, Store};
use serde_json::json;
use tracing::Instrument as _;

use super::kind::{Source, identity};
use super::status::{Done, Failed, FailedEnding, conclude, manager, write};
use super::{Dependencies, Sources};
use crate::action::{Slot, Slots};
use crate::api::conditions::{condition_status, condition_type, find};
use crate::api::metadata::{
    EVENT_ANNOTATION_PREFIX, FINALIZER, ORIGIN_NAME_LABEL, SOURCE_DIGEST_ANNOTATION, SOURCE_GROUP,
    SOURCE_REVISION_ANNOTATION,
};
use crate::controller::backoff::Backoff;
use crate::controller::queue::{self, Line, Next};
use crate::controller::written::Written;
use crate::lifecycle::{Event, EventType};
use crate::telemetry::{ReconcileResult, ResourceInfo, causes, mark_failed};

/// Sources of one kind that are worked on at once; they wait for other servers most of the time.
const CONCURRENT: usize = 10;

/// A kind of source that is reconciled.
pub(super) trait Reconcile: Source {
    /// Brings the status up to date; conditions are left to the driver.
    fn attempt(&self, status: &mut Self::Status, shared: &Shared) -> impl Future<Output = Result<Done, Failed>> + Send;
}

/// What reconciles of all kinds share.
pub(super) struct Shared {
    pub(super) dependencies: Dependencies,
    pub(super) sources: Sources,
    /// The host in the URLs of artifacts.
    pub(super) host: String,
}

/// What reconciles of one kind share.
pub(super) struct Work<K: Reconcile> {
    shared: Arc<Shared>,
    written: Written<K>,
    backoff: Backoff,
}

/// Reconciles what comes out of the queue until told to stop.
pub(super) async fn control<K: Reconcile>(
    shared: Arc<Shared>,
    store: Store<K>,
    queue: UnboundedReceiver<ObjectRef<K>>,
) {
    let stop = shared.dependencies.stop.clone();
    shared.dependencies.metrics.set_max_workers(K::CONTROLLER, CONCURRENT);
    let limits = &shared.dependencies.config;
    let backoff = Backoff::new(limits.min_retry_delay, limits.max_retry_delay);
    let line = Line { controller: K::CONTROLLER, metrics: Arc::clone(&shared.dependencies.metrics) };
    let work = Arc::new(Work::<K> { shared, written: Written::new(store.clone()), backoff });
    let slots = Slots::new(CONCURRENT);
    let reconcile = |object: Arc<K>, slot: Slot| {
        let work = Arc::clone(&work);
        let (namespace, name) = identity(&*object);
        let span = tracing::info_span!(
            target: "rhumb",
            "reconcile",
            controller = K::CONTROLLER,
            controllerGroup = SOURCE_GROUP,
            controllerKind = K::KIND,
            namespace,
            name,
            otel.status_code = tracing::field::Empty
        );
        let work = async move {
            let _slot = slot;
            work.reconcile(object).await
        };
        work.instrument(span)
    };
    // What is cut short here is done again by whoever leads next.
    tokio::select! {
        () = queue::run(line, store, queue, &slots, &stop, reconcile) => {}
        () = stop.cancelled() => {}
    }
}

impl<K: Reconcile> Work<K> {
    async fn reconcile(&self, stored: Arc<K>) -> Next {
        let object = self.written.newest(stored);
        let (namespace, name) = identity(&*object);
        let metrics = &self.shared.dependencies.metrics;
        if object.meta().deletion_timestamp.is_some() {
            self.written.forget(&object);
            self.recovered(&object);
            metrics.forget(K::KIND, namespace, name);
            return self.let_go(&object).await;
        }
        if object.is_suspended() || object.is_static() {
            metrics.source_left(K::KIND, namespace, name);
            self.tell_metrics(&object, object.status());
            return Next::OnChange;
        }
        metrics.reconcile_started(K::CONTROLLER, namespace, name);
        let start = Instant::now();
        let (action, result) = self.attempt(&object).await;
        metrics.reconcile_ended(K::CONTROLLER, K::KIND, namespace, name, start.elapsed(), result);
        if result.is_failure() {
            mark_failed();
        }
        action
    }

    async fn attempt(&self, object: &K) -> (Next, ReconcileResult) {
        let dependencies = &self.shared.dependencies;
        let mut status = object.status().cloned().unwrap_or_default();
        let result = object.attempt(&mut status, &self.shared).await;
        let event = conclude(object, &mut status, &result, Timestamp::now());
        match write(&dependencies.client, object, &status).await {
            Ok(written) => {
                written.map(|written| self.written.keep(written));
            }
            Err(error) => {
                tracing::error!(error = causes(&error), "cannot write the status");
                return (Next::After(self.failed(object)), ReconcileResult::Error);
            }
        }
        self.tell_metrics(object, Some(&status));
        if let Some(event) = event {
            tell(&event);
            if is_published(object, &event) {
                (dependencies.publish)(reference(object), &event, annotations(object, &status));
            }
        }
        let config = &dependencies.config;
        match result.as_ref().map_err(|failed| failed.ending) {
            Err(FailedEnding::Retry) => return (Next::After(self.failed(object)), ReconcileResult::Error),
            Ok(_) | Err(FailedEnding::Stalled | FailedEnding::Waiting) => self.recovered(object),
        }
        match result.map_err(|failed| failed.ending) {
            Ok(Done { has_artifact: false, .. }) => (Next::OnChange, ReconcileResult::Success),
            Ok(_) => {
                let (namespace, name) = identity(object);
                let now = Timestamp::now().as_second() as f64;
                dependencies.metrics.source_checked(K::KIND, namespace, name, object.interval(), now);
                let next = config.jittered(object.interval());
                (Next::After(next), ReconcileResult::RequeueAfter)
            }
            Err(FailedEnding::Waiting) => {
                let next = config.jittered(config.requeue_dependency);
                (Next::After(next), ReconcileResult::RequeueAfter)
            }
            Err(FailedEnding::Stalled | FailedEnding::Retry) => (Next::OnChange, ReconcileResult::TerminalError),
        }
    }

    /// Takes Flux's finalizer off an object that is being deleted; nobody else may be there to do it.
    async fn let_go(&self, object: &K) -> Next {
        let kept: Vec<_> = object.meta().finalizers.iter().flatten().filter(|name| *name != FINALIZER).collect();
        if kept.len() == object.meta().finalizers.as_ref().map_or(0, Vec::len) {
            return Next::OnChange;
        }
        let (namespace, name) = identity(object);
        let api: Api<K> = Api::namespaced(self.shared.dependencies.client.clone(), namespace);
        let metadata = json!({ "finalizers": kept, "resourceVersion": object.meta().resource_version });
        match api.patch(name, &manager(), &Patch::Merge(json!({ "metadata": metadata }))).await {
            Ok(_) => Next::OnChange,
            Err(kube::Error::Api(answer)) if answer.code == 404 => Next::OnChange,
            Err(error) => {
                tracing::warn!(error = causes(&error), "cannot take the finalizer off");
                Next::After(self.failed(object))
            }
        }
    }

    fn failed(&self, object: &K) -> Duration {
        let (namespace, name) = identity(object);
        self.backoff.failed(namespace, name)
    }

    fn recovered(&self, object: &K) {
        let (namespace, name) = identity(object);
        self.backoff.reset(namespace, name);
    }

    fn tell_metrics(&self, object: &K, status: Option<&K::Status>) {
        let (namespace, name) = identity(object);
        let facts = status.map(K::facts);
        let ready = facts.as_ref().and_then(|facts| find(facts.conditions, condition_type::READY));
        let artifact = facts.as_ref().and_then(|facts| facts.artifact);
        let info = ResourceInfo {
            group: SOURCE_GROUP,
            version: "v1",
            ready: ready.map_or_else(|| condition_status::UNKNOWN.to_owned(), |ready| ready.status.clone()),
            suspended: object.is_suspended(),
            revision: artifact.map(|artifact| artifact.revision.clone()).unwrap_or_default(),
            url: object.url().to_owned(),
            ..ResourceInfo::default()
        };
        self.shared.dependencies.metrics.set_object(K::KIND, namespace, name, &info);
    }
}

/// Whether an event is written. That a release's own HelmChart was pulled is told by the release's event; a second one for each release
/// would only cost the API server.
fn is_published<K: Source>(object: &K, event: &Event) -> bool {
    let is_generated = object.meta().labels.iter().flatten().any(|(key, _)| key == ORIGIN_NAME_LABEL);
    event.event_type == EventType::Warning || !is_generated
}

fn tell(event: &Event) {
    match event.event_type {
        EventType::Normal => tracing::info!(reason = event.reason, "{}", event.message),
        EventType::Warning => tracing::error!(reason = event.reason, "{}", event.message),
    }
}

/// What events say they are about.
fn reference<K: Source>(object: &K) -> ObjectReference {
    let metadata = object.meta();
    ObjectReference {
        api_version: Some(format!("{SOURCE_GROUP}/v1")),
        kind: Some(K::KIND.to_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        field_path: None,
    }
}

/// Flux's annotations of events: which artifact it was about, and what the user wants passed on.
fn annotations<K: Source>(object: &K, status: &K::Status) -> BTreeMap<String, String> {
    let passed = object.meta().annotations.iter().flatten();
    let passed = passed.filter(|(key, _)| key.starts_with(EVENT_ANNOTATION_PREFIX));
    let mut annotations: BTreeMap<_, _> = passed.map(|(key, value)| (key.clone(), value.clone())).collect();
    if let Some(artifact) = K::facts(status).artifact {
        annotations.insert(SOURCE_REVISION_ANNOTATION.to_owned(), artifact.revision.clone());
        if let Some(digest) = &artifact.digest {
            annotations.insert(SOURCE_DIGEST_ANNOTATION.to_owned(), digest.clone());
        }
    }
    annotations
}
