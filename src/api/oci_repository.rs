//! The OCIRepository: an artifact of an OCI registry, such as a chart.
//!
//! In goes JSON, out comes a typed object. Fields are those of Flux's source API v1 and v1beta2.
//! Invariant: of several references the first of digest, semver, tag holds; without any, the tag `latest`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{self, Duration};
use super::schema;
use super::source::{Artifact, LocalObjectReference, RegistryProvider, SourceStatus, Verification};

/// An artifact of an OCI registry.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "OCIRepository",
    root = "OciRepository",
    plural = "ocirepositories",
    namespaced,
    status = "OciRepositoryStatus",
    shortname = "ocirepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    derive = "Default",
    derive = "PartialEq",
    doc = "An artifact of an OCI registry."
)]
#[serde(rename_all = "camelCase")]
pub struct OciRepositorySpec {
    /// URL of the repository in the registry, without a tag.
    #[schemars(regex(pattern = r"^oci://.*$"))]
    pub url: String,
    /// Which artifact; the tag latest if left out.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<OciRepositoryReference>,
    /// Which layer of the artifact; the first (or the chart's) if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_selector: Option<OciLayerSelector>,
    /// Cloud whose identity gives access, if no Secret is given.
    #[serde(default)]
    pub provider: RegistryProvider,
    /// Secret with the registry's docker configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// How the artifact's signature is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verification>,
    /// ServiceAccount whose image pull secrets give access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with tls.crt and tls.key, ca.crt, or all three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Secret with the address of a proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Time between checks.
    pub interval: Duration,
    /// Time for each request to the registry.
    #[serde(default = "default_timeout")]
    #[schemars(schema_with = "duration::without_hours", extend("default" = "60s"))]
    pub timeout: Duration,
    /// Files to leave out, as .gitignore writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Talk to the registry without TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Stops all work on this source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

fn default_timeout() -> Duration {
    Duration::from_secs(60)
}

/// Which artifact of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OciRepositoryReference {
    /// The digest; wins over the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The newest tag in a range; wins over tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Regular expression that a tag must match to be in the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver_filter: Option<String>,
    /// The tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Which layer of an artifact, and what to do with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OciLayerSelector {
    /// Media type of the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// extract unpacks the layer, copy keeps its bytes; extract if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<LayerOperation>")]
    pub operation: Option<LayerOperation>,
}

/// What to do with a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerOperation {
    /// Unpack it.
    #[default]
    Extract,
    /// Keep its bytes.
    Copy,
}

/// What was found of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OciRepositoryStatus {
    /// What every source has.
    #[serde(flatten)]
    pub common: SourceStatus,
    /// The artifact as last fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Old field: checksum of the settings that shaped the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_config_checksum: Option<String>,
    /// spec.ignore of the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// spec.layerSelector of the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_layer_selector: Option<OciLayerSelector>,
}
