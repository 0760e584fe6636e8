//! Reconciles a HelmRelease: prerequisites, then observe, decide, act and record until there is nothing more to do.
//!
//! **Invariant:** the status tells what happened, even where a reconcile ends in an error.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::Instrument as _;

use super::act::{Draft, act};
use super::context::{Context, identity};
use super::engagement::Engagement;
use super::error::Class;
use super::prerequisites::{Inputs, gather};
use super::queue::Next;
use super::requeue::Ending;
use super::{Error, finalize, observe, prerequisites, target};
use crate::action::Slot;
use crate::api::HelmRelease;
use crate::lifecycle::{self, Decision, Event, EventType, Outcome, ReleaseAction, Strategy, Turn};
use crate::telemetry::{mark_failed, phase};

/// Reconciles one HelmRelease; errors are told in its status and decide when it is tried again.
pub(super) async fn reconcile(stored: Arc<HelmRelease>, slot: Slot, ctx: Arc<Context>) -> Next {
    let started = Instant::now();
    let (namespace, name) = identity(&stored);
    ctx.metrics.reconcile_started("helmrelease", namespace, name);
    let engagement = ctx.engagements.begin(&stored, slot);
    let release = ctx.written.newest(stored);
    let (ending, release) = match Box::pin(run(&release, &engagement, &ctx)).await {
        Ok((ending, release)) => (ending, release),
        Err(error) => {
            tracing::error!(%error, reason = error.reason(), "reconcile failed");
            (Ending::Failed, release)
        }
    };
    let (namespace, name) = identity(&release);
    if ending.result().is_failure() {
        mark_failed();
    }
    ctx.metrics.reconcile_ended("helmrelease", "HelmRelease", namespace, name, started.elapsed(), ending.result());
    ctx.tell_metrics(&release);
    ending.next(&release, &ctx)
}

async fn run(
    release: &Arc<HelmRelease>,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<(Ending, Arc<HelmRelease>), Error> {
    if release.metadata.deletion_timestamp.is_some() {
        return finalize::finalize(release, engagement, ctx)
            .instrument(phase("uninstall"))
            .await
            .map(|ending| (ending, Arc::clone(release)));
    }
    let release = finalize::ensure_finalizer(release, ctx).await?;
    if release.spec.suspend {
        return Ok((Ending::Left, release));
    }
    if is_new(&release) {
        ctx.publish(&release, &prerequisites::warnings(&release));
    }
    let mut draft = Draft { status: release.status.clone().unwrap_or_default(), release: Arc::clone(&release) };
    let ending = match gather(&release, &mut draft.status, engagement, ctx).await {
        Ok(inputs) => match Box::pin(pursue(&release, &mut draft, &inputs, engagement, ctx)).await {
            Ok(ending) => ending,
            Err(error) => refuse(&mut draft, &error, ctx),
        },
        // What is on its way will wake the release in a moment; only if it does not, that is worth a write.
        Err(Error::SourcePending(_)) if ctx.patience.grant(&draft.release) => {
            return Ok((Ending::Patient, draft.release));
        }
        Err(error) => refuse(&mut draft, &error, ctx),
    };
    ctx.patience.forget(&draft.release);
    // Only what was asked when this reconcile began has been handled; the object may ask for more by now.
    lifecycle::handle_tokens(&mut draft.status, &release);
    draft.write(ctx).await?;
    Ok((ending, draft.release))
}

/// Whether this generation has not been looked at before.
fn is_new(release: &HelmRelease) -> bool {
    let status = release.status.as_ref();
    let seen = |generation: Option<i64>| generation == release.metadata.generation;
    !status.is_some_and(|status| {
        seen(status.observed_generation)
            || seen(status.last_attempted_generation)
            || status.conditions.iter().any(|condition| seen(condition.observed_generation))
    })
}

/// Notes why a reconcile cannot get as far as a decision.
fn refuse(draft: &mut Draft, error: &Error, ctx: &Context) -> Ending {
    let generation = draft.release.metadata.generation.unwrap_or_default();
    let terminal = error.class() == Class::Terminal;
    let message = error.to_string();
    let before = draft.status.clone();
    draft.status = lifecycle::refuse(&before, generation, error.reason(), &message, terminal, Timestamp::now());
    let event_type = if error.class() == Class::Waiting { EventType::Normal } else { EventType::Warning };
    if draft.status != before {
        // A source that is on its way is no news worth an event.
        if !matches!(error, Error::SourceNotReady(_) | Error::SourcePending(_)) {
            ctx.publish(&draft.release, &[Event { event_type, reason: error.reason(), message }]);
        }
    }
    match error.class() {
        Class::Terminal => Ending::Stalled,
        Class::Waiting => Ending::Waiting,
        Class::Transient => Ending::Failed,
    }
}

/// Works on the release, with waits that end when what is wanted has changed since this reconcile began with `asked`.
async fn pursue(
    asked: &HelmRelease,
    draft: &mut Draft,
    inputs: &Inputs,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<Ending, Error> {
    tokio::select! {
        biased;
        ending = Box::pin(take_turns(draft, inputs, engagement, ctx)) => ending,
        never = engagement.keep_watch(asked, Some(inputs), ctx) => match never {},
    }
}

/// One action a turn, with facts gathered anew, until the decision is to stop.
async fn take_turns(
    draft: &mut Draft,
    inputs: &Inputs,
    engagement: &Engagement,
    ctx: &Context,
) -> Result<Ending, Error> {
    if let Some(ending) = target::leave_old(draft, inputs, engagement, ctx).await? {
        return Ok(ending);
    }
    draft.status = lifecycle::attempt(&draft.status, &inputs.desired);
    let mut turn = Turn::default();
    let mut corrected = false;
    loop {
        let observed = observe::observe(&draft.release, inputs, &draft.status, corrected, ctx);
        let seen = match observed.instrument(phase("observe")).await {
            Ok(seen) => seen,
            Err(error) => return Ok(refuse(draft, &error, ctx)),
        };
        if let Some(newest) = &seen.newest {
            let (namespace, name) = identity(&draft.release);
            ctx.metrics.set_storage_bytes(namespace, name, newest.bytes);
        }
        let decision = lifecycle::decide(&inputs.desired, &seen.observation(&draft.status), &turn);
        let Decision::Act(action) = &decision else {
            let (status, events) =
                lifecycle::finish(&draft.status, &inputs.desired, &decision, seen.drift_checked, Timestamp::now());
            draft.status = status;
            ctx.publish(&draft.release, &events);
            return Ok(ending_of(&decision));
        };
        let outcome = Box::pin(act(draft, inputs, &seen, action, ctx)).instrument(phase(action.name())).await?;
        let (status, events) = lifecycle::record(&draft.status, &inputs.desired, &outcome, Timestamp::now());
        draft.status = status;
        ctx.publish(&draft.release, &events);
        if outcome.interrupted_by.is_some() {
            return Ok(Ending::Interrupted);
        }
        if let Some(ending) = cut_short(draft, inputs, &outcome) {
            return Ok(ending);
        }
        corrected = *action == ReleaseAction::CorrectDrift;
        turn.note(action);
    }
}

fn ending_of(decision: &Decision) -> Ending {
    match decision {
        Decision::Act(_) | Decision::Done | Decision::Rest | Decision::ReportDrift(_) => Ending::Settled,
        Decision::Retry => Ending::Retry,
        Decision::RetryAfter(interval) => Ending::RetryAfter(*interval),
        Decision::LeaveContested(contest) => Ending::Await(contest.left),
        Decision::Await(left) => Ending::Await(*left),
        Decision::Stall { .. } => Ending::Stalled,
        Decision::Refuse(_) => Ending::Failed,
    }
}

/// An action that failed before it reached storage is tried again later; deciding anew would only repeat it at once.
fn cut_short(draft: &mut Draft, inputs: &Inputs, outcome: &Outcome) -> Option<Ending> {
    outcome.failure.as_ref()?;
    let is_recorded = !matches!(outcome.action, ReleaseAction::Unlock | ReleaseAction::CorrectDrift);
    if is_recorded && outcome.reached_storage() {
        return None;
    }
    let strategy = match outcome.action {
        ReleaseAction::Install => inputs.desired.install_strategy,
        _ => inputs.desired.upgrade_strategy,
    };
    match strategy {
        Strategy::RetryOnFailure(interval) => {
            let (status, _) = lifecycle::finish(
                &draft.status,
                &inputs.desired,
                &Decision::RetryAfter(interval),
                false,
                Timestamp::now(),
            );
            draft.status = status;
            Some(Ending::RetryAfter(interval))
        }
        Strategy::RemediateOnFailure => Some(Ending::Failed),
    }
}
