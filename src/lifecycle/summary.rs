//! Ready as the summary of the other conditions, by the rule of Flux's helm-controller 1.6.
//!
//! **Invariant:** a remediated release is not ready, however well the remediation went.

use jiff::Timestamp;

use crate::api::HelmReleaseStatus;
use crate::api::conditions::{condition_status, condition_type, find};

use super::conditions::Conditions;
use super::desired::Desired;

/// Sets Ready from the newest of Remediated, TestSuccess and Released, and notes which post-renderers and metadata were used.
pub(super) fn summarize(status: &mut HelmReleaseStatus, desired: &Desired, now: Timestamp) {
    let counts_tests = desired.tests && !desired.ignore_test_failures;
    let candidates = [
        (condition_type::REMEDIATED, true),
        (condition_type::TEST_SUCCESS, counts_tests),
        (condition_type::RELEASED, true),
    ];
    let present =
        candidates.into_iter().filter(|(_, counts)| *counts).filter_map(|(name, _)| find(&status.conditions, name));
    // Of several with the same generation the first in the list wins, so a later one must be strictly newer.
    let winner =
        present.reduce(|best, next| if next.observed_generation > best.observed_generation { next } else { best });
    if let Some(winner) = winner.cloned() {
        let ready =
            if winner.type_ == condition_type::REMEDIATED { condition_status::FALSE } else { winner.status.as_str() };
        let mut conditions = Conditions::edit(&mut status.conditions, desired.generation, now);
        conditions.set(condition_type::READY, ready, &winner.reason, &winner.message);
        if ready == condition_status::TRUE {
            conditions.remove(condition_type::STALLED);
        }
    }
    status.observed_post_renderers_digest = some(&desired.post_renderers_digest);
    status.observed_common_metadata_digest = some(&desired.common_metadata_digest);
}

fn some(digest: &str) -> Option<String> {
    (!digest.is_empty()).then(|| digest.to_owned())
}
