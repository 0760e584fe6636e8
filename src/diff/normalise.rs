//! Placeholder.
use serde_json::Value;

/// Brings a manifest's object into the form the API server keeps.
pub fn normalise(object: &mut Value) {
    let _ = object;
}

/// Shortens a live object for the store.
pub fn compact(object: &mut Value) {
    let _ = object;
}

/// Whether the object opts out of drift detection.
pub fn drift_detection_disabled(object: &Value) -> bool {
    let _ = object;
    false
}
