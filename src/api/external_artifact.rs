//! The ExternalArtifact: an artifact that a third party makes and serves, such as a chart.
//!
//! In goes JSON, out comes a typed object. Fields are those of Flux's source API v1.
//! Invariant: only its maker writes it; nothing here has a default that would be written back.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use super::source::Artifact;

/// An artifact that a third party makes and serves.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "ExternalArtifact",
    root = "ExternalArtifact",
    plural = "externalartifacts",
    namespaced,
    status = "ExternalArtifactStatus",
    shortname = "ea",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    derive = "Default",
    derive = "PartialEq",
    no_spec,
    doc = "An artifact that a third party makes and serves."
)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalArtifactFields {
    /// What the artifact is made of; its maker need not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<ExternalArtifactSpec>,
}

/// What an artifact is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalArtifactSpec {
    /// Object that the artifact is made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<ExternalSourceReference>,
}

/// Object that an artifact is made for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSourceReference {
    /// API version of the object; the one that the API server prefers if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; the ExternalArtifact's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// What its maker says of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExternalArtifactStatus {
    /// The artifact as last made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// Ready and its kin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
