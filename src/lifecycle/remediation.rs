//! Which failure budget applies, and whether it is used up: Flux's active remediation (helm-controller 1.6).
//!
//! **Invariant:** a budget counts only failures that reached Helm's storage, so an error before that never uses it up.

use crate::api::HelmReleaseStatus;
use crate::api::action::RemediationStrategy;
use crate::api::defaults::Remediation;
use crate::api::status::ReleaseActionName;

use super::desired::{Desired, Strategy};

/// The budget that applies to the last release action, with the failures that count against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActiveRemediation {
    pub(super) policy: Remediation,
    pub(super) strategy: Strategy,
    pub(super) failures: i64,
    /// The name of the action, for messages.
    pub(super) action: &'static str,
}

impl ActiveRemediation {
    /// The budget for the release action attempted last; none before the first.
    pub(super) fn of(desired: &Desired, status: &HelmReleaseStatus) -> Option<Self> {
        match status.last_attempted_release_action {
            Some(ReleaseActionName::Install) => Some(Self::install(desired, status)),
            Some(ReleaseActionName::Upgrade) => Some(Self::upgrade(desired, status)),
            None => None,
        }
    }

    /// The budget of installs.
    pub(super) fn install(desired: &Desired, status: &HelmReleaseStatus) -> Self {
        Self {
            policy: desired.install_remediation,
            strategy: desired.install_strategy,
            failures: status.install_failures,
            action: "install",
        }
    }

    /// The budget of upgrades.
    pub(super) fn upgrade(desired: &Desired, status: &HelmReleaseStatus) -> Self {
        Self {
            policy: desired.upgrade_remediation,
            strategy: desired.upgrade_strategy,
            failures: status.upgrade_failures,
            action: "upgrade",
        }
    }

    /// Whether no attempt is left. Retrying without end never exhausts.
    pub(super) fn is_exhausted(&self) -> bool {
        match self.strategy {
            Strategy::RetryOnFailure(_) => false,
            Strategy::RemediateOnFailure => self.policy.is_exhausted(self.failures),
        }
    }

    /// Whether a failed upgrade is answered with an uninstall, after which the budget of installs holds.
    pub(super) fn uninstalls_after_upgrade(&self) -> bool {
        self.action == "upgrade" && self.policy.strategy == RemediationStrategy::Uninstall
    }

    /// Whether the failure at hand is to be rolled back or uninstalled.
    pub(super) fn remediates_now(&self) -> bool {
        !self.is_exhausted() || self.policy.remediate_last_failure
    }
}
