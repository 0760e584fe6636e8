//! The forms of objects that comparison works on: what the API server makes of a manifest, and what the store keeps of a live object.
//!
//! **Invariant:** a compacted object holds no value of a Secret and no text longer than [`MAX_TEXT`], only digests of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The longest text that a compacted object keeps as it is, in bytes.
pub const MAX_TEXT: usize = 256;

/// The label or annotation that takes one object out of drift detection, as Flux names it.
const DRIFT_DETECTION: &str = "helm.toolkit.fluxcd.io/driftDetection";

/// What stands before a digest; no text of Kubernetes begins with it.
const DIGEST_MARK: &str = "\0sha256:";

/// Brings a manifest's object into the form that the API server keeps: a Secret's `stringData` becomes `data`, and what only the server
/// writes goes.
pub fn normalise(object: &mut Value) {
    let is_secret = is_secret(object);
    let Some(fields) = object.as_object_mut() else { return };
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|name, _| !is_bookkeeping(name));
    }
    if is_secret {
        merge_string_data(fields);
    }
}

/// Moves a Secret's `stringData` into its `data`, where every value is a text; otherwise the server is to refuse it.
pub fn encode_string_data(object: &mut Value) {
    if is_secret(object)
        && let Some(fields) = object.as_object_mut()
    {
        merge_string_data(fields);
    }
}

fn merge_string_data(fields: &mut Map<String, Value>) {
    let Some(texts) = fields.get("stringData").and_then(Value::as_object) else { return };
    let encode = |(key, text): (&String, &Value)| Some((key.clone(), Value::String(STANDARD.encode(text.as_str()?))));
    let Some(encoded) = texts.iter().map(encode).collect::<Option<Vec<_>>>() else { return };
    let data = fields.entry("data").or_insert(Value::Null);
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        data.extend(encoded);
        fields.remove("stringData");
    }
}

/// Shortens a live object for keeping: managed fields go, and digests take the place of long texts and of all values of a Secret.
pub fn compact(object: &mut Value) {
    let is_secret = is_secret(object);
    let Some(fields) = object.as_object_mut() else { return };
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    for (name, value) in fields.iter_mut() {
        shorten(value, if is_secret && name == "data" { 0 } else { MAX_TEXT });
    }
}

fn shorten(value: &mut Value, limit: usize) {
    match value {
        Value::String(text) if text.len() > limit && !text.starts_with(DIGEST_MARK) => *text = digest(text),
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, limit)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, limit)),
        _ => {}
    }
}

fn digest(text: &str) -> String {
    use std::fmt::Write as _;
    let mut marked = DIGEST_MARK.to_owned();
    for byte in Sha256::digest(text) {
        // Writing into a String cannot fail.
        let _ = write!(marked, "{byte:02x}");
    }
    marked
}

/// Whether two texts are the same, one or both of which may be digests.
pub(super) fn same_text(one: &str, other: &str) -> bool {
    match (one.starts_with(DIGEST_MARK), other.starts_with(DIGEST_MARK)) {
        (true, false) => one == digest(other),
        (false, true) => digest(one) == other,
        _ => one == other,
    }
}

/// Whether a text is a digest of one that was not kept.
pub(super) fn is_digest(text: &str) -> bool {
    text.starts_with(DIGEST_MARK)
}

/// Whether an object is a Secret of the core group.
pub(super) fn is_secret(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Secret")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1")
}

/// Whether a field of `metadata` is the API server's own book-keeping, which no manifest states.
pub fn is_bookkeeping(name: &str) -> bool {
    matches!(
        name,
        "creationTimestamp"
            | "deletionGracePeriodSeconds"
            | "deletionTimestamp"
            | "generation"
            | "managedFields"
            | "resourceVersion"
            | "selfLink"
            | "uid"
    )
}

/// Whether an object opts out of drift detection, by label or annotation (Flux).
pub fn drift_detection_disabled(object: &Value) -> bool {
    ["labels", "annotations"].iter().any(|place| {
        let metadata = object.get("metadata").and_then(|metadata| metadata.get(place));
        metadata.and_then(|marks| marks.get(DRIFT_DETECTION)).and_then(Value::as_str) == Some("disabled")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn string_data_becomes_data_and_wins_over_it() {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "uid": "1"},
            "data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}});
        normalise(&mut secret);
        let expected = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "data": {"a": "bmV3", "b": "Yg=="}});
        assert_eq!(secret, expected);
    }

    #[test]
    fn compacted_secret_holds_no_value() {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "managedFields": []},
            "data": {"password": "aHVudGVyMg=="}});
        compact(&mut secret);
        assert!(!secret.to_string().contains("aHVudGVyMg"));
        let kept = secret.pointer("/data/password").and_then(Value::as_str).unwrap();
        assert!(same_text(kept, "aHVudGVyMg==") && same_text("aHVudGVyMg==", kept) && !same_text(kept, "b3RoZXI="));
        assert_eq!(secret.pointer("/metadata/managedFields"), None);
    }

    #[test]
    fn compacting_twice_changes_nothing_more() {
        let mut object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"long": "x".repeat(MAX_TEXT + 1), "short": "x"}});
        compact(&mut object);
        let once = object.clone();
        compact(&mut object);
        assert_eq!(object, once);
        assert_eq!(object.pointer("/data/short"), Some(&json!("x")));
    }

    #[test]
    fn label_or_annotation_opts_out() {
        for place in ["labels", "annotations"] {
            let object = json!({"metadata": {place: {DRIFT_DETECTION: "disabled"}}});
            assert!(drift_detection_disabled(&object), "{place}");
        }
        assert!(!drift_detection_disabled(&json!({"metadata": {"labels": {DRIFT_DETECTION: "enabled"}}})));
    }
}
