//! The chart as a release record holds it: metadata, defaults, and the root chart's own files.
//!
//! Subcharts are not stored; their defaults are part of `values` where the chart declares them. Field order and the fields that are
//! written even when empty are Helm 4.3's. Counterpart: Helm's `pkg/chart/v2`.
//!
//! **Invariant:** never loads or checks a chart; it only carries what a record says.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::Time;
use super::record::or_default;
use super::time;

/// A chart in a release record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChartRecord {
    /// Chart.yaml, with the dependencies as they were processed.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// Chart.lock.
    #[serde(default)]
    pub lock: Option<Lock>,
    /// The root chart's templates; absent where there are none or they were left out to save room.
    #[serde(default)]
    pub templates: Option<Vec<File>>,
    /// The defaults, after imports from dependencies.
    #[serde(default)]
    pub values: Option<Map<String, Value>>,
    /// values.schema.json.
    #[serde(default, with = "bytes")]
    pub schema: Option<Vec<u8>>,
    /// When the schema was last changed (Helm 4).
    #[serde(default, rename = "schemamodtime", deserialize_with = "time::optional", serialize_with = "time::or_zero")]
    pub schema_mod_time: Option<Time>,
    /// The root chart's other files.
    #[serde(default)]
    pub files: Option<Vec<File>>,
    /// When Chart.yaml was last changed (Helm 4).
    #[serde(default, rename = "modtime", deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub mod_time: Option<Time>,
}

/// A file of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// The path from the chart's root.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The content.
    #[serde(default, with = "bytes")]
    pub data: Option<Vec<u8>>,
    /// When the file was last changed (Helm 4).
    #[serde(default, rename = "modtime", deserialize_with = "time::optional", skip_serializing_if = "Option::is_none")]
    pub mod_time: Option<Time>,
}

/// Chart.yaml. Each field is written only where it is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, by their own names")]
pub struct Metadata {
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub home: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub icon: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub tags: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub deprecated: bool,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    #[serde(default, rename = "type", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub chart_type: String,
}

/// A person or group behind a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, by their own names")]
pub struct Maintainer {
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A dependency of a chart; in a release it carries its final name and stands only where it is enabled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, by their own names")]
pub struct Dependency {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(default, deserialize_with = "or_default")]
    pub repository: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub enabled: bool,
    #[serde(default, rename = "import-values", deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Value>,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

/// Chart.lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// When the lock was made. Always written: Helm cannot read a record where it is no valid time.
    #[serde(default, deserialize_with = "time::optional", serialize_with = "time::or_zero")]
    pub generated: Option<Time>,
    /// The digest of the dependencies.
    #[serde(default, deserialize_with = "or_default")]
    pub digest: String,
    /// The locked dependencies.
    #[serde(default)]
    pub dependencies: Option<Vec<Dependency>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives the field by reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Bytes as base64 text or null: Go's `[]byte` in JSON.
mod bytes {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde gives the field by reference")]
    pub(super) fn serialize<S: Serializer>(data: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        data.as_ref().map(|data| STANDARD.encode(data)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) => STANDARD.decode(text).map(Some).map_err(|_| serde::de::Error::custom("not base64")),
            None => Ok(None),
        }
    }
}
