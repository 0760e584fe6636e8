//! Install: Helm 4.3's install with Flux's parameters.
//!
//! **Invariant:** nothing is applied before the record says that an install is under way.

use std::time::Instant;

use super::journal::Journal;
use super::upgrade::{describe_failure, perform};
use super::{Error, Prepared, Settings, Workbench};
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::release::{HookEvent, Release, Status};

/// Installs a prepared release.
pub async fn install(bench: &Workbench, settings: &Settings, prepared: Prepared) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::Install);
    outcome.revision = Some(i64::from(prepared.release.revision));
    outcome.inventory = Some(prepared.inventory.clone());
    let mut journal = Journal::new(bench);
    let result = run(bench, settings, prepared, &mut journal).await;
    journal.conclude(outcome, result, started)
}

async fn run(
    bench: &Workbench,
    settings: &Settings,
    prepared: Prepared,
    journal: &mut Journal<'_>,
) -> Result<(), Error> {
    if settings.create_namespace {
        bench.cluster.ensure_namespace(&bench.origin.helm_namespace).await?;
    }
    make_room(bench, settings, journal).await?;
    let Prepared { release, objects, .. } = prepared;
    let stored = journal.create(release).await?;
    let events = [HookEvent::PreInstall, HookEvent::PostInstall];
    let (result, mut release) = perform(bench, settings, &stored.release, objects, None, events).await;
    match result {
        Ok(()) => {
            release.info.status = Status::Deployed;
            "Install complete".clone_into(&mut release.info.description);
            journal.update(&stored, release).await?;
            Ok(())
        }
        Err(error) => {
            describe_failure(&mut release, "Release", &error);
            journal.update(&stored, release).await?;
            Err(error)
        }
    }
}

/// A release that kept its history after an uninstall, or failed, gives way if it may be replaced (`helm install --replace`).
async fn make_room(bench: &Workbench, settings: &Settings, journal: &mut Journal<'_>) -> Result<(), Error> {
    let Some(last) = bench.storage.newest(&bench.key).await? else { return Ok(()) };
    if !settings.replace || !matches!(last.release.info.status, Status::Uninstalled | Status::Failed) {
        return Err(Error::NameInUse { name: bench.key.name.clone(), namespace: bench.key.namespace.clone() });
    }
    let mut release: Release = last.release.clone();
    release.info.status = Status::Superseded;
    "superseded by new release".clone_into(&mut release.info.description);
    journal.update_other(&last, release).await?;
    Ok(())
}
