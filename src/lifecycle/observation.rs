//! Facts about a release as they are now.
//!
//! **Invariant:** facts only; nothing here is an opinion about what should happen.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::conditions::{condition_status, condition_type, find, reason};
use crate::api::status::ReleaseActionName;
use crate::api::{HelmReleaseStatus, Snapshot};
use crate::release::Status;

/// What is known about the newest revision in Helm's storage.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseFacts {
    /// The release's name.
    pub name: String,
    /// The namespace that the release's objects live in.
    pub namespace: String,
    /// The revision number, from 1.
    pub revision: i64,
    /// What Helm says of the revision.
    pub status: Status,
    /// The chart's name.
    pub chart_name: String,
    /// The chart's version.
    pub chart_version: String,
    /// Digest of the user-supplied values.
    pub config_digest: String,
    /// Digest of the stored record, as a snapshot keeps it.
    pub digest: String,
}

/// What was found when live objects were held against the release's manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DriftFacts {
    /// Nobody looked: detection is off, or the release is not in a state to be compared.
    #[default]
    Unchecked,
    /// Live objects are as declared.
    None,
    /// Live objects differ; one line an object, Secrets masked.
    Found(Vec<String>),
}

/// A fight over live objects: somebody undoes each correction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// How the objects differ, a line each.
    pub drift: Vec<String>,
    /// The managers that have the fields, as far as they are known.
    pub rivals: Vec<String>,
    /// For how long the objects are left as they are.
    pub left: Duration,
    /// When that is over.
    pub until: Timestamp,
}

/// The facts that a decision rests on.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// The newest revision in storage, if there is any.
    pub latest: Option<ReleaseFacts>,
    /// Drift of live objects.
    pub drift: DriftFacts,
    /// The status as it is now, with everything that earlier turns recorded.
    pub status: &'a HelmReleaseStatus,
    /// For how long an action that somebody else began, such as `helm upgrade`, has been seen under way; none if there is none.
    pub foreign_action: Option<Duration>,
    /// Objects that are not corrected for a while; they are not among the drift.
    pub contest: Option<Contest>,
    /// Revisions in storage with the digest of their records, newest first; to see whether a rollback target is still what it was.
    pub revisions: Vec<(i64, String)>,
    /// The records of the history and the newest one, as they are in storage. Wanted only if the status tells of an action that was
    /// [cut short](cut_short_action), for then the history may not tell what became of them.
    pub left_behind: Vec<Snapshot>,
}

/// The action of ours that the operator was at when it ended, if it ended in the middle of one: that is written down before any record, and
/// taken back with the action's result. Storage may hold more than the history tells then.
pub fn cut_short_action(status: &HelmReleaseStatus) -> Option<&'static str> {
    let released = find(&status.conditions, condition_type::READY)
        .is_some_and(|ready| ready.status == condition_status::UNKNOWN && ready.reason == reason::PROGRESSING);
    let remediated = find(&status.conditions, condition_type::RECONCILING)
        .is_some_and(|reconciling| reconciling.message.starts_with("Running 'rollback'"));
    match status.last_attempted_release_action {
        _ if remediated => Some("rollback"),
        Some(ReleaseActionName::Install) if released => Some("install"),
        _ if released => Some("upgrade"),
        _ => None,
    }
}
