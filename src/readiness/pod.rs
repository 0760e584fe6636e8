//! Pods, as objects of a release and as hooks.
//!
//! The difference to kstatus: a Pod that cannot be scheduled is in progress however long, since that depends on the clock and often ends
//! when a node joins.
//!
//! **Invariant:** a message about a Pod that waits names the container and the reason that the kubelet gives.

use serde_json::Value;

use super::condition::{Condition, is_true, text};
use super::{Readiness, State};

/// A Pod of a release: ready, or done in whatever way.
pub(super) fn of_release(pod: &Value) -> Readiness {
    match text(pod, "/status/phase") {
        "Succeeded" => Readiness::new(State::Current, "completed"),
        "Failed" => Readiness::new(State::Current, "completed, but not successfully"),
        "Running" if is_true(pod, "Ready") => Readiness::new(State::Current, "ready"),
        "Running" => crash_loop(pod).unwrap_or_else(|| in_progress(pod, "running, but not ready")),
        _ => crash_loop(pod).unwrap_or_else(|| in_progress(pod, "pending")),
    }
}

/// A Pod of a hook: must succeed.
pub(super) fn of_hook(pod: &Value) -> Readiness {
    match text(pod, "/status/phase") {
        "Succeeded" => Readiness::new(State::Current, "completed"),
        "Failed" => Readiness::new(State::Failed, failure(pod)),
        "Running" => in_progress(pod, "running"),
        _ => in_progress(pod, "pending"),
    }
}

/// What keeps a Pod from being ready, in a few words; none where nothing is known.
pub fn waiting_reason(pod: &Value) -> Option<String> {
    if let Some(condition) = Condition::find(pod, "PodScheduled").filter(|condition| condition.is("False")) {
        return Some(format!("not scheduled: {}", condition.explain("no node fits")));
    }
    let mut statuses = containers(pod);
    let waiting = statuses.find(|status| !text(status, "/state/waiting/reason").is_empty())?;
    let (name, reason) = (text(waiting, "/name"), text(waiting, "/state/waiting/reason"));
    let message = text(waiting, "/state/waiting/message");
    Some(if message.is_empty() {
        format!("container {name} is waiting: {reason}")
    } else {
        format!("container {name} is waiting: {reason}: {message}")
    })
}

/// Whether a Pod, or a Pod of a Job, does its work at this moment: it runs and is ready. One that waits for its image, crashes or is not
/// ready does not.
pub fn is_running(object: &Value) -> bool {
    match text(object, "/kind") {
        "Job" => object.pointer("/status/ready").and_then(Value::as_i64).is_some_and(|ready| ready > 0),
        "Pod" => text(object, "/status/phase") == "Running" && is_true(object, "Ready"),
        _ => false,
    }
}

fn in_progress(pod: &Value, otherwise: &str) -> Readiness {
    Readiness::new(State::InProgress, waiting_reason(pod).unwrap_or_else(|| otherwise.to_owned()))
}

fn crash_loop(pod: &Value) -> Option<Readiness> {
    let crashing = |status: &&Value| text(status, "/state/waiting/reason") == "CrashLoopBackOff";
    let names: Vec<&str> = containers(pod).filter(crashing).map(|status| text(status, "/name")).collect();
    let message = || format!("containers that crash again and again: {}", names.join(", "));
    (!names.is_empty()).then(|| Readiness::new(State::Failed, message()))
}

fn failure(pod: &Value) -> String {
    let ended = containers(pod).find_map(|status| {
        let code = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64).filter(|code| *code != 0)?;
        let reason = text(status, "/state/terminated/reason");
        Some(format!("container {} ended with exit code {code}: {reason}", text(status, "/name")))
    });
    let told = [text(pod, "/status/message"), text(pod, "/status/reason")].into_iter().find(|words| !words.is_empty());
    ended.or_else(|| told.map(str::to_owned)).unwrap_or_else(|| "failed".to_owned())
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    statuses.into_iter().filter_map(|pointer| pod.pointer(pointer)?.as_array()).flatten()
}
