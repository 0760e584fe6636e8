//! When to look at a release again.
//!
//! **Invariant:** every end of a reconcile maps to one answer; none is forgotten.

use std::time::Duration;

use kube_runtime::controller::Action;

use super::context::Context;
use crate::api::HelmRelease;
use crate::telemetry::ReconcileResult;

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
    /// To be tried again after this time.
    RetryAfter(Duration),
    /// To be tried again with back-off; nothing failed that is not told already.
    Retry,
    /// Failed, to be tried again with back-off.
    Failed,
}

impl Ending {
    /// The answer for the queue.
    pub(super) fn action(self, release: &HelmRelease, ctx: &Context) -> Action {
        let (namespace, name) = super::context::identity(release);
        match self {
            Self::Retry | Self::Failed => return Action::requeue(ctx.backoff.failed(namespace, name)),
            Self::Settled | Self::Stalled | Self::Left | Self::Waiting | Self::RetryAfter(_) => {
                ctx.backoff.reset(namespace, name);
            }
        }
        match self {
            Self::Settled => Action::requeue(ctx.jittered(release.interval().as_std())),
            Self::Waiting => Action::requeue(ctx.jittered(ctx.config.requeue_dependency)),
            Self::RetryAfter(interval) => Action::requeue(ctx.jittered(interval)),
            Self::Stalled | Self::Left | Self::Retry | Self::Failed => Action::await_change(),
        }
    }

    /// What metrics say of it.
    pub(super) fn result(self) -> ReconcileResult {
        match self {
            Self::Settled | Self::Waiting | Self::RetryAfter(_) => ReconcileResult::RequeueAfter,
            Self::Left => ReconcileResult::Success,
            Self::Stalled => ReconcileResult::TerminalError,
            Self::Retry => ReconcileResult::Requeue,
            Self::Failed => ReconcileResult::Error,
        }
    }
}
