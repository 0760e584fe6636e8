//! The words of the Go library for what is wrong with values or with a schema.
//!
//! Counterpart: `kind` and `util.go` of santhosh-tekuri/jsonschema v6.0.3.
//!
//! **Invariant:** of values, only what stands at the offending place is told.

use boon::{CompileError, ErrorKind, ValidationError};
use serde_json::{Number, Value as Json};

use super::number::{count, localized};
use super::patterns::Patterns;
use crate::chart::time::date_fault;
use crate::sprig::{regex_fault, url_scheme};
use crate::version::quote as go_quote;

/// What messages are made with besides the failures.
pub(super) struct Wording<'a> {
    /// The schema, whose texts the library changes.
    pub(super) schema: &'a Json,
    /// The patterns that were taken out of it.
    pub(super) patterns: &'a Patterns,
}

/// Where failures are that are told together.
struct Below<'a> {
    /// The schema that they are in.
    schema: &'a str,
    indent: usize,
    /// Whether the combinator that they come from has its line already.
    is_told: bool,
}

/// A combinator that the library leaves out because only one failure comes from it.
struct Lost<'a> {
    place: &'a str,
    message: &'static str,
}

/// The combinators between a schema and the place of a failure in it that have no line, from the outside in.
fn lost_combinators<'a>(below: &Below<'_>, schema_url: &str, place: &'a str) -> Vec<Lost<'a>> {
    let root = |url: &str| url.trim_end_matches('#').to_owned();
    let inside = root(schema_url);
    let Some(path) = inside.strip_prefix(root(below.schema).as_str()) else { return Vec::new() };
    let tokens: Vec<&str> = path.trim_start_matches(['#', '/']).split('/').collect();
    // Each combinator with the number of steps into the values that come after it.
    let mut found: Vec<(&'static str, usize)> = Vec::new();
    let mut position = 0;
    while let Some(keyword) = tokens.get(position) {
        let has_index = tokens.get(position + 1).is_some_and(|next| next.bytes().all(|byte| byte.is_ascii_digit()));
        let (message, length, steps) = match *keyword {
            "allOf" => (Some("'allOf' failed"), 2, 0),
            "anyOf" => (Some("'anyOf' failed"), 2, 0),
            "oneOf" => (Some("'oneOf' failed, none matched"), 2, 0),
            "properties" | "patternProperties" | "prefixItems" => (None, 2, 1),
            "dependentSchemas" | "dependencies" => (None, 2, 0),
            "items" if has_index => (None, 2, 1),
            "items"
            | "additionalItems"
            | "additionalProperties"
            | "contains"
            | "unevaluatedItems"
            | "unevaluatedProperties" => (None, 1, 1),
            _ => (None, 1, 0),
        };
        for (_, after) in &mut found {
            *after += steps;
        }
        found.extend(message.map(|message| (message, 0)));
        position += length;
    }
    let told = usize::from(below.is_told);
    let lost = found.into_iter().skip(told);
    lost.map(|(message, steps)| Lost { place: (0..steps).fold(place, |place, _| parent(place)), message }).collect()
}

/// The place that holds a place.
fn parent(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn write_line(indent: usize, place: &str, message: &str, text: &mut String) {
    text.push_str(&"  ".repeat(indent));
    text.extend(["- at ", &quote(place), ": ", message, "\n"]);
}

impl Wording<'_> {
    /// One line for each failure of values.
    pub(super) fn failures(&self, failure: &ValidationError<'_, '_>) -> String {
        let schema = match &failure.kind {
            ErrorKind::Schema { url } => url,
            _ => failure.schema_url,
        };
        let mut text = String::new();
        self.display(&Below { schema, indent: 0, is_told: false }, &failure.causes, &mut text);
        text
    }

    /// Why a schema cannot be used.
    pub(super) fn compile_error(&self, error: &CompileError) -> String {
        let whole = |url: &str| go_quote(&if url.contains('#') { url.to_owned() } else { format!("{url}#") });
        match error {
            CompileError::ValidationError { url, src } => {
                let failures = self.failures(src);
                let failed = self.message(src);
                format!("{} is not valid against metaschema: {failed}\n{}", whole(url), failures.trim_end_matches('\n'))
            }
            CompileError::LoadUrlError { url, src } => format!("failing loading {}: {src}", go_quote(url)),
            CompileError::UnsupportedUrlScheme { url } => {
                let url = go_quote(url);
                format!("failing loading {url}: no URLLoader registered for {url}")
            }
            CompileError::JsonPointerNotFound(place) => format!("json-pointer in {} not found", go_quote(place)),
            CompileError::AnchorNotFound { url, reference } => {
                format!("anchor in {} not found in schema {}", go_quote(reference), go_quote(url))
            }
            CompileError::ParseIdError { loc } => format!("error in parsing id at {}", whole(loc)),
            CompileError::ParseAnchorError { loc } => format!("error in parsing anchor at {}", whole(loc)),
            CompileError::InvalidJsonPointer(place) => format!("invalid json-pointer {}", go_quote(place)),
            CompileError::UnsupportedDraft { url } => format!("draft {} is not supported", go_quote(url)),
            CompileError::MetaSchemaCycle { url } => format!("cycle in resolving $schema in {}", go_quote(url)),
            CompileError::InvalidRegex { url, regex, src } => {
                let fault = regex_fault(regex).unwrap_or_else(|| src.to_string());
                format!("invalid regex {} at {}: {fault}", go_quote(regex), go_quote(url))
            }
            other => format!("{other:#}"),
        }
    }

    /// The failures below a schema, one line for each, causes indented below what they make fail.
    fn display(&self, below: &Below<'_>, failures: &[ValidationError<'_, '_>], text: &mut String) {
        for failure in failures {
            let place = failure.instance_location.to_string();
            let mut indent = below.indent;
            for lost in lost_combinators(below, failure.schema_url, &place) {
                write_line(indent, lost.place, lost.message, text);
                indent += 1;
            }
            let is_passed_over = failure.causes.len() == 1 && matches!(failure.kind, ErrorKind::Reference { .. });
            if !is_passed_over {
                write_line(indent, &place, &self.message(failure), text);
                indent += 1;
            }
            let schema = match &failure.kind {
                ErrorKind::Reference { url, .. } | ErrorKind::Schema { url } => url,
                _ => failure.schema_url,
            };
            let is_told = matches!(failure.kind, ErrorKind::AllOf | ErrorKind::AnyOf | ErrorKind::OneOf(_));
            self.display(&Below { schema, indent, is_told }, &failure.causes, text);
        }
    }

    fn message(&self, failure: &ValidationError<'_, '_>) -> String {
        match &failure.kind {
            ErrorKind::Format { got, want: "regex", err } if got.is_string() => {
                let got = self.patterns.original(got.as_str().unwrap_or_default());
                let fault = regex_fault(got).unwrap_or_else(|| err.to_string());
                format!("{} is not valid regex: {fault}", quote(got))
            }
            ErrorKind::Format { got, want: "date-time", err } if got.is_string() => {
                let got = got.as_str().unwrap_or_default();
                let date = got.get(..10).and_then(date_fault).filter(|_| got.len() >= 20);
                let fault = date.map_or_else(|| err.to_string(), |fault| format!("invalid date element: {fault}"));
                format!("{} is not valid date-time: {fault}", quote(got))
            }
            // The library's own schemas of schemas are compiled without our formats.
            ErrorKind::Format { got, want: want @ ("uri" | "uri-reference"), err } if got.is_string() => {
                let got = got.as_str().unwrap_or_default();
                let fault = url_scheme(got).err().unwrap_or_else(|| err.to_string());
                format!("{} is not valid {want}: {fault}", quote(got))
            }
            ErrorKind::Pattern { got, want } => {
                let want = self.pattern_at(failure.schema_url).unwrap_or(want);
                format!("{} does not match pattern {}", quote(got), quote(want))
            }
            kind => message(kind),
        }
    }

    /// The pattern of the subschema at a place; the library changes those that it compiles.
    fn pattern_at(&self, place: &str) -> Option<&str> {
        let (_, pointer) = place.split_once('#')?;
        let pointer = percent_decoded(pointer);
        let subschema = self.schema.pointer(&pointer)?;
        subschema.get("pattern").or(Some(subschema)).and_then(Json::as_str)
    }
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut bytes = text.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        let digits = bytes.as_slice().get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%') {
            Some(value) => {
                decoded.push(value);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn message(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Group | ErrorKind::Reference { .. } => "validation failed".to_owned(),
        ErrorKind::Schema { url } => format!("jsonschema validation failed with {}", quote(url)),
        ErrorKind::ContentSchema => "'contentSchema' failed".to_owned(),
        ErrorKind::PropertyName { prop } => format!("invalid propertyName {}", quote(prop)),
        ErrorKind::RefCycle { url, kw_loc1, kw_loc2 } => {
            format!("both {kw_loc1} and {kw_loc2} resolve to {} causing reference cycle", go_quote(url))
        }
        ErrorKind::FalseSchema => "false schema".to_owned(),
        ErrorKind::Type { got, want } => {
            let want: Vec<_> = want.iter().map(|name| name.to_string()).collect();
            format!("got {got}, want {}", want.join(" or "))
        }
        ErrorKind::Enum { want } => enum_message(want),
        ErrorKind::Const { want: Json::Array(_) | Json::Object(_) } => "'const' failed".to_owned(),
        ErrorKind::Const { want } => format!("value must be {}", print(want)),
        ErrorKind::Not => "'not' failed".to_owned(),
        ErrorKind::AllOf => "'allOf' failed".to_owned(),
        ErrorKind::AnyOf => "'anyOf' failed".to_owned(),
        ErrorKind::OneOf(None) => "'oneOf' failed, none matched".to_owned(),
        ErrorKind::OneOf(Some((first, second))) => {
            format!("'oneOf' failed, subschemas {}, {} matched", count(*first), count(*second))
        }
        ErrorKind::Format { got, want, err } => format!("{} is not valid {want}: {err}", print(got)),
        ErrorKind::ContentEncoding { want, err } => format!("value is not {} encoded: {err}", quote(want)),
        ErrorKind::ContentMediaType { want, err, .. } => format!("value is not of mediatype {}: {err}", quote(want)),
        ErrorKind::Contains => "no items match contains schema".to_owned(),
        kind => object_message(kind).or_else(|| array_message(kind)).unwrap_or_else(|| limit_message(kind)),
    }
}

fn object_message(kind: &ErrorKind<'_, '_>) -> Option<String> {
    Some(match kind {
        ErrorKind::AdditionalProperties { got } => {
            let got = got.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
            format!("additional properties {got} not allowed")
        }
        ErrorKind::Required { want } => match want.as_slice() {
            [name] => format!("missing property {}", quote(name)),
            names => format!("missing properties {}", quote_all(names)),
        },
        ErrorKind::Dependency { prop, missing } | ErrorKind::DependentRequired { prop, missing } => {
            format!("properties {} required, if {} exists", quote_all(missing), quote(prop))
        }
        _ => return None,
    })
}

fn array_message(kind: &ErrorKind<'_, '_>) -> Option<String> {
    let positions = |got: &[usize]| got.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    Some(match kind {
        ErrorKind::AdditionalItems { got } => format!("last {} additionalItem(s) not allowed", count(*got)),
        ErrorKind::UniqueItems { got: [first, second] } => {
            format!("items at {} and {} are equal", count(*first), count(*second))
        }
        ErrorKind::MinContains { got, want } if got.is_empty() => {
            format!("min {} items required to match contains schema, but none matched", count(*want))
        }
        ErrorKind::MinContains { got, want } => format!(
            "min {} items required to match contains schema, but matched {} items at {}",
            count(*want),
            count(got.len()),
            positions(got)
        ),
        ErrorKind::MaxContains { got, want } => format!(
            "max {} items required to match contains schema, but matched {} items at {}",
            count(*want),
            count(got.len()),
            positions(got)
        ),
        _ => return None,
    })
}

fn limit_message(kind: &ErrorKind<'_, '_>) -> String {
    let counts =
        |keyword: &str, got: &usize, want: &usize| format!("{keyword}: got {}, want {}", count(*got), count(*want));
    let numbers = |keyword: &str, got: &Number, want: &Number| {
        format!("{keyword}: got {}, want {}", localized(got), localized(want))
    };
    match kind {
        ErrorKind::MinProperties { got, want } => counts("minProperties", got, want),
        ErrorKind::MaxProperties { got, want } => counts("maxProperties", got, want),
        ErrorKind::MinItems { got, want } => counts("minItems", got, want),
        ErrorKind::MaxItems { got, want } => counts("maxItems", got, want),
        ErrorKind::MinLength { got, want } => counts("minLength", got, want),
        ErrorKind::MaxLength { got, want } => counts("maxLength", got, want),
        ErrorKind::Minimum { got, want } => numbers("minimum", got, want),
        ErrorKind::Maximum { got, want } => numbers("maximum", got, want),
        ErrorKind::ExclusiveMinimum { got, want } => numbers("exclusiveMinimum", got, want),
        ErrorKind::ExclusiveMaximum { got, want } => numbers("exclusiveMaximum", got, want),
        ErrorKind::MultipleOf { got, want } => numbers("multipleOf", got, want),
        other => other.to_string(),
    }
}

fn enum_message(want: &[Json]) -> String {
    if want.iter().any(|value| value.is_array() || value.is_object()) {
        return "'enum' failed".to_owned();
    }
    match want {
        [only] => format!("value must be {}", print(only)),
        many => format!("value must be one of {}", many.iter().map(print).collect::<Vec<_>>().join(", ")),
    }
}

fn print(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".to_owned(),
        Json::String(text) => quote(text),
        Json::Array(_) | Json::Object(_) => "value".to_owned(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
    }
}

/// Quotes as the Go library does: `%q` with the quotes swapped.
fn quote(text: &str) -> String {
    let quoted = go_quote(text);
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

fn quote_all(names: &[&str]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}
