//! The CustomResourceDefinitions, made from the types.
//!
//! In go the derived definitions, out come ours: all served versions of a kind with one schema, print columns, the
//! status default that kstatus relies on, and YAML for people and `kubectl apply`.
//! Invariant: every version of a kind has the same schema, or conversion None would lose fields.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceConversion, CustomResourceDefinition,
    CustomResourceDefinitionVersion, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::metadata::{SUBSTITUTE_ANNOTATION, SUBSTITUTE_DISABLED};
use super::{Bucket, ExternalArtifact, GitRepository, HelmChart, HelmRelease, HelmRepository, OciRepository};

/// All definitions, in the order in which they are best applied.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        source(HelmRepository::crd(), &[URL]),
        source(
            HelmChart::crd(),
            &[
                ("Chart", "string", ".spec.chart"),
                ("Version", "string", ".spec.version"),
                ("Source Kind", "string", ".spec.sourceRef.kind"),
                ("Source Name", "string", ".spec.sourceRef.name"),
            ],
        ),
        source(OciRepository::crd(), &[URL]),
        source(GitRepository::crd(), &[URL]),
        source(Bucket::crd(), &[("Endpoint", "string", ".spec.endpoint")]),
        external_artifact(),
        definition(HelmRelease::crd(), &["v2", "v2beta2", "v2beta1"], &[AGE, READY, STATUS, STALLED]),
    ]
}

/// All definitions as one YAML stream, ready for `kubectl apply`.
pub fn crds_yaml() -> String {
    crds().iter().map(crd_yaml).collect()
}

/// One definition as a YAML document, with keys in alphabetical order.
pub fn crd_yaml(crd: &CustomResourceDefinition) -> String {
    let mut text = String::from("---\n");
    // A definition is plain data, which JSON can always hold.
    write_value(&mut text, &serde_json::to_value(crd).unwrap_or_default(), 0);
    text
}

/// Name of the file that holds a definition, as Flux and controller-gen name it: `<group>_<plural>.yaml`.
pub fn crd_file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

type Column = (&'static str, &'static str, &'static str);

const URL: Column = ("URL", "string", ".spec.url");
const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");
const READY: Column = ("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status");
const STATUS: Column = ("Status", "string", ".status.conditions[?(@.type==\"Ready\")].message");
const STALLED: Column = ("Stalled", "string", ".status.conditions[?(@.type==\"Stalled\")].reason");

fn source(crd: CustomResourceDefinition, first: &[Column]) -> CustomResourceDefinition {
    let mut columns = first.to_vec();
    // The order is that of Flux's own definitions, which people's scripts count on.
    if crd.spec.names.kind == "OCIRepository" {
        columns.extend([READY, STATUS, AGE]);
    } else {
        columns.extend([AGE, READY, STATUS]);
    }
    definition(crd, &["v1", "v1beta2"], &columns)
}

/// The definition of a kind that is newer than the old versions, and whose status Flux leaves empty.
fn external_artifact() -> CustomResourceDefinition {
    let source = ("Source", "string", ".spec.sourceRef.name");
    let mut crd = definition(ExternalArtifact::crd(), &["v1"], &[AGE, READY, STATUS, source]);
    for version in &mut crd.spec.versions {
        let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        if let Some(status) = root.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            // Without a controller nobody would ever replace the default.
            status.default = None;
        }
    }
    crd
}

/// A definition that serves `versions`, the first of which is stored; the others warn.
fn definition(mut crd: CustomResourceDefinition, versions: &[&str], columns: &[Column]) -> CustomResourceDefinition {
    let stored = versions.first().copied().unwrap_or_default();
    let kind = format!("{} {}", crd.spec.group, crd.spec.names.kind);
    let Some(derived) = crd.spec.versions.pop() else { return crd };
    let all = versions.iter().map(|name| {
        let mut version = derived.clone();
        (*name).clone_into(&mut version.name);
        version.served = true;
        version.storage = *name == stored;
        if *name != stored {
            version.deprecated = Some(true);
            version.deprecation_warning =
                Some(format!("{kind}: {name} is an old version, still served; {stored} is the current one"));
        }
        version.additional_printer_columns = Some(columns.iter().map(|column| column_definition(*column)).collect());
        amend_version(&mut version);
        version
    });
    crd.spec.versions = all.collect();
    crd.spec.conversion = Some(CustomResourceConversion { strategy: "None".to_owned(), webhook: None });
    let annotations = crd.metadata.annotations.get_or_insert_default();
    annotations.insert(SUBSTITUTE_ANNOTATION.to_owned(), SUBSTITUTE_DISABLED.to_owned());
    crd
}

fn column_definition((name, type_, json_path): Column) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: json_path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    }
}

fn amend_version(version: &mut CustomResourceDefinitionVersion) {
    let Some(root) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) else { return };
    amend(root);
    if let Some(status) = root.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
        // Until the first reconcile this makes kstatus say InProgress.
        status.default = Some(JSON(json!({ "observedGeneration": -1 })));
    }
}

/// Takes out what the derive puts in and the API does not mean: null for left out, and bounds of Rust's integers.
fn amend(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|JSON(value)| !value.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        amend(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => amend(items),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => all.iter_mut().for_each(amend),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(additional)) = &mut schema.additional_properties {
        amend(additional);
    }
}

/// Writes a block of YAML 1.2; `indent` counts levels.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                text.push_str(&"  ".repeat(indent));
                write_entry(text, key, map.get(key).unwrap_or(&Value::Null), indent);
            }
        }
        other => text.push_str(&flow(other)),
    }
}

fn write_entry(text: &mut String, key: &str, value: &Value, indent: usize) {
    text.push_str(&scalar(key));
    text.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            write_value(text, value, indent + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            for item in items {
                write_item(text, item, indent);
            }
        }
        other => {
            text.push(' ');
            text.push_str(&flow(other));
            text.push('\n');
        }
    }
}

fn write_item(text: &mut String, item: &Value, indent: usize) {
    let lead = format!("{}- ", "  ".repeat(indent));
    if let Value::Object(map) = item
        && !map.is_empty()
    {
        let mut block = String::new();
        write_value(&mut block, item, indent + 1);
        text.push_str(&lead);
        text.push_str(block.trim_start_matches(' '));
    } else {
        text.push_str(&lead);
        text.push_str(&flow(item));
        text.push('\n');
    }
}

/// A value on one line: JSON, which is YAML, but for strings that need no quotes.
fn flow(value: &Value) -> String {
    match value {
        Value::String(string) => scalar(string),
        other => other.to_string(),
    }
}

/// A string without quotes where no YAML reader could take it for something else.
fn scalar(string: &str) -> String {
    const SPECIAL: [&str; 12] = ["", "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "-"];
    let plain_start = string.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain_rest = string.chars().all(|c| c.is_ascii_alphanumeric() || " ._-/(),;$".contains(c));
    let is_special = SPECIAL.contains(&string.to_ascii_lowercase().as_str());
    if plain_start && plain_rest && !is_special && !string.ends_with(' ') {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}
