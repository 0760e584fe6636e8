//! YAML documents as Helm reads them: the one place where charts meet the YAML reader.
//!
//! **Invariant:** integers and floats stay apart here; values are made floats where they are loaded, metadata needs the difference.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::goyaml;

/// The first document of a text, as JSON. The error is worded as sigs.k8s.io/yaml words it.
pub(super) fn decode(text: &[u8]) -> Result<Json, String> {
    goyaml::from_str(text).map_err(|error| error.in_full())
}

/// Like [`decode`], for fields that are texts: Go prints `1e6` there as a float.
pub(super) fn decode_texts(text: &[u8]) -> Result<Json, String> {
    goyaml::from_str_with_floats(text).map_err(|error| error.in_full())
}

/// The documents of a values file, up to the first error; its separators are lines that begin with three hyphens (the `YAMLReader` of
/// Kubernetes).
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = Result<Cow<'_, [u8]>, String>> {
    let texts = goyaml::split(text).into_iter();
    texts.map(|text| text.map_err(|error| format!("error reading yaml document: {error}")))
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
