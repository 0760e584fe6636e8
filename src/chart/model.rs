//! The chart model. Charts are immutable and shared between threads; what differs per release is made as a cheap copy.
//!
//! Counterpart: `pkg/chart/v2/chart.go` of Helm 4.3.1. There is no link to the parent: paths are told by the walk from the root.
//!
//! **Invariant:** numbers in `values` are floats when they came from a file (`5.0`) and integers only when they came from `--set`:
//! that is how templates tell Go's `float64` and `int64` apart. Never print values with serde_json's own printer.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Derived, Error, File, Lock, Metadata};
use crate::version::{Constraints, Version};

/// A table of values.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// A loaded chart with its subcharts. Serialises as Helm stores it in a release, which leaves subcharts out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// What Chart.yaml says.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: Metadata,
    /// Chart.lock (or requirements.lock).
    #[serde(default)]
    pub lock: Option<Lock>,
    /// Everything under `templates/`, in the order of the archive.
    #[serde(default, deserialize_with = "null_as_default")]
    pub templates: Arc<[File]>,
    /// The default values; `None` without values.yaml.
    #[serde(default, serialize_with = "serialize_values", deserialize_with = "deserialize_values")]
    pub values: Option<Arc<Values>>,
    /// values.schema.json.
    #[serde(default, serialize_with = "serialize_schema", deserialize_with = "deserialize_schema")]
    pub schema: Option<Arc<[u8]>>,
    /// When the schema was changed; Go's zero time if unknown.
    #[serde(
        rename = "schemamodtime",
        default,
        serialize_with = "serialize_time",
        deserialize_with = "deserialize_time"
    )]
    pub schema_modified: Option<jiff::Timestamp>,
    /// The other files, which templates reach by `.Files`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub files: Arc<[File]>,
    /// When Chart.yaml was changed, if known.
    #[serde(
        rename = "modtime",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "deserialize_time"
    )]
    pub modified: Option<jiff::Timestamp>,
    /// All files as they were loaded.
    #[serde(skip)]
    pub raw: Arc<[File]>,
    /// The subcharts; sorted by folder or file name when loaded, by declaration once dependencies were processed.
    #[serde(skip)]
    pub dependencies: Vec<Chart>,
    /// What Helm logs while loading.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// What others keep with the chart and all its copies.
    #[serde(skip)]
    pub derived: Derived,
}

impl Chart {
    /// The chart's name; that of a subchart with an alias is the alias, once dependencies were processed.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Visits the chart and all its subcharts, parents first, each with its full path (`app`, `app/charts/db`).
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&str, &'a Self)) {
        self.walk_below("", visit);
    }

    fn walk_below<'a>(&'a self, parent: &str, visit: &mut dyn FnMut(&str, &'a Self)) {
        let path = if parent.is_empty() { self.name().to_owned() } else { format!("{parent}/charts/{}", self.name()) };
        visit(&path, self);
        for subchart in &self.dependencies {
            subchart.walk_below(&path, visit);
        }
    }

    /// The files of `crds/` with a manifest's extension: the chart's own first, then those of its subcharts.
    /// Each comes with its full path, such as `app/charts/db/crds/x.yaml`.
    pub fn crds(&self) -> Vec<(String, &File)> {
        let mut crds = Vec::new();
        self.walk(&mut |path, chart| {
            let own = chart.files.iter().filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name));
            crds.extend(own.map(|file| (format!("{path}/{}", file.name), file)));
        });
        crds
    }

    /// Fails if the root chart asks for another Kubernetes version. Helm checks this after the schema and before rendering.
    pub fn check_kube_version(&self, kube_version: &str) -> Result<(), Error> {
        let required = &self.metadata.kube_version;
        if required.is_empty() || is_compatible(required, kube_version) {
            return Ok(());
        }
        Err(Error::KubeVersion { required: required.clone(), actual: kube_version.to_owned() })
    }

    /// Fails for charts of an API version that Helm loads and does not render.
    pub fn check_renderable(&self) -> Result<(), Error> {
        if self.metadata.api_version == "v3" { Err(Error::InvalidVersion) } else { Ok(()) }
    }

    /// Fails for library charts, which cannot be installed.
    pub fn check_installable(&self) -> Result<(), Error> {
        match self.metadata.chart_type.as_str() {
            "" | "application" => Ok(()),
            other => Err(Error::NotInstallable(other.to_owned())),
        }
    }
}

/// Whether the version satisfies the constraint; false as well if either cannot be read (Helm's `IsCompatibleRange`).
pub(super) fn is_compatible(constraint: &str, version: &str) -> bool {
    match (Constraints::parse(constraint), Version::parse(version)) {
        (Ok(constraint), Ok(version)) => constraint.check(&version),
        _ => false,
    }
}

fn is_manifest(name: &str) -> bool {
    let extension = name.rsplit('/').next().and_then(|base| base.rsplit_once('.')).map(|(_, extension)| extension);
    extension.is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

fn null_as_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
fn serialize_schema<S: Serializer>(schema: &Option<Arc<[u8]>>, serializer: S) -> Result<S::Ok, S::Error> {
    match schema {
        Some(schema) => super::file::serialize_base64(schema, serializer),
        None => serializer.serialize_none(),
    }
}

fn deserialize_schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<[u8]>>, D::Error> {
    let schema = super::file::deserialize_base64(deserializer)?;
    Ok((!schema.is_empty()).then_some(schema))
}

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
fn serialize_values<S: Serializer>(values: &Option<Arc<Values>>, serializer: S) -> Result<S::Ok, S::Error> {
    let values = values.as_ref().map(|values| serde_json::Value::Object(Values::clone(values)));
    values.map(super::number::with_whole_numbers).serialize(serializer)
}

fn deserialize_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Values>>, D::Error> {
    let values = Option::<Values>::deserialize(deserializer)?;
    Ok(values.map(|values| Arc::new(super::with_float_numbers(values))))
}

/// How Go writes a time that was never set.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
fn serialize_time<S: Serializer>(time: &Option<jiff::Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => time.serialize(serializer),
        None => serializer.serialize_str(ZERO_TIME),
    }
}

pub(super) fn deserialize_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<jiff::Timestamp>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text != ZERO_TIME => text.parse().map(Some).map_err(serde::de::Error::custom),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::Chart;

    fn assert_shareable<T: Send + Sync>(_: &T) {}

    #[test]
    fn charts_are_shared_between_threads() {
        let chart = Chart::default();
        assert_shareable(&chart);
        assert_eq!(chart.clone().name(), "");
    }

    #[test]
    fn stored_values_print_whole_numbers_as_go_does() {
        let stored = r#"{"metadata":{"name":"app"},"lock":null,"templates":null,"values":{"a":5,"b":[1.5]},"schema":null,"files":null}"#;
        let chart: Chart = serde_json::from_str(stored).unwrap();
        assert!(chart.values.as_ref().unwrap()["a"].is_f64());
        let json = serde_json::to_string(&chart).unwrap();
        assert!(json.contains(r#""values":{"a":5,"b":[1.5]}"#), "{json}");
    }
}
