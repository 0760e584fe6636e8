//! The Bucket: files in an object store. Its fields are accepted; only Flux's source-controller fetches from it.
//!
//! In goes JSON, out comes a typed object. Fields are those of Flux's source API v1 and v1beta2.
//! Invariant: nothing here is written by this program.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{self, Duration};
use super::source::{AccessFrom, Artifact, LocalObjectReference, RegistryProvider, SourceStatus};

/// Files in an object store.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "Bucket",
    plural = "buckets",
    namespaced,
    status = "BucketStatus",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    derive = "Default",
    derive = "PartialEq",
    doc = "Files in an object store."
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "!has(self.sts) || self.provider in ['aws', 'generic']", "message": "sts needs provider aws or generic" },
    { "rule": "!has(self.sts) || self.provider != 'aws' || self.sts.provider == 'aws'", "message": "with provider aws, sts needs provider aws too" },
    { "rule": "!has(self.sts) || self.provider != 'generic' || self.sts.provider == 'ldap'", "message": "with provider generic, sts needs provider ldap" },
    { "rule": "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)", "message": "sts with provider aws takes no secretRef" },
    { "rule": "!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.certSecretRef)", "message": "sts with provider aws takes no certSecretRef" },
    { "rule": "self.provider != 'generic' || !has(self.serviceAccountName)", "message": "provider generic takes no serviceAccountName" },
    { "rule": "!has(self.secretRef) || !has(self.serviceAccountName)", "message": "secretRef and serviceAccountName exclude each other" },
]))]
pub struct BucketSpec {
    /// Service that the bucket belongs to.
    #[serde(default)]
    pub provider: RegistryProvider,
    /// Name of the bucket.
    pub bucket_name: String,
    /// Host of the service, with a port if need be.
    pub endpoint: String,
    /// Where temporary credentials come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts: Option<BucketTokens>,
    /// Talk to the service without TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Region of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What the names of the files begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Secret with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// ServiceAccount whose cloud identity gives access.
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
    /// Time for each fetch.
    #[serde(default = "default_timeout")]
    #[schemars(schema_with = "duration::without_hours", extend("default" = "60s"))]
    pub timeout: Duration,
    /// Files to leave out, as .gitignore writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Stops all work on this source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Old field without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_from: Option<AccessFrom>,
}

fn default_timeout() -> Duration {
    Duration::from_secs(60)
}

/// Where temporary credentials come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BucketTokens {
    /// aws or ldap.
    pub provider: TokenProvider,
    /// URL of the service.
    #[schemars(regex(pattern = r"^(http|https)://.*$"))]
    pub endpoint: String,
    /// Secret with username and password, for ldap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with certificates, for ldap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
}

/// Kind of a service of temporary credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenProvider {
    /// Amazon.
    #[default]
    Aws,
    /// An LDAP directory.
    Ldap,
}

/// What was found of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BucketStatus {
    /// What every source has.
    #[serde(flatten)]
    pub common: SourceStatus,
    /// The files as last fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// spec.ignore of the artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
}
