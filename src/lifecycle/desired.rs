//! The validated request: everything that decisions need of a HelmRelease, its chart and its values, with defaults applied.
//!
//! **Invariant:** nothing after this looks at the raw spec again to decide something.

use std::time::Duration;

use crate::api::HelmRelease;
use crate::api::action::ChartNameChangeStrategy;
use crate::api::defaults::Remediation;
use crate::api::helm_release::DriftMode;
use crate::api::status::ReleaseActionName;

/// What is done about failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Roll back or uninstall, and try again while retries are left.
    RemediateOnFailure,
    /// Leave the failed release in place and upgrade it again after this time, without end.
    RetryOnFailure(Duration),
}

/// The chart that should be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartFacts {
    /// The chart's name from its Chart.yaml.
    pub name: String,
    /// The chart's version, with the digest suffix that charts from registries get.
    pub version: String,
    /// The digest of the artifact, if the source gives one that identifies the chart.
    pub oci_digest: Option<String>,
}

/// What is wanted of a release.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the HelmRelease of its own; no two make a state")]
pub struct Desired {
    /// The generation of the HelmRelease that this was read from.
    pub generation: i64,
    /// The release's name in Helm's storage.
    pub release_name: String,
    /// The namespace that rendered objects go to.
    pub release_namespace: String,
    /// The namespace of the release Secrets.
    pub storage_namespace: String,
    /// The chart.
    pub chart: ChartFacts,
    /// Digest of the composed values.
    pub config_digest: String,
    /// Digest of the post-renderers; empty without any.
    pub post_renderers_digest: String,
    /// Digest of the common metadata; empty without any.
    pub common_metadata_digest: String,
    /// What is done about a failed install.
    pub install_strategy: Strategy,
    /// What is done about a failed upgrade.
    pub upgrade_strategy: Strategy,
    /// The budget of installs.
    pub install_remediation: Remediation,
    /// The budget of upgrades.
    pub upgrade_remediation: Remediation,
    /// Whether Helm tests run after a release action.
    pub tests: bool,
    /// Whether failed tests are ignored for readiness.
    pub ignore_test_failures: bool,
    /// What is done about drift.
    pub drift: DriftMode,
    /// Whether a renamed chart is upgraded in place rather than reinstalled.
    pub renames_in_place: bool,
    /// Whether a user asked for one install or upgrade regardless of the state (`reconcile.fluxcd.io/forceAt`).
    pub forced: bool,
    /// Whether a user asked for the failure counters to be reset (`reconcile.fluxcd.io/resetAt`).
    pub reset: bool,
}

/// Digests of what goes into a release besides the chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputDigests {
    /// Of the composed values.
    pub config: String,
    /// Of the post-renderers; empty without any.
    pub post_renderers: String,
    /// Of the common metadata; empty without any.
    pub common_metadata: String,
}

impl Desired {
    /// What a HelmRelease wants, given the chart found for it, its digests and the operator's default for drift.
    pub fn of(release: &HelmRelease, chart: ChartFacts, digests: InputDigests, default_drift: DriftMode) -> Self {
        let strategy = |action| {
            release
                .retry_interval(action, false)
                .map_or(Strategy::RemediateOnFailure, |interval| Strategy::RetryOnFailure(interval.as_std()))
        };
        let requests = release.requests();
        Self {
            generation: release.metadata.generation.unwrap_or_default(),
            release_name: release.release_name(),
            release_namespace: release.release_namespace().to_owned(),
            storage_namespace: release.storage_namespace().to_owned(),
            chart,
            config_digest: digests.config,
            post_renderers_digest: digests.post_renderers,
            common_metadata_digest: digests.common_metadata,
            install_strategy: strategy(ReleaseActionName::Install),
            upgrade_strategy: strategy(ReleaseActionName::Upgrade),
            install_remediation: release.install_remediation(),
            upgrade_remediation: release.upgrade_remediation(),
            tests: release.runs_tests(),
            ignore_test_failures: release.ignores_test_failures(),
            drift: release.drift_mode(default_drift),
            renames_in_place: release.chart_name_change_strategy() == ChartNameChangeStrategy::InPlaceUpdate,
            forced: requests.forced,
            reset: requests.reset,
        }
    }

    /// `<namespace>/<name>`, as messages name the release.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.release_namespace, self.release_name)
    }

    /// `<chart>@<version>`, as messages name the chart.
    pub fn versioned_chart(&self) -> String {
        format!("{}@{}", self.chart.name, self.chart.version)
    }
}
