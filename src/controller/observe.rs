//! Collects the facts that `lifecycle` decides on: the newest revision in storage, and drift of live objects.
//!
//! Both come from indexes that watches feed, so a release that is as it should be costs no request.
//!
//! **Invariant:** only looks; drift that cannot be confirmed is not reported.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tracing::Instrument as _;

use super::Error;
use super::context::Context;
use super::prerequisites::Inputs;
use crate::action::{Settings, manifest_objects, snapshot};
use crate::api::helm_release::DriftMode;
use crate::api::{HelmRelease, HelmReleaseStatus, Snapshot};
use crate::diff::{IgnoreRule, IgnoreRules, ObjectDrift, ObjectReference, Selector};
use crate::lifecycle::{
    Contest, DriftFacts, Observation, ReleaseFacts, ReleaseState, cut_short_action, determine_state,
};
use crate::release::{Release, config_digest, snapshot_digest};
use crate::storage::{StorageKey, Stored};
use crate::telemetry::phase;

/// Since when actions of others are seen under way.
#[derive(Debug, Default)]
pub(super) struct ForeignActions(Mutex<HashMap<StorageKey, (i64, Instant)>>);

impl ForeignActions {
    /// For how long an action that is making this revision has been seen.
    fn seen(&self, key: StorageKey, revision: i64) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(key).or_insert_with(|| (revision, Instant::now()));
        if entry.0 != revision {
            *entry = (revision, Instant::now());
        }
        entry.1.elapsed()
    }

    /// No action of others is under way.
    fn over(&self, key: &StorageKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// What was seen of a release.
pub(super) struct Seen {
    /// The newest record.
    pub(super) newest: Option<Arc<Stored>>,
    latest: Option<ReleaseFacts>,
    revisions: Vec<(i64, String)>,
    foreign_action: Option<Duration>,
    contest: Option<Contest>,
    left_behind: Vec<Snapshot>,
    /// Whether live objects were compared with the manifest.
    pub(super) drift_checked: bool,
    /// The manifest's objects, if they were compared.
    pub(super) objects: Vec<Value>,
    /// The objects that differ.
    pub(super) drifted: Vec<ObjectDrift>,
}

impl Seen {
    /// Whether a pending record is of an action of ours that was cut short.
    pub(super) fn is_own_action(&self) -> bool {
        self.foreign_action.is_none()
    }

    /// The facts, with the status as it is now.
    pub(super) fn observation<'a>(&self, status: &'a HelmReleaseStatus) -> Observation<'a> {
        let drift = match (self.drift_checked, self.drifted.is_empty()) {
            (false, _) => DriftFacts::Unchecked,
            (true, true) => DriftFacts::None,
            (true, false) => DriftFacts::Found(self.drifted.iter().map(ToString::to_string).collect()),
        };
        Observation {
            latest: self.latest.clone(),
            drift,
            status,
            foreign_action: self.foreign_action,
            contest: self.contest.clone(),
            revisions: self.revisions.clone(),
            left_behind: self.left_behind.clone(),
        }
    }
}

/// Looks at storage and, if the release is otherwise in sync and drift matters, at live objects. `corrected` says that drift has just been
/// put right, so that a second look is not needed.
pub(super) async fn observe(
    release: &HelmRelease,
    inputs: &Inputs,
    status: &HelmReleaseStatus,
    corrected: bool,
    ctx: &Context,
) -> Result<Seen, Error> {
    let bench = &inputs.bench;
    let newest = bench.storage.newest(&bench.key).instrument(phase("storage")).await?;
    let latest = newest.as_ref().map(|stored| facts(&stored.release)).transpose()?;
    let left_behind = left_behind(status, newest.as_deref(), inputs).await?;
    let mut seen = Seen {
        newest,
        latest,
        foreign_action: None,
        contest: None,
        left_behind,
        revisions: revisions(status, inputs).await?,
        drift_checked: corrected,
        objects: Vec::new(),
        drifted: Vec::new(),
    };
    seen.foreign_action = foreign_action(&seen, status, inputs, ctx);
    let in_sync = matches!(determine_state(&inputs.desired, &seen.observation(status)), ReleaseState::InSync(_));
    if in_sync && inputs.desired.drift != DriftMode::Disabled {
        let held = ctx.contests.held(&inputs.bench.origin.release, Instant::now());
        let (held, contest) = held.map_or_else(Default::default, |(objects, contest)| (objects, Some(contest)));
        seen.contest = contest;
        if !corrected {
            look_for_drift(release, inputs, &held, &mut seen).instrument(phase("diff")).await?;
        }
    }
    Ok(seen)
}

/// For how long somebody else's action has been seen under way. A pending record is ours if the status says that we were at work when it
/// was left behind.
fn foreign_action(seen: &Seen, status: &HelmReleaseStatus, inputs: &Inputs, ctx: &Context) -> Option<Duration> {
    let pending = seen.latest.as_ref().filter(|latest| latest.status.is_pending());
    let key = inputs.bench.key.clone();
    match pending {
        Some(latest) if cut_short_action(status).is_none() => Some(ctx.foreign_actions.seen(key, latest.revision)),
        _ => {
            ctx.foreign_actions.over(&key);
            None
        }
    }
}

/// The records of the history and the newest one, read again after an action of ours was cut short.
async fn left_behind(
    status: &HelmReleaseStatus,
    newest: Option<&Stored>,
    inputs: &Inputs,
) -> Result<Vec<Snapshot>, Error> {
    let Some(newest) = newest.filter(|_| cut_short_action(status).is_some()) else { return Ok(Vec::new()) };
    let bench = &inputs.bench;
    let mut left = vec![snapshot(&newest.release, None)?];
    for known in bench.storage.revisions(&bench.key).await? {
        let is_recorded = status.history.iter().any(|kept| kept.version == i64::from(known.revision));
        if is_recorded && known.revision != newest.release.revision {
            left.push(snapshot(&bench.storage.get(&bench.key, known.revision).await?.release, None)?);
        }
    }
    Ok(left)
}

async fn look_for_drift(
    release: &HelmRelease,
    inputs: &Inputs,
    held: &[ObjectReference],
    seen: &mut Seen,
) -> Result<(), Error> {
    let Some(newest) = &seen.newest else { return Ok(()) };
    seen.objects = manifest_objects(&newest.release.manifest)?;
    let options = inputs.bench.apply_options(&Settings::correct_drift(release));
    seen.drifted = inputs.bench.cluster.drift(&seen.objects, held, &options, &ignore_rules(release)?).await?;
    seen.drift_checked = true;
    Ok(())
}

/// The ignore rules of a release.
pub(super) fn ignore_rules(release: &HelmRelease) -> Result<IgnoreRules, Error> {
    let rules = release.spec.drift_detection.as_ref().map(|drift| drift.ignore.as_slice()).unwrap_or_default();
    let given: Vec<IgnoreRule> = rules.iter().map(ignore_rule).collect();
    Ok(IgnoreRules::new(&given)?)
}

fn ignore_rule(rule: &crate::api::helm_release::IgnoreRule) -> IgnoreRule {
    let target = rule.target.clone().map(|target| Selector {
        group: target.group,
        version: target.version,
        kind: target.kind,
        namespace: target.namespace,
        name: target.name,
        label_selector: target.label_selector,
        annotation_selector: target.annotation_selector,
    });
    IgnoreRule { paths: rule.paths.clone(), target }
}

/// What decisions need of a record.
fn facts(release: &Release) -> Result<ReleaseFacts, Error> {
    let metadata = release.chart.as_ref().map(|chart| &chart.metadata);
    Ok(ReleaseFacts {
        name: release.name.clone(),
        namespace: release.namespace.clone(),
        revision: i64::from(release.revision),
        status: release.info.status,
        chart_name: metadata.map(|metadata| metadata.name.clone()).unwrap_or_default(),
        chart_version: metadata.map(|metadata| metadata.version.clone()).unwrap_or_default(),
        config_digest: config_digest(&release.config).map_err(crate::storage::Error::from)?,
        digest: snapshot_digest(release).map_err(crate::storage::Error::from)?,
    })
}

/// The revisions of the history that storage still holds, with the digests of their records; only looked up after a failure, for then a
/// rollback may need one of them.
async fn revisions(status: &HelmReleaseStatus, inputs: &Inputs) -> Result<Vec<(i64, String)>, Error> {
    if status.failures == 0 {
        return Ok(Vec::new());
    }
    let bench = &inputs.bench;
    let known = bench.storage.revisions(&bench.key).await?;
    let mut revisions = Vec::new();
    for snapshot in status.history.iter().skip(1) {
        if let Some(known) = known.iter().find(|known| i64::from(known.revision) == snapshot.version) {
            let stored = bench.storage.get(&bench.key, known.revision).await?;
            revisions.push((snapshot.version, snapshot_digest(&stored.release).map_err(crate::storage::Error::from)?));
        }
    }
    Ok(revisions)
}
