//! How an action is performed, read off the HelmRelease with its defaults.
//!
//! **Invariant:** actions look at these settings, never at the spec.

use std::time::Duration;

use crate::api::HelmRelease;
use crate::api::action::{CrdsPolicy, DeletionPropagation, ServerSideApplyMode, TestFilter};
use crate::api::defaults::HelmProfile;
use crate::api::helm_release::WaitStrategyName;
use crate::api::post_renderer::PostRenderStrategy;
use crate::cluster::{CrdPolicy, Propagation};
use crate::release::ApplyMethod;

/// How one action is performed.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the action of its own; no two make a state")]
pub struct Settings {
    /// How long the action, each hook and the wait may take.
    pub timeout: Duration,
    /// Wait until the objects are ready, or gone.
    pub wait: bool,
    /// Wait until Jobs have completed.
    pub wait_for_jobs: bool,
    /// Judge readiness as Helm 3 did.
    pub legacy_wait: bool,
    /// Run hooks.
    pub hooks: bool,
    /// Refuse unknown fields.
    pub validate: bool,
    /// Check values against the chart's schema.
    pub validate_values: bool,
    /// Take over objects that carry no ownership marks, or another's.
    pub take_ownership: bool,
    /// Apply on the server's side.
    pub server_side: bool,
    /// Replace rather than patch; without effect in server-side apply, as in Flux 1.6.
    pub force: bool,
    /// Delete what a failed action created.
    pub cleanup_on_fail: bool,
    /// What to do with the chart's CRDs.
    pub crds: CrdPolicy,
    /// Create the release's namespace.
    pub create_namespace: bool,
    /// Take over the name of an uninstalled release that kept its history.
    pub replace: bool,
    /// Start from the values of the revision before.
    pub preserve_values: bool,
    /// Keep the records after an uninstall.
    pub keep_history: bool,
    /// What happens to dependents of deleted objects.
    pub propagation: Propagation,
    /// Revisions that storage keeps; 0 keeps all.
    pub max_history: usize,
    /// Put origin labels on hooks too.
    pub label_hooks: bool,
    /// Managers whose fields become ours first: those of a revision that the helm program wrote, or that was applied client-side.
    pub take_over: Vec<String>,
    /// Which tests run.
    pub test_filters: Vec<TestFilter>,
}

impl Settings {
    fn base(release: &HelmRelease, timeout: Duration) -> Self {
        let strategy = release.post_render_strategy(HelmProfile::Helm4);
        Self {
            timeout,
            wait: true,
            wait_for_jobs: true,
            legacy_wait: release.wait_strategy(HelmProfile::Helm4) == WaitStrategyName::Legacy,
            hooks: true,
            validate: true,
            validate_values: true,
            take_ownership: true,
            server_side: true,
            force: false,
            cleanup_on_fail: false,
            crds: CrdPolicy::Skip,
            create_namespace: false,
            replace: false,
            preserve_values: false,
            keep_history: false,
            propagation: Propagation::Background,
            max_history: 0,
            label_hooks: strategy != PostRenderStrategy::NoHooks,
            take_over: Vec::new(),
            test_filters: Vec::new(),
        }
    }

    /// Of an install.
    pub fn install(release: &HelmRelease) -> Self {
        let given = release.spec.install.clone().unwrap_or_default();
        Self {
            wait: release.install_waits(),
            wait_for_jobs: release.install_waits_for_jobs(),
            hooks: !given.disable_hooks,
            validate: !given.disable_open_api_validation,
            validate_values: !given.disable_schema_validation,
            take_ownership: !given.disable_take_ownership,
            server_side: release.install_server_side_apply(HelmProfile::Helm4),
            crds: crd_policy(release.install_crds()),
            create_namespace: release.creates_namespace(),
            replace: given.replace,
            ..Self::base(release, release.install_timeout().as_std())
        }
    }

    /// Of an upgrade from a revision that was applied by this method.
    pub fn upgrade(release: &HelmRelease, default_max_history: u32, before: Option<ApplyMethod>) -> Self {
        let given = release.spec.upgrade.clone().unwrap_or_default();
        Self {
            wait: release.upgrade_waits(),
            wait_for_jobs: release.upgrade_waits_for_jobs(),
            hooks: !given.disable_hooks,
            validate: !given.disable_open_api_validation,
            validate_values: !given.disable_schema_validation,
            take_ownership: !given.disable_take_ownership,
            server_side: is_server_side(release.upgrade_server_side_apply(), before),
            force: given.force,
            cleanup_on_fail: release.upgrade_cleanup_on_fail(),
            crds: crd_policy(release.upgrade_crds()),
            preserve_values: given.preserve_values,
            max_history: release.max_history(default_max_history) as usize,
            ..Self::base(release, release.upgrade_timeout().as_std())
        }
    }

    /// Of a rollback to a revision that was applied by this method.
    pub fn rollback(release: &HelmRelease, default_max_history: u32, target: Option<ApplyMethod>) -> Self {
        let given = release.spec.rollback.clone().unwrap_or_default();
        Self {
            wait: release.rollback_waits(),
            wait_for_jobs: release.rollback_waits_for_jobs(),
            hooks: !given.disable_hooks,
            server_side: is_server_side(release.rollback_server_side_apply(), target),
            force: given.force,
            cleanup_on_fail: given.cleanup_on_fail,
            max_history: release.max_history(default_max_history) as usize,
            ..Self::base(release, release.rollback_timeout().as_std())
        }
    }

    /// Of an uninstall.
    pub fn uninstall(release: &HelmRelease) -> Self {
        let given = release.spec.uninstall.clone().unwrap_or_default();
        Self {
            wait: release.uninstall_waits(),
            hooks: !given.disable_hooks,
            keep_history: given.keep_history,
            propagation: match release.deletion_propagation() {
                DeletionPropagation::Background => Propagation::Background,
                DeletionPropagation::Foreground => Propagation::Foreground,
                DeletionPropagation::Orphan => Propagation::Orphan,
            },
            ..Self::base(release, release.uninstall_timeout().as_std())
        }
    }

    /// Of tests.
    pub fn test(release: &HelmRelease) -> Self {
        let test_filters = release.spec.test.as_ref().map(|test| test.filters.clone()).unwrap_or_default();
        Self { test_filters, ..Self::base(release, release.test_timeout().as_std()) }
    }

    /// Of a correction of drift in a revision that was applied by this method.
    pub fn correct_drift(release: &HelmRelease) -> Self {
        Self::base(release, release.timeout().as_std())
    }
}

/// Helm 4 keeps to the method of the revision before, unless told otherwise; one that recorded none was applied client-side.
fn is_server_side(mode: ServerSideApplyMode, before: Option<ApplyMethod>) -> bool {
    match mode {
        ServerSideApplyMode::Enabled => true,
        ServerSideApplyMode::Disabled => false,
        ServerSideApplyMode::Auto => before == Some(ApplyMethod::ServerSide),
    }
}

fn crd_policy(policy: CrdsPolicy) -> CrdPolicy {
    match policy {
        CrdsPolicy::Skip => CrdPolicy::Skip,
        CrdsPolicy::Create => CrdPolicy::Create,
        CrdsPolicy::CreateReplace => CrdPolicy::CreateReplace,
    }
}
