//! The HelmRelease: what users ask for.
//!
//! In goes JSON from the API server, out comes a typed spec; what to assume where it is silent stands in `defaults`.
//! The fields are the union of Flux's v2beta1, v2beta2 and v2 (helm-controller 0.36 to 1.6) and our own
//! (`atomic`, `wait`, the inline chart).
//! Invariant: a field that a user may leave out never makes the object unreadable.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::action::{Install, Rollback, Test, Uninstall, Upgrade};
use super::chart::{ChartReference, HelmChartTemplate};
use super::duration::Duration;
use super::post_renderer::{PostRenderStrategy, PostRenderer, Selector};
use super::schema;
use super::source::{LocalObjectReference, SecretKeyReference};
use super::status::HelmReleaseStatus;

/// A Helm release, kept as declared.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "helm.toolkit.fluxcd.io",
    version = "v2",
    kind = "HelmRelease",
    plural = "helmreleases",
    namespaced,
    status = "HelmReleaseStatus",
    shortname = "hr",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-appliers",
    derive = "Default",
    derive = "PartialEq",
    doc = "A Helm release, kept as declared."
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.chart) || has(self.chartRef)", "message": "either chart or chartRef must be set" },
    { "rule": "!has(self.chart) || !has(self.chartRef)", "message": "chart and chartRef cannot both be set" },
]))]
pub struct HelmReleaseSpec {
    /// The chart, by a template for a HelmChart (spec) or in short (repo, name, version).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<HelmChartTemplate>,
    /// A source that holds the chart itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_ref: Option<ChartReference>,
    /// Time between full checks; 10m if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Cluster to install into, if not this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfigReference>,
    /// Stops all work on this release; deleting a suspended one leaves the release in the cluster.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Name of the Helm release; `[targetNamespace-]name` if left out, shortened to 53 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 53))]
    pub release_name: Option<String>,
    /// Namespace for the chart's objects; this object's own if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub target_namespace: Option<String>,
    /// Namespace for Helm's release Secrets; this object's own if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: Option<String>,
    /// HelmReleases that must be ready first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<DependencyReference>,
    /// Time for each action and hook; 5m if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Revisions that Helm's storage keeps; 0 keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_history: Option<i64>,
    /// ServiceAccount of this namespace to act as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Whether to keep one client for all actions of a reconcile; true if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_client: Option<bool>,
    /// What to do about objects that differ from the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_detection: Option<DriftDetection>,
    /// Settings of installs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// Settings of upgrades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// Settings of `helm test` runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// Settings of rollbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// Settings of uninstalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<Uninstall>,
    /// Values from ConfigMaps and Secrets, merged in order; inline values come last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values_from: Vec<ValuesReference>,
    /// Inline values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_json")]
    pub values: Option<Value>,
    /// Labels and annotations for every rendered object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Changes to the rendered manifest, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_renderers: Vec<PostRenderer>,
    /// Whether hooks pass the post-renderers: nohooks, combined or separate; combined if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<PostRenderStrategy>")]
    pub post_render_strategy: Option<PostRenderStrategy>,
    /// How readiness is judged while waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_strategy: Option<WaitStrategy>,
    /// Readiness of kinds, by CEL expressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_check_exprs: Vec<HealthCheckExpression>,
    /// Undo a failed action: uninstall after a failed install, roll back after a failed upgrade. Implies wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
    /// Whether actions wait until their objects are ready; true if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<bool>,
}

/// Where the kubeconfig of another cluster stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.configMapRef) || has(self.secretRef)", "message": "either secretRef or configMapRef must be set" },
    { "rule": "!has(self.configMapRef) || !has(self.secretRef)", "message": "secretRef and configMapRef cannot both be set" },
]))]
pub struct KubeConfigReference {
    /// Secret with a kubeconfig; key `value`, then `value.yaml`, if no key is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyReference>,
    /// ConfigMap that describes access by workload identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalObjectReference>,
}

/// Another HelmRelease that must be ready first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependencyReference {
    /// Name of the HelmRelease.
    pub name: String,
    /// Its namespace; this object's own if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// CEL expression over `self` and `dep` that says when it is ready, instead of its Ready condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_expr: Option<String>,
}

/// What to do about objects that differ from the release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DriftDetection {
    /// enabled corrects, warn only reports, disabled does not look; the operator's default if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<DriftMode>")]
    pub mode: Option<DriftMode>,
    /// Differences to leave alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

/// Mode of drift detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DriftMode {
    /// Detect and correct.
    Enabled,
    /// Detect and report.
    Warn,
    /// Do not look.
    Disabled,
}

/// Fields whose differences are left alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreRule {
    /// JSON pointers (RFC 6901) into the object.
    pub paths: Vec<String>,
    /// Objects the rule is for; every object if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// Values from a ConfigMap or Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValuesReference {
    /// ConfigMap or Secret.
    pub kind: ValuesReferenceKind,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key that holds the values; `values.yaml` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = r"^[\-._a-zA-Z0-9]+$"))]
    pub values_key: Option<String>,
    /// Path, as for `helm --set`, at which the key's content is set as one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 250), regex(pattern = r"^([a-zA-Z0-9_\-.\\\/]|\[[0-9]{1,5}\])+$"))]
    pub target_path: Option<String>,
    /// Whether the object or key may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether the content is a string to be set as it is; only with targetPath.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub literal: bool,
}

/// Kind of an object that holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum ValuesReferenceKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl ValuesReferenceKind {
    /// The kind as it stands in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// Labels and annotations for every rendered object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CommonMetadata {
    /// Annotations; they win over the chart's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels; they win over the chart's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How readiness is judged while waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitStrategy {
    /// poller judges by kstatus, legacy as Helm 3 did.
    pub name: WaitStrategyName,
}

/// Name of a way to judge readiness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitStrategyName {
    /// By kstatus.
    #[default]
    Poller,
    /// As Helm 3 did.
    Legacy,
}

/// Readiness of a kind, by CEL expressions over the object's fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckExpression {
    /// API version of the kind.
    pub api_version: String,
    /// The kind; every kind of the group if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// True when the object is ready.
    pub current: String,
    /// True while the object is being worked on; asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
    /// True when the object has failed; asked second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}
