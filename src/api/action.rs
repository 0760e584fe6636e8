//! Settings of the release actions: install, upgrade, test, rollback, uninstall, and remediation after failures.
//!
//! In goes JSON, out come typed settings; effective values come from `defaults`.
//! Fields are those of Flux's v2beta1 to v2, with `upgrade.remediation.cleanupOnFail` accepted where users misplace it.
//! Invariant: a setting left out stays distinguishable from one set, wherever its default depends on others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Duration;
use super::schema;

/// Settings of installs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools, reason = "the fields are those of the API")]
pub struct Install {
    /// What to do after a failure: remediate, or retry in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ActionStrategy>,
    /// Time for the install and its hooks; spec.timeout if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Retries and undoing after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<InstallRemediation>,
    /// Refuse objects that belong to another release.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_take_ownership: bool,
    /// Do not wait for objects to be ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait: bool,
    /// Do not wait for Jobs to complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait_for_jobs: bool,
    /// Do not run hooks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,
    /// Do not check the manifest against the cluster's OpenAPI schema.
    #[serde(rename = "disableOpenAPIValidation", skip_serializing_if = "std::ops::Not::not")]
    pub disable_open_api_validation: bool,
    /// Do not check the values against the chart's schema.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_schema_validation: bool,
    /// Reuse the name of an uninstalled release whose history was kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Old form of `crds: Skip`.
    #[serde(rename = "skipCRDs", skip_serializing_if = "std::ops::Not::not")]
    pub skip_crds: bool,
    /// What to do with the chart's CRDs: Skip, Create or CreateReplace; Create if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<CrdsPolicy>")]
    pub crds: Option<CrdsPolicy>,
    /// Create the target namespace if it is missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create_namespace: bool,
    /// Apply on the server's side; true if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_apply: Option<bool>,
}

/// Settings of upgrades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools, reason = "the fields are those of the API")]
pub struct Upgrade {
    /// What to do after a failure: remediate, or retry in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<ActionStrategy>,
    /// Time for the upgrade and its hooks; spec.timeout if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Retries and undoing after a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<UpgradeRemediation>,
    /// Refuse objects that belong to another release.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_take_ownership: bool,
    /// Do not wait for objects to be ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait: bool,
    /// Do not wait for Jobs to complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait_for_jobs: bool,
    /// Do not run hooks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,
    /// Do not check the manifest against the cluster's OpenAPI schema.
    #[serde(rename = "disableOpenAPIValidation", skip_serializing_if = "std::ops::Not::not")]
    pub disable_open_api_validation: bool,
    /// Do not check the values against the chart's schema.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_schema_validation: bool,
    /// Replace objects that cannot be updated; only when applying on the client's side.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Keep the last release's values and merge the new ones over them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_values: bool,
    /// Delete objects that a failed upgrade created.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cleanup_on_fail: bool,
    /// What to do with the chart's CRDs: Skip, Create or CreateReplace; Create if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<CrdsPolicy>")]
    pub crds: Option<CrdsPolicy>,
    /// Apply on the server's side: enabled, disabled, or auto for as the last release did; auto if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ServerSideApplyMode>")]
    pub server_side_apply: Option<ServerSideApplyMode>,
    /// What to do when the chart's name changes; Reinstall if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ChartNameChangeStrategy>")]
    pub chart_name_change_strategy: Option<ChartNameChangeStrategy>,
}

/// What to do after a failed action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "!has(self.retryInterval) || self.name != 'RemediateOnFailure'", "message": "retryInterval cannot be set with RemediateOnFailure" },
]))]
pub struct ActionStrategy {
    /// RemediateOnFailure or RetryOnFailure.
    pub name: ActionStrategyName,
    /// Time between retries; 5m if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval: Option<Duration>,
}

/// Name of what to do after a failed action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ActionStrategyName {
    /// Undo as the remediation settings say.
    #[default]
    RemediateOnFailure,
    /// Leave as it is and try again after an interval.
    RetryOnFailure,
}

/// Retries and undoing after a failed install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstallRemediation {
    /// Retries after the first failure; negative for no end, 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// Whether failed tests count as no failure; test.ignoreFailures if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_test_failures: Option<bool>,
    /// Whether the last failure is undone as well; false if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediate_last_failure: Option<bool>,
}

/// Retries and undoing after a failed upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeRemediation {
    /// Retries after the first failure; negative for no end, 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// Whether failed tests count as no failure; test.ignoreFailures if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_test_failures: Option<bool>,
    /// Whether the last failure is undone as well; true if left out and there are retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediate_last_failure: Option<bool>,
    /// How a failure is undone; rollback if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<RemediationStrategy>")]
    pub strategy: Option<RemediationStrategy>,
    /// Misplaced upgrade.cleanupOnFail, accepted with a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleanup_on_fail: Option<bool>,
}

/// How a failure is undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RemediationStrategy {
    /// Back to the last good revision.
    #[default]
    Rollback,
    /// Remove the release.
    Uninstall,
}

/// What to do with a chart's CRDs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CrdsPolicy {
    /// Leave CRDs alone.
    Skip,
    /// Create missing ones, change none.
    #[default]
    Create,
    /// Create missing ones, replace the others.
    CreateReplace,
}

/// Where objects are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerSideApplyMode {
    /// On the server's side.
    Enabled,
    /// On the client's side.
    Disabled,
    /// As the last release did.
    #[default]
    Auto,
}

/// What to do when the chart's name changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ChartNameChangeStrategy {
    /// Upgrade in place.
    InPlaceUpdate,
    /// Uninstall, then install.
    #[default]
    Reinstall,
}

/// Settings of `helm test` runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Test {
    /// Run the tests after each install and upgrade.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enable: bool,
    /// Time for each test; spec.timeout if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Failed tests count as no failure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_failures: bool,
    /// Which tests to run; all if left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<TestFilter>,
}

/// A test to run or to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestFilter {
    /// Name of the test.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Leave it out instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
}

/// Settings of rollbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools, reason = "the fields are those of the API")]
pub struct Rollback {
    /// Time for the rollback and its hooks; spec.timeout if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Do not wait for objects to be ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait: bool,
    /// Do not wait for Jobs to complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait_for_jobs: bool,
    /// Do not run hooks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,
    /// Without effect in Helm 4; accepted with a warning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recreate: bool,
    /// Replace objects that cannot be updated; only when applying on the client's side.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Delete objects that a failed rollback created.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cleanup_on_fail: bool,
    /// Apply on the server's side: enabled, disabled, or auto for as the target release did; auto if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::choice::<ServerSideApplyMode>")]
    pub server_side_apply: Option<ServerSideApplyMode>,
}

/// Settings of uninstalls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools, reason = "the fields are those of the API")]
pub struct Uninstall {
    /// Time for the uninstall and its hooks; spec.timeout if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Do not run hooks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_hooks: bool,
    /// Keep the release Secrets, marked uninstalled.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_history: bool,
    /// Do not wait for objects to be gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_wait: bool,
    /// How dependents are deleted: background, foreground or orphan.
    pub deletion_propagation: DeletionPropagation,
}

/// How dependents of deleted objects are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeletionPropagation {
    /// After the object, by the garbage collector.
    #[default]
    Background,
    /// Before the object.
    Foreground,
    /// Not at all.
    Orphan,
}
