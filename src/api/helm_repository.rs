//! The HelmRepository: a chart repository over HTTP, or a place in an OCI registry.
//!
//! In goes JSON, out comes a typed object. Fields are those of Flux's source API v1 and v1beta2, which are equal.
//! Invariant: the type of a repository is what `spec.type` says, never guessed from its URL.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{self, Duration};
use super::schema;
use super::source::{AccessFrom, Artifact, LocalObjectReference, RegistryProvider, SourceStatus};

/// A chart repository.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "HelmRepository",
    plural = "helmrepositories",
    namespaced,
    status = "HelmRepositoryStatus",
    shortname = "helmrepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    derive = "Default",
    derive = "PartialEq",
    doc = "A chart repository."
)]
#[serde(rename_all = "camelCase")]
pub struct HelmRepositorySpec {
    /// URL of the repository.
    #[schemars(regex(pattern = r"^(http|https|oci)://.*$"))]
    pub url: String,
    /// default for an index over HTTP, oci for a registry.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RepositoryType>")]
    pub repository_type: Option<RepositoryType>,
    /// Time between checks of the index; 1m if left out, without effect for oci.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Time for each download; 60s if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "duration::without_hours")]
    pub timeout: Option<Duration>,
    /// Secret with username and password, or a registry's docker configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with tls.crt and tls.key, ca.crt, or all three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Send the credentials to other hosts that the index names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pass_credentials: bool,
    /// Talk to an OCI registry without TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Cloud whose identity gives access to an OCI registry, if no Secret is given.
    #[serde(default)]
    pub provider: RegistryProvider,
    /// Stops all work on this source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Old field without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
}

/// Type of a chart repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepositoryType {
    /// An index over HTTP.
    #[default]
    Default,
    /// A registry.
    Oci,
}

/// What was found of a chart repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HelmRepositoryStatus {
    /// What every source has.
    #[serde(flatten)]
    pub common: SourceStatus,
    /// The index as last fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

impl HelmRepositorySpec {
    /// Whether this is a place in an OCI registry.
    pub fn is_oci(&self) -> bool {
        self.repository_type == Some(RepositoryType::Oci)
    }
}
