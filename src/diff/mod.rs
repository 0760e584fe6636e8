//! Desired against live objects: has somebody changed what a release declared?
//!
//! In: an object of the manifest and the live one. Out: the fields that differ, as JSON pointers. Only fields that the manifest states
//! count, so what others add never drifts. The comparison is cheap and errs towards "differs"; whoever can ask the API server
//! confirms a difference by a dry run before it counts as drift.
//!
//! **Invariant:** never shows the content of a Secret.

mod compare;
mod ignore;
mod normalise;
mod owner;
mod quantity;
mod reference;
mod selector;
mod summary;
#[cfg(test)]
mod tests;

pub use compare::{compare, is_built_in, merge_key};
pub use ignore::{IgnoreError, IgnoreRule, IgnoreRules, Selector};
pub use normalise::{MAX_TEXT, compact, drift_detection_disabled, encode_string_data, is_bookkeeping, normalise};
pub use owner::{FieldOwner, REPLICAS, is_autoscaled, owner_of};
pub use reference::ObjectReference;

use std::fmt;

/// What happened to one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldChangeKind {
    /// The manifest states the field and the live object lacks it.
    Removed,
    /// The live object has another value.
    Changed,
}

/// A field of the manifest that the live object does not have as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// JSON pointer into the desired object (RFC 6901).
    pub pointer: String,
    /// What happened to it.
    pub kind: FieldChangeKind,
    /// The declared and the live value, shortened for people; none for Secrets and long values.
    pub values: Option<(String, String)>,
    /// The other manager that has the field now, if there is one.
    pub manager: Option<String>,
}

/// How an object differs from what was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object is gone.
    Missing,
    /// Fields differ.
    Changed(Vec<FieldChange>),
}

/// Drift of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectDrift {
    /// Which object.
    pub object: ObjectReference,
    /// What is different.
    pub change: Change,
}

impl fmt::Display for ObjectDrift {
    /// One line for a condition or event, such as `Deployment/apps/web changed (/spec/replicas: 3 → 1)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        summary::write(self, formatter)
    }
}
