//! Waiting until objects are ready: a future fed by the shared watches, with no request of its own.
//!
//! Objects that the store cannot follow (no permission to watch, or outside of the watched namespace) are read now and then instead.
//! Only when time has run out is an object read that a watch follows, for the server may have been away, and nothing was told meanwhile; and
//! only when a wait has failed are Pods listed, to say what keeps a workload from being ready.
//!
//! **Invariant:** until its time has run out, never asks for an object that a watch follows.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use kube::api::ListParams;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::objects::Prepared;
use super::request::path;
use super::{Cluster, Error, ObjectReference, Operation, Origin, ResourceKind};
use crate::readiness::{Purpose, Readiness, State, readiness, waiting_reason};

/// A rule that goes before the built-in ones, such as CEL health checks; none where it has no opinion on the object.
pub type CustomRule = Arc<dyn Fn(&Value) -> Option<Readiness> + Send + Sync>;

/// How often objects are read that no watch follows (Flux's poller).
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The time that a timeout of zero stands for (Helm 4.3).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// For how many workloads Pods are listed when a wait has failed.
const MAX_EXPLAINED: usize = 3;

/// What to wait for and how long.
#[derive(Clone)]
pub struct WaitOptions {
    /// Whose objects these are, and where objects without a namespace are.
    pub origin: Origin,
    /// Which rules hold.
    pub purpose: Purpose,
    /// How long to wait; a timeout of zero means 30 s, as in Helm.
    pub timeout: Duration,
    /// Ends the wait early, unless it is for a hook that runs.
    pub cancel: CancellationToken,
    /// Ends the wait early, whatever it is for.
    pub abort: CancellationToken,
    /// Rules that go first.
    pub custom: Option<CustomRule>,
    /// End the wait as soon as one object has failed for good.
    pub fail_fast: bool,
}

impl WaitOptions {
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + if self.timeout.is_zero() { DEFAULT_TIMEOUT } else { self.timeout }
    }

    pub(super) fn judge(&self, live: &Value) -> Readiness {
        let custom = self.custom.as_ref().and_then(|rule| rule(live));
        custom.unwrap_or_else(|| readiness(live, self.purpose))
    }
}

/// An object that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// Which object.
    pub object: ObjectReference,
    /// Why.
    pub readiness: Readiness,
}

impl fmt::Display for NotReady {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} status: '{}': {}", self.object, self.readiness.state, self.readiness.message)
    }
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// Everything is ready.
    Ready,
    /// An object has failed for good; all that are not ready are listed, failed ones first.
    Failed(Vec<NotReady>),
    /// Time ran out; all that are not ready are listed.
    TimedOut(Vec<NotReady>),
    /// The token was cancelled.
    Cancelled,
}

impl Cluster {
    /// Waits until the objects, which carry the release's marks, are ready. The objects themselves are given up before the wait begins:
    /// there is no limit to how many releases wait at a time, and so they must not take much memory meanwhile.
    pub async fn wait(&self, objects: Vec<Value>, options: &WaitOptions) -> Result<WaitOutcome, Error> {
        let deadline = options.deadline();
        let prepared = self.prepare(&objects, &options.origin, false).await?;
        drop(objects);
        let mut awaited: Vec<Awaited> = prepared.into_iter().map(Awaited::from).collect();
        // All watches begin before the first is waited for.
        for object in awaited.iter().filter(|it| self.watches().covers(&it.kind, it.reference.namespace.as_deref())) {
            self.watches().begin(&object.kind);
        }
        // Boxed, since the compiler cannot see that futures made by a closure over references are Send.
        let follows: Vec<_> = awaited
            .iter()
            .map(|it| self.watches().follows(&it.kind, it.reference.namespace.as_deref()).boxed())
            .collect();
        let follows = tokio::select! {
            follows = join_all(follows) => follows,
            () = sleep_until(deadline) => vec![false; awaited.len()],
            () = options.cancel.cancelled() => return Ok(WaitOutcome::Cancelled),
        };
        for (object, followed) in awaited.iter_mut().zip(follows) {
            object.followed = followed;
        }
        let outcome = self.wait_for_all(awaited, options, deadline).await?;
        self.watches().store().drop_waiter(&options.origin.release);
        Ok(outcome)
    }

    async fn wait_for_all(
        &self,
        mut awaited: Vec<Awaited>,
        options: &WaitOptions,
        deadline: Instant,
    ) -> Result<WaitOutcome, Error> {
        let waiter = self.watches().store().waiter(&options.origin.release);
        loop {
            let mut changed = pin!(waiter.notified());
            // Listening begins before the look, so that nothing is missed between the two.
            changed.as_mut().enable();
            let mut open = Vec::new();
            let mut not_ready = Vec::new();
            for object in awaited {
                if let Some(verdict) = self.look(&object, options).await {
                    not_ready.push(NotReady { object: object.reference.clone(), readiness: verdict });
                    open.push(object);
                }
            }
            awaited = open;
            not_ready.sort_by_key(|it| it.readiness.state != State::Failed);
            let failed = not_ready.iter().filter(|it| it.readiness.state == State::Failed).count();
            if not_ready.is_empty() {
                return Ok(WaitOutcome::Ready);
            }
            if failed == not_ready.len() || (failed > 0 && options.fail_fast) {
                self.explain(&awaited, &mut not_ready).await;
                return Ok(WaitOutcome::Failed(not_ready));
            }
            let polls = awaited.iter().any(|it| !it.followed);
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(POLL_INTERVAL), if polls => {}
                () = options.cancel.cancelled() => return Ok(WaitOutcome::Cancelled),
                () = sleep_until(deadline) => {
                    if self.became_ready_unseen(&awaited, options).await? {
                        return Ok(WaitOutcome::Ready);
                    }
                    self.explain(&awaited, &mut not_ready).await;
                    return Ok(WaitOutcome::TimedOut(not_ready));
                }
            }
        }
    }

    /// The verdict on an object that is not ready; none for one that is.
    async fn look(&self, object: &Awaited, options: &WaitOptions) -> Option<Readiness> {
        let live = if object.followed {
            let live = self.watches().get(&options.origin.release, &object.reference);
            live.map(|live| live.parse())
        } else {
            match self.read(&object.kind, &object.reference).await {
                Ok(live) => live,
                Err(failure) => return Some(Readiness::new(State::Unknown, failure.message)),
            }
        };
        verdict(object, live.as_ref(), options)
    }

    /// Whether all objects are ready after all. A release must not fail for what a server that was away could not tell, so a server that
    /// is still away is an error of its own. Costs one request where the first object is truly not ready.
    async fn became_ready_unseen(&self, awaited: &[Awaited], options: &WaitOptions) -> Result<bool, Error> {
        for object in awaited {
            match self.read(&object.kind, &object.reference).await {
                Ok(live) if verdict(object, live.as_ref(), options).is_none() => {}
                Err(failure) if failure.is_fault() => return Err(Error::Requests(vec![failure])),
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Adds what Pods say to the verdicts on workloads.
    async fn explain(&self, awaited: &[Awaited], not_ready: &mut [NotReady]) {
        let mut explained = 0;
        for verdict in not_ready {
            let Some(object) = awaited.iter().find(|it| it.reference == verdict.object) else { continue };
            let Some(selector) = &object.pods else { continue };
            if explained == MAX_EXPLAINED {
                return;
            }
            explained += 1;
            if let Some(reason) = self.pod_reason(&verdict.object, selector).await {
                verdict.readiness.message = format!("{}; {reason}", verdict.readiness.message);
            }
        }
    }

    /// What keeps the first Pod of a workload that is not ready from being so.
    async fn pod_reason(&self, workload: &ObjectReference, selector: &str) -> Option<String> {
        let gvk = kube::core::GroupVersionKind::gvk("", "v1", "Pod");
        let kind = self.discovery().resolve(&gvk).await.ok()??;
        let params = ListParams::default().labels(selector).limit(10);
        let request = path(&kind, workload.namespace.as_deref()).list(&params);
        // A list that fails leaves the verdict as it is, which is bad enough.
        let answer = self.send(Operation::List, workload, request).await.ok()?;
        let pods = answer.body.get("items")?.as_array()?;
        pods.iter().find_map(|pod| {
            let name = pod.pointer("/metadata/name").and_then(Value::as_str)?;
            Some(format!("Pod {name}: {}", waiting_reason(pod)?))
        })
    }
}

/// What keeps an object, as it is now, from being ready.
fn verdict(object: &Awaited, live: Option<&Value>, options: &WaitOptions) -> Option<Readiness> {
    let verdict = match live {
        Some(live) => options.judge(live),
        None if object.vanishes_when_done => return None,
        None => Readiness::not_found(),
    };
    (!verdict.is_current()).then_some(verdict)
}

/// What is kept of an object while it is waited for.
struct Awaited {
    reference: ObjectReference,
    kind: Arc<ResourceKind>,
    vanishes_when_done: bool,
    /// The label selector of its Pods, for a workload.
    pods: Option<String>,
    /// Whether a watch follows it.
    followed: bool,
}

impl From<Prepared> for Awaited {
    fn from(Prepared { reference, kind, object }: Prepared) -> Self {
        let (vanishes_when_done, pods) = (vanishes_when_done(&object), pod_selector(&object));
        Self { reference, kind, vanishes_when_done, pods, followed: false }
    }
}

/// Whether an object goes away by itself once it is done, so that its absence is success: Jobs with a time to live.
pub(super) fn vanishes_when_done(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Job")
        && object.pointer("/spec/ttlSecondsAfterFinished").is_some()
}

/// The label selector of a workload's Pods in text form.
fn pod_selector(object: &Value) -> Option<String> {
    let kind = object.get("kind").and_then(Value::as_str)?;
    let name = object.pointer("/metadata/name").and_then(Value::as_str)?;
    match kind {
        "Job" => Some(format!("batch.kubernetes.io/job-name={name}")),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {
            let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object)?;
            let pairs = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
            Some(pairs.collect::<Vec<_>>().join(",")).filter(|selector| !selector.is_empty())
        }
        _ => None,
    }
}
