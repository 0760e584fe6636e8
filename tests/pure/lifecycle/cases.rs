//! One observation each: which state it is, and what is decided.
//!
//! **Invariant:** a file's observation is the whole input; nothing is assumed but the defaults of the format.

use std::collections::{BTreeMap, BTreeSet};

use rhumb::api::status::{ReleaseActionName, TestHookStatus};
use rhumb::api::{HelmReleaseStatus, Snapshot};
use rhumb::lifecycle::{ReleaseAction, ReleaseState, Turn, decide, determine_state};
use serde::Deserialize;
use serde_json::Value;

use super::read_all;
use super::world::{Revision, World, app, ending, first_version, helm_release, no_values, snapshot};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    spec: Value,
    #[serde(default = "app")]
    chart: String,
    #[serde(default = "first_version")]
    version: String,
    #[serde(default = "no_values")]
    values: String,
    #[serde(default)]
    forced: bool,
    #[serde(default)]
    storage: Vec<Revision>,
    #[serde(default)]
    drift: Vec<String>,
    /// For how many seconds somebody else's action has been seen under way.
    foreign_action: Option<u64>,
    #[serde(default)]
    status: Known,
    /// Actions performed earlier in the same reconcile.
    #[serde(default)]
    done: Vec<String>,
    state: String,
    decision: String,
}

/// What the status tells of earlier reconciles.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Known {
    last_action: Option<ReleaseActionName>,
    install_failures: i64,
    upgrade_failures: i64,
    observed_generation: Option<i64>,
    post_renderers: Option<String>,
    history: Vec<KnownRevision>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRevision {
    #[serde(flatten)]
    revision: Revision,
    tests: Option<String>,
    /// Whose digest it is, if not ours.
    made_by: Option<String>,
}

impl KnownRevision {
    fn snapshot(self) -> Snapshot {
        let mut snapshot = snapshot(&self.revision);
        snapshot.test_hooks = self.tests.map(|phase| {
            BTreeMap::from([(
                "app-test".to_owned(),
                TestHookStatus { phase: Some(phase), ..TestHookStatus::default() },
            )])
        });
        if let Some(maker) = self.made_by {
            snapshot.api_version = Some(maker);
            "sha256:theirs".clone_into(&mut snapshot.digest);
        }
        snapshot
    }
}

impl Known {
    fn status(self) -> HelmReleaseStatus {
        HelmReleaseStatus {
            last_attempted_release_action: self.last_action,
            install_failures: self.install_failures,
            upgrade_failures: self.upgrade_failures,
            observed_generation: self.observed_generation,
            observed_post_renderers_digest: self.post_renderers,
            history: self.history.into_iter().map(KnownRevision::snapshot).collect(),
            ..HelmReleaseStatus::default()
        }
    }
}

fn state_name(state: &ReleaseState) -> &'static str {
    match state {
        ReleaseState::Absent(_) => "Absent",
        ReleaseState::Unmanaged(_) => "Unmanaged",
        ReleaseState::OutOfSync(_) => "OutOfSync",
        ReleaseState::Drifted(_) => "Drifted",
        ReleaseState::Locked(_) => "Locked",
        ReleaseState::Untested(_) => "Untested",
        ReleaseState::InSync(_) => "InSync",
        ReleaseState::Failed(_) => "Failed",
        ReleaseState::Unknown(_) => "Unknown",
    }
}

fn turn(done: &[String]) -> Turn {
    let mut turn = Turn::default();
    for name in done {
        turn.note(&match name.as_str() {
            "install" => ReleaseAction::Install,
            "upgrade" => ReleaseAction::Upgrade,
            "rollback" => ReleaseAction::Rollback(1),
            "uninstall" => ReleaseAction::UninstallRemediation,
            "test" => ReleaseAction::Test,
            "unlock" => ReleaseAction::Unlock,
            "correct drift" => ReleaseAction::CorrectDrift,
            other => panic!("no such action: {other}"),
        });
    }
    turn
}

#[test]
fn every_observation_leads_to_its_decision() {
    let mut wrong = Vec::new();
    let mut states = BTreeSet::new();
    for (name, case) in read_all::<Case>("cases") {
        let mut world = World::new(helm_release(&case.spec));
        (world.chart, world.version, world.values) = (case.chart, case.version, case.values);
        (world.storage, world.drift) = (case.storage, case.drift);
        world.foreign_action = case.foreign_action.map(std::time::Duration::from_secs);
        let status = case.status.status();
        let mut desired = world.desired();
        desired.forced = case.forced;
        let (observed, _) = world.observe(&status, &desired);
        let state = state_name(&determine_state(&desired, &observed));
        let decision = ending(&decide(&desired, &observed, &turn(&case.done)));
        if (state, decision.as_str()) != (case.state.as_str(), case.decision.as_str()) {
            wrong.push(format!(
                "{name}:\n  expected {} → {}\n  found    {state} → {decision}",
                case.state, case.decision
            ));
        }
        states.insert(state);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(states.len(), 9, "states with a case: {states:?}");
}
