//! When to look at a release again.
//!
//! **Invariant:** every end of a reconcile maps to one answer; none is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::context::Context;
use super::queue::Next;
use crate::api::HelmRelease;
use crate::telemetry::ReconcileResult;

/// How long something that is on its way may take before the release says that it waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Releases that wait for something on its way, without having said so.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<HashMap<String, Instant>>);

impl Patience {
    /// Whether the release may wait without saying so: for a moment from when it first asks.
    pub(super) fn grant(&self, release: &HelmRelease) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(key(release)).or_insert_with(Instant::now).elapsed() < PATIENCE
    }

    /// The wait is over, or was told.
    pub(super) fn forget(&self, release: &HelmRelease) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(release));
    }
}

fn key(release: &HelmRelease) -> String {
    release.metadata.uid.clone().unwrap_or_default()
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Done until the next interval.
    Settled,
    /// Nothing will happen until an input changes.
    Stalled,
    /// The object needs no more looks: suspended or gone.
    Left,
    /// Something else has to become ready.
    Waiting,
    /// Something else is wanted meanwhile, which has woken the release already.
    Interrupted,
    /// Something is on its way and will wake the release in a moment.
    Patient,
    /// To be tried again after this time.
    RetryAfter(Duration),
    /// To be looked at again after just this time.
    Await(Duration),
    /// To be tried again with back-off; nothing failed that is not told already.
    Retry,
    /// Failed, to be tried again with back-off.
    Failed,
}

impl Ending {
    /// The answer for the queue.
    pub(super) fn next(self, release: &HelmRelease, ctx: &Context) -> Next {
        let (namespace, name) = super::context::identity(release);
        match self {
            Self::Retry | Self::Failed => return Next::After(ctx.backoff.failed(namespace, name)),
            Self::Settled
            | Self::Stalled
            | Self::Left
            | Self::Waiting
            | Self::Interrupted
            | Self::Patient
            | Self::RetryAfter(_)
            | Self::Await(_) => {
                ctx.backoff.reset(namespace, name);
            }
        }
        match self {
            Self::Settled => Next::After(ctx.config.jittered(release.interval().as_std())),
            Self::Waiting => Next::After(ctx.config.jittered(ctx.config.requeue_dependency)),
            Self::Patient => Next::After(PATIENCE),
            Self::Interrupted => Next::After(Duration::ZERO),
            Self::Await(left) => Next::After(left),
            Self::RetryAfter(interval) => Next::After(ctx.config.jittered(interval)),
            Self::Stalled | Self::Left | Self::Retry | Self::Failed => Next::OnChange,
        }
    }

    /// What metrics say of it.
    pub(super) fn result(self) -> ReconcileResult {
        match self {
            Self::Settled | Self::Waiting | Self::Patient | Self::RetryAfter(_) | Self::Await(_) => {
                ReconcileResult::RequeueAfter
            }
            Self::Left => ReconcileResult::Success,
            Self::Stalled => ReconcileResult::TerminalError,
            Self::Retry | Self::Interrupted => ReconcileResult::Requeue,
            Self::Failed => ReconcileResult::Error,
        }
    }
}
