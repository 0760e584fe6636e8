//! The history of snapshots in a status: newest first, one for each revision that this object made.
//!
//! **Invariant:** versions in a history are unique and fall from first to last.

use crate::api::Snapshot;
use crate::release::SNAPSHOT_API_VERSION;

/// What a rollback goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// This revision.
    Revision(i64),
    /// There is none to go back to.
    None,
    /// There was one, but storage no longer holds it as it was.
    Altered,
}

/// How many snapshots are kept when none before the newest was good.
const KEPT_WITHOUT_GOOD_ONE: usize = 5;

/// Whether tests ran for the revision, whatever their result.
pub(super) fn has_been_tested(snapshot: &Snapshot) -> bool {
    snapshot.test_hooks.is_some()
}

/// Whether one of the revision's tests failed.
pub(super) fn has_failed_test(snapshot: &Snapshot) -> bool {
    snapshot.test_hooks.as_ref().is_some_and(|hooks| hooks.values().any(|hook| hook.phase.as_deref() == Some("Failed")))
}

/// Whether a record of this digest is what the snapshot was made of. Digests of another maker cannot be told and are trusted, as Flux does
/// with ours, so that a release changes hands without an upgrade.
pub(super) fn is_digest_of(snapshot: &Snapshot, digest: &str) -> bool {
    snapshot.api_version.as_deref() != Some(SNAPSHOT_API_VERSION) || snapshot.digest == digest
}

/// Puts in or replaces the snapshot of a revision.
pub(super) fn upsert(history: &mut Vec<Snapshot>, snapshot: Snapshot) {
    match history.iter_mut().find(|kept| kept.version == snapshot.version) {
        Some(kept) => *kept = snapshot,
        None => history.push(snapshot),
    }
    history.sort_by_key(|kept| std::cmp::Reverse(kept.version));
}

/// The newest good snapshot before the newest one: what a rollback returns to.
pub(super) fn previous_good(history: &[Snapshot], ignore_tests: bool) -> Option<&Snapshot> {
    history.iter().skip(1).find(|snapshot| is_good(snapshot, ignore_tests))
}

/// Forgets snapshots older than the last good one before the newest. With `keep_few`, the newest five stay regardless.
pub(super) fn truncate(history: &mut Vec<Snapshot>, ignore_tests: bool, keep_few: bool) {
    if history.len() < 2 {
        return;
    }
    let kept = if keep_few {
        KEPT_WITHOUT_GOOD_ONE
    } else {
        let good = history.iter().skip(1).position(|snapshot| is_good(snapshot, ignore_tests));
        good.map_or(KEPT_WITHOUT_GOOD_ONE, |index| index + 2)
    };
    history.truncate(kept);
}

fn is_good(snapshot: &Snapshot, ignore_tests: bool) -> bool {
    matches!(snapshot.status.as_str(), "deployed" | "superseded") && (ignore_tests || !has_failed_test(snapshot))
}
