//! What holds where a HelmRelease is silent; every such rule stands here.
//!
//! In go a HelmRelease and the operator's own defaults, out come effective settings.
//! The rules are those of Flux's code (helm-controller 1.6), not of its documentation, with three of our own:
//! `atomic` and `wait` set defaults for the actions, `install.skipCRDs` is honoured, `interval` is 10 minutes.
//! Invariant: a field that is set is never overruled, but for the waits that `atomic` implies.

use std::fmt::Write as _;

use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::action::{
    ActionStrategy, ActionStrategyName, ChartNameChangeStrategy, CrdsPolicy, DeletionPropagation, RemediationStrategy,
    ServerSideApplyMode,
};
use super::chart::{ChartReference, HelmChartTemplateSpec, SourceReference};
use super::duration::Duration;
use super::helm_release::{DriftMode, HelmRelease, ValuesReference, WaitStrategyName};
use super::post_renderer::PostRenderStrategy;
use super::status::ReleaseActionName;

/// Time between full checks where none is given.
pub const INTERVAL: Duration = Duration::from_secs(600);
/// Time for an action where none is given.
pub const TIMEOUT: Duration = Duration::from_secs(300);
/// Time between retries in place where none is given.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(300);
/// Revisions that Helm's storage keeps where neither the object nor a flag says.
pub const MAX_HISTORY: u32 = 10;
/// Key of a ConfigMap or Secret that holds values where none is given.
pub const VALUES_KEY: &str = "values.yaml";
/// Longest name of a Helm release.
pub const MAX_RELEASE_NAME: usize = 53;

const SHORTENED_PREFIX: usize = 40;
const SHORTENED_HASH_BYTES: usize = 6;

/// Which profile of defaults holds: Helm 4's, or Helm 3's (Flux's feature gate UseHelm3Defaults).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HelmProfile {
    /// Server-side apply, kstatus waits, hooks through post-renderers.
    #[default]
    Helm4,
    /// Client-side apply, Helm 3's waits, hooks past post-renderers.
    Helm3,
}

/// Effective remediation settings of installs or upgrades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remediation {
    /// Retries after the first failure; negative for no end.
    pub retries: i64,
    /// Whether failed tests count as no failure.
    pub ignore_test_failures: bool,
    /// Whether the last failure is undone as well.
    pub remediate_last_failure: bool,
    /// How a failure is undone.
    pub strategy: RemediationStrategy,
}

impl Remediation {
    /// Whether `failures` leave no retry.
    pub fn is_exhausted(&self, failures: i64) -> bool {
        self.retries >= 0 && failures > self.retries
    }
}

/// Names and places.
impl HelmRelease {
    /// Namespace of the object itself.
    pub fn own_namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// Name of the Helm release.
    pub fn release_name(&self) -> String {
        if let Some(name) = &self.spec.release_name {
            return name.clone();
        }
        let name = self.name_any();
        match &self.spec.target_namespace {
            Some(namespace) => shorten_release_name(&format!("{namespace}-{name}")),
            None => shorten_release_name(&name),
        }
    }

    /// Namespace of the chart's objects.
    pub fn release_namespace(&self) -> &str {
        self.spec.target_namespace.as_deref().unwrap_or_else(|| self.own_namespace())
    }

    /// Namespace of the release Secrets; the object's own, not the target's.
    pub fn storage_namespace(&self) -> &str {
        self.spec.storage_namespace.as_deref().unwrap_or_else(|| self.own_namespace())
    }

    /// Name of the HelmChart made for this release.
    pub fn helm_chart_name(&self) -> String {
        format!("{}-{}", self.own_namespace(), self.name_any())
    }

    /// Whether an install creates the release namespace; only a target namespace is ever created.
    pub fn creates_namespace(&self) -> bool {
        let asked = self.spec.install.as_ref().is_some_and(|install| install.create_namespace);
        asked && self.spec.target_namespace.is_some()
    }
}

/// Times and numbers.
impl HelmRelease {
    /// Time between full checks.
    pub fn interval(&self) -> Duration {
        self.spec.interval.unwrap_or(INTERVAL)
    }

    /// Time for an action that has none of its own.
    pub fn timeout(&self) -> Duration {
        self.spec.timeout.unwrap_or(TIMEOUT)
    }

    /// Time for an install.
    pub fn install_timeout(&self) -> Duration {
        self.spec.install.as_ref().and_then(|install| install.timeout).unwrap_or_else(|| self.timeout())
    }

    /// Time for an upgrade.
    pub fn upgrade_timeout(&self) -> Duration {
        self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.timeout).unwrap_or_else(|| self.timeout())
    }

    /// Time for each test.
    pub fn test_timeout(&self) -> Duration {
        self.spec.test.as_ref().and_then(|test| test.timeout).unwrap_or_else(|| self.timeout())
    }

    /// Time for a rollback.
    pub fn rollback_timeout(&self) -> Duration {
        self.spec.rollback.as_ref().and_then(|rollback| rollback.timeout).unwrap_or_else(|| self.timeout())
    }

    /// Time for an uninstall.
    pub fn uninstall_timeout(&self) -> Duration {
        self.spec.uninstall.as_ref().and_then(|uninstall| uninstall.timeout).unwrap_or_else(|| self.timeout())
    }

    /// Revisions that Helm's storage keeps, 0 for all; `default` is the operator's. Negative numbers read as 0.
    pub fn max_history(&self, default: u32) -> u32 {
        match self.spec.max_history {
            Some(kept) => u32::try_from(kept.max(0)).unwrap_or(u32::MAX),
            None => default,
        }
    }

    /// Whether one client serves all actions of a reconcile.
    pub fn has_persistent_client(&self) -> bool {
        self.spec.persistent_client.unwrap_or(true)
    }
}

/// Waits.
impl HelmRelease {
    /// Whether failed actions are undone and all waits are on.
    pub fn is_atomic(&self) -> bool {
        self.spec.atomic.unwrap_or(false)
    }

    /// Whether an install waits for its objects.
    pub fn install_waits(&self) -> bool {
        self.waits(self.spec.install.as_ref().is_some_and(|install| install.disable_wait))
    }

    /// Whether an install waits for its Jobs.
    pub fn install_waits_for_jobs(&self) -> bool {
        let disabled = self.spec.install.as_ref().is_some_and(|install| install.disable_wait_for_jobs);
        self.install_waits() && !disabled
    }

    /// Whether an upgrade waits for its objects.
    pub fn upgrade_waits(&self) -> bool {
        self.waits(self.spec.upgrade.as_ref().is_some_and(|upgrade| upgrade.disable_wait))
    }

    /// Whether an upgrade waits for its Jobs.
    pub fn upgrade_waits_for_jobs(&self) -> bool {
        let disabled = self.spec.upgrade.as_ref().is_some_and(|upgrade| upgrade.disable_wait_for_jobs);
        self.upgrade_waits() && !disabled
    }

    /// Whether a rollback waits for its objects.
    pub fn rollback_waits(&self) -> bool {
        self.waits(self.spec.rollback.as_ref().is_some_and(|rollback| rollback.disable_wait))
    }

    /// Whether a rollback waits for its Jobs.
    pub fn rollback_waits_for_jobs(&self) -> bool {
        let disabled = self.spec.rollback.as_ref().is_some_and(|rollback| rollback.disable_wait_for_jobs);
        self.rollback_waits() && !disabled
    }

    /// Whether an uninstall waits until its objects are gone; `spec.wait` speaks of readiness and does not count.
    pub fn uninstall_waits(&self) -> bool {
        !self.spec.uninstall.as_ref().is_some_and(|uninstall| uninstall.disable_wait)
    }

    /// How readiness is judged.
    pub fn wait_strategy(&self, profile: HelmProfile) -> WaitStrategyName {
        match (self.spec.wait_strategy, profile) {
            (Some(strategy), _) => strategy.name,
            (None, HelmProfile::Helm4) => WaitStrategyName::Poller,
            (None, HelmProfile::Helm3) => WaitStrategyName::Legacy,
        }
    }

    fn waits(&self, disabled: bool) -> bool {
        self.is_atomic() || (self.spec.wait.unwrap_or(true) && !disabled)
    }
}

/// Remediation, tests and drift.
impl HelmRelease {
    /// Remediation settings that hold after `action`.
    pub fn remediation(&self, action: ReleaseActionName) -> Remediation {
        match action {
            ReleaseActionName::Install => self.install_remediation(),
            ReleaseActionName::Upgrade => self.upgrade_remediation(),
        }
    }

    /// Remediation settings of installs; the strategy is always to uninstall.
    pub fn install_remediation(&self) -> Remediation {
        let given = self.spec.install.as_ref().and_then(|install| install.remediation).unwrap_or_default();
        Remediation {
            retries: given.retries.unwrap_or(0),
            ignore_test_failures: given.ignore_test_failures.unwrap_or_else(|| self.ignores_test_failures()),
            remediate_last_failure: given.remediate_last_failure.unwrap_or_else(|| self.is_atomic()),
            strategy: RemediationStrategy::Uninstall,
        }
    }

    /// Remediation settings of upgrades.
    pub fn upgrade_remediation(&self) -> Remediation {
        let given = self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.remediation).unwrap_or_default();
        let retries = given.retries.unwrap_or(0);
        Remediation {
            retries,
            ignore_test_failures: given.ignore_test_failures.unwrap_or_else(|| self.ignores_test_failures()),
            remediate_last_failure: given.remediate_last_failure.unwrap_or_else(|| self.is_atomic() || retries > 0),
            strategy: given.strategy.unwrap_or_default(),
        }
    }

    /// Time between retries in place after a failed `action`; `None` where failures are remediated instead.
    ///
    /// `retry_by_default` is the operator's choice for releases that name no strategy; an atomic one is remediated.
    pub fn retry_interval(&self, action: ReleaseActionName, retry_by_default: bool) -> Option<Duration> {
        let given = match action {
            ReleaseActionName::Install => self.spec.install.as_ref().and_then(|install| install.strategy),
            ReleaseActionName::Upgrade => self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.strategy),
        };
        let by_default = ActionStrategy {
            name: if retry_by_default && !self.is_atomic() {
                ActionStrategyName::RetryOnFailure
            } else {
                ActionStrategyName::RemediateOnFailure
            },
            retry_interval: None,
        };
        let strategy = given.unwrap_or(by_default);
        match strategy.name {
            ActionStrategyName::RetryOnFailure => Some(strategy.retry_interval.unwrap_or(RETRY_INTERVAL)),
            ActionStrategyName::RemediateOnFailure => None,
        }
    }

    /// Whether tests run after each install and upgrade.
    pub fn runs_tests(&self) -> bool {
        self.spec.test.as_ref().is_some_and(|test| test.enable)
    }

    /// Whether failed tests count as no failure where the remediation settings do not say.
    pub fn ignores_test_failures(&self) -> bool {
        self.spec.test.as_ref().is_some_and(|test| test.ignore_failures)
    }

    /// What is done about drift; `default` is the operator's.
    pub fn drift_mode(&self, default: DriftMode) -> DriftMode {
        self.spec.drift_detection.as_ref().and_then(|drift| drift.mode).unwrap_or(default)
    }
}

/// How objects are applied.
impl HelmRelease {
    /// What an install does with the chart's CRDs.
    pub fn install_crds(&self) -> CrdsPolicy {
        let Some(install) = &self.spec.install else { return CrdsPolicy::default() };
        let old_form = if install.skip_crds { CrdsPolicy::Skip } else { CrdsPolicy::default() };
        install.crds.unwrap_or(old_form)
    }

    /// What an upgrade does with the chart's CRDs: Create by default, as Flux's code has it.
    pub fn upgrade_crds(&self) -> CrdsPolicy {
        self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.crds).unwrap_or_default()
    }

    /// Whether an install applies on the server's side.
    pub fn install_server_side_apply(&self, profile: HelmProfile) -> bool {
        let given = self.spec.install.as_ref().and_then(|install| install.server_side_apply);
        given.unwrap_or(profile == HelmProfile::Helm4)
    }

    /// Where an upgrade applies.
    pub fn upgrade_server_side_apply(&self) -> ServerSideApplyMode {
        self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.server_side_apply).unwrap_or_default()
    }

    /// Where a rollback applies.
    pub fn rollback_server_side_apply(&self) -> ServerSideApplyMode {
        self.spec.rollback.as_ref().and_then(|rollback| rollback.server_side_apply).unwrap_or_default()
    }

    /// Whether a failed upgrade deletes what it created; the misplaced field counts as well.
    pub fn upgrade_cleanup_on_fail(&self) -> bool {
        self.spec.upgrade.as_ref().is_some_and(|upgrade| {
            let misplaced = upgrade.remediation.and_then(|remediation| remediation.cleanup_on_fail);
            upgrade.cleanup_on_fail || misplaced.unwrap_or(false)
        })
    }

    /// What a changed chart name leads to.
    pub fn chart_name_change_strategy(&self) -> ChartNameChangeStrategy {
        self.spec.upgrade.as_ref().and_then(|upgrade| upgrade.chart_name_change_strategy).unwrap_or_default()
    }

    /// Whether hooks pass the post-renderers.
    pub fn post_render_strategy(&self, profile: HelmProfile) -> PostRenderStrategy {
        match (self.spec.post_render_strategy, profile) {
            (Some(strategy), _) => strategy,
            (None, HelmProfile::Helm4) => PostRenderStrategy::Combined,
            (None, HelmProfile::Helm3) => PostRenderStrategy::NoHooks,
        }
    }

    /// How an uninstall deletes dependents.
    pub fn deletion_propagation(&self) -> DeletionPropagation {
        self.spec.uninstall.as_ref().map(|uninstall| uninstall.deletion_propagation).unwrap_or_default()
    }
}

impl ValuesReference {
    /// Key that holds the values.
    pub fn key(&self) -> &str {
        self.values_key.as_deref().unwrap_or(VALUES_KEY)
    }
}

impl HelmChartTemplateSpec {
    /// All values files in the order of merging, the old single one first.
    pub fn all_values_files(&self) -> Vec<String> {
        self.values_file.iter().chain(&self.values_files).cloned().collect()
    }
}

impl SourceReference {
    /// Namespace of the source, given the HelmRelease's own.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

impl ChartReference {
    /// Namespace of the source, given the HelmRelease's own.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

/// Shortens a computed release name to 53 characters: its first 40, a dash, and 12 hex digits of its SHA-256.
pub fn shorten_release_name(name: &str) -> String {
    if name.len() <= MAX_RELEASE_NAME {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(SHORTENED_PREFIX).collect();
    short.push('-');
    for byte in Sha256::digest(name.as_bytes()).iter().take(SHORTENED_HASH_BYTES) {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}
