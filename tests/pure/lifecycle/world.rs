//! A release in memory: a HelmRelease, Helm's storage and a cluster of which only the drift is known.
//!
//! Actions write the records that Helm 4.3 writes for them, in its order; what they succeed in is told by the test.
//!
//! **Invariant:** decides nothing itself; it asks `decide` and does as told, as the controller does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use rhumb::api::helm_release::DriftMode;
use rhumb::api::status::TestHookStatus;
use rhumb::api::{Duration, HelmRelease, HelmReleaseStatus, Snapshot};
use rhumb::lifecycle::{
    ChartFacts, Contest, Decision, Desired, DriftFacts, Event, EventType, Failure, InputDigests, Observation, Outcome,
    ReleaseAction, ReleaseFacts, ReleaseState, Strategy, Turn, Write, attempt, begin, cut_short_action, decide,
    determine_state, finish, handle_tokens, record,
};
use rhumb::release::{Slimming, Status};
use serde::Deserialize;

/// How failures begin with which the operator ends once the action has, before the status tells of it.
const CRASH: &str = "crash after ";
/// The same after an action that succeeds.
const CRASH_AFTER_SUCCESS: &str = "crash after success";

/// A revision in storage.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are those of the case files")]
pub(super) struct Revision {
    pub(super) revision: i64,
    pub(super) status: Status,
    #[serde(default = "first_version")]
    pub(super) version: String,
    #[serde(default = "app")]
    pub(super) chart: String,
    #[serde(default = "no_values")]
    pub(super) values: String,
    /// What somebody changed in the record behind our back.
    #[serde(default)]
    pub(super) edit: String,
}

pub(super) fn first_version() -> String {
    "1.0.0".to_owned()
}

pub(super) fn app() -> String {
    "app".to_owned()
}

pub(super) fn no_values() -> String {
    "none".to_owned()
}

/// Everything there is to a release.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) release: HelmRelease,
    pub(super) storage: Vec<Revision>,
    pub(super) chart: String,
    pub(super) version: String,
    pub(super) values: String,
    /// Objects that differ from the manifest, a line each.
    pub(super) drift: Vec<String>,
    /// For how long somebody else's action has been seen under way.
    pub(super) foreign_action: Option<std::time::Duration>,
    /// Objects that others change again after each correction.
    pub(super) contest: Option<Contest>,
    /// How actions fail, by name; others succeed.
    pub(super) failures: BTreeMap<String, String>,
    pub(super) now: Timestamp,
}

/// How one reconcile went.
pub(super) struct Reconciled {
    pub(super) actions: Vec<ReleaseAction>,
    pub(super) ending: String,
    pub(super) events: Vec<Event>,
}

impl World {
    /// A release that nobody has reconciled yet.
    pub(super) fn new(release: HelmRelease) -> Self {
        Self {
            release,
            storage: Vec::new(),
            chart: app(),
            version: first_version(),
            values: no_values(),
            drift: Vec::new(),
            foreign_action: None,
            contest: None,
            failures: BTreeMap::new(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    pub(super) fn status(&self) -> HelmReleaseStatus {
        self.release.status.clone().unwrap_or_default()
    }

    pub(super) fn desired(&self) -> Desired {
        let chart = ChartFacts { name: self.chart.clone(), version: self.version.clone(), oci_digest: None };
        let post_renderers = match &self.release.spec.post_renderers {
            renderers if renderers.is_empty() => String::new(),
            renderers => format!("{renderers:?}"),
        };
        let digests = InputDigests { config: self.values.clone(), post_renderers, common_metadata: String::new() };
        Desired::of(&self.release, chart, digests, DriftMode::Disabled)
    }

    /// One reconcile, as the controller does it.
    pub(super) fn reconcile(&mut self) -> Reconciled {
        let desired = self.desired();
        let mut status = attempt(&self.status(), &desired);
        let mut turn = Turn::default();
        let mut done = Reconciled { actions: Vec::new(), ending: String::new(), events: Vec::new() };
        loop {
            let (decision, checked) = {
                let (observed, checked) = self.observe(&status, &desired);
                (decide(&desired, &observed, &turn), checked)
            };
            let Decision::Act(action) = &decision else {
                let (after, events) = finish(&status, &desired, &decision, checked, self.now);
                done.events.extend(events);
                done.ending = ending(&decision);
                status = after;
                break;
            };
            status = begin(&self.observe(&status, &desired).0, &desired, action, "5m0s", self.now);
            let outcome = self.act(action);
            if self.failures.get(action.name()).is_some_and(|failure| failure.starts_with(CRASH)) {
                "crashed".clone_into(&mut done.ending);
                done.actions.push(action.clone());
                self.release.status = Some(status);
                return done;
            }
            let (after, events) = record(&status, &desired, &outcome, self.now);
            status = after;
            done.events.extend(events);
            done.actions.push(action.clone());
            if outcome.interrupted_by.is_some() {
                "interrupted".clone_into(&mut done.ending);
                break;
            }
            if let Some(ending) = self.cut_short(&mut status, &desired, &outcome) {
                done.ending = ending;
                break;
            }
            turn.note(action);
        }
        handle_tokens(&mut status, &self.release);
        self.release.status = Some(status);
        done
    }

    /// An action that never reached storage ends the reconcile, as in the controller.
    fn cut_short(&self, status: &mut HelmReleaseStatus, desired: &Desired, outcome: &Outcome) -> Option<String> {
        let strategy = match outcome.action {
            ReleaseAction::Install => desired.install_strategy,
            _ => desired.upgrade_strategy,
        };
        if outcome.failure.is_none() || outcome.reached_storage() || outcome.action == ReleaseAction::Test {
            return None;
        }
        let Strategy::RetryOnFailure(interval) = strategy else { return Some("failed".to_owned()) };
        let decision = Decision::RetryAfter(interval);
        *status = finish(status, desired, &decision, false, self.now).0;
        Some(ending(&decision))
    }

    pub(super) fn observe<'a>(&self, status: &'a HelmReleaseStatus, desired: &Desired) -> (Observation<'a>, bool) {
        let latest = self.newest().map(facts);
        let revisions = self.storage.iter().rev().map(|kept| (kept.revision, digest(kept))).collect();
        let mut observed = Observation {
            latest,
            drift: DriftFacts::Unchecked,
            status,
            foreign_action: self.foreign_action,
            contest: self.contest.clone(),
            revisions,
            left_behind: self.left_behind(status),
        };
        let in_sync = matches!(determine_state(desired, &observed), ReleaseState::InSync(_));
        let checked = in_sync && desired.drift != DriftMode::Disabled;
        if checked {
            observed.drift =
                if self.drift.is_empty() { DriftFacts::None } else { DriftFacts::Found(self.drift.clone()) };
        }
        (observed, checked)
    }

    /// What the controller reads again after a crash.
    fn left_behind(&self, status: &HelmReleaseStatus) -> Vec<Snapshot> {
        let newest = self.newest().map(|newest| newest.revision);
        let is_wanted = |kept: &&Revision| {
            Some(kept.revision) == newest || status.history.iter().any(|known| known.version == kept.revision)
        };
        match cut_short_action(status) {
            None => Vec::new(),
            Some(_) => self.storage.iter().filter(is_wanted).map(snapshot).collect(),
        }
    }

    fn newest(&self) -> Option<&Revision> {
        self.storage.iter().max_by_key(|kept| kept.revision)
    }

    fn act(&mut self, action: &ReleaseAction) -> Outcome {
        let mut outcome = Outcome::of(action.clone());
        let failure = self.failures.get(action.name()).filter(|failure| *failure != CRASH_AFTER_SUCCESS).cloned();
        outcome.failure = failure.clone().map(|message| {
            let is_passing = message.starts_with("passing: ");
            Failure { message, is_passing }
        });
        outcome.interrupted_by =
            failure.as_ref().and_then(|message| message.strip_prefix("interrupted by: ")).map(str::to_owned);
        let before_storage = failure.as_ref().is_some_and(|message| message.starts_with("before storage: "));
        if before_storage {
            return outcome;
        }
        match action {
            ReleaseAction::Install => {
                let revision = self.made(Status::PendingInstall);
                self.release_action(revision, failure.is_none(), &mut outcome);
            }
            ReleaseAction::Upgrade => {
                let revision = self.made(Status::PendingUpgrade);
                self.release_action(revision, failure.is_none(), &mut outcome);
            }
            ReleaseAction::Rollback(target) => {
                let number = self.newest().map_or(0, |newest| newest.revision) + 1;
                let target = self.storage.iter().find(|kept| kept.revision == *target).expect("a target in storage");
                outcome.chart = Some(format!("{}@{}", target.chart, target.version));
                let revision = Revision { revision: number, status: Status::PendingRollback, ..target.clone() };
                let acted_on = target.revision;
                self.release_action(revision, failure.is_none(), &mut outcome);
                outcome.revision = Some(acted_on);
            }
            ReleaseAction::UninstallRemediation => self.uninstall(&mut outcome),
            ReleaseAction::Test => self.test(&mut outcome),
            ReleaseAction::Unlock => {
                outcome.pending = self.newest().map(|newest| newest.status);
                self.set_newest(Status::Failed, &mut outcome);
            }
            ReleaseAction::CorrectDrift => {
                outcome.drift.clone_from(&self.drift);
                if failure.is_none() {
                    self.drift.clear();
                }
            }
        }
        outcome
    }

    fn made(&self, status: Status) -> Revision {
        Revision {
            revision: self.newest().map_or(0, |newest| newest.revision) + 1,
            status,
            version: self.version.clone(),
            chart: self.chart.clone(),
            values: self.values.clone(),
            edit: String::new(),
        }
    }

    /// Writes a revision as pending, then what became of it; a good one supersedes those deployed before.
    fn release_action(&mut self, revision: Revision, succeeded: bool, outcome: &mut Outcome) {
        outcome.revision = Some(revision.revision);
        outcome.writes.push(write(&revision, true));
        let deployed = self.storage.iter_mut().filter(|kept| kept.status == Status::Deployed);
        for kept in deployed {
            if succeeded {
                kept.status = Status::Superseded;
            }
            // Helm writes the current revision of a failed upgrade once more, unchanged.
            if succeeded || outcome.action == ReleaseAction::Upgrade {
                outcome.writes.push(write(kept, false));
            }
        }
        let status = if succeeded { Status::Deployed } else { Status::Failed };
        let revision = Revision { status, ..revision };
        outcome.writes.push(write(&revision, true));
        self.storage.push(revision);
    }

    fn uninstall(&mut self, outcome: &mut Outcome) {
        if let Some(newest) = self.newest() {
            outcome.chart = Some(format!("{}@{}", newest.chart, newest.version));
        }
        self.set_newest(Status::Uninstalling, outcome);
        if outcome.failure.is_some() {
            return;
        }
        if self.release.spec.uninstall.as_ref().is_some_and(|uninstall| uninstall.keep_history) {
            self.set_newest(Status::Uninstalled, outcome);
        } else {
            self.storage.clear();
        }
    }

    fn test(&mut self, outcome: &mut Outcome) {
        outcome.revision = self.newest().map(|newest| newest.revision);
        let phase = if outcome.failure.is_some() { "Failed" } else { "Succeeded" };
        let hook = TestHookStatus { phase: Some(phase.to_owned()), ..TestHookStatus::default() };
        outcome.tests = Some(BTreeMap::from([("app-test".to_owned(), hook)]));
        outcome.writes.extend(self.newest().map(|newest| write(newest, true)));
    }

    fn set_newest(&mut self, status: Status, outcome: &mut Outcome) {
        let Some(newest) = self.storage.iter_mut().max_by_key(|kept| kept.revision) else { return };
        newest.status = status;
        outcome.revision = Some(newest.revision);
        outcome.writes.push(write(newest, true));
    }
}

/// The digest of a record: anything that changes with it.
pub(super) fn digest(revision: &Revision) -> String {
    format!(
        "{} {} {} {} {}{}",
        revision.revision, revision.status, revision.chart, revision.version, revision.values, revision.edit
    )
}

pub(super) fn facts(revision: &Revision) -> ReleaseFacts {
    ReleaseFacts {
        name: "app".to_owned(),
        namespace: "apps".to_owned(),
        revision: revision.revision,
        status: revision.status,
        chart_name: revision.chart.clone(),
        chart_version: revision.version.clone(),
        config_digest: revision.values.clone(),
        digest: digest(revision),
    }
}

/// The snapshot of a record.
pub(super) fn snapshot(revision: &Revision) -> Snapshot {
    Snapshot {
        api_version: Some(rhumb::release::SNAPSHOT_API_VERSION.to_owned()),
        digest: digest(revision),
        name: "app".to_owned(),
        namespace: "apps".to_owned(),
        version: revision.revision,
        status: revision.status.to_string(),
        action: None,
        chart_name: revision.chart.clone(),
        chart_version: revision.version.clone(),
        app_version: None,
        config_digest: revision.values.clone(),
        first_deployed: Time(Timestamp::UNIX_EPOCH),
        last_deployed: Time(Timestamp::UNIX_EPOCH),
        deleted: None,
        test_hooks: None,
        oci_digest: None,
    }
}

fn write(revision: &Revision, is_target: bool) -> Write {
    Write { snapshot: snapshot(revision), is_target, slimming: Slimming::None }
}

/// A decision that is no action, in words.
pub(super) fn ending(decision: &Decision) -> String {
    match decision {
        Decision::Act(ReleaseAction::Rollback(revision)) => format!("rollback to {revision}"),
        Decision::Act(action) => action.name().to_owned(),
        Decision::Done => "done".to_owned(),
        Decision::Rest => "rest".to_owned(),
        Decision::ReportDrift(_) => "report drift".to_owned(),
        Decision::Retry => "retry".to_owned(),
        Decision::RetryAfter(interval) => format!("retry after {}", Duration::from(*interval)),
        Decision::LeaveContested(contest) => format!("leave contested for {}", Duration::from(contest.left)),
        Decision::Await(left) => format!("await {}", Duration::from(*left)),
        Decision::Stall { reason, message } => format!("stall {reason}: {message}"),
        Decision::Refuse(message) => format!("refuse: {message}"),
    }
}

/// An event in words.
pub(super) fn told(event: &Event) -> String {
    let event_type = match event.event_type {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    format!("{event_type} {}: {}", event.reason, event.message)
}

/// A HelmRelease of the given spec, in generation 1.
pub(super) fn helm_release(spec: &serde_json::Value) -> HelmRelease {
    let mut whole = serde_json::json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": { "name": "app", "namespace": "apps", "generation": 1 },
        "spec": { "chartRef": { "kind": "OCIRepository", "name": "app" } },
    });
    if !spec.is_null() {
        json_patch::merge(&mut whole["spec"], spec);
    }
    serde_json::from_value(whole).expect("a HelmRelease")
}
