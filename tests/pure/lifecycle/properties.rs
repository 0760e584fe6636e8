//! What must hold for every request, history and storage.
//!
//! **Invariant:** the generated worlds include those that no sequence of our own actions leads to.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rhumb::api::HelmReleaseStatus;
use rhumb::api::status::ReleaseActionName;
use rhumb::lifecycle::{Decision, ReleaseState, Turn, attempt, decide, determine_state, finish};
use rhumb::release::Status;
use serde_json::{Value, json};

use super::world::{Revision, World, helm_release, snapshot};

fn spec() -> impl Strategy<Value = Value> {
    let retry = prop::sample::select(vec!["RemediateOnFailure", "RetryOnFailure"]);
    let remediation = prop::sample::select(vec!["rollback", "uninstall"]);
    let drift = prop::sample::select(vec!["enabled", "warn", "disabled"]);
    (retry, remediation, drift, -1..3_i64, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(retry, remediation, drift, retries, last, tests, ignored)| {
            json!({
                "install": {
                    "strategy": { "name": retry },
                    "remediation": { "retries": retries, "remediateLastFailure": last },
                },
                "upgrade": {
                    "strategy": { "name": retry },
                    "remediation": { "retries": retries, "remediateLastFailure": last, "strategy": remediation },
                },
                "test": { "enable": tests, "ignoreFailures": ignored },
                "driftDetection": { "mode": drift },
            })
        },
    )
}

fn storage() -> impl Strategy<Value = Vec<Revision>> {
    let values = prop::sample::select(vec!["none", "b"]);
    prop::collection::vec((prop::sample::select(Status::ALL.to_vec()), values), 0..5).prop_map(|kept| {
        let number = |(index, (status, values)): (usize, (Status, &str))| Revision {
            revision: index as i64 + 1,
            status,
            version: "1.0.0".to_owned(),
            chart: "app".to_owned(),
            values: values.to_owned(),
            edit: String::new(),
        };
        kept.into_iter().enumerate().map(number).collect()
    })
}

/// A world whose history knows some of the storage, and whose counters may be anything.
fn world() -> impl Strategy<Value = World> {
    let action = prop::sample::select(vec![None, Some(ReleaseActionName::Install), Some(ReleaseActionName::Upgrade)]);
    (spec(), storage(), 0..6_usize, action, 0..4_i64, any::<bool>()).prop_map(
        |(spec, storage, forgotten, action, failures, drifted)| {
            let mut world = World::new(helm_release(&spec));
            let history = storage.iter().rev().skip(forgotten.saturating_sub(3)).map(snapshot).collect();
            world.release.status = Some(HelmReleaseStatus {
                history,
                last_attempted_release_action: action,
                failures,
                install_failures: failures,
                upgrade_failures: failures,
                ..HelmReleaseStatus::default()
            });
            world.storage = storage;
            if drifted {
                world.drift = vec!["ConfigMap/apps/app changed".to_owned()];
            }
            world
        },
    )
}

fn is_unknown(world: &World) -> bool {
    let (status, desired) = (world.status(), world.desired());
    let (observed, _) = world.observe(&status, &desired);
    matches!(determine_state(&desired, &observed), ReleaseState::Unknown(_))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_same_facts_give_the_same_decision(world in world()) {
        let (status, desired) = (world.status(), world.desired());
        let (observed, _) = world.observe(&status, &desired);
        let turn = Turn::default();
        prop_assert_eq!(decide(&desired, &observed, &turn), decide(&desired, &observed, &turn));
    }

    #[test]
    fn an_in_sync_release_is_left_alone(world in world()) {
        let (status, desired) = (world.status(), world.desired());
        let (observed, _) = world.observe(&status, &desired);
        if matches!(determine_state(&desired, &observed), ReleaseState::InSync(_)) {
            prop_assert_eq!(decide(&desired, &observed, &Turn::default()), Decision::Done);
        }
    }

    #[test]
    fn no_reconcile_performs_two_actions_of_one_type(world in world(), failing in prop::sample::subsequence(
        vec!["install", "upgrade", "test", "rollback", "uninstall", "correct drift"], 0..=6,
    )) {
        let mut world = world;
        world.failures = failing.into_iter().map(|name| (name.to_owned(), "broken".to_owned())).collect();
        let done = world.reconcile();
        let types: BTreeSet<String> =
            done.actions.iter().map(|action| format!("{:?}", action.action_type())).collect();
        prop_assert_eq!(types.len(), done.actions.len(), "{:?}", done.actions);
    }

    #[test]
    fn successful_actions_lead_to_rest(world in world()) {
        let mut world = world;
        let settled = ["done", "report drift"];
        for _ in 0..6 {
            let ending = world.reconcile().ending;
            if settled.contains(&ending.as_str()) {
                let (before, stored) = (world.status(), world.storage.len());
                world.now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
                let again = world.reconcile();
                prop_assert!(again.actions.is_empty(), "{:?}", again.actions);
                prop_assert!(again.events.is_empty(), "{:?}", again.events);
                prop_assert_eq!(&world.status(), &before);
                prop_assert_eq!(world.storage.len(), stored);
                return Ok(());
            }
        }
        prop_assert!(is_unknown(&world), "{:?}", world.status());
    }

    #[test]
    fn saying_the_same_again_changes_nothing(world in world()) {
        let desired = world.desired();
        let status = attempt(&world.status(), &desired);
        prop_assert_eq!(&attempt(&status, &desired), &status);
        let later = world.now + SignedDuration::from_hours(1);
        for decision in [
            Decision::Done,
            Decision::Rest,
            Decision::Retry,
            Decision::Await(std::time::Duration::from_secs(5)),
            Decision::ReportDrift(vec!["ConfigMap/apps/app changed".to_owned()]),
            Decision::Stall { reason: "RetriesExceeded", message: "no retry is left".to_owned() },
            Decision::Refuse("not known".to_owned()),
        ] {
            let (once, _) = finish(&status, &desired, &decision, true, world.now);
            let (twice, events) = finish(&once, &desired, &decision, true, later);
            prop_assert_eq!(&twice, &once, "{:?}", decision);
            prop_assert!(events.is_empty(), "{:?}", events);
        }
    }
}
