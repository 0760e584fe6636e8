//! A first glance at a schema and the values for it, at which most of both turn out to be in order.
//!
//! The library compiles a schema, and before that those that say what a schema is, which takes longer than many a chart takes to render.
//! This reads the schema as it stands. It knows the keywords that nearly all schemas are made of; about everything else, and about values
//! that do not fit, the library is asked, whose words are wanted then.
//!
//! **Invariant:** sees nothing in order that the library would refuse, patterns apart: these mean here what they mean to Go.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::sprig::GoRegex;

/// How deep schemas and references in them are followed.
const MAX_DEPTH: usize = 100;

/// The names of types.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// Keywords of all drafts that this does not know.
const UNKNOWN: [&str; 24] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
    "$schema",
    "$vocabulary",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "id",
    "maxContains",
    "minContains",
    "multipleOf",
    "prefixItems",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "extends",
    "divisibleBy",
];

/// Names of formats that mean something to others, and nothing to JSON Schema.
const NO_FORMATS: [&str; 6] = ["int32", "int64", "float", "double", "byte", "password"];

type Fields = Map<String, Json>;

/// Whether the schema is surely a good one, and the values surely fit it.
pub(super) fn holds(schema: &Json, values: &Json) -> bool {
    let Some(refs_stand_alone) = refs_stand_alone(schema) else { return false };
    let glance = Glance { root: schema, refs_stand_alone, patterns: RefCell::default(), targets: RefCell::default() };
    glance.is_schema(schema, 0) && glance.accepts(schema, values, 0) == Some(true)
}

/// Whether a reference hides what stands beside it, as up to draft 7; nothing for drafts that are not known here.
fn refs_stand_alone(schema: &Json) -> Option<bool> {
    let Some(url) = schema.get("$schema") else { return Some(false) };
    let url = url.as_str()?;
    let url = url.strip_suffix('#').unwrap_or(url);
    let place = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    match place.strip_prefix("json-schema.org/")? {
        "schema" | "draft/2020-12/schema" | "draft/2019-09/schema" => Some(false),
        "draft-07/schema" => Some(true),
        _ => None,
    }
}

struct Glance<'s> {
    root: &'s Json,
    refs_stand_alone: bool,
    patterns: RefCell<BTreeMap<&'s str, GoRegex>>,
    /// References whose targets were looked at as schemas, or are being looked at.
    targets: RefCell<BTreeSet<&'s str>>,
}

impl<'s> Glance<'s> {
    /// Whether this is a schema of known keywords, each with what it asks for.
    fn is_schema(&self, schema: &'s Json, depth: usize) -> bool {
        match schema {
            Json::Bool(_) => true,
            Json::Object(fields) if depth < MAX_DEPTH => {
                fields.iter().all(|(keyword, value)| self.is_keyword(keyword, value, depth))
            }
            _ => false,
        }
    }

    fn is_keyword(&self, keyword: &str, value: &'s Json, depth: usize) -> bool {
        let is_schema = |schema: &'s Json| self.is_schema(schema, depth + 1);
        match keyword {
            "$schema" => depth == 0,
            // References to definitions are followed within the schema, whatever its name.
            "$id" => depth == 0 && value.as_str().is_some_and(is_name_of_its_own),
            "$comment" | "description" | "title" => value.is_string(),
            "deprecated" | "readOnly" | "uniqueItems" | "writeOnly" => value.is_boolean(),
            "examples" => value.is_array(),
            "type" => match value {
                Json::Array(names) => !names.is_empty() && are_distinct(names) && names.iter().all(is_type),
                name => is_type(name),
            },
            "const" => is_scalar(value),
            "enum" => value
                .as_array()
                .is_some_and(|items| !items.is_empty() && items.iter().all(is_scalar) && are_distinct(items)),
            "exclusiveMaximum" | "exclusiveMinimum" | "maximum" | "minimum" => value.is_number(),
            "maxItems" | "maxLength" | "maxProperties" | "minItems" | "minLength" | "minProperties" => value.is_u64(),
            "required" => {
                value.as_array().is_some_and(|names| names.iter().all(Json::is_string) && are_distinct(names))
            }
            "$defs" | "definitions" | "properties" => {
                value.as_object().is_some_and(|schemas| schemas.values().all(is_schema))
            }
            // Beside a single schema for all items, additionalItems says nothing.
            "additionalItems" | "additionalProperties" | "else" | "if" | "items" | "not" | "then" => is_schema(value),
            "format" => value.as_str().is_some_and(|name| NO_FORMATS.contains(&name)),
            "pattern" => value.as_str().is_some_and(|pattern| self.is_pattern(pattern)),
            "patternProperties" => value.as_object().is_some_and(|schemas| {
                schemas.iter().all(|(pattern, schema)| self.is_pattern(pattern) && is_schema(schema))
            }),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().is_some_and(|schemas| !schemas.is_empty() && schemas.iter().all(is_schema))
            }
            "$ref" => value.as_str().is_some_and(|reference| self.is_reference(reference, depth)),
            // What is no keyword at all, such as those of forms, may be anything.
            keyword => !UNKNOWN.contains(&keyword),
        }
    }

    /// Whether this is a regular expression to Go.
    fn is_pattern(&self, pattern: &'s str) -> bool {
        if self.patterns.borrow().contains_key(pattern) {
            return true;
        }
        let Ok(compiled) = GoRegex::new(pattern) else { return false };
        self.patterns.borrow_mut().insert(pattern, compiled);
        true
    }

    fn matches(&self, pattern: &str, text: &str) -> Option<bool> {
        Some(self.patterns.borrow().get(pattern)?.is_match(text))
    }

    /// Whether this refers to a schema of known keywords.
    fn is_reference(&self, reference: &'s str, depth: usize) -> bool {
        let Some(target) = self.target(reference) else { return false };
        !self.targets.borrow_mut().insert(reference) || self.is_schema(target, depth + 1)
    }

    /// What a reference refers to, if that is within the schema.
    fn target(&self, reference: &str) -> Option<&'s Json> {
        let pointer = reference.strip_prefix('#')?;
        let is_plain =
            |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.' | b'/' | b'$');
        if pointer.is_empty() || !pointer.bytes().all(is_plain) {
            return None;
        }
        self.root.pointer(pointer)
    }

    /// Whether a value fits a schema; nothing if that cannot be told.
    fn accepts(&self, schema: &Json, value: &Json, depth: usize) -> Option<bool> {
        let fields = match schema {
            Json::Bool(accepts_all) => return Some(*accepts_all),
            Json::Object(fields) if depth < MAX_DEPTH => fields,
            _ => return None,
        };
        if let Some(reference) = fields.get("$ref") {
            if self.refs_stand_alone && fields.contains_key("const") {
                // The library looks at this one all the same.
                return None;
            }
            let is_accepted = self.accepts(self.target(reference.as_str()?)?, value, depth + 1)?;
            if self.refs_stand_alone || !is_accepted {
                return Some(is_accepted);
            }
        }
        all(fields.iter().map(|(keyword, wanted)| self.fits(fields, keyword, wanted, value, depth)))
    }

    /// Whether a value fits one keyword of a schema.
    fn fits(&self, fields: &Fields, keyword: &str, wanted: &Json, value: &Json, depth: usize) -> Option<bool> {
        let accepts = |schema: &Json| self.accepts(schema, value, depth + 1);
        match (keyword, value) {
            ("type", _) => Some(match wanted {
                Json::Array(names) => names.iter().any(|name| is_of_type(value, name)),
                name => is_of_type(value, name),
            }),
            ("const", _) => Some(is_equal(wanted, value)),
            ("enum", _) => Some(wanted.as_array()?.iter().any(|item| is_equal(item, value))),
            ("allOf", _) => all(wanted.as_array()?.iter().map(accepts)),
            ("anyOf", _) => Some(count(wanted.as_array()?.iter().map(accepts))? > 0),
            ("oneOf", _) => Some(count(wanted.as_array()?.iter().map(accepts))? == 1),
            ("not", _) => Some(!accepts(wanted)?),
            ("if", _) => fields.get(if accepts(wanted)? { "then" } else { "else" }).map_or(Some(true), accepts),
            (_, Json::Object(entries)) => self.fits_object(fields, keyword, wanted, entries, depth),
            (_, Json::Array(items)) => self.fits_array(keyword, wanted, items, depth),
            ("pattern", Json::String(text)) => self.matches(wanted.as_str()?, text),
            ("minLength", Json::String(text)) => Some(text.chars().count() as u64 >= wanted.as_u64()?),
            ("maxLength", Json::String(text)) => Some(text.chars().count() as u64 <= wanted.as_u64()?),
            ("minimum", Json::Number(number)) => Some(number.as_f64()? >= wanted.as_f64()?),
            ("maximum", Json::Number(number)) => Some(number.as_f64()? <= wanted.as_f64()?),
            ("exclusiveMinimum", Json::Number(number)) => Some(number.as_f64()? > wanted.as_f64()?),
            ("exclusiveMaximum", Json::Number(number)) => Some(number.as_f64()? < wanted.as_f64()?),
            _ => Some(true),
        }
    }

    fn fits_object(
        &self,
        fields: &Fields,
        keyword: &str,
        wanted: &Json,
        entries: &Fields,
        depth: usize,
    ) -> Option<bool> {
        match keyword {
            "required" => {
                let mut names = wanted.as_array()?.iter().filter_map(Json::as_str);
                Some(names.all(|name| entries.contains_key(name)))
            }
            "minProperties" => Some(entries.len() as u64 >= wanted.as_u64()?),
            "maxProperties" => Some(entries.len() as u64 <= wanted.as_u64()?),
            "properties" => {
                let named = wanted.as_object()?.iter().filter_map(|(name, schema)| Some((schema, entries.get(name)?)));
                all(named.map(|(schema, value)| self.accepts(schema, value, depth + 1)))
            }
            "patternProperties" => {
                let wanted = wanted.as_object()?;
                all(wanted.iter().flat_map(|(pattern, schema)| {
                    entries.iter().map(move |(name, value)| {
                        if self.matches(pattern, name)? { self.accepts(schema, value, depth + 1) } else { Some(true) }
                    })
                }))
            }
            "additionalProperties" => {
                let named = fields.get("properties").and_then(Json::as_object);
                let patterns = fields.get("patternProperties").and_then(Json::as_object);
                let is_other = |name: &str| {
                    let has_pattern = patterns.is_some_and(|patterns| {
                        patterns.keys().any(|pattern| self.matches(pattern, name) == Some(true))
                    });
                    !has_pattern && named.is_none_or(|named| !named.contains_key(name))
                };
                let others = entries.iter().filter(|(name, _)| is_other(name));
                all(others.map(|(_, value)| self.accepts(wanted, value, depth + 1)))
            }
            _ => Some(true),
        }
    }

    fn fits_array(&self, keyword: &str, wanted: &Json, items: &[Json], depth: usize) -> Option<bool> {
        match keyword {
            "minItems" => Some(items.len() as u64 >= wanted.as_u64()?),
            "maxItems" => Some(items.len() as u64 <= wanted.as_u64()?),
            "items" => all(items.iter().map(|item| self.accepts(wanted, item, depth + 1))),
            "uniqueItems" if *wanted == Json::Bool(true) && items.len() > 1 => {
                items.iter().all(is_scalar).then(|| are_distinct(items))
            }
            _ => Some(true),
        }
    }
}

/// Whether all are true; nothing if that hangs on one that cannot be told.
fn all(mut verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    verdicts.find(|verdict| *verdict != Some(true)).unwrap_or(Some(true))
}

/// How many are true; nothing if one cannot be told.
fn count(verdicts: impl Iterator<Item = Option<bool>>) -> Option<usize> {
    verdicts.map(|verdict| verdict.map(usize::from)).sum()
}

/// Whether an identifier names just this schema: no part of it, and none of those that say what a schema is.
fn is_name_of_its_own(id: &str) -> bool {
    let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.' | b'/');
    let place = id.strip_prefix("https://").or_else(|| id.strip_prefix("http://"));
    place.is_some_and(|place| {
        let (host, path) = place.split_once('/').unwrap_or((place, ""));
        !host.is_empty()
            && host != "json-schema.org"
            && place.bytes().all(is_plain)
            && !path.split('/').any(|part| part.starts_with('.'))
    })
}

fn is_type(name: &Json) -> bool {
    name.as_str().is_some_and(|name| TYPES.contains(&name))
}

fn is_of_type(value: &Json, name: &Json) -> bool {
    match name.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

fn is_scalar(value: &Json) -> bool {
    !value.is_array() && !value.is_object()
}

/// Whether a scalar equals a value; a whole number does so however it is written.
fn is_equal(scalar: &Json, value: &Json) -> bool {
    match (scalar.as_f64(), value.as_f64()) {
        _ if scalar.is_u64() && value.is_u64() || scalar.is_i64() && value.is_i64() => scalar == value,
        (Some(left), Some(right)) => left == right,
        _ => scalar == value,
    }
}

/// Whether no two scalars are equal.
fn are_distinct(scalars: &[Json]) -> bool {
    scalars
        .iter()
        .enumerate()
        .all(|(position, scalar)| !scalars.iter().skip(position + 1).any(|other| is_equal(scalar, other)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::{by_library, glance};

    #[test]
    fn plain_schemas_are_in_order_at_a_glance() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$id": "https://example.com/values.schema.json",
            "title": "Values",
            "routes": {"default": {"type": "string"}},
            "definitions": {"size": {"type": ["integer", "null"], "minimum": 1, "form": true}},
            "type": "object",
            "required": ["image"],
            "additionalProperties": false,
            "properties": {
                "image": {"type": "string", "minLength": 1},
                "replicas": {"$ref": "#/definitions/size"},
                "pull": {"enum": ["Always", "Never"]},
                "args": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
                "port": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int32"},
                "tag": {"type": "string", "pattern": "^v\\d+(?:\\.[0-9]+)*$"},
                "ports": {"items": {"$ref": "#/properties/port/oneOf/0"}},
                "route": {"$ref": "#/routes/default"},
                "labels": {
                    "patternProperties": {"^app/": {"type": "string"}},
                    "additionalProperties": {"type": "integer"},
                },
            }
        });
        let values = json!({
            "image": "a", "replicas": 2, "pull": "Never", "args": ["x", "y"], "port": "http",
            "tag": "v1.2", "labels": {"app/a": "b", "other": 1}, "ports": [1], "route": "x",
        });
        assert!(glance::holds(&schema, &values));
        for (name, value) in [
            ("image", json!("")),
            ("replicas", json!(0)),
            ("pull", json!("x")),
            ("args", json!(["x", "x"])),
            ("port", json!(1.5)),
            ("tag", json!("1.2")),
            ("ports", json!(["x"])),
            ("route", json!(1)),
            ("labels", json!({"app/a": 1})),
            ("labels", json!({"other": "b"})),
            ("other", json!(1)),
        ] {
            let mut values = values.clone();
            values[name] = value;
            assert!(!glance::holds(&schema, &values), "{name}");
        }
    }

    #[test]
    fn what_needs_a_closer_look_is_left_to_the_library() {
        for schema in [
            json!({"pattern": "("}),
            json!({"$id": "http://json-schema.org/draft-07/schema"}),
            json!({"properties": {"a": {"$id": "http://example.com/a"}}}),
            json!({"properties": {"a": {"format": "uri"}}}),
            json!({"$ref": "#/properties/a"}),
            json!({"$ref": "#/a", "a": {"type": "text"}}),
            json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            json!({"type": "text"}),
            json!({"required": ["a", "a"]}),
        ] {
            assert!(!glance::holds(&schema, &json!({})), "{schema}");
        }
    }

    fn scalar() -> impl Strategy<Value = Json> {
        let scalars = [
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(1.0),
            json!(-1),
            json!(1.5),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!("a"),
            json!("ü"),
        ];
        prop::sample::select(scalars.to_vec())
    }

    fn value() -> impl Strategy<Value = Json> {
        scalar().prop_recursive(3, 12, 3, |inner| {
            let fields = prop::collection::btree_map(prop::sample::select(vec!["a", "b", "c"]), inner.clone(), 0..3);
            prop_oneof![
                prop::collection::vec(inner, 0..3).prop_map(Json::Array),
                fields.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    /// Schemas, most of them good ones, of all keywords that are known here and some others.
    fn schema() -> impl Strategy<Value = Json> {
        let types = prop::sample::subsequence(super::TYPES.to_vec(), 0..3).prop_map(|names| json!(names));
        let one_type = prop::sample::select(super::TYPES.to_vec()).prop_map(|name| json!(name));
        let names = prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..2).prop_map(|names| json!(names));
        let word = |keywords: &[&str]| {
            prop::sample::select(keywords.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        let simple = prop_oneof![
            6 => (word(&["type"]), prop_oneof![one_type, types]),
            2 => (word(&["required", "dependentRequired"]), names),
            4 => (word(&["const", "default", "minimum", "exclusiveMaximum", "maxLength", "minItems", "maxProperties"]), scalar()),
            2 => (word(&["enum", "examples"]), prop::collection::vec(scalar(), 0..3).prop_map(Json::Array)),
            1 => (word(&["uniqueItems", "title", "$comment", "form", "pattern"]), value()),
            2 => (
                word(&["pattern", "format", "$id"]),
                prop::sample::select(vec![json!("^a"), json!("b?$"), json!("(\\.|a)"), json!("int32"), json!("uri"), json!("https://example.com/a"), json!("a#b")]),
            ),
            2 => (word(&["$ref"]), prop::sample::select(vec![
                json!("#/definitions/a"), json!("#/$defs/b"), json!("#/properties/a"), json!("#/allOf/0"), json!("#/form/a"), json!("#")
            ])),
        ];
        let leaf = prop_oneof![
            1 => prop::bool::ANY.prop_map(Json::Bool),
            9 => prop::collection::vec(simple, 0..3).prop_map(|fields| fields.into_iter().collect()),
        ];
        leaf.prop_recursive(3, 16, 3, move |inner| {
            let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array);
            let table = prop::collection::btree_map(word(&["a", "b"]), inner.clone(), 0..3)
                .prop_map(|schemas| schemas.into_iter().collect::<Json>());
            let nested = prop_oneof![
                (
                    word(&[
                        "additionalProperties",
                        "additionalItems",
                        "items",
                        "not",
                        "if",
                        "then",
                        "else",
                        "contains"
                    ]),
                    inner.clone()
                ),
                (word(&["allOf", "anyOf", "oneOf"]), list),
                (word(&["properties", "properties", "definitions", "$defs", "patternProperties"]), table),
            ];
            (inner, prop::collection::vec(nested, 1..4)).prop_map(|(schema, nested)| match schema {
                Json::Object(mut fields) => {
                    fields.extend(nested);
                    Json::Object(fields)
                }
                _ => nested.into_iter().collect(),
            })
        })
    }

    fn root() -> impl Strategy<Value = Json> {
        let drafts = ["draft-04", "draft-07", "draft/2019-09", "draft/2020-12"]
            .map(|draft| Some(json!(format!("https://json-schema.org/{draft}/schema#"))));
        let drafts = drafts.into_iter().chain([None, Some(json!("http://json-schema.org/schema#"))]);
        (schema(), prop::sample::select(drafts.collect::<Vec<_>>())).prop_map(|(mut schema, draft)| {
            if let (Json::Object(fields), Some(draft)) = (&mut schema, draft) {
                fields.insert("$schema".to_owned(), draft);
            }
            schema
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_in_order_that_the_library_refuses(schema in root(), values in value()) {
            if glance::holds(&schema, &values) {
                prop_assert_eq!(by_library(schema, &values), Ok(()));
            }
        }
    }
}
