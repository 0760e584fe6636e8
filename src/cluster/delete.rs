//! Deleting a release's objects, in Helm's uninstall order.
//!
//! **Invariant:** never deletes an object whose live form carries `helm.sh/resource-policy: keep`.

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Cluster, Error, Failure, ObjectReference, Origin};

/// What happens to dependents (`spec.uninstall.deletionPropagation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector deletes them afterwards.
    #[default]
    Background,
    /// They go first.
    Foreground,
    /// They stay.
    Orphan,
}

/// How to delete.
#[derive(Clone, Debug)]
pub struct DeleteOptions {
    /// Whose objects these are, and where objects without a namespace are.
    pub origin: Origin,
    /// What happens to dependents.
    pub propagation: Propagation,
    /// Wait until the objects are gone, at most so long.
    pub wait: Option<Duration>,
    /// Ends the wait early.
    pub cancel: CancellationToken,
    /// Delete only objects that carry the release's ownership marks; others are left alone without a word.
    pub only_owned: bool,
}

/// What a deletion did.
#[derive(Clone, Debug, Default)]
pub struct DeleteReport {
    /// Objects whose deletion was begun, in order.
    pub deleted: Vec<ObjectReference>,
    /// Objects that were not there.
    pub absent: Vec<ObjectReference>,
    /// Objects kept by their resource policy.
    pub kept: Vec<ObjectReference>,
    /// Refusals; other objects are deleted all the same.
    pub failures: Vec<Failure>,
    /// Objects that were still there when the wait ended.
    pub remaining: Vec<ObjectReference>,
}

impl Cluster {
    /// Deletes objects in uninstall order, whatever order they are given in.
    pub async fn delete(&self, objects: &[Value], options: &DeleteOptions) -> Result<DeleteReport, Error> {
        let _ = (objects, options);
        Err(Error::Cancelled)
    }
}
