//! Readiness as Helm 3 judged it (`spec.waitStrategy: legacy`), and as Helm 4 still does with `--wait=legacy`.
//!
//! Counterpart: `pkg/kube/ready.go` of Helm 4.3. Differences: Pods of a Deployment's newest ReplicaSet, and of a ReplicaSet, are counted by
//! the status of their owner instead of being listed, which at worst waits until the old ones are gone.
//!
//! **Invariant:** a kind that has no rule here is ready as soon as it exists.

use serde_json::Value;

use super::condition::{Condition, count, is_true, number, text};
use super::{Readiness, State};

/// Judges an object of a release.
pub(super) fn judge(object: &Value, wait_for_jobs: bool) -> Readiness {
    let api_version = text(object, "/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let verdict = match (group, text(object, "/kind")) {
        ("", "Pod") => unless(is_true(object, "Ready"), || "not ready".to_owned()),
        ("batch", "Job") if wait_for_jobs => job(object),
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => replicas(object),
        ("", "PersistentVolumeClaim") => {
            unless(text(object, "/status/phase") == "Bound", || format!("phase: {}", text(object, "/status/phase")))
        }
        ("", "Service") => service(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        _ => Ok(()),
    };
    verdict.err().unwrap_or_else(|| Readiness::new(State::Current, "ready"))
}

/// Nothing, or what is not ready.
type Verdict = Result<(), Readiness>;

fn unless(holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Readiness::new(State::InProgress, message())) }
}

fn observed(object: &Value) -> Verdict {
    let (generation, seen) = (count(object, "/metadata/generation"), count(object, "/status/observedGeneration"));
    unless(seen >= generation, || format!("generation {generation} is not observed yet, only {seen}"))
}

fn reached(what: &str, have: i64, want: i64) -> Verdict {
    unless(have >= want, || format!("{what} replicas: {have}/{want}"))
}

/// The replicas asked for; one where nothing is said.
fn wanted(object: &Value) -> i64 {
    number(object, "/spec/replicas").unwrap_or(1)
}

/// A number of Pods that is given as such or as a share of all, rounded up or down.
fn share(value: Option<&Value>, all: i64, round_up: bool) -> i64 {
    let percent = value.and_then(Value::as_str).and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok());
    match percent {
        Some(percent) if round_up => (percent * all + 99) / 100,
        Some(percent) => percent * all / 100,
        None => value.and_then(Value::as_i64).unwrap_or(0),
    }
}

fn deployment(object: &Value) -> Verdict {
    if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    observed(object)?;
    let want = wanted(object);
    let rolling = text(object, "/spec/strategy/type") == "RollingUpdate";
    let slack = object.pointer("/spec/strategy/rollingUpdate/maxUnavailable").filter(|_| rolling);
    let need = want - share(slack, want, false).min(want);
    // As many Pods of older ReplicaSets as there are may be among the ready ones.
    let older = count(object, "/status/replicas") - count(object, "/status/updatedReplicas");
    reached("ready", count(object, "/status/readyReplicas") - older.max(0), need)
}

fn stateful_set(object: &Value) -> Verdict {
    observed(object)?;
    let update = text(object, "/spec/updateStrategy/type");
    if !matches!(update, "RollingUpdate" | "") {
        return Ok(());
    }
    let partition = count(object, "/spec/updateStrategy/rollingUpdate/partition");
    let want = wanted(object);
    reached("updated", count(object, "/status/updatedReplicas"), want - partition)?;
    let ready = count(object, "/status/readyReplicas");
    unless(ready == want, || format!("ready replicas: {ready}/{want}"))?;
    let same = text(object, "/status/currentRevision") == text(object, "/status/updateRevision");
    unless(partition > 0 || same, || "the updated revision is not the current one yet".to_owned())
}

fn daemon_set(object: &Value) -> Verdict {
    observed(object)?;
    let update = text(object, "/spec/updateStrategy/type");
    if !matches!(update, "RollingUpdate" | "") {
        return Ok(());
    }
    let want = count(object, "/status/desiredNumberScheduled");
    reached("updated", count(object, "/status/updatedNumberScheduled"), want)?;
    let slack = share(object.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable"), want, true);
    reached("ready", count(object, "/status/numberReady"), want - slack.min(want))
}

fn replicas(object: &Value) -> Verdict {
    observed(object)?;
    reached("ready", count(object, "/status/readyReplicas"), count(object, "/status/replicas").max(wanted(object)))
}

fn service(object: &Value) -> Verdict {
    if text(object, "/spec/type") == "ExternalName" {
        return Ok(());
    }
    unless(!text(object, "/spec/clusterIP").is_empty(), || "no cluster IP".to_owned())?;
    let some = |pointer: &str| object.pointer(pointer).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let balanced = some("/spec/externalIPs") || some("/status/loadBalancer/ingress");
    unless(text(object, "/spec/type") != "LoadBalancer" || balanced, || "no load balancer ingress".to_owned())
}

fn definition(object: &Value) -> Verdict {
    let refused = Condition::find(object, "NamesAccepted").is_some_and(|condition| condition.is("False"));
    unless(refused || is_true(object, "Established"), || "not established".to_owned())
}

fn job(object: &Value) -> Verdict {
    let failed = count(object, "/status/failed");
    // The API server fills the limit in; six is what it fills in.
    if failed > number(object, "/spec/backoffLimit").unwrap_or(6) {
        return Err(Readiness::new(State::Failed, format!("failed {failed} times")));
    }
    let Some(completions) = number(object, "/spec/completions") else { return Ok(()) };
    let succeeded = count(object, "/status/succeeded");
    unless(succeeded >= completions, || format!("succeeded: {succeeded}/{completions}"))
}
