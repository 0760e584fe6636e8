//! YAML as go-yaml reads and writes it: v2.4 behind sigs.k8s.io/yaml 1.6, and v3.0 for the pretty form.
//!
//! Reading: bytes → [`input`] → [`scan`] (tokens) → [`parse`] (tree) → [`decode`] (JSON), with scalars typed by [`resolve`]; what is
//! written as people mostly do takes the short way through [`plain`].
//! Writing: value → [`write`] (tree, keys in natural [`order`]) → [`emit`] (text), with the versions' differences in [`style`].
//! What comes out is `serde_json::Value`, where integers stay integers; [`crate::value::Value::from_json`] makes them floats, as in Go.
//!
//! ```
//! use rhumb::goyaml;
//!
//! let json = goyaml::from_str(b"mode: 0644\non: yes\n").unwrap();
//! assert_eq!(json.to_string(), r#"{"mode":420,"true":true}"#);
//! assert_eq!(goyaml::to_string_json(&json).unwrap(), "mode: 420\n\"true\": true\n");
//! ```
//!
//! **Invariant:** never knows about Helm or Kubernetes.

mod decode;
mod documents;
mod emit;
mod error;
mod go_syntax;
mod input;
mod node;
mod number;
mod order;
mod parse;
mod plain;
mod resolve;
mod scan;
mod style;
mod tagged;
mod timestamp;
mod write;

pub use documents::{documents, split};
pub use error::{Error, ReadError};
pub use tagged::{Content, Node, Tag};

use serde_json::Value as Json;

use crate::value::{Value, json};

/// The JSON of the first document: `yaml.Unmarshal` of sigs.k8s.io/yaml 1.6 into an `interface {}`. Of equal keys the last one wins;
/// a float with a whole value is an integer; no document is `null`.
pub fn from_str(text: impl AsRef<[u8]>) -> Result<Json, Error> {
    yaml_to_json(text.as_ref(), false).map_err(Error::Convert)
}

/// Like [`from_str`], but a float with a whole value stays a float.
pub fn from_str_with_floats(text: impl AsRef<[u8]>) -> Result<Json, Error> {
    let wanted = plain::Wanted { keeps_floats: true, ..plain::Wanted::default() };
    read(text.as_ref(), wanted, |document| decode::Decoder::new(document, false).keeping_floats().decode())
        .map_err(Error::Convert)
}

/// Like [`from_str`], but keys that are given more than once are an error (`yaml.UnmarshalStrict`).
pub fn from_str_strict(text: impl AsRef<[u8]>) -> Result<Json, Error> {
    yaml_to_json(text.as_ref(), true).map_err(Error::Convert)
}

/// Like [`from_str`], into a `map[string]interface {}`; `null` is an empty map.
pub fn map_from_str(text: impl AsRef<[u8]>) -> Result<serde_json::Map<String, Json>, Error> {
    let value = from_str(text)?;
    json::Target::Map.check(&value).map_err(Error::Target)?;
    Ok(match value {
        Json::Object(entries) => entries,
        _ => serde_json::Map::new(),
    })
}

/// Like [`from_str`], into a `[]interface {}`; `null` is an empty list.
pub fn list_from_str(text: impl AsRef<[u8]>) -> Result<Vec<Json>, Error> {
    let value = from_str(text)?;
    json::Target::List.check(&value).map_err(Error::Target)?;
    Ok(match value {
        Json::Array(items) => items,
        _ => Vec::new(),
    })
}

/// Like [`from_str`], but of a mapping only the values of these keys are kept. The others are checked all the same, at less cost.
pub fn fields_from_str(text: impl AsRef<[u8]>, keys: &[&str]) -> Result<Json, Error> {
    let wanted = plain::Wanted { only: Some(keys), ..plain::Wanted::default() };
    read(text.as_ref(), wanted, |document| decode::Decoder::new(document, false).only(keys).decode())
        .map_err(Error::Convert)
}

/// `yaml.YAMLToJSON` of sigs.k8s.io/yaml 1.6, or `yaml.YAMLToJSONStrict`.
fn yaml_to_json(text: &[u8], strict: bool) -> Result<Json, ReadError> {
    let decode = |document: &mut node::Document<'_>| decode::Decoder::new(document, strict).decode();
    // The short way does not notice keys that are given twice.
    if strict { first_document(text, decode) } else { read(text, plain::Wanted::default(), decode) }
}

/// What the first document of a text is decoded into, by the short way if it can be taken.
fn read(
    text: &[u8],
    wanted: plain::Wanted<'_>,
    decode: impl FnOnce(&mut node::Document<'_>) -> Result<Json, ReadError>,
) -> Result<Json, ReadError> {
    plain::read(text, wanted).map_or_else(|| first_document(text, decode), Ok)
}

/// What the first document of a text is decoded into; no document is `null`.
fn first_document(
    text: &[u8],
    decode: impl FnOnce(&mut node::Document<'_>) -> Result<Json, ReadError>,
) -> Result<Json, ReadError> {
    let input = input::Input::new(text)?;
    let mut parser = parse::Parser::new(scan::Scanner::new(&input));
    match parser.next_document()? {
        Some(mut document) => decode(&mut document),
        None => Ok(Json::Null),
    }
}

/// The YAML of a value: `yaml.Marshal` of sigs.k8s.io/yaml 1.6, with its line break at the end.
pub fn to_string(value: &Value) -> Result<String, Error> {
    to_string_json(&value.to_json().map_err(Error::Marshal)?)
}

/// The YAML of a JSON document, as [`to_string`] gives it.
pub fn to_string_json(json: &Json) -> Result<String, Error> {
    to_string_ordered(json, write::KeyOrder::Natural)
}

/// The YAML of a JSON document with keys in byte order: what go-yaml v2 makes of a `yaml.MapSlice` that was sorted.
pub fn to_string_sorted(json: &Json) -> Result<String, Error> {
    to_string_ordered(json, write::KeyOrder::Bytes)
}

fn to_string_ordered(json: &Json, key_order: write::KeyOrder) -> Result<String, Error> {
    if write::changes_when_read(json) {
        let text = json::encode_json(json, json::Format::MARSHAL).map_err(Error::Marshal)?;
        let json = yaml_to_json(text.as_bytes(), false).map_err(Error::Reread)?;
        return Ok(emit::emit(&write::json_item(&json, key_order)?, style::V2));
    }
    Ok(emit::emit(&write::json_item(json, key_order)?, style::V2))
}

/// The YAML of a value as an encoder of go-yaml v3.0 gives it after `SetIndent(2)`: sequences are indented, nothing is broken at column
/// 80, and numbers keep Go's type.
pub fn to_string_pretty(value: &Value) -> Result<String, Error> {
    Ok(emit::emit(&write::value_item(value, 0)?, style::V3))
}

#[cfg(test)]
mod tests {
    use super::{fields_from_str, from_str};

    #[test]
    fn fields_that_are_not_kept_are_checked() {
        let kept = |text: &str| fields_from_str(text, &["a", "b"]).map_err(|error| error.to_string());
        assert_eq!(kept("a: {x: 1}\nc: [1, {d: e}]\nb: z\n").unwrap().to_string(), r#"{"a":{"x":1},"b":"z"}"#);
        assert_eq!(
            kept("c: &c {a: 1, c: 2}\nb: [*c]\n<<: *c\n").unwrap().to_string(),
            r#"{"a":1,"b":[{"a":1,"c":2}]}"#
        );
        assert_eq!(kept("[a, c]").unwrap().to_string(), r#"["a","c"]"#);
        for wrong in
            ["c: .nan", "c: {null: 1}", "c: {[a]: 1}", "c: !!binary '?'", "c: {<<: 1}", "c: [{x: !!int y}]", "c: ["]
        {
            let full = from_str(wrong).map_err(|error| error.to_string());
            assert!(full.is_err(), "{wrong}");
            assert_eq!(kept(wrong), full, "{wrong}");
        }
    }
}
