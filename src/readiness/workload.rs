//! Kinds that run Pods: Deployment, StatefulSet, DaemonSet, ReplicaSet and Job.
//!
//! Counts are full counts, without the slack of `maxUnavailable`, as kstatus has it.
//!
//! **Invariant:** a message names the counter that is behind, as `have/want`.

use serde_json::Value;

use super::condition::{Condition, count, is_true, number, text};
use super::{Readiness, State};

/// The first counter that is behind.
fn behind(counters: &[(&str, i64, i64)]) -> Option<Readiness> {
    let (name, have, want) = counters.iter().find(|(_, have, want)| have < want)?;
    Some(Readiness::new(State::InProgress, format!("{name} replicas: {have}/{want}")))
}

fn surplus(have: i64, want: i64) -> Option<Readiness> {
    let message = || format!("replicas pending termination: {}", have - want);
    (have > want).then(|| Readiness::new(State::InProgress, message()))
}

fn current(message: impl Into<String>) -> Readiness {
    Readiness::new(State::Current, message)
}

fn in_progress(message: impl Into<String>) -> Readiness {
    Readiness::new(State::InProgress, message)
}

/// The replicas asked for; one where nothing is said.
fn wanted(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

/// A Deployment. One that is paused is not waited for, as in Helm 4.3.
pub(super) fn deployment(object: &Value) -> Readiness {
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return current("paused");
    }
    let progressing = Condition::find(object, "Progressing");
    if let Some(exceeded) = progressing.filter(|condition| condition.reason() == "ProgressDeadlineExceeded") {
        return Readiness::new(State::Failed, exceeded.explain("progress deadline exceeded"));
    }
    if number(object, "/status/observedGeneration").is_none() {
        return in_progress("not observed yet");
    }
    let want = wanted(object);
    let have = count(object, "/status/replicas");
    let updated = count(object, "/status/updatedReplicas");
    let behind_before = behind(&[("created", have, want), ("updated", updated, want)]);
    let behind_after = || {
        behind(&[
            ("available", count(object, "/status/availableReplicas"), updated),
            ("ready", count(object, "/status/readyReplicas"), want),
        ])
    };
    if let Some(verdict) = behind_before.or_else(|| surplus(have, want)).or_else(behind_after) {
        return verdict;
    }
    let has_deadline =
        number(object, "/spec/progressDeadlineSeconds").is_some_and(|seconds| seconds < i64::from(i32::MAX));
    let rolled_out =
        progressing.is_some_and(|condition| condition.is("True") && condition.reason() == "NewReplicaSetAvailable");
    if has_deadline && !rolled_out {
        return in_progress("the new ReplicaSet is not available");
    }
    if !is_true(object, "Available") {
        return in_progress("not available");
    }
    current(format!("available, replicas: {want}"))
}

/// A StatefulSet. With the update strategy OnDelete it is ready at once.
pub(super) fn stateful_set(object: &Value) -> Readiness {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return current("updated when Pods are deleted");
    }
    if number(object, "/status/observedGeneration").is_none() {
        return in_progress("not observed yet");
    }
    let want = wanted(object);
    let have = count(object, "/status/replicas");
    let lag = behind(&[("created", have, want), ("ready", count(object, "/status/readyReplicas"), want)]);
    if let Some(verdict) = lag.or_else(|| surplus(have, want)) {
        return verdict;
    }
    let updated = count(object, "/status/updatedReplicas");
    if let Some(partition) = number(object, "/spec/updateStrategy/rollingUpdate/partition").filter(|it| *it > 0) {
        return behind(&[("updated", updated, want - partition)]).unwrap_or_else(|| current("partition rolled out"));
    }
    if let Some(verdict) = behind(&[("current", count(object, "/status/currentReplicas"), want)]) {
        return verdict;
    }
    if text(object, "/status/currentRevision") != text(object, "/status/updateRevision") {
        return in_progress("the updated revision is not the current one yet");
    }
    current(format!("ready, replicas: {want}"))
}

/// A DaemonSet.
pub(super) fn daemon_set(object: &Value) -> Readiness {
    if number(object, "/status/observedGeneration").is_none() {
        return in_progress("not observed yet");
    }
    let Some(want) = number(object, "/status/desiredNumberScheduled") else {
        return in_progress("not scheduled yet");
    };
    let counters = [
        ("scheduled", "/status/currentNumberScheduled"),
        ("updated", "/status/updatedNumberScheduled"),
        ("available", "/status/numberAvailable"),
        ("ready", "/status/numberReady"),
    ];
    let counters = counters.map(|(name, pointer)| (name, count(object, pointer), want));
    behind(&counters).unwrap_or_else(|| current(format!("all replicas scheduled: {want}")))
}

/// A ReplicaSet.
pub(super) fn replica_set(object: &Value) -> Readiness {
    if let Some(failure) = Condition::find(object, "ReplicaFailure").filter(|condition| condition.is("True")) {
        return in_progress(failure.explain("replica failure"));
    }
    if number(object, "/status/observedGeneration").is_none() {
        return in_progress("not observed yet");
    }
    let want = wanted(object);
    let lag = behind(&[
        ("labelled", count(object, "/status/fullyLabeledReplicas"), want),
        ("available", count(object, "/status/availableReplicas"), want),
        ("ready", count(object, "/status/readyReplicas"), want),
    ]);
    lag.or_else(|| surplus(count(object, "/status/replicas"), want))
        .unwrap_or_else(|| current(format!("available, replicas: {want}")))
}

/// A Job that must complete.
pub(super) fn completed_job(object: &Value) -> Readiness {
    ended_job(object).unwrap_or_else(|| in_progress(job_counts(object)))
}

/// A Job that must only have started.
pub(super) fn started_job(object: &Value) -> Readiness {
    ended_job(object).unwrap_or_else(|| {
        if text(object, "/status/startTime").is_empty() {
            in_progress("not started")
        } else {
            current(job_counts(object))
        }
    })
}

fn ended_job(object: &Value) -> Option<Readiness> {
    if is_true(object, "Complete") {
        return Some(current("completed"));
    }
    let failed = Condition::find(object, "Failed").filter(|condition| condition.is("True"))?;
    Some(Readiness::new(State::Failed, failed.explain("failed")))
}

fn job_counts(object: &Value) -> String {
    let of = |name: &str| count(object, &format!("/status/{name}"));
    format!("in progress: {} active, {} succeeded, {} failed", of("active"), of("succeeded"), of("failed"))
}
