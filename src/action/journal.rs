//! Release records written during an action, kept in order, so that the status tells what storage holds even if the action fails.
//!
//! Counterpart: the observing storage driver of Flux's helm-controller 1.6.
//!
//! **Invariant:** a record is noted only after it was written.

use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tracing::Instrument as _;

use super::{Error, Workbench, now};
use crate::api::Snapshot;
use crate::lifecycle::{Failure, Outcome, Write};
use crate::release::{Release, SNAPSHOT_API_VERSION, Slimming, config_digest, snapshot_digest};
use crate::storage::Stored;
use crate::telemetry::phase;

/// Writes records and notes them down.
pub(super) struct Journal<'a> {
    bench: &'a Workbench,
    writes: Vec<Write>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(bench: &'a Workbench) -> Self {
        Self { bench, writes: Vec::new() }
    }

    /// Writes the revision that the action is about.
    pub(super) async fn create(&mut self, release: Release) -> Result<Arc<Stored>, Error> {
        let stored = self.bench.storage.create(&self.bench.key, release, now()).instrument(phase("storage")).await?;
        self.note(&stored.release, stored.slimming, true)?;
        Ok(stored)
    }

    /// Writes the revision that the action is about anew.
    pub(super) async fn update(&mut self, stored: &Stored, release: Release) -> Result<Arc<Stored>, Error> {
        self.replace(stored, release, true).await
    }

    /// Writes an older revision anew.
    pub(super) async fn update_other(&mut self, stored: &Stored, release: Release) -> Result<Arc<Stored>, Error> {
        self.replace(stored, release, false).await
    }

    /// Notes an older revision that stays as it is: Helm writes it once more, which changes nothing.
    pub(super) fn keep_other(&mut self, release: &Release) -> Result<(), Error> {
        self.note(release, Slimming::None, false)
    }

    /// The outcome of an action that has ended: what was written, whether it failed, how long it took.
    pub(super) fn conclude(self, outcome: Outcome, result: Result<(), Error>, started: Instant) -> Outcome {
        let cancelled = result.as_ref().is_err_and(Error::is_cancelled);
        let interrupted_by = self.bench.interrupt.by().filter(|_| cancelled).map(str::to_owned);
        let failure = result.err().map(|error| Failure { message: error.to_string(), is_passing: error.is_passing() });
        Outcome { writes: self.writes, failure, interrupted_by, duration: started.elapsed(), ..outcome }
    }

    async fn replace(&mut self, stored: &Stored, release: Release, is_target: bool) -> Result<Arc<Stored>, Error> {
        let stored =
            self.bench.storage.update(&self.bench.key, stored, release, now()).instrument(phase("storage")).await?;
        self.note(&stored.release, stored.slimming, is_target)?;
        Ok(stored)
    }

    fn note(&mut self, release: &Release, slimming: Slimming, is_target: bool) -> Result<(), Error> {
        let oci_digest = if is_target { self.bench.oci_digest.clone() } else { None };
        self.writes.push(Write { snapshot: snapshot(release, oci_digest)?, is_target, slimming });
        Ok(())
    }
}

/// The snapshot of a record.
pub fn snapshot(release: &Release, oci_digest: Option<String>) -> Result<Snapshot, Error> {
    let metadata = release.chart.as_ref().map(|chart| &chart.metadata);
    let time = |time: Option<crate::release::Time>| Time(time.map(crate::release::Time::instant).unwrap_or_default());
    Ok(Snapshot {
        api_version: Some(SNAPSHOT_API_VERSION.to_owned()),
        digest: snapshot_digest(release).map_err(crate::storage::Error::from)?,
        name: release.name.clone(),
        namespace: release.namespace.clone(),
        version: i64::from(release.revision),
        status: release.info.status.to_string(),
        action: None,
        chart_name: metadata.map(|metadata| metadata.name.clone()).unwrap_or_default(),
        chart_version: metadata.map(|metadata| metadata.version.clone()).unwrap_or_default(),
        app_version: metadata.map(|metadata| metadata.app_version.clone()).filter(|version| !version.is_empty()),
        config_digest: config_digest(&release.config).map_err(crate::storage::Error::from)?,
        first_deployed: time(release.info.first_deployed),
        last_deployed: time(release.info.last_deployed),
        deleted: release.info.deleted.map(|deleted| Time(deleted.instant())),
        test_hooks: None,
        oci_digest,
    })
}
