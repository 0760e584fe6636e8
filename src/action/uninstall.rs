//! Uninstall: Helm 4.3's uninstall with Flux's parameters, on deletion of the HelmRelease and as a remediation.
//!
//! **Invariant:** records go last, so an uninstall that is cut short can be taken up again.

use std::sync::Arc;
use std::time::Instant;

use super::journal::Journal;
use super::manifest::manifest_objects;
use super::{Error, Settings, Workbench, hooks, now};
use crate::cluster::DeleteOptions;
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::release::{HookEvent, Release, Status, Time};
use crate::storage::Stored;

/// What an uninstall found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uninstalled {
    /// There was a release, and it is gone.
    Gone {
        /// Its last revision.
        revision: u32,
        /// `<chart>@<version>` of it.
        chart: String,
    },
    /// There was nothing to uninstall.
    Absent,
}

/// Uninstalls the release for good.
pub async fn uninstall(bench: &Workbench, settings: &Settings) -> Result<Uninstalled, Error> {
    let mut journal = Journal::new(bench);
    let Some(last) = bench.storage.newest(&bench.key).await? else { return Ok(Uninstalled::Absent) };
    if last.release.info.status == Status::Uninstalled {
        if !settings.keep_history {
            purge(bench).await?;
        }
        return Ok(Uninstalled::Absent);
    }
    run(bench, settings, &last, &mut journal).await?;
    Ok(Uninstalled::Gone { revision: last.release.revision, chart: versioned_chart(&last.release) })
}

/// Uninstalls a release that failed, so that it can be installed anew.
pub async fn uninstall_remediation(bench: &Workbench, settings: &Settings) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::UninstallRemediation);
    let mut journal = Journal::new(bench);
    let result = remediate(bench, settings, &mut journal, &mut outcome).await;
    journal.conclude(outcome, result, started)
}

async fn remediate(
    bench: &Workbench,
    settings: &Settings,
    journal: &mut Journal<'_>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let Some(last) = bench.storage.newest(&bench.key).await? else { return Ok(()) };
    outcome.revision = Some(i64::from(last.release.revision));
    outcome.chart = Some(versioned_chart(&last.release));
    run(bench, settings, &last, journal).await
}

async fn run(
    bench: &Workbench,
    settings: &Settings,
    last: &Arc<Stored>,
    journal: &mut Journal<'_>,
) -> Result<(), Error> {
    let mut release = last.release.clone();
    if settings.hooks {
        hooks::run(bench, settings, &mut release.hooks, HookEvent::PreDelete).await?;
    }
    release.info.status = Status::Uninstalling;
    release.info.deleted = Some(Time::from(now()));
    "Deletion in progress (or silently failed)".clone_into(&mut release.info.description);
    let stored = journal.update(last, release).await?;
    delete_objects(bench, settings, &stored.release).await?;
    let mut release = stored.release.clone();
    if settings.hooks {
        hooks::run(bench, settings, &mut release.hooks, HookEvent::PostDelete).await?;
    }
    if !settings.keep_history {
        return purge(bench).await;
    }
    release.info.status = Status::Uninstalled;
    "Uninstallation complete".clone_into(&mut release.info.description);
    journal.update(&stored, release).await?;
    for known in bench.storage.revisions(&bench.key).await? {
        if known.status == Status::Deployed {
            let stored = bench.storage.get(&bench.key, known.revision).await?;
            super::upgrade::supersede(&stored, journal).await?;
        }
    }
    Ok(())
}

async fn delete_objects(bench: &Workbench, settings: &Settings, release: &Release) -> Result<(), Error> {
    let objects = manifest_objects(&release.manifest)?;
    let options = DeleteOptions {
        origin: bench.origin.clone(),
        propagation: settings.propagation,
        wait: settings.wait.then_some(settings.timeout),
        cancel: bench.interrupt.waits(),
        only_owned: true,
    };
    let report = bench.slot.idle(bench.cluster.delete(&objects, &options)).await?;
    let mut details: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    details.extend(report.remaining.iter().map(|object| format!("{object} is still there")));
    if details.is_empty() {
        return Ok(());
    }
    Err(Error::Delete { name: release.name.clone(), details: details.join("; ") })
}

async fn purge(bench: &Workbench) -> Result<(), Error> {
    for known in bench.storage.revisions(&bench.key).await? {
        bench.storage.delete(&bench.key, known.revision).await?;
    }
    Ok(())
}

fn versioned_chart(release: &Release) -> String {
    release
        .chart
        .as_ref()
        .map(|chart| format!("{}@{}", chart.metadata.name, chart.metadata.version))
        .unwrap_or_default()
}
