//! Performs the decided action: writes that it has begun, acts, and records what became of it.
//!
//! **Invariant:** an action that reaches storage was announced in the status before.

use std::sync::Arc;
use std::time::Instant;

use tracing::Instrument as _;

use super::Error;
use super::context::{Context, identity};
use super::observe::{Seen, ignore_rules};
use super::prerequisites::Inputs;
use crate::action::{self, Prepared, Request, Settings};
use crate::api::{HelmRelease, HelmReleaseStatus};
use crate::lifecycle::{Failure, Outcome, ReleaseAction, begin};
use crate::release::ApplyMethod;
use crate::telemetry::{UnderWay, mark_failed, phase};

/// The field manager of the helm program.
const HELM_MANAGER: &str = "helm";

/// A HelmRelease with its status as it will be: what was written and what is still to be written.
pub(super) struct Draft {
    pub(super) release: Arc<HelmRelease>,
    pub(super) status: HelmReleaseStatus,
}

impl Draft {
    /// Writes the status if it differs from what the API server has.
    pub(super) async fn write(&mut self, ctx: &Context) -> Result<(), Error> {
        self.release = ctx.write_status(&self.release, &self.status).instrument(phase("status")).await?;
        Ok(())
    }
}

/// Performs an action on a release.
pub(super) async fn act(
    draft: &mut Draft,
    inputs: &Inputs,
    seen: &Seen,
    action: &ReleaseAction,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let release = Arc::clone(&draft.release);
    let settings = settings(&release, seen, &draft.status, action, ctx);
    let timeout = crate::api::Duration::from(settings.timeout).to_string();
    let before = draft.status.clone();
    draft.status = begin(&seen.observation(&draft.status), &inputs.desired, action, &timeout, jiff::Timestamp::now());
    let bench = &inputs.bench;
    // Our own writes must not look like drift to the watches.
    let _quiet = bench.cluster.watches().hold(&bench.origin.release);
    let started = Instant::now();
    let _under_way = under_way(&release, &settings, ctx);
    let outcome = match action {
        ReleaseAction::Install | ReleaseAction::Upgrade => {
            match prepare(&release, inputs, seen, action, &settings, ctx).await {
                Ok(prepared) => {
                    draft.write(ctx).await?;
                    match action {
                        ReleaseAction::Install => Box::pin(action::install(bench, &settings, prepared)).await,
                        _ => Box::pin(action::upgrade(bench, &settings, prepared)).await,
                    }
                }
                // That a chart cannot be fetched is no failure of an action, and counts against no budget.
                Err(error @ Error::Artifact { .. }) => {
                    draft.status = before;
                    return Err(error);
                }
                Err(error) => Outcome {
                    failure: Some(Failure { message: error.to_string(), is_passing: false }),
                    duration: started.elapsed(),
                    ..Outcome::of(action.clone())
                },
            }
        }
        ReleaseAction::Rollback(revision) => {
            draft.write(ctx).await?;
            action::rollback(bench, &release, ctx.default_max_history(), *revision).await
        }
        ReleaseAction::UninstallRemediation => {
            draft.write(ctx).await?;
            action::uninstall_remediation(bench, &settings).await
        }
        ReleaseAction::Test => {
            draft.write(ctx).await?;
            action::test(bench, &settings).await
        }
        ReleaseAction::Unlock => Outcome { is_own: seen.is_own_action(), ..action::unlock(bench).await },
        ReleaseAction::CorrectDrift => correct_drift(&release, inputs, seen, &settings, ctx).await?,
    };
    if outcome.failure.is_some() {
        mark_failed();
    }
    ctx.metrics.action_ended(action.name(), started.elapsed(), outcome.failure.is_none());
    Ok(outcome)
}

/// Tells that an action has begun, and when it has used up its release's timeout.
fn under_way(release: &HelmRelease, settings: &Settings, ctx: &Context) -> UnderWay {
    let (namespace, name) = identity(release);
    let deadline = jiff::Timestamp::now().as_second() as f64 + settings.timeout.as_secs_f64();
    ctx.metrics.action_started(namespace, name, deadline)
}

/// Puts drift right, and notes it: what others bring back each time is left alone for a while.
async fn correct_drift(
    release: &HelmRelease,
    inputs: &Inputs,
    seen: &Seen,
    settings: &Settings,
    ctx: &Context,
) -> Result<Outcome, Error> {
    let bench = &inputs.bench;
    let rules = ignore_rules(release)?;
    let outcome = action::correct_drift(bench, settings, &seen.objects, &seen.drifted, &rules).await;
    if outcome.failure.is_none() {
        ctx.contests.corrected(&bench.origin.release, &seen.drifted, Instant::now());
    }
    Ok(outcome)
}

/// Whether the newest revision was applied by us on the server's side, so that every field of it is ours already.
fn is_our_own(seen: &Seen, status: &HelmReleaseStatus) -> bool {
    let Some(newest) = &seen.newest else { return true };
    let is_known = status.history.iter().any(|snapshot| snapshot.version == i64::from(newest.release.revision));
    is_known && newest.release.apply_method == Some(ApplyMethod::ServerSide)
}

fn settings(
    release: &HelmRelease,
    seen: &Seen,
    status: &HelmReleaseStatus,
    action: &ReleaseAction,
    ctx: &Context,
) -> Settings {
    let before = applied_by(seen);
    let max_history = ctx.default_max_history();
    match action {
        ReleaseAction::Install => Settings::install(release),
        ReleaseAction::Upgrade => {
            let mut settings = Settings::upgrade(release, max_history, before);
            if !is_our_own(seen, status) {
                settings.take_over.push(HELM_MANAGER.to_owned());
            }
            settings
        }
        ReleaseAction::Rollback(_) => Settings::rollback(release, max_history, before),
        ReleaseAction::UninstallRemediation => Settings::uninstall(release),
        ReleaseAction::Test => Settings::test(release),
        ReleaseAction::Unlock | ReleaseAction::CorrectDrift => Settings::correct_drift(release),
    }
}

fn applied_by(seen: &Seen) -> Option<ApplyMethod> {
    seen.newest.as_ref().and_then(|newest| newest.release.apply_method)
}

/// Loads and renders the chart.
async fn prepare(
    release: &HelmRelease,
    inputs: &Inputs,
    seen: &Seen,
    action: &ReleaseAction,
    settings: &Settings,
    ctx: &Context,
) -> Result<Prepared, Error> {
    let started = Instant::now();
    let chart = inputs.chart.load(ctx).instrument(phase("fetch")).await?;
    ctx.metrics.chart_loaded(started.elapsed());
    let request = Request {
        chart,
        version: inputs.desired.chart.version.clone(),
        values: Arc::clone(&inputs.values),
        is_upgrade: *action == ReleaseAction::Upgrade,
        newest: seen.newest.clone(),
        post_renderers: release.spec.post_renderers.clone(),
        common_metadata: release.spec.common_metadata.clone(),
        post_render_strategy: release.post_render_strategy(crate::api::defaults::HelmProfile::Helm4),
    };
    let started = Instant::now();
    let prepared = action::prepare(&inputs.bench, settings, request).instrument(phase("prepare")).await?;
    ctx.metrics.chart_rendered(started.elapsed());
    Ok(prepared)
}
