//! Outcome to status: what conditions, history and counters become, and which events tell of it.
//!
//! Messages and their order equal Flux's helm-controller 1.6, because dashboards and alerts match on them.
//!
//! **Invariant:** the status given is never changed; a new one comes back, equal to the old where nothing happened.

use jiff::Timestamp;

use crate::api::conditions::{condition_status, condition_type, reason};
use crate::api::helm_release::DriftMode;
use crate::api::status::{Inventory, ReleaseActionName, TestHookStatus};
use crate::api::{Duration, HelmReleaseStatus, Snapshot};
use crate::release::{Slimming, Status};

use super::conditions::Conditions;
use super::decide::{ActionType, Decision, ReleaseAction};
use super::desired::{Desired, Strategy};
use super::history;
use super::observation::{Observation, cut_short_action};
use super::remediation::ActiveRemediation;
use super::report::{Newest, Report, contest_message, drift_message, newest_release, slimming_message};
use super::state::managed_snapshot;
use super::summary::summarize;

/// Whether an event is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// Something went as it should.
    Normal,
    /// Something needs attention.
    Warning,
}

/// An event to publish about the HelmRelease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's type.
    pub event_type: EventType,
    /// The reason, one of the list in `api::conditions`.
    pub reason: &'static str,
    /// The message.
    pub message: String,
}

/// A release record as it was written to storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The snapshot of the record; its `action` is set here, not by whoever made it.
    pub snapshot: Snapshot,
    /// Whether the record is the one that the action is about, not an older one whose status changed.
    pub is_target: bool,
    /// What was left out of the record because it would not have fitted into a Secret.
    pub slimming: Slimming,
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The message for conditions and events; never holds Secret values.
    pub message: String,
    /// Whether the cluster was at fault, such as by not answering; that counts against no budget of retries.
    pub is_passing: bool,
}

/// What became of an action.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The action.
    pub action: ReleaseAction,
    /// The records written, in order.
    pub writes: Vec<Write>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took.
    pub duration: std::time::Duration,
    /// The objects of the release, if the action rendered them.
    pub inventory: Option<Inventory>,
    /// The tests that ran, by hook name.
    pub tests: Option<std::collections::BTreeMap<String, TestHookStatus>>,
    /// What was put right or found, a line an object, for drift.
    pub drift: Vec<String>,
    /// The revision acted on, for messages.
    pub revision: Option<i64>,
    /// `<chart>@<version>` of the revision acted on, where it is not the wanted one.
    pub chart: Option<String>,
    /// The pending status that an unlock found.
    pub pending: Option<Status>,
    /// For an unlock: the action that was cut short was ours.
    pub is_own: bool,
    /// Whose change made the wait pointless, as `<kind>/<namespace>/<name>`; none if the action came to an end of its own.
    pub interrupted_by: Option<String>,
}

impl Outcome {
    /// An outcome in which nothing has happened yet.
    pub fn of(action: ReleaseAction) -> Self {
        Self {
            action,
            writes: Vec::new(),
            failure: None,
            duration: std::time::Duration::ZERO,
            inventory: None,
            tests: None,
            drift: Vec::new(),
            revision: None,
            chart: None,
            pending: None,
            is_own: false,
            interrupted_by: None,
        }
    }

    /// Whether the action changed Helm's storage; only then does a failure count against the retries.
    pub fn reached_storage(&self) -> bool {
        !self.writes.is_empty()
    }
}

/// The status with which an attempt starts: counters reset when the request changed, what is attempted noted down.
pub fn attempt(status: &HelmReleaseStatus, desired: &Desired) -> HelmReleaseStatus {
    let mut status = status.clone();
    let changed = status.last_attempted_generation != Some(desired.generation)
        || status.last_attempted_revision.as_deref() != Some(desired.chart.version.as_str())
        || status.last_attempted_config_digest.as_deref() != Some(desired.config_digest.as_str());
    if changed || desired.reset {
        clear_failures(&mut status);
    }
    status.last_attempted_generation = Some(desired.generation);
    status.last_attempted_revision = Some(desired.chart.version.clone());
    status.last_attempted_revision_digest.clone_from(&desired.chart.oci_digest);
    status.last_attempted_config_digest = Some(desired.config_digest.clone());
    status.storage_namespace = Some(desired.storage_namespace.clone());
    status
}

/// The status while an action runs, with as much of the history as the action may still need.
pub fn begin(
    observed: &Observation<'_>,
    desired: &Desired,
    action: &ReleaseAction,
    timeout: &str,
    now: Timestamp,
) -> HelmReleaseStatus {
    let mut status = observed.status.clone();
    refresh_history(&mut status, observed);
    shorten_history(&mut status, observed, desired, action);
    let message = format!("Running '{}' action with timeout of {timeout}", action.name());
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    conditions.reconciling(reason::PROGRESSING, &message);
    if action.action_type() == ActionType::Release {
        conditions.set(condition_type::READY, condition_status::UNKNOWN, reason::PROGRESSING, &message);
        conditions.remove(condition_type::REMEDIATED);
        status.last_attempted_release_action = action.release_action();
    }
    if *action == ReleaseAction::Test {
        forget_remediation(&mut status, desired, now);
    }
    status
}

/// An install never goes back past itself, and a history that no longer tells what is in storage is of no use.
fn shorten_history(
    status: &mut HelmReleaseStatus,
    observed: &Observation<'_>,
    desired: &Desired,
    action: &ReleaseAction,
) {
    let is_managed = observed.latest.as_ref().is_none_or(|latest| managed_snapshot(observed.status, latest).is_ok());
    match action {
        ReleaseAction::Install => status.history.clear(),
        ReleaseAction::Upgrade if !is_managed => {
            // What an action of ours left behind when it was cut short is no change by others, and what precedes it is still of use.
            if !takes_up(status, observed) {
                status.history.clear();
            }
        }
        ReleaseAction::Upgrade => {
            if has_failed(status) && retries_in_place(status, desired) {
                truncate(status, desired);
            }
        }
        ReleaseAction::Rollback(_) | ReleaseAction::UninstallRemediation => truncate(status, desired),
        ReleaseAction::Test | ReleaseAction::Unlock | ReleaseAction::CorrectDrift => {}
    }
}

/// Brings the history up to what an action of ours did to its revisions before it was cut short.
fn refresh_history(status: &mut HelmReleaseStatus, observed: &Observation<'_>) {
    for left in &observed.left_behind {
        if let Some(kept) = status.history.iter_mut().find(|kept| kept.version == left.version) {
            let mut snapshot = left.clone();
            snapshot.action.clone_from(&kept.action);
            keep_what_records_lack(&mut snapshot, Some(kept));
            *kept = snapshot;
        }
    }
}

/// Takes the revision of an action that came to its end, though the status does not tell, into the history; false if there is none.
fn takes_up(status: &mut HelmReleaseStatus, observed: &Observation<'_>) -> bool {
    let next = status.history.first().map_or(1, |newest| newest.version + 1);
    let Some(left) = observed.left_behind.iter().find(|left| left.version == next) else { return false };
    let action = cut_short_action(observed.status).map(str::to_owned);
    history::upsert(&mut status.history, Snapshot { action, ..left.clone() });
    true
}

fn has_failed(status: &HelmReleaseStatus) -> bool {
    status.history.first().is_some_and(|newest| newest.status == Status::Failed.as_str())
}

fn retries_in_place(status: &HelmReleaseStatus, desired: &Desired) -> bool {
    ActiveRemediation::of(desired, status).is_some_and(|active| matches!(active.strategy, Strategy::RetryOnFailure(_)))
}

fn truncate(status: &mut HelmReleaseStatus, desired: &Desired) {
    let ignore_tests = ActiveRemediation::of(desired, status)
        .map_or(desired.ignore_test_failures, |active| active.policy.ignore_test_failures);
    let keep_few = retries_in_place(status, desired);
    history::truncate(&mut status.history, ignore_tests, keep_few);
}

/// A rolled back release that turns out to be what is wanted counts as upgraded.
fn forget_remediation(status: &mut HelmReleaseStatus, desired: &Desired, now: Timestamp) {
    let Some(newest) = status.history.first().map(Newest::of) else { return };
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    if conditions.get(condition_type::REMEDIATED).is_some_and(|found| found.status == condition_status::TRUE) {
        conditions.remove(condition_type::REMEDIATED);
        let message = newest.succeeded("upgrade");
        conditions.set(condition_type::RELEASED, condition_status::TRUE, reason::UPGRADE_SUCCEEDED, &message);
    }
}

/// The status after an action, and the events that tell of it.
pub fn record(
    status: &HelmReleaseStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) -> (HelmReleaseStatus, Vec<Event>) {
    let mut status = status.clone();
    record_writes(&mut status, outcome);
    if let Some(inventory) = &outcome.inventory {
        status.inventory = Some(inventory.clone());
    }
    if let Some(trigger) = &outcome.interrupted_by {
        return record_interruption(status, desired, outcome, trigger, now);
    }
    let report = Report::of(&status, desired, outcome);
    if outcome.failure.is_some() {
        count_failure(&mut status, desired, outcome);
    } else if outcome.action.action_type() == ActionType::Release && retries_in_place(&status, desired) {
        clear_failures(&mut status);
    }
    let mut events = Vec::new();
    events.extend(tell_slimming(&mut status, desired, outcome, now));
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    if let Some((condition, condition_status)) = report.condition {
        conditions.set(condition, condition_status, report.reason, &report.message);
    }
    let succeeded = outcome.failure.is_none();
    match outcome.action.action_type() {
        ActionType::Release => {
            // The schema, which is Flux's, takes no unit below a millisecond.
            let millis = u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX);
            status.last_attempted_release_action_duration = Some(crate::api::Duration::from_millis(millis));
            tell_awaited_tests(&mut conditions, desired.tests && succeeded, &report);
        }
        ActionType::Drift => {
            let message = drift_message(&report.release, &outcome.drift);
            conditions.set(condition_type::DRIFTED, condition_status::TRUE, reason::DRIFT_DETECTED, &message);
            events.push(Event { event_type: EventType::Warning, reason: reason::DRIFT_DETECTED, message });
        }
        ActionType::Remediate | ActionType::Test | ActionType::Unlock => {}
    }
    if let (Some(tests), Some(newest)) = (&outcome.tests, status.history.first_mut()) {
        newest.test_hooks = Some(tests.clone());
    }
    if outcome.action != ReleaseAction::UninstallRemediation && outcome.action != ReleaseAction::CorrectDrift {
        summarize(&mut status, desired, now);
    }
    let event_type = if succeeded { EventType::Normal } else { EventType::Warning };
    events.push(Event { event_type, reason: report.reason, message: report.message });
    (status, events)
}

/// Says that tests are still to run, if they are.
fn tell_awaited_tests(conditions: &mut Conditions<'_>, awaited: bool, report: &Report) {
    if !awaited {
        return conditions.remove(condition_type::TEST_SUCCESS);
    }
    let message = format!("Helm release {} with chart {} is awaiting tests", report.release, report.chart);
    conditions.set(condition_type::TEST_SUCCESS, condition_status::UNKNOWN, reason::AWAITING_TESTS, &message);
}

/// Says whether the record of a new revision had to be slimmed; an event tells of it once.
fn tell_slimming(
    status: &mut HelmReleaseStatus,
    desired: &Desired,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<Event> {
    if outcome.action.action_type() != ActionType::Release {
        return None;
    }
    let written = outcome.writes.iter().rfind(|write| write.is_target)?;
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    let Some(message) = slimming_message(&written.snapshot, written.slimming) else {
        conditions.remove(condition_type::RECORD_SLIMMED);
        return None;
    };
    let known = conditions.get(condition_type::RECORD_SLIMMED).is_some();
    conditions.set(condition_type::RECORD_SLIMMED, condition_status::TRUE, reason::RECORD_TOO_LARGE, &message);
    (!known).then_some(Event { event_type: EventType::Warning, reason: reason::RECORD_TOO_LARGE, message })
}

/// The status after an action whose wait was called off. It counts as no failure: what comes next is an attempt of its own.
fn record_interruption(
    mut status: HelmReleaseStatus,
    desired: &Desired,
    outcome: &Outcome,
    trigger: &str,
    now: Timestamp,
) -> (HelmReleaseStatus, Vec<Event>) {
    let why = format!("New reconciliation triggered by {trigger}");
    let told = Outcome { failure: Some(Failure { message: why.clone(), is_passing: true }), ..outcome.clone() };
    let report = Report::of(&status, desired, &told);
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    let reason = reason::HEALTH_CHECK_CANCELED;
    // A test that was cut short says nothing about the release.
    if let Some((condition, condition_status)) = report.condition
        && outcome.action != ReleaseAction::Test
    {
        conditions.set(condition, condition_status, reason, &report.message);
    }
    conditions.not_ready(reason, &why);
    let message = format!("Health checks canceled due to new reconciliation triggered by {trigger}");
    (status, vec![Event { event_type: EventType::Normal, reason, message }])
}

/// The status when the release is left alone after a decision that is no action, and the events that tell of it.
pub fn finish(
    status: &HelmReleaseStatus,
    desired: &Desired,
    decision: &Decision,
    drift_checked: bool,
    now: Timestamp,
) -> (HelmReleaseStatus, Vec<Event>) {
    let mut status = status.clone();
    let mut events = Vec::new();
    match decision {
        Decision::Act(_) => {}
        Decision::Done => settle(&mut status, desired, drift_checked, now),
        Decision::Rest => {
            Conditions::edit(&mut status.conditions, desired.generation, now).remove(condition_type::RECONCILING);
            status.observed_generation = Some(desired.generation);
        }
        Decision::ReportDrift(objects) => {
            let message = drift_message(&newest_release(&status, desired), objects);
            events.extend(leave_drifted(&mut status, desired, reason::DRIFT_DETECTED, message, now));
        }
        Decision::LeaveContested(contest) => {
            let message = contest_message(&newest_release(&status, desired), contest);
            events.extend(leave_drifted(&mut status, desired, reason::DRIFT_CONTESTED, message, now));
        }
        Decision::Retry => Conditions::edit(&mut status.conditions, desired.generation, now).retrying(),
        Decision::RetryAfter(interval) => {
            let message = format!("retrying after {}", Duration::from(*interval));
            Conditions::edit(&mut status.conditions, desired.generation, now)
                .reconciling(reason::PROGRESSING_WITH_RETRY, &message);
        }
        Decision::Await(_) => {
            let message = format!(
                "another operation (install/upgrade/rollback) is in progress on release {}",
                desired.full_name()
            );
            Conditions::edit(&mut status.conditions, desired.generation, now)
                .reconciling(reason::PROGRESSING, &message);
        }
        Decision::Stall { reason, message } => {
            let message = format!("{message}; {WAKES}");
            Conditions::edit(&mut status.conditions, desired.generation, now).stalled(reason, &message);
            status.observed_generation = Some(desired.generation);
        }
        Decision::Refuse(message) => {
            Conditions::edit(&mut status.conditions, desired.generation, now).not_ready(reason::STATE_ERROR, message);
        }
    }
    (status, events)
}

/// Live objects stay as they are, which is told once.
fn leave_drifted(
    status: &mut HelmReleaseStatus,
    desired: &Desired,
    reason: &'static str,
    message: String,
    now: Timestamp,
) -> Option<Event> {
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    let known = conditions.get(condition_type::DRIFTED).is_some_and(|drifted| drifted.message == message);
    conditions.set(condition_type::DRIFTED, condition_status::TRUE, reason, &message);
    conditions.remove(condition_type::RECONCILING);
    summarize(status, desired, now);
    status.observed_generation = Some(desired.generation);
    (!known).then_some(Event { event_type: EventType::Warning, reason, message })
}

/// What follows Flux's words where nothing more happens by itself: people on call want to know what they have to do.
const WAKES: &str = "tried again when the spec, values, chart or source change, or on request with the annotation reconcile.fluxcd.io/resetAt";

/// The status when a reconcile cannot get as far as a decision: Ready is False for this reason.
pub fn refuse(
    status: &HelmReleaseStatus,
    generation: i64,
    reason: &str,
    message: &str,
    terminal: bool,
    now: Timestamp,
) -> HelmReleaseStatus {
    let mut status = status.clone();
    let mut conditions = Conditions::edit(&mut status.conditions, generation, now);
    conditions.not_ready(reason, message);
    if terminal {
        conditions.stalled(reason, message);
        status.observed_generation = Some(generation);
    } else {
        conditions.reconciling(reason::PROGRESSING, "Fulfilling prerequisites");
    }
    status
}

/// The release is as wanted: conditions that tell of an older failure are replaced.
fn settle(status: &mut HelmReleaseStatus, desired: &Desired, drift_checked: bool, now: Timestamp) {
    truncate(status, desired);
    forget_remediation(status, desired, now);
    let newest = status.history.first().map(Newest::of);
    let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
    let released = conditions.get(condition_type::RELEASED).map(|released| released.reason.clone());
    let good = match released.as_deref() {
        Some(reason::INSTALL_FAILED) => Some(("install", reason::INSTALL_SUCCEEDED)),
        Some(reason::UPGRADE_FAILED) => Some(("upgrade", reason::UPGRADE_SUCCEEDED)),
        _ => None,
    };
    if let (Some((verb, why)), Some(newest)) = (good, newest) {
        conditions.set(condition_type::RELEASED, condition_status::TRUE, why, &newest.succeeded(verb));
    }
    if !desired.tests {
        conditions.remove(condition_type::TEST_SUCCESS);
    }
    match desired.drift {
        DriftMode::Disabled => conditions.remove(condition_type::DRIFTED),
        DriftMode::Enabled | DriftMode::Warn if drift_checked => conditions.set(
            condition_type::DRIFTED,
            condition_status::FALSE,
            reason::NO_DRIFT_DETECTED,
            "No drift detected against the cluster state",
        ),
        DriftMode::Enabled | DriftMode::Warn => {}
    }
    conditions.remove(condition_type::RECONCILING);
    summarize(status, desired, now);
    status.observed_generation = Some(desired.generation);
}

/// Takes the written records into the history, as they happened.
fn record_writes(status: &mut HelmReleaseStatus, outcome: &Outcome) {
    for write in &outcome.writes {
        let known = status.history.iter().any(|kept| kept.version == write.snapshot.version);
        // Revisions that this object never made stay out of its history.
        let makes_revision = match outcome.action {
            ReleaseAction::Unlock => outcome.is_own,
            ReleaseAction::Test => false,
            _ => true,
        };
        if !(known || write.is_target && makes_revision) {
            continue;
        }
        let mut snapshot = write.snapshot.clone();
        let earlier = status.history.iter().find(|kept| kept.version == snapshot.version);
        keep_what_records_lack(&mut snapshot, earlier);
        snapshot.action =
            snapshot_action(&outcome.action, write.is_target, earlier).or_else(|| cut_short(status, outcome));
        history::upsert(&mut status.history, snapshot);
    }
}

/// Carries over what a snapshot of the same revision knew and no record tells.
fn keep_what_records_lack(snapshot: &mut Snapshot, earlier: Option<&Snapshot>) {
    if snapshot.test_hooks.is_none() {
        snapshot.test_hooks = earlier.and_then(|kept| kept.test_hooks.clone());
    }
    if snapshot.oci_digest.is_none() {
        snapshot.oci_digest = earlier.and_then(|kept| kept.oci_digest.clone());
    }
}

/// The action that a snapshot carries: Flux 1.6 notes it on the revision acted on and, for rollbacks, on the superseded ones too.
fn snapshot_action(action: &ReleaseAction, is_target: bool, earlier: Option<&Snapshot>) -> Option<String> {
    match action {
        ReleaseAction::Install if is_target => Some("install".to_owned()),
        ReleaseAction::Upgrade if is_target => Some("upgrade".to_owned()),
        ReleaseAction::Install | ReleaseAction::Upgrade => None,
        ReleaseAction::Rollback(_) => Some("rollback".to_owned()),
        ReleaseAction::UninstallRemediation => Some("uninstall-remediation".to_owned()),
        ReleaseAction::Test | ReleaseAction::Unlock | ReleaseAction::CorrectDrift => {
            earlier.and_then(|kept| kept.action.clone())
        }
    }
}

/// The action of ours that an unlock found cut short. Its revision belongs to the history, or what precedes it could not be rolled back to.
fn cut_short(status: &HelmReleaseStatus, outcome: &Outcome) -> Option<String> {
    let pending = outcome.pending.filter(|_| outcome.is_own)?;
    let action = match (pending, status.last_attempted_release_action) {
        (Status::PendingRollback, _) => "rollback",
        (_, Some(ReleaseActionName::Install)) => "install",
        (_, _) => "upgrade",
    };
    Some(action.to_owned())
}

fn count_failure(status: &mut HelmReleaseStatus, desired: &Desired, outcome: &Outcome) {
    // Drift that cannot be put right is no failure of the release.
    if outcome.action == ReleaseAction::CorrectDrift {
        return;
    }
    status.failures += 1;
    let counts = match outcome.action {
        _ if outcome.failure.as_ref().is_some_and(|failure| failure.is_passing) => false,
        ReleaseAction::Install | ReleaseAction::Upgrade => outcome.reached_storage(),
        ReleaseAction::Test => outcome.tests.is_some() && !ignores_tests(status, desired),
        _ => false,
    };
    if !counts {
        return;
    }
    match status.last_attempted_release_action {
        Some(ReleaseActionName::Install) => status.install_failures += 1,
        Some(ReleaseActionName::Upgrade) => status.upgrade_failures += 1,
        None => {}
    }
}

fn ignores_tests(status: &HelmReleaseStatus, desired: &Desired) -> bool {
    match status.last_attempted_release_action {
        Some(ReleaseActionName::Install) => desired.install_remediation.ignore_test_failures,
        Some(ReleaseActionName::Upgrade) => desired.upgrade_remediation.ignore_test_failures,
        None => desired.ignore_test_failures,
    }
}

fn clear_failures(status: &mut HelmReleaseStatus) {
    status.failures = 0;
    status.install_failures = 0;
    status.upgrade_failures = 0;
}
