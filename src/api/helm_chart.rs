//! The HelmChart: one chart out of a source; made for each HelmRelease, or by users.
//!
//! In goes JSON, out comes a typed object. Fields are those of Flux's source API v1 and v1beta2; the source kind
//! OCIRepository is our own.
//! Invariant: a HelmChart's source is of its own namespace.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chart::HelmChartTemplateSpec;
use super::duration::Duration;
use super::source::{AccessFrom, Artifact, ReconcileStrategy, SourceKind, SourceStatus, Verification, any_version};

/// One chart out of a source.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "HelmChart",
    plural = "helmcharts",
    namespaced,
    status = "HelmChartStatus",
    shortname = "hc",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    derive = "PartialEq",
    doc = "One chart out of a source."
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "!has(self.verify) || self.sourceRef.kind == 'HelmRepository'", "message": "verify needs a source of kind HelmRepository" },
]))]
pub struct HelmChartSpec {
    /// Name of the chart in a repository, or its path in a Git source.
    pub chart: String,
    /// Version or range; ignored for Git sources.
    #[serde(default = "any_version")]
    pub version: String,
    /// Source of the chart.
    pub source_ref: LocalSourceReference,
    /// Time between checks.
    pub interval: Duration,
    /// Whether a new chart version or any new revision of the source counts as new.
    #[serde(default)]
    pub reconcile_strategy: ReconcileStrategy,
    /// Values files inside the chart (or repository), merged in order in place of the chart's defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Old form: one values file, merged before valuesFiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_file: Option<String>,
    /// Whether values files may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_values_files: bool,
    /// Stops all work on this source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// How the chart's signature is checked; for repositories of type oci.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verification>,
    /// Old field without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
}

impl HelmChartSpec {
    /// What a HelmRelease's template asks for; the chart is checked as often as the release, unless the template says otherwise.
    pub fn of_template(template: &HelmChartTemplateSpec, interval: Duration) -> Self {
        let source = &template.source_ref;
        Self {
            chart: template.chart.clone(),
            version: template.version.clone(),
            source_ref: LocalSourceReference { api_version: None, kind: source.kind, name: source.name.clone() },
            interval: template.interval.unwrap_or(interval),
            reconcile_strategy: template.reconcile_strategy,
            values_files: template.all_values_files(),
            values_file: None,
            ignore_missing_values_files: template.ignore_missing_values_files,
            suspend: false,
            verify: template.verify.as_ref().map(|verify| Verification {
                provider: verify.provider,
                secret_ref: verify.secret_ref.clone(),
                ..Verification::default()
            }),
            access_from: None,
        }
    }
}

/// A chart source of the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalSourceReference {
    /// API version of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: SourceKind,
    /// Name of the source.
    pub name: String,
}

/// What was found of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmChartStatus {
    /// What every source has.
    #[serde(flatten)]
    pub common: SourceStatus,
    /// Revision of the source that the chart was last taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_source_artifact_revision: Option<String>,
    /// Name of the chart as found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_chart_name: Option<String>,
    /// Values files as found, when missing ones are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed_values_files: Vec<String>,
    /// The chart as last fetched or built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}
