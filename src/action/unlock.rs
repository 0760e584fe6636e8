//! Unlock: a revision whose action never ended is marked as failed, so that work can go on.
//!
//! **Invariant:** only ever called while no other action on the release can run: under leader election, one at a time.

use std::time::Instant;

use super::journal::Journal;
use super::{Error, Workbench};
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::release::Status;

/// Marks the newest revision as failed, if it is pending.
pub async fn unlock(bench: &Workbench) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::Unlock);
    let mut journal = Journal::new(bench);
    let result = run(bench, &mut journal, &mut outcome).await;
    journal.conclude(outcome, result, started)
}

async fn run(bench: &Workbench, journal: &mut Journal<'_>, outcome: &mut Outcome) -> Result<(), Error> {
    let Some(last) = bench.storage.newest(&bench.key).await? else { return Ok(()) };
    let status = last.release.info.status;
    if !status.is_pending() {
        return Ok(());
    }
    outcome.revision = Some(i64::from(last.release.revision));
    outcome.pending = Some(status);
    if let Some(chart) = &last.release.chart {
        outcome.chart = Some(format!("{}@{}", chart.metadata.name, chart.metadata.version));
    }
    let mut release = last.release.clone();
    release.info.status = Status::Failed;
    release.info.description = format!("Release unlocked from stale '{status}' state");
    journal.update(&last, release).await?;
    Ok(())
}
