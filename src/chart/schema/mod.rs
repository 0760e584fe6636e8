//! values.schema.json: the values of a chart and of each subchart against the chart's JSON schema.
//!
//! Counterpart: `pkg/chart/common/util/jsonschema.go` of Helm 4.3.1 over santhosh-tekuri/jsonschema v6; messages are worded as the latter
//! words them, in the order of keys where Go's is random. Drafts 4 to 2020-12. Unlike Helm, references to files and to other hosts are
//! refused, for a schema comes from outside; a `urn:` admits everything, as in Helm. Texts behind `is not valid <format>:` and of schemas
//! that cannot be loaded are the Rust library's; it also tells the place of `propertyNames` and `items: false` less exactly.
//!
//! **Invariant:** nothing is loaded from disk or network.

mod formats;
mod glance;
mod message;
mod number;
mod patterns;

use std::error::Error as StdError;

use boon::{Compiler, Schemas, UrlLoader};
use serde_json::Value as Json;

use super::number::{from_map, with_whole_numbers};
use super::{Chart, Error};
use crate::value::{Map, Value, json, quote};
use message::Wording;
use patterns::Patterns;

/// Where the schema is said to be; references without a scheme resolve against it, and are refused.
const LOCATION: &str = "file:///values.schema.json";

/// What Helm tells of the check of schemas, for debugging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaStep<'a> {
    /// This chart has a schema.
    Chart(&'a str),
    /// The text of the schema, which is JSON.
    Schema(&'a [u8]),
    /// The schema of a chart is done; it has so many subcharts.
    Dependencies {
        /// The name of the chart.
        chart: &'a str,
        /// How many subcharts it has.
        count: usize,
    },
}

/// Checks a processed chart's coalesced values against its schema, and each subchart's table against the subchart's.
pub fn check_schemas(chart: &Chart, values: &Map) -> Result<(), Error> {
    check_schemas_telling(chart, values, &mut |_| {})
}

/// Like [`check_schemas`], telling of every step.
pub(super) fn check_schemas_telling(
    chart: &Chart,
    values: &Map,
    tell: &mut dyn FnMut(SchemaStep<'_>),
) -> Result<(), Error> {
    let mut report = String::new();
    check_below(chart, values, &mut report, tell);
    if report.is_empty() { Ok(()) } else { Err(Error::Schema(report)) }
}

fn check_below(chart: &Chart, values: &Map, report: &mut String, tell: &mut dyn FnMut(SchemaStep<'_>)) {
    if let Some(schema) = &chart.schema {
        tell(SchemaStep::Chart(chart.name()));
        if let Err(failure) = check(schema, values, tell) {
            report.extend([chart.name(), ":\n", &failure]);
        }
    }
    tell(SchemaStep::Dependencies { chart: chart.name(), count: chart.dependencies.len() });
    for subchart in &chart.dependencies {
        match values.get(subchart.name()) {
            None | Some(Value::Nil) => {}
            Some(Value::Map(table)) => check_below(subchart, &table, report, tell),
            Some(other) => {
                let wrong = format!("invalid type for values: expected object (map), got {}\n", other.type_name());
                report.extend([subchart.name(), ":\n", &wrong]);
            }
        }
    }
}

fn check(text: &[u8], values: &Map, tell: &mut dyn FnMut(SchemaStep<'_>)) -> Result<(), String> {
    let schema = decode(text)?;
    tell(SchemaStep::Schema(text));
    let values = with_whole_numbers(Json::Object(from_map(values)));
    if glance::holds(&schema, &values) {
        return Ok(());
    }
    by_library(schema, &values)
}

/// What the library has to say.
fn by_library(mut schema: Json, values: &Json) -> Result<(), String> {
    let patterns = Patterns::take(&mut schema);
    let wording = Wording { schema: &schema.clone(), patterns: &patterns };
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(ClosedLoader));
    formats::register(&mut compiler);
    let mut schemas = Schemas::new();
    compiler.add_resource(LOCATION, schema).map_err(|error| wording.compile_error(&error))?;
    let index = compiler.compile(LOCATION, &mut schemas).map_err(|error| wording.compile_error(&error))?;
    schemas.validate(values, index).map_err(|failure| wording.failures(&failure))
}

/// A schema's text as JSON; what is wrong with it is told in the words of the Go library, which reads it as a stream.
fn decode(text: &[u8]) -> Result<Json, String> {
    serde_json::from_slice(text).map_err(|error| match json::parse(text) {
        Err(_) if text.trim_ascii().is_empty() => "EOF".to_owned(),
        Err(fault) => {
            let fault = fault.to_string();
            match fault.as_str() {
                "unexpected end of JSON input" => "unexpected EOF".to_owned(),
                _ if fault.ends_with("after top-level value") => "invalid character after top-level value".to_owned(),
                _ => fault,
            }
        }
        Ok(_) => error.to_string(),
    })
}

/// Refuses everything but `urn:`.
struct ClosedLoader;

impl UrlLoader for ClosedLoader {
    fn load(&self, url: &str) -> Result<Json, Box<dyn StdError>> {
        if url.starts_with("urn:") {
            return Ok(Json::Bool(true));
        }
        if ["file:", "http:", "https:"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("schemas may refer to themselves only, not to files or other hosts".into());
        }
        Err(format!("no URLLoader registered for {}", quote(url)).into())
    }
}
