//! Which chart a HelmRelease asks for.
//!
//! In goes the spec, out comes a [`ChartRequest`] of exactly one form, or an error that says what is wrong.
//! Flux (helm-controller 1.6) knows the first two forms; the inline form and the source kind OCIRepository are our own.
//! Invariant: an inline chart's version is never a range; this is checked where versions are understood, not here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Duration;
use super::error::Error;
use super::helm_release::HelmRelease;
use super::source::{LocalObjectReference, SourceKind};
use super::source::{ReconcileStrategy, VerifyProvider, any_version};

/// A chart: a template for a HelmChart object (spec), or in short (repo, name, version).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "!has(self.spec) || !(has(self.repo) || has(self.name) || has(self.version))", "message": "chart takes either spec, or repo, name and version" },
    { "rule": "has(self.spec) || (has(self.repo) && has(self.name) && has(self.version))", "message": "chart needs spec, or all of repo, name and version" },
]))]
pub struct HelmChartTemplate {
    /// Metadata for the HelmChart object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<HelmChartTemplateMetadata>,
    /// The HelmChart object's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<HelmChartTemplateSpec>,
    /// Short form: URL of the chart repository, https:// or oci://.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^(https?|oci)://.+$"))]
    pub repo: Option<String>,
    /// Short form: name of the chart in the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub name: Option<String>,
    /// Short form: exact version of the chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub version: Option<String>,
}

/// Metadata for a generated HelmChart object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmChartTemplateMetadata {
    /// Labels to add.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to add.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Content of a generated HelmChart object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartTemplateSpec {
    /// Name of the chart in a repository, or its path in a Git source.
    #[schemars(length(min = 1, max = 2048))]
    pub chart: String,
    /// Version or range; ignored for Git sources.
    #[serde(default = "any_version")]
    pub version: String,
    /// Source of the chart.
    pub source_ref: SourceReference,
    /// Time between checks of the chart; the release's interval if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Whether a new chart version or any new revision of the source counts as new.
    #[serde(default)]
    pub reconcile_strategy: ReconcileStrategy,
    /// Values files inside the chart (or repository), merged in order over the chart's defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Old form: one values file, merged before valuesFiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_file: Option<String>,
    /// Whether values files may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_missing_values_files: bool,
    /// How the chart's signature is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<HelmChartTemplateVerification>,
}

/// How the signature of a release's chart is checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartTemplateVerification {
    /// cosign or notation.
    #[serde(default)]
    pub provider: VerifyProvider,
    /// Secret with the trusted public keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
}

/// A chart source, possibly of another namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceReference {
    /// API version of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: SourceKind,
    /// Name of the source.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the source; the HelmRelease's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// A source that holds the chart itself, possibly of another namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartReference {
    /// API version of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: ChartReferenceKind,
    /// Name of the source.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the source; the HelmRelease's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Kind of a source that holds a chart itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ChartReferenceKind {
    /// An OCIRepository.
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// A HelmChart.
    HelmChart,
    /// An ExternalArtifact, written by a third party.
    ExternalArtifact,
}

impl ChartReferenceKind {
    /// The kind as it stands in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OciRepository => "OCIRepository",
            Self::HelmChart => "HelmChart",
            Self::ExternalArtifact => "ExternalArtifact",
        }
    }
}

/// The chart that a HelmRelease asks for, in one of three forms.
#[derive(Clone, Debug, PartialEq)]
pub enum ChartRequest {
    /// A template for a HelmChart object.
    Template(Box<ChartTemplate>),
    /// A source that holds the chart itself.
    Reference(ChartReference),
    /// An exact chart by its repository's URL.
    Inline(InlineChart),
}

/// A template for a HelmChart object.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartTemplate {
    /// Labels and annotations of the object.
    pub metadata: HelmChartTemplateMetadata,
    /// Its content.
    pub spec: HelmChartTemplateSpec,
}

/// An exact chart by its repository's URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InlineChart {
    /// URL of the repository: https://, http:// or oci://.
    pub repo: String,
    /// Name of the chart in it.
    pub name: String,
    /// The version as written; whether it is exact is checked by whoever fetches it.
    pub version: String,
}

impl InlineChart {
    /// Whether the repository is an OCI registry.
    pub fn is_oci(&self) -> bool {
        self.repo.starts_with("oci://")
    }
}

impl HelmRelease {
    /// The chart that is asked for.
    ///
    /// # Errors
    /// None or more than one form is given, or the short form is incomplete or of an unknown scheme.
    pub fn chart_request(&self) -> Result<ChartRequest, Error> {
        match (&self.spec.chart, &self.spec.chart_ref) {
            (None, None) => Err(Error::ChartMissing),
            (Some(_), Some(_)) => Err(Error::ChartAndChartRef),
            (None, Some(reference)) => Ok(ChartRequest::Reference(reference.clone())),
            (Some(chart), None) => chart.request(),
        }
    }
}

impl HelmChartTemplate {
    fn request(&self) -> Result<ChartRequest, Error> {
        let has_inline = self.repo.is_some() || self.name.is_some() || self.version.is_some();
        match &self.spec {
            Some(_) if has_inline => Err(Error::ChartFormsMixed),
            Some(spec) => Ok(ChartRequest::Template(Box::new(ChartTemplate {
                metadata: self.metadata.clone().unwrap_or_default(),
                spec: spec.clone(),
            }))),
            None if !has_inline => Err(Error::ChartMissing),
            None => self.inline().map(ChartRequest::Inline),
        }
    }

    fn inline(&self) -> Result<InlineChart, Error> {
        let required = |value: &Option<String>, field| {
            value.clone().filter(|text| !text.is_empty()).ok_or(Error::InlineChartIncomplete { field })
        };
        let inline = InlineChart {
            repo: required(&self.repo, "repo")?,
            name: required(&self.name, "name")?,
            version: required(&self.version, "version")?,
        };
        let known = ["https://", "http://", "oci://"].iter().any(|scheme| inline.repo.starts_with(scheme));
        if known { Ok(inline) } else { Err(Error::InlineChartScheme { repo: inline.repo }) }
    }
}
