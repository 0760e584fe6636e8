//! What is known of all records from their metadata alone.
//!
//! **Invariant:** never goes back to an older version of a record.

use super::Revision;
use crate::release::Status;

/// The revisions to delete, oldest first, so that one more makes no more than `max_history`.
pub(super) fn to_prune(revisions: &[Revision], max_history: usize) -> Vec<u32> {
    let Some(room) = max_history.checked_sub(1) else { return Vec::new() };
    let deployed = revisions.iter().filter(|it| it.status == Status::Deployed).map(|it| it.revision).max();
    let mut numbers: Vec<u32> = revisions.iter().map(|it| it.revision).collect();
    numbers.sort_unstable();
    let excess = numbers.len().saturating_sub(room);
    numbers.into_iter().filter(|number| Some(*number) != deployed).take(excess).collect()
}
