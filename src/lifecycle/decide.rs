//! State to decision: which action comes next, or why none does. The table of Flux's helm-controller 1.6.
//!
//! **Invariant:** each type of action runs at most once before the release is left alone for a while, so decisions reach an end.

use std::time::Duration;

use crate::api::action::RemediationStrategy;
use crate::api::conditions::reason;
use crate::api::helm_release::DriftMode;
use crate::api::status::ReleaseActionName;

use super::desired::{Desired, Strategy};
use super::history::{Previous, is_digest_of, previous_good};
use super::observation::{Contest, Observation};
use super::remediation::ActiveRemediation;
use super::state::{ReleaseState, determine_state};

/// How long an action of the helm program, or of another operator, may be under way before its record is taken for one that was left
/// behind. Flux 1.6 takes any for that, which tears a running `helm upgrade` apart if a reconcile comes in between.
pub const FOREIGN_ACTION_GRACE: Duration = Duration::from_secs(20);

/// One thing to do to a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseAction {
    /// Install the chart as revision 1 or, after an uninstall that kept history, as the next one.
    Install,
    /// Upgrade to the wanted chart and values.
    Upgrade,
    /// Run the tests of the newest revision.
    Test,
    /// Roll back to this revision.
    Rollback(i64),
    /// Uninstall a release that failed.
    UninstallRemediation,
    /// Mark a revision whose action never ended as failed.
    Unlock,
    /// Put live objects right.
    CorrectDrift,
}

/// The types of actions; one of each type is performed at most in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionType {
    /// Install or upgrade.
    Release,
    /// Rollback or uninstall after a failure.
    Remediate,
    /// Tests.
    Test,
    /// Unlock.
    Unlock,
    /// Correction of drift.
    Drift,
}

impl ReleaseAction {
    /// The type.
    pub fn action_type(&self) -> ActionType {
        match self {
            Self::Install | Self::Upgrade => ActionType::Release,
            Self::Rollback(_) | Self::UninstallRemediation => ActionType::Remediate,
            Self::Test => ActionType::Test,
            Self::Unlock => ActionType::Unlock,
            Self::CorrectDrift => ActionType::Drift,
        }
    }

    /// The action whose remediation settings hold from now on, if it is one.
    pub(super) fn release_action(&self) -> Option<ReleaseActionName> {
        match self {
            Self::Install => Some(ReleaseActionName::Install),
            Self::Upgrade => Some(ReleaseActionName::Upgrade),
            _ => None,
        }
    }

    /// The name in conditions, metrics and snapshots.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Test => "test",
            Self::Rollback(_) => "rollback",
            Self::UninstallRemediation => "uninstall",
            Self::Unlock => "unlock",
            Self::CorrectDrift => "correct drift",
        }
    }
}

/// What has been done since the release was last left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    done: Vec<ActionType>,
    /// Whether a forced action was performed.
    forced: bool,
}

impl Turn {
    /// Notes an action that has been performed.
    pub fn note(&mut self, action: &ReleaseAction) {
        self.done.push(action.action_type());
        self.forced |= action.action_type() == ActionType::Release;
    }

    fn has_done(&self, action_type: ActionType) -> bool {
        self.done.contains(&action_type)
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Perform this and decide again.
    Act(ReleaseAction),
    /// The release is as wanted; look again at the next interval or change.
    Done,
    /// Nothing more is done now, though the release is not as wanted; look again at the next interval or change.
    Rest,
    /// Drift was found and is only to be reported.
    ReportDrift(Vec<String>),
    /// Drift that others bring back after each correction is left for a while.
    LeaveContested(Contest),
    /// Try again, with back-off.
    Retry,
    /// Try again after this time.
    RetryAfter(Duration),
    /// Somebody else's action is under way; look again after this time, or when its record changes.
    Await(Duration),
    /// Nothing will help until an input changes.
    Stall {
        /// The condition's reason.
        reason: &'static str,
        /// The condition's message.
        message: String,
    },
    /// The storage is in a state that no decision covers.
    Refuse(String),
}

/// Decides on the next action from the facts.
pub fn decide(desired: &Desired, observed: &Observation<'_>, turn: &Turn) -> Decision {
    let state = determine_state(desired, observed);
    let active = ActiveRemediation::of(desired, observed.status);
    if turn.has_done(ActionType::Remediate) {
        return after_remediation(active);
    }
    let decision = next_action(desired, observed, turn, state);
    match decision {
        Decision::Act(action) if turn.has_done(action.action_type()) => repeat(active),
        other => other,
    }
}

/// What follows a remediation: nothing more in this go. What an upgrade's failure uninstalled is installed by a later one.
fn after_remediation(active: Option<ActiveRemediation>) -> Decision {
    match active {
        Some(ActiveRemediation { strategy: Strategy::RetryOnFailure(interval), .. }) => Decision::RetryAfter(interval),
        Some(active) if active.is_exhausted() && !active.uninstalls_after_upgrade() => {
            exceeded(active.action, active.failures)
        }
        _ => Decision::Retry,
    }
}

/// What happens when an action of a type would run twice in one go.
fn repeat(active: Option<ActiveRemediation>) -> Decision {
    match active {
        Some(ActiveRemediation { strategy: Strategy::RetryOnFailure(interval), .. }) => Decision::RetryAfter(interval),
        Some(active) if active.is_exhausted() => Decision::Rest,
        _ => Decision::Retry,
    }
}

fn next_action(desired: &Desired, observed: &Observation<'_>, turn: &Turn, state: ReleaseState) -> Decision {
    let forced = desired.forced && !turn.forced;
    match state {
        ReleaseState::Absent(_) => {
            let budget = ActiveRemediation::install(desired, observed.status);
            if budget.is_exhausted() && !forced {
                exceeded("install", budget.failures)
            } else {
                Decision::Act(ReleaseAction::Install)
            }
        }
        ReleaseState::Unmanaged(_) => Decision::Act(ReleaseAction::Upgrade),
        ReleaseState::OutOfSync(_) => {
            let budget = ActiveRemediation::upgrade(desired, observed.status);
            if budget.is_exhausted() && !forced {
                exceeded("upgrade", budget.failures)
            } else {
                Decision::Act(ReleaseAction::Upgrade)
            }
        }
        ReleaseState::Locked(_) => match observed.foreign_action.map(|age| FOREIGN_ACTION_GRACE.saturating_sub(age)) {
            Some(left) if !left.is_zero() => Decision::Await(left),
            _ => Decision::Act(ReleaseAction::Unlock),
        },
        ReleaseState::Untested(_) => Decision::Act(ReleaseAction::Test),
        ReleaseState::Drifted(objects) => match desired.drift {
            DriftMode::Enabled => Decision::Act(ReleaseAction::CorrectDrift),
            DriftMode::Warn | DriftMode::Disabled => Decision::ReportDrift(objects),
        },
        ReleaseState::InSync(_) if forced => Decision::Act(ReleaseAction::Upgrade),
        ReleaseState::InSync(_) => match &observed.contest {
            Some(contest) if desired.drift == DriftMode::Enabled => Decision::LeaveContested(contest.clone()),
            _ => Decision::Done,
        },
        ReleaseState::Failed(_) => after_failure(desired, observed, forced),
        ReleaseState::Unknown(message) => Decision::Refuse(message),
    }
}

/// What follows a failed action: try again, remediate or give up.
fn after_failure(desired: &Desired, observed: &Observation<'_>, forced: bool) -> Decision {
    let Some(active) = ActiveRemediation::of(desired, observed.status) else {
        return Decision::Act(ReleaseAction::Upgrade);
    };
    if matches!(active.strategy, Strategy::RetryOnFailure(_)) || active.failures == 0 || forced {
        return Decision::Act(ReleaseAction::Upgrade);
    }
    if !active.remediates_now() {
        return exceeded(active.action, active.failures);
    }
    if active.policy.strategy == RemediationStrategy::Uninstall {
        return Decision::Act(ReleaseAction::UninstallRemediation);
    }
    match rollback_target(observed, active.policy.ignore_test_failures) {
        Previous::Revision(revision) => Decision::Act(ReleaseAction::Rollback(revision)),
        Previous::Altered => Decision::Act(ReleaseAction::Upgrade),
        Previous::None => Decision::Stall {
            reason: reason::MISSING_ROLLBACK_TARGET,
            message: "Failed to perform remediation: missing target release for rollback: no good revision precedes the failed one"
                .to_owned(),
        },
    }
}

fn rollback_target(observed: &Observation<'_>, ignore_tests: bool) -> Previous {
    let Some(snapshot) = previous_good(&observed.status.history, ignore_tests) else { return Previous::None };
    let unaltered = observed
        .revisions
        .iter()
        .any(|(revision, digest)| *revision == snapshot.version && is_digest_of(snapshot, digest));
    if unaltered { Previous::Revision(snapshot.version) } else { Previous::Altered }
}

fn exceeded(action: &str, failures: i64) -> Decision {
    Decision::Stall {
        reason: reason::RETRIES_EXCEEDED,
        message: format!("Failed to {action} after {failures} attempt(s)"),
    }
}
