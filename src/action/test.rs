//! Tests: runs the test hooks of the newest revision, as `helm test` does.
//!
//! **Invariant:** tests never change the status of a revision.

use std::collections::BTreeMap;
use std::time::Instant;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ApiTime;

use super::journal::Journal;
use super::{Error, Settings, Workbench, hooks};
use crate::api::status::TestHookStatus;
use crate::lifecycle::{Outcome, ReleaseAction};
use crate::release::{Hook, HookEvent, Time};

/// Runs the tests.
pub async fn test(bench: &Workbench, settings: &Settings) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::Test);
    let mut journal = Journal::new(bench);
    let result = run(bench, settings, &mut journal, &mut outcome).await;
    journal.conclude(outcome, result, started)
}

async fn run(
    bench: &Workbench,
    settings: &Settings,
    journal: &mut Journal<'_>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let Some(last) = bench.storage.newest(&bench.key).await? else { return Ok(()) };
    let mut release = last.release.clone();
    outcome.revision = Some(i64::from(release.revision));
    let selected = hooks::select(&release.hooks, HookEvent::Test, &settings.test_filters);
    let places: Vec<usize> = selected.iter().map(|(place, _)| *place).collect();
    let result = hooks::run_selected(bench, settings, &mut release.hooks, HookEvent::Test, selected).await;
    outcome.tests = Some(results(&release.hooks, &places));
    // Without a test there is nothing new to store.
    if release != last.release {
        journal.update(&last, release).await?;
    }
    result.map_err(|error| match error {
        Error::Hook { source, .. } => *source,
        other => other,
    })
}

/// How the tests at these places went.
fn results(hooks: &[Hook], places: &[usize]) -> BTreeMap<String, TestHookStatus> {
    let time = |time: Option<Time>| time.map(|time| ApiTime(time.instant()));
    let ran = places.iter().filter_map(|place| hooks.get(*place));
    ran.map(|hook| {
        let status = TestHookStatus {
            last_started: time(hook.last_run.started_at),
            last_completed: time(hook.last_run.completed_at),
            phase: Some(hook.last_run.phase.as_str().to_owned()).filter(|phase| !phase.is_empty()),
        };
        (hook.name.clone(), status)
    })
    .collect()
}
