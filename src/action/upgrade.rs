//! Upgrade: Helm 4.3's upgrade with Flux's parameters, and what install, upgrade and rollback do alike.
//!
//! **Invariant:** objects that only the revision before had are deleted after the new ones were applied, never before.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tracing::Instrument as _;

use super::journal::Journal;
use super::manifest::manifest_objects;
use super::{Error, Prepared, Settings, Workbench, hooks};
use crate::cluster::{ApplyReport, DeleteOptions, ObjectReference, Propagation};
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::readiness::Purpose;
use crate::release::{Hook, HookEvent, Release, Status};
use crate::storage::{StorageKey, Stored};
use crate::telemetry::phase;

/// The longest description of a failure in a record; the conditions tell all of it.
const MAX_DESCRIPTION_BYTES: usize = 8 * 1024;

/// Upgrades to a prepared release.
pub async fn upgrade(bench: &Workbench, settings: &Settings, prepared: Prepared) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::Upgrade);
    outcome.revision = Some(i64::from(prepared.release.revision));
    outcome.inventory = Some(prepared.inventory.clone());
    let mut journal = Journal::new(bench);
    let result = Box::pin(run(bench, settings, prepared, &mut journal)).await;
    journal.conclude(outcome, result, started)
}

async fn run(
    bench: &Workbench,
    settings: &Settings,
    prepared: Prepared,
    journal: &mut Journal<'_>,
) -> Result<(), Error> {
    let Prepared { release, objects, newest, .. } = prepared;
    let current = current(bench, newest).await?;
    bench.storage.prune(&bench.key, settings.max_history).await?;
    let stored = journal.create(release).await?;
    let events = [HookEvent::PreUpgrade, HookEvent::PostUpgrade];
    let (result, mut release) =
        perform(bench, settings, &stored.release, objects, Some(&current.release), events).await;
    match result {
        Ok(()) => {
            supersede(&current, journal).await?;
            release.info.status = Status::Deployed;
            "Upgrade complete".clone_into(&mut release.info.description);
            journal.update(&stored, release).await?;
            Ok(())
        }
        Err(error) => {
            journal.keep_other(&current.release)?;
            describe_failure(&mut release, "Upgrade", &error);
            journal.update(&stored, release).await?;
            Err(error)
        }
    }
}

/// The revision that an upgrade starts from: the last if it is deployed, else the newest deployed one, else the last if it failed or was
/// superseded (Helm 4.3).
///
/// `newest` is the last record if it was read before, which saves reading it again.
async fn current(bench: &Workbench, newest: Option<Arc<Stored>>) -> Result<Arc<Stored>, Error> {
    let revisions = bench.storage.revisions(&bench.key).await?;
    let deployed = revisions.iter().find(|revision| revision.status == Status::Deployed);
    let last = revisions.first().filter(|last| matches!(last.status, Status::Failed | Status::Superseded));
    let StorageKey { name, .. } = &bench.key;
    let found = deployed.or(last).ok_or_else(|| Error::NoDeployedRelease { name: name.clone() })?;
    let is_found = |read: &Arc<Stored>| (&read.uid, &read.resource_version) == (&found.uid, &found.resource_version);
    match newest.filter(is_found) {
        Some(newest) => Ok(newest),
        None => Ok(bench.storage.get(&bench.key, found.revision).await?),
    }
}

/// Marks a revision as replaced by a later one.
pub(super) async fn supersede(stored: &Stored, journal: &mut Journal<'_>) -> Result<(), Error> {
    let mut release = stored.release.clone();
    release.info.status = Status::Superseded;
    journal.update_other(stored, release).await?;
    Ok(())
}

/// Notes in a record that its action failed, in Helm's words.
pub(super) fn describe_failure(release: &mut Release, what: &str, error: &Error) {
    release.info.status = Status::Failed;
    let mut description = format!("{what} {:?} failed: {error}", release.name);
    // The record must still fit into its Secret.
    let mut end = description.len().min(MAX_DESCRIPTION_BYTES);
    while !description.is_char_boundary(end) {
        end -= 1;
    }
    description.truncate(end);
    release.info.description = description;
}

/// Hooks before, objects, what is left over from before, readiness, hooks after. Gives the release with the runs of its hooks.
///
/// The objects are given up before the wait, and the release is copied after it: there is no limit to how many releases wait at a time.
pub(super) async fn perform(
    bench: &Workbench,
    settings: &Settings,
    release: &Release,
    objects: Vec<Value>,
    before: Option<&Release>,
    events: [HookEvent; 2],
) -> (Result<(), Error>, Release) {
    let mut hooks = release.hooks.clone();
    let result = act(bench, settings, (&release.manifest, &mut hooks), objects, before, events).await;
    (result, Release { hooks, ..release.clone() })
}

async fn act(
    bench: &Workbench,
    settings: &Settings,
    (manifest, hooks): (&str, &mut [Hook]),
    objects: Vec<Value>,
    before: Option<&Release>,
    [pre, post]: [HookEvent; 2],
) -> Result<(), Error> {
    if settings.hooks {
        hooks::run(bench, settings, hooks, pre).instrument(phase("hooks")).await?;
    }
    let mut created = Vec::new();
    let result = put_in_place(bench, settings, objects, before, &mut created).await;
    if let Err(error) = result {
        if settings.cleanup_on_fail {
            delete_created(bench, &manifest_objects(manifest)?, &created).await?;
        }
        return Err(error);
    }
    if settings.hooks {
        hooks::run(bench, settings, hooks, post).instrument(phase("hooks")).await?;
    }
    Ok(())
}

async fn put_in_place(
    bench: &Workbench,
    settings: &Settings,
    objects: Vec<Value>,
    before: Option<&Release>,
    created: &mut Vec<ObjectReference>,
) -> Result<(), Error> {
    apply(bench, settings, &objects, before, created).await?;
    if settings.wait { wait(bench, settings, objects).await } else { Ok(()) }
}

/// Applies the objects and deletes what only the revision before had.
async fn apply(
    bench: &Workbench,
    settings: &Settings,
    objects: &[Value],
    before: Option<&Release>,
    created: &mut Vec<ObjectReference>,
) -> Result<(), Error> {
    let mut options = bench.apply_options(settings);
    options.previous = before.map(|release| manifest_objects(&release.manifest)).transpose()?.unwrap_or_default();
    let report: ApplyReport = bench.cluster.apply(objects, &options).instrument(phase("apply")).await?;
    created.extend(report.created().cloned());
    report.into_result()?;
    prune(bench, objects, options.previous).await
}

/// Deletes objects of the revision before that the new one no longer has.
async fn prune(bench: &Workbench, objects: &[Value], previous: Vec<Value>) -> Result<(), Error> {
    let wanted = bench.cluster.references(objects, &bench.origin).await?;
    let old = bench.cluster.references(&previous, &bench.origin).await?;
    let leftover: Vec<Value> = previous
        .into_iter()
        .zip(&old)
        .filter(|(_, reference)| !wanted.iter().any(|kept| kept.is_same_object(reference)))
        .map(|(object, _)| object)
        .collect();
    if leftover.is_empty() {
        return Ok(());
    }
    delete_objects(bench, &leftover).await
}

async fn delete_created(bench: &Workbench, objects: &[Value], created: &[ObjectReference]) -> Result<(), Error> {
    let references = bench.cluster.references(objects, &bench.origin).await?;
    let new: Vec<Value> = objects
        .iter()
        .zip(&references)
        .filter(|(_, reference)| created.iter().any(|created| created.is_same_object(reference)))
        .map(|(object, _)| object.clone())
        .collect();
    delete_objects(bench, &new).await
}

async fn delete_objects(bench: &Workbench, objects: &[Value]) -> Result<(), Error> {
    let options = DeleteOptions {
        origin: bench.origin.clone(),
        propagation: Propagation::Background,
        wait: None,
        cancel: bench.interrupt.waits(),
        only_owned: false,
    };
    let report = bench.cluster.delete(objects, &options).await?;
    if report.failures.is_empty() { Ok(()) } else { Err(crate::cluster::Error::Requests(report.failures).into()) }
}

/// Waits until the objects are ready.
async fn wait(bench: &Workbench, settings: &Settings, objects: Vec<Value>) -> Result<(), Error> {
    let wait_for_jobs = settings.wait_for_jobs;
    let purpose =
        if settings.legacy_wait { Purpose::Legacy { wait_for_jobs } } else { Purpose::Release { wait_for_jobs } };
    let options = bench.wait_options(settings, purpose);
    Error::of_wait(bench.slot.idle(bench.cluster.wait(objects, &options)).instrument(phase("wait")).await?)
}
