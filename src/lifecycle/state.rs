//! Observation to state: the release states of Flux's helm-controller 1.6, determined in its order.
//!
//! **Invariant:** an in-sync release stays in sync until the request, the storage or live objects change.

use crate::api::helm_release::DriftMode;
use crate::api::{HelmReleaseStatus, Snapshot};
use crate::release::Status;

use super::desired::{Desired, Strategy};
use super::history::{has_been_tested, has_failed_test, is_digest_of};
use super::observation::{DriftFacts, Observation, ReleaseFacts};
use super::remediation::ActiveRemediation;

/// What state a release is in, with the reason in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseState {
    /// There is no release, or only an uninstalled one.
    Absent(String),
    /// There is a release that is not, or no longer, the one that was recorded.
    Unmanaged(String),
    /// The release differs from what is wanted.
    OutOfSync(String),
    /// A live object differs from the release's manifest.
    Drifted(Vec<String>),
    /// An action on the release began and never ended.
    Locked(String),
    /// Tests are wanted and have not run for the newest revision.
    Untested(String),
    /// The release is as wanted.
    InSync(String),
    /// The last action or its tests failed.
    Failed(String),
    /// Helm's storage holds a status that no action leaves behind.
    Unknown(String),
}

/// Determines the state of the release.
pub fn determine_state(desired: &Desired, observed: &Observation<'_>) -> ReleaseState {
    let Some(latest) = &observed.latest else {
        return ReleaseState::Absent("no release in storage for object".to_owned());
    };
    if latest.status.is_pending() {
        return ReleaseState::Locked(format!("release with status '{}'", latest.status));
    }
    let snapshot = match managed_snapshot(observed.status, latest) {
        Ok(snapshot) => snapshot,
        Err(state) => return state,
    };
    match latest.status {
        Status::Failed => ReleaseState::Failed("release is in a failed state".to_owned()),
        Status::Uninstalled => ReleaseState::Absent("found uninstalled release in storage".to_owned()),
        Status::Deployed => deployed_state(desired, observed, latest, snapshot),
        other => ReleaseState::Unknown(format!(
            "unable to determine state for release with status '{other}'; revision {} of {}/{} waits for a human to roll back or uninstall it",
            latest.revision, latest.namespace, latest.name
        )),
    }
}

/// The newest snapshot, if it is of the newest revision and that is still what was recorded.
pub(super) fn managed_snapshot<'a>(
    status: &'a HelmReleaseStatus,
    latest: &ReleaseFacts,
) -> Result<&'a Snapshot, ReleaseState> {
    let Some(snapshot) = status.history.first() else {
        return Err(if latest.status == Status::Uninstalled {
            ReleaseState::Absent("found uninstalled release in storage".to_owned())
        } else {
            ReleaseState::Unmanaged("found existing release in storage".to_owned())
        });
    };
    let same = snapshot.name == latest.name
        && snapshot.namespace == latest.namespace
        && snapshot.version == latest.revision
        && is_digest_of(snapshot, &latest.digest);
    if same {
        return Ok(snapshot);
    }
    Err(ReleaseState::Unmanaged(format!(
        "revision {} in storage is not revision {} that was recorded: the release was changed outside of this object",
        latest.revision, snapshot.version
    )))
}

fn deployed_state(
    desired: &Desired,
    observed: &Observation<'_>,
    latest: &ReleaseFacts,
    snapshot: &Snapshot,
) -> ReleaseState {
    if let Some(reason) = request_difference(desired, observed.status, latest) {
        return ReleaseState::OutOfSync(reason);
    }
    if desired.tests {
        if !has_been_tested(snapshot) {
            return ReleaseState::Untested("release has not been tested".to_owned());
        }
        if has_failed_test(snapshot) && !ignores_test_failures(desired, observed.status) {
            return ReleaseState::Failed("release has test in failed phase".to_owned());
        }
    }
    match (&observed.drift, desired.drift) {
        (DriftFacts::Found(objects), DriftMode::Enabled | DriftMode::Warn) if !objects.is_empty() => {
            ReleaseState::Drifted(objects.clone())
        }
        _ => ReleaseState::InSync("release is in-sync with desired state".to_owned()),
    }
}

/// How the request differs from the deployed release, if it does.
fn request_difference(desired: &Desired, status: &HelmReleaseStatus, latest: &ReleaseFacts) -> Option<String> {
    if desired.chart.name != latest.chart_name {
        return Some(format!("release chart name '{}' differs from '{}'", latest.chart_name, desired.chart.name));
    }
    if desired.chart.version != latest.chart_version {
        return Some(format!(
            "release chart version '{}' differs from '{}'",
            latest.chart_version, desired.chart.version
        ));
    }
    if desired.config_digest != latest.config_digest {
        return Some("release config values differ".to_owned());
    }
    // A digest recorded by another version of the program must not cause an upgrade on its own, so a new generation is asked for.
    if status.observed_generation != Some(desired.generation) {
        if status.observed_post_renderers_digest.as_deref().unwrap_or_default() != desired.post_renderers_digest {
            return Some("postRenderers have changed".to_owned());
        }
        if status.observed_common_metadata_digest.as_deref().unwrap_or_default() != desired.common_metadata_digest {
            return Some("commonMetadata has changed".to_owned());
        }
    }
    None
}

/// Whether failed tests are ignored, by the settings of the action that led to the release; without one they are no failure of ours.
fn ignores_test_failures(desired: &Desired, status: &HelmReleaseStatus) -> bool {
    ActiveRemediation::of(desired, status).is_none_or(|active| match active.strategy {
        Strategy::RetryOnFailure(_) => desired.ignore_test_failures,
        Strategy::RemediateOnFailure => active.policy.ignore_test_failures,
    })
}
