//! Stories of many reconciles: actions, conditions, counters, history and events after each.
//!
//! **Invariant:** conditions and history are compared as a whole, so what should be gone must be gone.

use std::collections::BTreeMap;

use rhumb::lifecycle::Contest;
use serde::Deserialize;
use serde_json::Value;

use super::read_all;
use super::world::{Revision, World, helm_release, told};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    spec: Value,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the names are those of the case files")]
struct Step {
    step: String,
    /// A merge patch of the spec, which makes a new generation.
    spec: Option<Value>,
    chart: Option<String>,
    version: Option<String>,
    values: Option<String>,
    drift: Option<Vec<String>>,
    /// Managers that change an object again after each correction, for the time that it is left alone.
    contest: Option<Vec<String>>,
    /// What somebody else made of the storage.
    storage: Option<Vec<Revision>>,
    /// A token that asks for a reset or a forced action.
    #[serde(default)]
    request: BTreeMap<String, String>,
    /// How actions fail from now on.
    failures: Option<BTreeMap<String, String>>,
    expect: Expected,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    actions: Vec<String>,
    ending: String,
    conditions: BTreeMap<String, String>,
    /// All failures, those of installs, those of upgrades.
    #[serde(default)]
    failures: [i64; 3],
    history: Vec<String>,
    #[serde(default)]
    events: Vec<String>,
    /// Whether the generation counts as observed.
    observed: bool,
}

impl Step {
    fn change(&self, world: &mut World) {
        if let Some(patch) = &self.spec {
            let mut spec = serde_json::to_value(&world.release.spec).expect("a spec");
            json_patch::merge(&mut spec, patch);
            world.release.spec = serde_json::from_value(spec).expect("a spec");
            world.release.metadata.generation = world.release.metadata.generation.map(|generation| generation + 1);
        }
        for (target, new) in
            [(&mut world.chart, &self.chart), (&mut world.version, &self.version), (&mut world.values, &self.values)]
        {
            if let Some(new) = new {
                target.clone_from(new);
            }
        }
        if let Some(drift) = &self.drift {
            world.drift.clone_from(drift);
        }
        world.contest = self.contest.as_ref().map(|rivals| Contest {
            drift: vec!["ConfigMap/apps/web changed (/data/a: 1 → 2)".to_owned()],
            rivals: rivals.clone(),
            left: std::time::Duration::from_secs(30),
            until: jiff::Timestamp::UNIX_EPOCH,
        });
        if let Some(storage) = &self.storage {
            world.storage.clone_from(storage);
        }
        if let Some(failures) = &self.failures {
            world.failures.clone_from(failures);
        }
        let annotations = world.release.metadata.annotations.get_or_insert_default();
        for (what, token) in &self.request {
            annotations.insert(format!("reconcile.fluxcd.io/{what}"), token.clone());
        }
    }
}

/// What is to be seen after a reconcile, in the words of the files.
fn seen(world: &World, actions: Vec<String>, ending: String, events: Vec<String>) -> Expected {
    let status = world.status();
    let conditions = status.conditions.iter().map(|condition| {
        (condition.type_.clone(), format!("{} {}: {}", condition.status, condition.reason, condition.message))
    });
    let history = status.history.iter().map(|kept| {
        let mut words = vec![format!("v{}", kept.version), kept.status.clone()];
        words.extend(kept.action.clone());
        let phases = kept.test_hooks.iter().flat_map(BTreeMap::values).filter_map(|hook| hook.phase.clone());
        words.extend(phases.map(|phase| format!("test={phase}")));
        words.join(" ")
    });
    Expected {
        actions,
        ending,
        conditions: conditions.collect(),
        failures: [status.failures, status.install_failures, status.upgrade_failures],
        history: history.collect(),
        events,
        observed: status.observed_generation == world.release.metadata.generation,
    }
}

#[test]
fn every_story_goes_as_told() {
    let mut wrong = Vec::new();
    for (name, script) in read_all::<Script>("scripts") {
        let mut world = World::new(helm_release(&script.spec));
        for step in script.steps {
            step.change(&mut world);
            let done = world.reconcile();
            let actions = done.actions.iter().map(|action| action.name().to_owned()).collect();
            let found = seen(&world, actions, done.ending, done.events.iter().map(told).collect());
            if found != step.expect {
                wrong.push(format!("{name}, {}:\n  expected {:#?}\n  found {found:#?}", step.step, step.expect));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
