//! values.schema.json: the values of a chart and of each subchart against the chart's JSON schema.
//!
//! Counterpart: `pkg/chart/common/util/jsonschema.go` of Helm 4.3.1 over santhosh-tekuri/jsonschema v6; messages are worded as the latter
//! words them, in the order of keys where Go's is random. Drafts 4 to 2020-12. Unlike Helm, references to files and to other hosts are
//! refused, for a schema comes from outside; a `urn:` admits everything, as in Helm. Texts behind `is not valid <format>:` and of schemas
//! that cannot be compiled are the Rust library's; it also tells the place of `propertyNames` and `items: false` less exactly.
//!
//! **Invariant:** nothing is loaded from disk or network.

use std::error::Error as StdError;

use boon::{Compiler, ErrorKind, Schemas, UrlLoader, ValidationError};
use serde_json::{Number, Value as Json};

use super::number::{from_map, with_whole_numbers};
use super::{Chart, Error};
use crate::value::{Map, Value};
use crate::version::quote as go_quote;

/// Where the schema is said to be; references without a scheme resolve against it, and are refused.
const LOCATION: &str = "file:///values.schema.json";

/// Checks a processed chart's coalesced values against its schema, and each subchart's table against the subchart's.
pub fn check_schemas(chart: &Chart, values: &Map) -> Result<(), Error> {
    let mut report = String::new();
    check_below(chart, values, &mut report);
    if report.is_empty() { Ok(()) } else { Err(Error::Schema(report)) }
}

fn check_below(chart: &Chart, values: &Map, report: &mut String) {
    if let Some(schema) = &chart.schema
        && let Err(failure) = check(schema, values)
    {
        report.extend([chart.name(), ":\n", &failure]);
    }
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(table)) => check_below(subchart, &table, report),
            Some(other) => {
                let wrong = format!("invalid type for values: expected object (map), got {}\n", other.type_name());
                report.extend([subchart.name(), ":\n", &wrong]);
            }
        }
    }
}

fn check(schema: &[u8], values: &Map) -> Result<(), String> {
    let schema: Json = serde_json::from_slice(schema).map_err(|error| error.to_string())?;
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(ClosedLoader));
    let mut schemas = Schemas::new();
    compiler.add_resource(LOCATION, schema).map_err(|error| format!("{error:#}"))?;
    let index = compiler.compile(LOCATION, &mut schemas).map_err(|error| format!("{error:#}"))?;
    let values = with_whole_numbers(Json::Object(from_map(values)));
    let result = schemas.validate(&values, index);
    result.map_err(|failure| {
        let mut text = String::new();
        for cause in &failure.causes {
            display(cause, 0, &mut text);
        }
        text
    })
}

/// Refuses everything but `urn:`.
struct ClosedLoader;

impl UrlLoader for ClosedLoader {
    fn load(&self, url: &str) -> Result<Json, Box<dyn StdError>> {
        if url.starts_with("urn:") {
            return Ok(Json::Bool(true));
        }
        Err("schemas may refer to themselves only, not to files or other hosts".into())
    }
}

/// One line for each failure, causes indented below what they make fail.
fn display(failure: &ValidationError<'_, '_>, indent: usize, text: &mut String) {
    let is_passed_over = failure.causes.len() == 1 && matches!(failure.kind, ErrorKind::Reference { .. });
    let indent_below = if is_passed_over { indent } else { indent + 1 };
    if !is_passed_over {
        text.push_str(&"  ".repeat(indent));
        let place = quote(&failure.instance_location.to_string());
        text.extend(["- at ", &place, ": ", &message(&failure.kind), "\n"]);
    }
    for cause in &failure.causes {
        display(cause, indent_below, text);
    }
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
        ErrorKind::Pattern { got, want } => format!("{} does not match pattern {}", quote(got), quote(want)),
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

/// A count with its thousands set apart, as an English printer gives it.
fn count(number: usize) -> String {
    group_thousands(&number.to_string())
}

/// A number as an English printer gives it: thousands set apart, powers of ten from a million up and below a ten-thousandth.
fn localized(number: &Number) -> String {
    let float = number.as_f64().unwrap_or_default();
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    if !(-4..6).contains(&exponent.parse().unwrap_or(0)) {
        return format!("{digits}×10{}", superscript(exponent));
    }
    let text = float.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", group_thousands(whole)),
        None => group_thousands(&text),
    }
}

/// An exponent of two digits at least, in raised letters.
fn superscript(exponent: &str) -> String {
    let (sign, digits) = exponent.strip_prefix('-').map_or(("", exponent), |digits| ("⁻", digits));
    let raise = |digit| match digit {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        _ => '⁰',
    };
    format!("{sign}{}", format!("{digits:0>2}").chars().map(raise).collect::<String>())
}

fn group_thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
