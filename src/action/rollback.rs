//! Rollback to an earlier revision, as a remediation: Helm 4.3's rollback with Flux's parameters.
//!
//! **Invariant:** the target revision is applied as it was stored; it is not rendered again.

use std::time::Instant;

use super::journal::Journal;
use super::manifest::manifest_objects;
use super::upgrade::{describe_failure, perform, supersede};
use super::{Error, Settings, Workbench, inventory, now};
use crate::api::HelmRelease;
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::release::{ApplyMethod, HookEvent, HookRun, Release, Status, Time};

/// Rolls back to a revision, as the HelmRelease wants it done, given how the target was applied.
pub async fn rollback(bench: &Workbench, wish: &HelmRelease, default_max_history: u32, revision: i64) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::Rollback(revision));
    outcome.revision = Some(revision);
    let mut journal = Journal::new(bench);
    let result = run(bench, (wish, default_max_history), revision, &mut journal, &mut outcome).await;
    journal.conclude(outcome, result, started)
}

async fn run(
    bench: &Workbench,
    (wish, default_max_history): (&HelmRelease, u32),
    revision: i64,
    journal: &mut Journal<'_>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let unknown = || Error::NoDeployedRelease { name: bench.key.name.clone() };
    let target_revision = u32::try_from(revision).map_err(|_| unknown())?;
    let last = bench.storage.newest(&bench.key).await?.ok_or_else(unknown)?;
    let target = bench.storage.get(&bench.key, target_revision).await?;
    let settings = Settings::rollback(wish, default_max_history, target.release.apply_method);
    if let Some(chart) = &target.release.chart {
        outcome.chart = Some(format!("{}@{}", chart.metadata.name, chart.metadata.version));
    }
    let objects = manifest_objects(&target.release.manifest)?;
    let release = rolled_back(&settings, &target.release, &last.release);
    bench.storage.prune(&bench.key, settings.max_history).await?;
    let stored = journal.create(release).await?;
    let inventory = inventory::inventory(bench, &objects, &[]).await;
    let events = [HookEvent::PreRollback, HookEvent::PostRollback];
    let (result, mut release) = perform(bench, &settings, &stored.release, objects, Some(&last.release), events).await;
    match result {
        Ok(()) => {
            for known in bench.storage.revisions(&bench.key).await? {
                if known.status == Status::Deployed {
                    supersede(&bench.storage.get(&bench.key, known.revision).await?.clone(), journal).await?;
                }
            }
            release.info.status = Status::Deployed;
            journal.update(&stored, release).await?;
            outcome.inventory = Some(inventory?);
            Ok(())
        }
        Err(error) => {
            describe_failure(&mut release, "Rollback", &error);
            journal.update(&stored, release).await?;
            Err(error)
        }
    }
}

/// The new revision: the target's content under the next number.
fn rolled_back(settings: &Settings, target: &Release, last: &Release) -> Release {
    let mut release = target.clone();
    release.revision = last.revision + 1;
    release.apply_method = Some(if settings.server_side { ApplyMethod::ServerSide } else { ApplyMethod::ClientSide });
    release.info.status = Status::PendingRollback;
    release.info.description = format!("Rollback to {}", target.revision);
    release.info.rollback_revision = target.revision;
    release.info.first_deployed = last.info.first_deployed;
    release.info.last_deployed = Some(Time::from(now()));
    release.info.deleted = None;
    for hook in &mut release.hooks {
        hook.last_run = HookRun::default();
    }
    release
}
