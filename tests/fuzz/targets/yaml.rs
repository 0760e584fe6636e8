//! YAML and JSON: reading, and writing what was read.

use rhumb::goyaml;
use rhumb::value::{Value, json};
use serde_json::Value as Json;

/// Reads the bytes in every way there is.
pub(super) fn read(data: &[u8]) {
    let loose = goyaml::from_str(data);
    let strict = goyaml::from_str_strict(data);
    if let Ok(strict) = strict {
        assert_eq!(loose.ok(), Some(strict), "strict reading only refuses more");
    }
    let _ = goyaml::documents(data);
    let _ = goyaml::map_from_str(data);
    for part in goyaml::split(data).into_iter().flatten() {
        let _ = goyaml::from_str(part);
    }
}

/// Reads a document, writes it, and reads it again. Writing the second must give the same text.
pub(super) fn round_trip(data: &[u8]) {
    let Ok(document) = goyaml::from_str(data) else { return };
    if has_merge_key(&document) {
        // go-yaml writes such a key as it is, and so it merges when it is read again.
        return;
    }
    if let Ok(written) = goyaml::to_string_json(&document) {
        let again = goyaml::from_str(&written).expect("what was written reads");
        assert_eq!(goyaml::to_string_json(&again).expect("and is written again"), written);
    }
    let _ = goyaml::to_string_sorted(&document);
    if let Ok(written) = goyaml::to_string_pretty(&Value::from_json(&document)) {
        // Not all of it reads: go-yaml v3 begins lines of literal blocks with tabs, which v2 refuses.
        let _ = goyaml::from_str(&written);
    }
}

fn has_merge_key(document: &Json) -> bool {
    match document {
        Json::Array(items) => items.iter().any(has_merge_key),
        Json::Object(entries) => entries.iter().any(|(key, value)| key == "<<" || has_merge_key(value)),
        _ => false,
    }
}

/// Reads JSON, writes it in every form, reads that and writes the same.
pub(super) fn read_json(data: &[u8]) {
    let Ok(document) = json::parse(data) else { return };
    for format in [json::Format::MARSHAL, json::Format::RAW, json::Format::PRETTY] {
        let written = json::encode_json(&document, format).expect("what was read can be written");
        let again = json::parse(written.as_bytes()).expect("and reads");
        assert_eq!(json::encode_json(&again, format).expect("and is written again"), written);
    }
}
