//! Facts about a release as they are now.
//!
//! **Invariant:** facts only; nothing here is an opinion about what should happen.

use std::time::Duration;

use crate::api::HelmReleaseStatus;
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
    /// Revisions in storage with the digest of their records, newest first; to see whether a rollback target is still what it was.
    pub revisions: Vec<(i64, String)>,
}
