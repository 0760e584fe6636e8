//! What can be read off the revisions of one release.
//!
//! **Invariant:** never depends on the order in which revisions are given.

use super::{Release, Status};

/// The newest revision that is deployed; several are a trace of a crash, and the highest wins (Helm 4.3.1).
pub fn newest_deployed(history: &[Release]) -> Option<&Release> {
    history.iter().filter(|release| release.info.status == Status::Deployed).max_by_key(|release| release.revision)
}

/// The last revision.
pub fn last(history: &[Release]) -> Option<&Release> {
    history.iter().max_by_key(|release| release.revision)
}

/// The revisions to delete, oldest first, so that one more makes no more than `max_history`; 0 keeps all. The newest deployed
/// revision always stays, even where that leaves one too many (Helm 4.3.1).
pub fn revisions_to_prune(history: &[Release], max_history: usize) -> Vec<u32> {
    let Some(room) = max_history.checked_sub(1) else { return Vec::new() };
    let deployed = newest_deployed(history).map(|release| release.revision);
    let mut revisions: Vec<u32> = history.iter().map(|release| release.revision).collect();
    revisions.sort_unstable();
    let excess = revisions.len().saturating_sub(room);
    revisions.into_iter().filter(|revision| Some(*revision) != deployed).take(excess).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Info;
    use super::*;

    fn history(states: &[(u32, Status)]) -> Vec<Release> {
        let release = |&(revision, status)| {
            let info = Info { status, ..Info::default() };
            Release { info, revision, ..Release::default() }
        };
        states.iter().map(release).collect()
    }

    #[test]
    fn highest_deployed_revision_wins() {
        let history = history(&[(3, Status::Deployed), (4, Status::Failed), (2, Status::Deployed)]);
        assert_eq!(newest_deployed(&history).map(|release| release.revision), Some(3));
        assert_eq!(last(&history).map(|release| release.revision), Some(4));
    }

    #[test]
    fn pruning_makes_room_for_one_and_keeps_the_deployed_revision() {
        use Status::{Deployed, Failed, Superseded};
        let history = history(&[(1, Deployed), (2, Failed), (3, Failed), (4, Superseded)]);
        assert_eq!(revisions_to_prune(&history, 0), [0; 0]);
        assert_eq!(revisions_to_prune(&history, 5), [0; 0]);
        assert_eq!(revisions_to_prune(&history, 4), [2]);
        assert_eq!(revisions_to_prune(&history, 3), [2, 3]);
        assert_eq!(revisions_to_prune(&history, 1), [2, 3, 4]);
    }
}
