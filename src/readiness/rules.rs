//! Which rule holds for which kind. The table is the whole of it; kinds that are not in it go by their `Ready` condition.
//!
//! **Invariant:** the general rules (deletion, observed generation, Reconciling, Stalled) go before those of the kind.

use serde_json::Value;

use super::condition::{Condition, is_true, number, text};
use super::{Purpose, Readiness, State, pod, workload};

type Rule = fn(&Value) -> Readiness;

/// The rules by group and kind (kstatus).
const RULES: [(&str, &str, Rule); 12] = [
    ("", "ConfigMap", always),
    ("", "PersistentVolumeClaim", claim),
    ("", "Pod", pod::of_release),
    ("", "Secret", always),
    ("", "Service", service),
    ("apiextensions.k8s.io", "CustomResourceDefinition", definition),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "Deployment", workload::deployment),
    ("apps", "ReplicaSet", workload::replica_set),
    ("apps", "StatefulSet", workload::stateful_set),
    ("batch", "CronJob", always),
    ("policy", "PodDisruptionBudget", always),
];

/// Judges an object.
pub(super) fn judge(object: &Value, purpose: Purpose) -> Readiness {
    let api_version = text(object, "/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = text(object, "/kind");
    let must_complete = !matches!(purpose, Purpose::Release { wait_for_jobs: false });
    let rule = match (group, kind) {
        ("batch", "Job") if must_complete => workload::completed_job,
        ("batch", "Job") => workload::started_job,
        ("", "Pod") if purpose == Purpose::Hook => pod::of_hook,
        _ if purpose == Purpose::Hook => return Readiness::new(State::Current, "not awaited in a hook"),
        _ => RULES
            .iter()
            .find(|rule| (rule.0, rule.1) == (group, kind))
            .map_or(by_ready_condition as Rule, |rule| rule.2),
    };
    general(object).unwrap_or_else(|| rule(object))
}

/// What holds for every kind; none where the kind's own rule decides.
fn general(object: &Value) -> Option<Readiness> {
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Some(Readiness::new(State::Terminating, "being deleted"));
    }
    if let (Some(generation), Some(observed)) =
        (number(object, "/metadata/generation"), number(object, "/status/observedGeneration"))
        && generation != observed
    {
        let message = format!("generation {generation} is not observed yet, only {observed}");
        return Some(Readiness::new(State::InProgress, message));
    }
    let told = |name: &str, state| {
        let condition = Condition::find(object, name).filter(|condition| condition.is("True"))?;
        Some(Readiness::new(state, condition.explain(name)))
    };
    told("Reconciling", State::InProgress).or_else(|| told("Stalled", State::Failed))
}

fn always(_: &Value) -> Readiness {
    Readiness::new(State::Current, "always ready")
}

fn by_ready_condition(object: &Value) -> Readiness {
    match Condition::find(object, "Ready") {
        None => Readiness::new(State::Current, "exists"),
        Some(condition) if condition.is("True") => Readiness::new(State::Current, "ready"),
        Some(condition) => Readiness::new(State::InProgress, condition.explain("not ready")),
    }
}

fn claim(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Bound" => Readiness::new(State::Current, "bound"),
        "" => Readiness::new(State::InProgress, "not bound to a volume"),
        phase => Readiness::new(State::InProgress, format!("not bound to a volume, phase {phase}")),
    }
}

fn service(object: &Value) -> Readiness {
    if text(object, "/spec/type") == "LoadBalancer" && text(object, "/spec/clusterIP").is_empty() {
        return Readiness::new(State::InProgress, "no cluster IP for the load balancer");
    }
    Readiness::new(State::Current, "ready")
}

fn definition(object: &Value) -> Readiness {
    if let Some(refused) = Condition::find(object, "NamesAccepted").filter(|condition| condition.is("False")) {
        return Readiness::new(State::Failed, refused.explain("names not accepted"));
    }
    if is_true(object, "Established") {
        return Readiness::new(State::Current, "established");
    }
    match Condition::find(object, "Established") {
        Some(condition) if condition.is("False") && condition.reason() != "Installing" => {
            Readiness::new(State::Failed, condition.explain("not established"))
        }
        _ => Readiness::new(State::InProgress, "not established yet"),
    }
}
