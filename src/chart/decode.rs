//! Chart.yaml and Chart.lock from YAML, as leniently as Helm reads them.
//!
//! Counterpart: sigs.k8s.io/yaml 1.6 decoding into the structs of `pkg/chart/v2`: unknown fields are ignored, letter case of field names
//! does not matter, scalars that land in text fields become text (`version: 1.10` reads as `1.1`, by way of a 32-bit float).
//!
//! **Invariant:** of several mismatches the first in order of field names is reported, and nothing of the document is kept then.

use serde_json::{Number, Value as Json};

use super::metadata::{Dependency, Lock, Maintainer, Metadata};
use super::time::rfc3339_fault;
use super::{Values, yaml};

/// Metadata as decoded, before validation: lists may still hold nulls.
#[derive(Clone, Debug, Default)]
pub(super) struct RawMetadata {
    pub(super) metadata: Metadata,
    pub(super) maintainers: Vec<Option<Maintainer>>,
    pub(super) dependencies: Vec<Option<Dependency>>,
}

/// Decodes Chart.yaml or requirements.yaml over what is there.
pub(super) fn decode_metadata(text: &[u8], raw: &mut RawMetadata) -> Result<(), String> {
    let mut decoder = Decoder::default();
    let document = yaml::decode_texts(text)?;
    decoder.table(&document, "value of type v2.Metadata", |decoder, field, value| {
        decoder.metadata_field(field, value, raw);
    });
    decoder.finish()
}

/// The API version that a Chart.yaml states; empty if it states none.
pub(super) fn decode_api_version(text: &[u8]) -> Result<String, String> {
    let mut decoder = Decoder::default();
    let document = yaml::decode_texts(text)?;
    let mut api_version = String::new();
    decoder.table(&document, "value of type loader.chartBase", |decoder, field, value| {
        if field == "apiversion" {
            decoder.text(value, "chartBase.apiVersion", &mut api_version);
        }
    });
    decoder.finish()?;
    Ok(api_version)
}

/// Decodes Chart.lock or requirements.lock; `None` for an empty document.
pub(super) fn decode_lock(text: &[u8]) -> Result<Option<Lock>, String> {
    let mut decoder = Decoder::default();
    let document = yaml::decode(text)?;
    let mut lock = Lock::default();
    let mut dependencies = None;
    decoder.table(&document, "value of type v2.Lock", |decoder, field, value| match field {
        "generated" => decoder.time(value, &mut lock.generated),
        "digest" => decoder.text(value, "Lock.digest", &mut lock.digest),
        "dependencies" => dependencies = decoder.dependencies(value, "Lock"),
        _ => {}
    });
    decoder.finish()?;
    lock.dependencies = dependencies.map(|list| list.into_iter().map(Option::unwrap_or_default).collect());
    Ok((!document.is_null()).then_some(lock))
}

#[derive(Default)]
struct Decoder {
    error: Option<String>,
}

impl Decoder {
    fn finish(self) -> Result<(), String> {
        self.error.map_or(Ok(()), Err)
    }

    fn fail(&mut self, found: &Json, wanted: &str) {
        self.error.get_or_insert_with(|| yaml::mismatch(found, wanted));
    }

    /// Visits the fields of a table in order of their names, which are given in lower case.
    fn table(&mut self, document: &Json, wanted: &str, mut visit: impl FnMut(&mut Self, &str, &Json)) {
        match document {
            Json::Null => {}
            Json::Object(fields) => {
                for (field, value) in fields {
                    visit(self, &field.to_ascii_lowercase(), value);
                }
            }
            other => self.fail(other, wanted),
        }
    }

    fn metadata_field(&mut self, field: &str, value: &Json, raw: &mut RawMetadata) {
        let metadata = &mut raw.metadata;
        match field {
            "name" => self.text(value, "Metadata.name", &mut metadata.name),
            "home" => self.text(value, "Metadata.home", &mut metadata.home),
            "sources" => self.texts(value, "Metadata.sources", &mut metadata.sources),
            "version" => self.text(value, "Metadata.version", &mut metadata.version),
            "description" => self.text(value, "Metadata.description", &mut metadata.description),
            "keywords" => self.texts(value, "Metadata.keywords", &mut metadata.keywords),
            "maintainers" => {
                if let Some(maintainers) = self.maintainers(value) {
                    raw.maintainers = maintainers;
                }
            }
            "icon" => self.text(value, "Metadata.icon", &mut metadata.icon),
            "apiversion" => self.text(value, "Metadata.apiVersion", &mut metadata.api_version),
            "condition" => self.text(value, "Metadata.condition", &mut metadata.condition),
            "tags" => self.text(value, "Metadata.tags", &mut metadata.tags),
            "appversion" => self.text(value, "Metadata.appVersion", &mut metadata.app_version),
            "deprecated" => self.boolean(value, "Metadata.deprecated", &mut metadata.deprecated),
            "annotations" => self.annotations(value, metadata),
            "kubeversion" => self.text(value, "Metadata.kubeVersion", &mut metadata.kube_version),
            "dependencies" => {
                if let Some(dependencies) = self.dependencies(value, "Metadata") {
                    metadata.declares_dependencies = true;
                    raw.dependencies = dependencies;
                }
            }
            "type" => self.text(value, "Metadata.type", &mut metadata.chart_type),
            _ => {}
        }
    }

    fn annotations(&mut self, value: &Json, metadata: &mut Metadata) {
        match value {
            Json::Null => {}
            Json::Object(entries) => {
                let annotations = metadata.annotations.get_or_insert_default();
                for (key, value) in entries {
                    let mut text = String::new();
                    self.text(value, "Metadata.annotations", &mut text);
                    annotations.insert(key.clone(), text);
                }
            }
            other => self.fail(other, "struct field Metadata.annotations of type map[string]string"),
        }
    }

    fn maintainers(&mut self, value: &Json) -> Option<Vec<Option<Maintainer>>> {
        let items = self.list(value, "Metadata.maintainers", "[]*v2.Maintainer")?;
        let decode = |item: &Json| {
            let mut maintainer = Maintainer::default();
            let wanted = "struct field Metadata.maintainers of type v2.Maintainer";
            self.table(item, wanted, |decoder, field, value| match field {
                "name" => decoder.text(value, "Maintainer.maintainers.name", &mut maintainer.name),
                "email" => decoder.text(value, "Maintainer.maintainers.email", &mut maintainer.email),
                "url" => decoder.text(value, "Maintainer.maintainers.url", &mut maintainer.url),
                _ => {}
            });
            (!item.is_null()).then_some(maintainer)
        };
        Some(items.iter().map(decode).collect())
    }

    fn dependencies(&mut self, value: &Json, owner: &str) -> Option<Vec<Option<Dependency>>> {
        let items = self.list(value, &format!("{owner}.dependencies"), "[]*v2.Dependency")?;
        let wanted = format!("struct field {owner}.dependencies of type v2.Dependency");
        let decode = |item: &Json| {
            let mut dependency = Dependency::default();
            self.table(item, &wanted, |decoder, field, value| decoder.dependency_field(field, value, &mut dependency));
            (!item.is_null()).then_some(dependency)
        };
        Some(items.iter().map(decode).collect())
    }

    fn dependency_field(&mut self, field: &str, value: &Json, dependency: &mut Dependency) {
        match field {
            "name" => self.text(value, "Dependency.dependencies.name", &mut dependency.name),
            "version" => self.text(value, "Dependency.dependencies.version", &mut dependency.version),
            "repository" => self.text(value, "Dependency.dependencies.repository", &mut dependency.repository),
            "condition" => self.text(value, "Dependency.dependencies.condition", &mut dependency.condition),
            "tags" => self.texts(value, "Dependency.dependencies.tags", &mut dependency.tags),
            "enabled" => self.boolean(value, "Dependency.dependencies.enabled", &mut dependency.enabled),
            "import-values" => {
                if let Some(items) = self.list(value, "Dependency.dependencies.import-values", "[]interface {}") {
                    dependency.import_values = items.to_vec();
                }
            }
            "alias" => self.text(value, "Dependency.dependencies.alias", &mut dependency.alias),
            _ => {}
        }
    }

    fn list<'a>(&mut self, value: &'a Json, place: &str, go_type: &str) -> Option<&'a [Json]> {
        match value {
            Json::Null => None,
            Json::Array(items) => Some(items),
            other => {
                self.fail(other, &format!("struct field {place} of type {go_type}"));
                None
            }
        }
    }

    fn texts(&mut self, value: &Json, place: &str, into: &mut Vec<String>) {
        let Some(items) = self.list(value, place, "[]string") else { return };
        let decode = |item: &Json| {
            let mut text = String::new();
            self.text(item, place, &mut text);
            text
        };
        *into = items.iter().map(decode).collect();
    }

    fn text(&mut self, value: &Json, place: &str, into: &mut String) {
        match value {
            Json::Null => {}
            Json::Bool(value) => *into = value.to_string(),
            Json::Number(number) => *into = number_text(number),
            Json::String(text) => into.clone_from(text),
            Json::Array(_) | Json::Object(_) => self.fail(value, &format!("struct field {place} of type string")),
        }
    }

    fn boolean(&mut self, value: &Json, place: &str, into: &mut bool) {
        match value {
            Json::Null => {}
            Json::Bool(value) => *into = *value,
            other => self.fail(other, &format!("struct field {place} of type bool")),
        }
    }

    fn time(&mut self, value: &Json, into: &mut String) {
        let message = match value {
            Json::Null => return,
            Json::String(text) => match rfc3339(text) {
                Some(time) => {
                    *into = time;
                    return;
                }
                None => rfc3339_fault(text).unwrap_or_else(|| format!("parsing time {text:?}: not a time")),
            },
            _ => "Time.UnmarshalJSON: input is not a JSON string".to_owned(),
        };
        let error = format!("error unmarshaling JSON: while decoding JSON: {message}");
        self.error.get_or_insert(error);
    }
}

/// The time as Go writes it back: the same zone, no zeros at the end of the fraction. `None` if it is no RFC 3339.
fn rfc3339(text: &str) -> Option<String> {
    text.parse::<jiff::Timestamp>().ok()?;
    let is_strict = text.as_bytes().get(10) == Some(&b'T') && text.as_bytes().get(19).is_some_and(u8::is_ascii);
    let (seconds, rest) = text.split_at_checked(19).filter(|_| is_strict)?;
    let zone_start = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone_start)?;
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let zone = if zone == "+00:00" || zone == "-00:00" { "Z" } else { zone };
    (zone == "Z" || zone.len() == 6).then(|| format!("{seconds}{fraction}{zone}"))
}

/// A number in a text field: integers as they are, floats by the shortest digits of a 32-bit float.
fn number_text(number: &Number) -> String {
    if !number.is_f64() {
        return number.to_string();
    }
    let float = number.as_f64().unwrap_or_default() as f32;
    if float.is_infinite() {
        return if float > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // The shortest form of Go's `%g` turns to exponents at 1e+06.
    if (-4..6).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Reads a values file: every YAML document in it, merged in order, with all numbers as floats (Helm 4.3.1 `LoadValues`).
pub fn decode_values(text: &[u8]) -> Result<Values, String> {
    let mut values = Values::new();
    for document in yaml::split(text) {
        match yaml::decode(&document?).map_err(|error| format!("cannot unmarshal yaml document: {error}"))? {
            Json::Null => {}
            Json::Object(entries) => super::merge::merge_values(&mut values, super::with_float_numbers(entries)),
            other => {
                let wanted = "value of type map[string]interface {}";
                return Err(format!("cannot unmarshal yaml document: {}", yaml::mismatch(&other, wanted)));
            }
        }
    }
    Ok(values)
}
