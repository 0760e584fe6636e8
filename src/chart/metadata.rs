//! What Chart.yaml and Chart.lock say.
//!
//! Counterparts: `metadata.go` and `dependency.go` in `pkg/chart/v2` of Helm 4.3.1. Field order and names of the JSON form are Helm's.
//!
//! **Invariant:** metadata that was loaded has passed validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A chart's metadata. Every field is empty where Chart.yaml leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// The chart's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The project's page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// Where the source code is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// The chart's version as it was written; loosely a semantic version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Search words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who keeps the chart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    /// Where the icon is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// A leftover of Helm 2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// A leftover of Helm 2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// The version of what the chart installs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// Whether nobody should use the chart any more.
    #[serde(skip_serializing_if = "is_false")]
    pub deprecated: bool,
    /// For other programs; `None` where Chart.yaml has none, which templates can tell from an empty table.
    #[serde(skip_serializing_if = "is_none_or_empty")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// A constraint on the version of Kubernetes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// Whether there is a list of dependencies, which may be empty: only then are the subcharts' own dependencies processed.
    #[serde(skip)]
    pub declares_dependencies: bool,
    /// The declared dependencies; after processing only the enabled ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application`, `library` or empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub chart_type: String,
}

/// Who keeps a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// A person or an organisation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// An address for mail.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// A page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A declared dependency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Dependency {
    /// The subchart's name; its alias once dependencies were processed.
    pub name: String,
    /// A constraint on the subchart's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The address of a repository.
    pub repository: String,
    /// Paths of booleans in the values, split by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Names looked up in the table `tags` of the values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether the dependency is rendered; decided by processing.
    #[serde(skip_serializing_if = "is_false")]
    pub enabled: bool,
    /// Which values the parent takes over: strings, or tables with `child` and `parent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<serde_json::Value>,
    /// Another name for the subchart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

/// What Chart.lock says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lock {
    /// When it was written, in RFC 3339 with the zone as written.
    pub generated: String,
    /// The digest of the dependencies in Chart.yaml.
    pub digest: String,
    /// The exact versions; `None` where the file has no list.
    pub dependencies: Option<Vec<Dependency>>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { generated: "0001-01-01T00:00:00Z".to_owned(), digest: String::new(), dependencies: None }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::ref_option, reason = "serde asks for a reference to the field")]
fn is_none_or_empty(entries: &Option<BTreeMap<String, String>>) -> bool {
    entries.as_ref().is_none_or(BTreeMap::is_empty)
}
