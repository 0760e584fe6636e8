//! Placeholder.
use serde_json::Value;

use super::FieldChange;

/// The fields of `desired` that `live` does not have as declared.
pub fn compare(desired: &Value, live: &Value) -> Vec<FieldChange> {
    let _ = (desired, live);
    Vec::new()
}
