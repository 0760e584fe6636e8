//! YAML documents as Helm reads them: the one place where charts meet the YAML reader.
//!
//! **Invariant:** integers and floats stay apart here; values are made floats where they are loaded, metadata needs the difference.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::goyaml;

/// The first document of a text, as JSON. The error is worded as sigs.k8s.io/yaml words it.
pub(super) fn decode(text: &str) -> Result<Json, String> {
    goyaml::from_str(text).map_err(|error| error.to_string())
}

/// Like [`decode`], for fields that are texts: Go prints `1e6` there as a float.
pub(super) fn decode_texts(text: &str) -> Result<Json, String> {
    goyaml::from_str_with_floats(text).map_err(|error| error.to_string())
}

/// The documents of a values file; its separators are lines that begin with three hyphens (Kubernetes' `YAMLReader`).
pub(super) fn split(text: &str) -> Result<Vec<Cow<'_, str>>, String> {
    goyaml::split(text).map_err(|error| format!("error reading yaml document: {error}"))
}

/// What Go's JSON decoder calls the kind of a document.
pub(super) fn kind_name(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// The error of Go's JSON decoder, by way of sigs.k8s.io/yaml, for a document of the wrong kind.
pub(super) fn mismatch(found: &Json, wanted: &str) -> String {
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go {wanted}",
        kind_name(found)
    )
}
