//! Holds generated files to the code, and the examples to the types.
//!
//! `crds/` is what the types give; with `RHUMB_UPDATE=1` in the environment the files are rewritten instead.
//! The rule for the examples is the API server's strict field validation: no field that the schema does not have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

use std::fs;
use std::path::{Path, PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use rhumb::api;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn repository_path(relative: &str) -> PathBuf {
    crate::project::root().join(relative)
}

/// The documents of every YAML file in a folder, each with the file's name.
fn documents(folder: &Path) -> Vec<(String, Value)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for document in serde_yaml::Deserializer::from_str(&fs::read_to_string(&path).unwrap()) {
            found.push((name.clone(), Value::deserialize(document).unwrap_or_else(|error| panic!("{name}: {error}"))));
        }
    }
    found
}

#[test]
fn crd_files_are_current() {
    let folder = repository_path("crds");
    let update = std::env::var_os("RHUMB_UPDATE").is_some_and(|value| value == "1");
    let mut expected_names = Vec::new();
    for crd in api::crds() {
        let name = api::crd_file_name(&crd);
        let expected = api::crd_yaml(&crd);
        if update {
            fs::write(folder.join(&name), &expected).unwrap();
        }
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(found == expected, "crds/{name} is not what the types give; run the test again with RHUMB_UPDATE=1");
        expected_names.push(name);
    }
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    expected_names.sort();
    assert_eq!(names, expected_names, "crds/ holds exactly the generated files");
}

#[test]
fn crd_yaml_reads_back_as_the_definition() {
    for crd in api::crds() {
        let read: CustomResourceDefinition = serde_yaml::from_str(&api::crd_yaml(&crd)).unwrap();
        assert_eq!(read, crd);
    }
}

#[test]
fn versions_of_a_kind_share_one_schema_and_the_first_is_stored() {
    for crd in api::crds() {
        let (stored, others) = crd.spec.versions.split_first().unwrap();
        assert!(stored.storage && stored.served && stored.deprecated.is_none(), "{}", crd.spec.names.kind);
        // ExternalArtifact is newer than the old versions of the API.
        assert_eq!(others.is_empty(), crd.spec.names.kind == "ExternalArtifact");
        for other in others {
            assert!(!other.storage && other.served && other.deprecated == Some(true));
            assert_eq!(other.schema, stored.schema, "{} {}", crd.spec.names.kind, other.name);
        }
    }
}

#[test]
fn status_defaults_to_nothing_observed() {
    for crd in api::crds() {
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
            let default = schema.properties.as_ref().unwrap()["status"].default.as_ref();
            // An ExternalArtifact has no controller that would replace it, nor the field.
            let expected = (crd.spec.names.kind != "ExternalArtifact")
                .then(|| JSON(serde_json::json!({ "observedGeneration": -1 })));
            assert_eq!(default, expected.as_ref(), "{}", crd.spec.names.kind);
        }
    }
}

#[test]
fn examples_fit_the_types() {
    let crds = api::crds();
    let mut custom = 0;
    for (file, document) in documents(&repository_path("examples")) {
        let kind = document["kind"].as_str().unwrap_or_else(|| panic!("{file}: no kind")).to_owned();
        let Some(crd) = crds.iter().find(|crd| crd.spec.names.kind == kind) else { continue };
        custom += 1;
        let (group, version) = document["apiVersion"].as_str().unwrap().split_once('/').unwrap();
        assert_eq!(group, crd.spec.group, "{file}");
        let served = crd.spec.versions.iter().find(|served| served.name == version);
        let schema = served.unwrap_or_else(|| panic!("{file}: {version} is not served")).schema.as_ref().unwrap();
        let unknown = unknown_fields(schema.open_api_v3_schema.as_ref().unwrap(), &document);
        assert_eq!(unknown, Vec::<String>::new(), "{file}: fields that the schema does not have");
        read_as_its_kind(&kind, &file, document);
    }
    assert!(custom >= 20, "only {custom} custom resources in examples/");
}

fn read_as_its_kind(kind: &str, file: &str, document: Value) {
    match kind {
        "HelmRelease" => {
            let release: api::HelmRelease = read(file, document);
            release.chart_request().unwrap_or_else(|error| panic!("{file}: {error}"));
        }
        "HelmRepository" => drop(read::<api::HelmRepository>(file, document)),
        "HelmChart" => drop(read::<api::HelmChart>(file, document)),
        "OCIRepository" => drop(read::<api::OciRepository>(file, document)),
        "GitRepository" => drop(read::<api::GitRepository>(file, document)),
        "Bucket" => drop(read::<api::Bucket>(file, document)),
        "ExternalArtifact" => drop(read::<api::ExternalArtifact>(file, document)),
        other => panic!("{file}: no type for {other}"),
    }
}

fn read<T: DeserializeOwned>(file: &str, document: Value) -> T {
    serde_json::from_value(document).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Paths of the fields of `object` that strict field validation would refuse.
fn unknown_fields(root: &JSONSchemaProps, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in object.as_object().unwrap() {
        if let Some(schema) = root.properties.as_ref().unwrap().get(key) {
            walk(schema, value, key, &mut found);
        } else if !["apiVersion", "kind", "metadata"].contains(&key.as_str()) {
            found.push(key.clone());
        }
    }
    found
}

fn walk(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema.x_kubernetes_preserve_unknown_fields == Some(true) {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let property = schema.properties.as_ref().and_then(|properties| properties.get(key));
                let path = format!("{path}.{key}");
                match (property, &schema.additional_properties) {
                    (Some(property), _) => walk(property, field, &path, found),
                    (None, Some(JSONSchemaPropsOrBool::Schema(additional))) => walk(additional, field, &path, found),
                    (None, _) => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items else {
                return found.push(path.to_owned());
            };
            for (index, item) in items.iter().enumerate() {
                walk(schema, item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}
