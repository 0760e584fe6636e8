//! Watching one object by its name: hooks, definitions and deletions, which the shared watches do not follow.
//!
//! As in [`super::wait`], an object is read once before a wait for readiness is said to have taken too long.
//!
//! **Invariant:** the watch ends with the wait.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use kube::Api;
use kube::core::DynamicObject;
use kube::discovery::Scope;
use kube_runtime::WatchStreamExt as _;
use kube_runtime::watcher::watch_object;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::objects::Prepared;
use super::wait::vanishes_when_done;
use super::{Cluster, Error, NotReady, ObjectReference, ResourceKind, WaitOptions, WaitOutcome};
use crate::readiness::{Purpose, Readiness, State, is_running};

/// How the watch of one object ended.
pub(super) enum Ended {
    /// What was awaited has come.
    Met,
    /// Time ran out.
    TimedOut,
    /// The token was cancelled.
    Cancelled,
}

impl Cluster {
    /// Waits for one object by a watch of its own: for hooks, which carry no marks.
    pub async fn wait_single(&self, object: &Value, options: &WaitOptions) -> Result<WaitOutcome, Error> {
        let deadline = options.deadline();
        let prepared = self.prepare(std::slice::from_ref(object), &options.origin, false).await?;
        for object in &prepared {
            let outcome = self.wait_prepared(object, options, deadline).await?;
            if outcome != WaitOutcome::Ready {
                return Ok(outcome);
            }
        }
        Ok(WaitOutcome::Ready)
    }

    async fn wait_prepared(
        &self,
        object: &Prepared,
        options: &WaitOptions,
        deadline: Instant,
    ) -> Result<WaitOutcome, Error> {
        let mut last = Readiness::not_found();
        let mut seen = false;
        let runs = AtomicBool::new(false);
        let mut met = |live: Option<&Value>| {
            runs.store(live.is_some_and(is_running), Ordering::Relaxed);
            last = match live {
                Some(live) => options.judge(live),
                None if vanishes_when_done(&object.object) => Readiness::new(State::Current, "done and gone"),
                None if seen => Readiness::new(State::Failed, "deleted while it was waited for"),
                None => Readiness::not_found(),
            };
            seen |= live.is_some();
            matches!(last.state, State::Current | State::Failed)
        };
        let (kind, reference) = (&object.kind, &object.reference);
        let mut ended = self.watch_until(kind, reference, deadline, &options.cancel, &mut met).await;
        if matches!(ended, Ended::Cancelled) && options.purpose == Purpose::Hook && runs.load(Ordering::Relaxed) {
            ended = self.watch_until(kind, reference, deadline, &options.abort, &mut met).await;
        }
        if matches!(ended, Ended::TimedOut) {
            // The server may have been away, and nothing was told meanwhile.
            match self.read(kind, reference).await {
                Ok(live) if met(live.as_ref()) => ended = Ended::Met,
                Err(failure) if failure.is_fault() => return Err(Error::Requests(vec![failure])),
                Ok(_) | Err(_) => {}
            }
        }
        let failed = last.state == State::Failed;
        let not_ready = || vec![NotReady { object: object.reference.clone(), readiness: last }];
        Ok(match ended {
            Ended::Met if failed => WaitOutcome::Failed(not_ready()),
            Ended::Met => WaitOutcome::Ready,
            Ended::TimedOut => WaitOutcome::TimedOut(not_ready()),
            Ended::Cancelled => WaitOutcome::Cancelled,
        })
    }

    /// Watches one object until `met` holds of it, or of its absence.
    pub(super) async fn watch_until(
        &self,
        kind: &ResourceKind,
        object: &ObjectReference,
        deadline: Instant,
        cancel: &CancellationToken,
        mut met: impl FnMut(Option<&Value>) -> bool,
    ) -> Ended {
        let scope = if kind.namespaced { Scope::Namespaced } else { Scope::Cluster };
        let api: Api<DynamicObject> = Api::dynamic(self.client().clone(), &kind.api, &scope);
        let api = api.constrain(object.namespace.as_deref().unwrap_or_default());
        let mut states = pin!(watch_object(api, &object.name).default_backoff());
        loop {
            let state = tokio::select! {
                state = states.next() => state,
                () = sleep_until(deadline) => return Ended::TimedOut,
                () = cancel.cancelled() => return Ended::Cancelled,
            };
            match state {
                Some(Ok(state)) => {
                    let state = state.map(|object| super::inventory::raw(kind, object));
                    if met(state.as_ref()) {
                        return Ended::Met;
                    }
                }
                Some(Err(error)) => tracing::debug!(%object, %error, "watch interrupted"),
                None => return Ended::TimedOut,
            }
        }
    }
}
