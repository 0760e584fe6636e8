//! Messages of conditions and events; their wording equals Flux's helm-controller 1.6, because dashboards and alerts match on it.
//!
//! **Invariant:** says only what the outcome says; never holds Secret values.

use crate::api::conditions::{condition_status, condition_type, reason};
use crate::api::{HelmReleaseStatus, Snapshot};
use crate::release::{Slimming, Status};

use super::decide::ReleaseAction;
use super::desired::Desired;
use super::observation::Contest;
use super::record::Outcome;

/// How an outcome is told: which condition it sets, with which reason and message.
pub(super) struct Report {
    pub(super) condition: Option<(&'static str, &'static str)>,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) release: String,
    pub(super) chart: String,
}

impl Report {
    pub(super) fn of(status: &HelmReleaseStatus, desired: &Desired, outcome: &Outcome) -> Self {
        let full = desired.full_name();
        let release = match (&outcome.action, outcome.revision) {
            (ReleaseAction::CorrectDrift, _) => newest_release(status, desired),
            (_, Some(revision)) => format!("{full}.v{revision}"),
            (_, None) => full.clone(),
        };
        let chart = outcome.chart.clone().unwrap_or_else(|| desired.versioned_chart());
        let failure = outcome.failure.as_ref().map(|failure| failure.message.as_str());
        let told = Told { full: &full, release: &release, chart: &chart, failure };
        let (condition, reason, message) = match outcome.action {
            ReleaseAction::Install => told.released("install", reason::INSTALL_SUCCEEDED, reason::INSTALL_FAILED),
            ReleaseAction::Upgrade => told.released("upgrade", reason::UPGRADE_SUCCEEDED, reason::UPGRADE_FAILED),
            ReleaseAction::Test => told.tested(outcome.tests.as_ref().map_or(0, std::collections::BTreeMap::len)),
            ReleaseAction::Rollback(_) => {
                told.remediated("rollback to previous release", reason::ROLLBACK_SUCCEEDED, reason::ROLLBACK_FAILED)
            }
            ReleaseAction::UninstallRemediation => told.remediated(
                "uninstall remediation for release",
                reason::UNINSTALL_SUCCEEDED,
                reason::UNINSTALL_FAILED,
            ),
            ReleaseAction::Unlock => told.unlocked(outcome.pending),
            ReleaseAction::CorrectDrift => told.corrected(&outcome.drift),
        };
        Self { condition, reason, message, release, chart }
    }
}

/// The parts of a message.
struct Told<'a> {
    full: &'a str,
    release: &'a str,
    chart: &'a str,
    failure: Option<&'a str>,
}

type Telling = (Option<(&'static str, &'static str)>, &'static str, String);

impl Told<'_> {
    fn released(&self, verb: &str, good: &'static str, bad: &'static str) -> Telling {
        let Self { full, release, chart, failure } = self;
        match failure {
            None => (
                Some((condition_type::RELEASED, condition_status::TRUE)),
                good,
                format!("Helm {verb} succeeded for release {release} with chart {chart}"),
            ),
            Some(failure) => (
                Some((condition_type::RELEASED, condition_status::FALSE)),
                bad,
                format!("Helm {verb} failed for release {full} with chart {chart}: {failure}"),
            ),
        }
    }

    fn tested(&self, count: usize) -> Telling {
        let Self { release, chart, failure, .. } = self;
        match failure {
            None => {
                let hooks = match count {
                    0 => "no test hooks".to_owned(),
                    1 => "1 test hook completed successfully".to_owned(),
                    _ => format!("{count} test hooks completed successfully"),
                };
                (
                    Some((condition_type::TEST_SUCCESS, condition_status::TRUE)),
                    reason::TEST_SUCCEEDED,
                    format!("Helm test succeeded for release {release} with chart {chart}: {hooks}"),
                )
            }
            Some(failure) => (
                Some((condition_type::TEST_SUCCESS, condition_status::FALSE)),
                reason::TEST_FAILED,
                format!("Helm test failed for release {release} with chart {chart}: {failure}"),
            ),
        }
    }

    fn remediated(&self, what: &str, good: &'static str, bad: &'static str) -> Telling {
        let Self { release, chart, failure, .. } = self;
        match failure {
            None => (
                Some((condition_type::REMEDIATED, condition_status::TRUE)),
                good,
                format!("Helm {what} {release} with chart {chart} succeeded"),
            ),
            Some(failure) => (
                Some((condition_type::REMEDIATED, condition_status::FALSE)),
                bad,
                format!("Helm {what} {release} with chart {chart} failed: {failure}"),
            ),
        }
    }

    fn unlocked(&self, pending: Option<Status>) -> Telling {
        let Self { release, chart, failure, .. } = self;
        let state = pending.map_or("pending", Status::as_str);
        let message = match failure {
            None => format!("Unlocked Helm release {release} with chart {chart} in {state} state"),
            Some(failure) => {
                format!("Unlock of Helm release {release} with chart {chart} in {state} state failed: {failure}")
            }
        };
        (Some((condition_type::RELEASED, condition_status::FALSE)), reason::PENDING_RELEASE, message)
    }

    fn corrected(&self, objects: &[String]) -> Telling {
        let Self { release, failure, .. } = self;
        match failure {
            None => (
                None,
                reason::DRIFT_CORRECTED,
                format!("Cluster state of release {release} has been corrected:\n{}", objects.join("\n")),
            ),
            Some(failure) => (
                None,
                reason::DRIFT_CORRECTION_FAILED,
                format!("Failed to correct cluster state of release {release}:\n{failure}"),
            ),
        }
    }
}

/// The newest revision as messages name it.
pub(super) struct Newest {
    release: String,
    chart: String,
}

impl Newest {
    pub(super) fn of(newest: &Snapshot) -> Self {
        Self {
            release: format!("{}/{}.v{}", newest.namespace, newest.name, newest.version),
            chart: format!("{}@{}", newest.chart_name, newest.chart_version),
        }
    }

    pub(super) fn succeeded(&self, verb: &str) -> String {
        format!("Helm {verb} succeeded for release {} with chart {}", self.release, self.chart)
    }
}

/// The newest revision as messages name it, or the release where there is none.
pub(super) fn newest_release(status: &HelmReleaseStatus, desired: &Desired) -> String {
    status.history.first().map_or_else(|| desired.full_name(), |newest| Newest::of(newest).release)
}

/// Who undoes corrections, and until when there are none.
pub(super) fn contest_message(release: &str, contest: &Contest) -> String {
    let rivals = if contest.rivals.is_empty() { "somebody".to_owned() } else { contest.rivals.join(" and ") };
    let drift = contest.drift.join("\n");
    // Whole seconds are enough for people.
    let until = contest.until.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(
        "Cluster state of release {release} is changed again by {rivals} after each correction; the next one is at {until}:\n{drift}"
    )
}

/// What was left out of a record; nothing if it is whole.
pub(super) fn slimming_message(snapshot: &Snapshot, slimming: Slimming) -> Option<String> {
    let without = match slimming {
        Slimming::None => return None,
        Slimming::Files => "files other than templates",
        Slimming::FilesTemplatesAndSchema => "templates, values schema and other files",
    };
    let Snapshot { namespace, name, version, .. } = snapshot;
    Some(format!(
        "The record of release {namespace}/{name}.v{version} would not fit into a Secret and is stored without the chart's {without}; \
         helm reads it as any other"
    ))
}

pub(super) fn drift_message(release: &str, objects: &[String]) -> String {
    format!("Cluster state of release {release} has drifted from the desired state:\n{}", objects.join("\n"))
}
