//! Runs the hooks of an event, one after the other, with their deletion policies.
//!
//! Counterpart: `pkg/action/hooks.go` of Helm 4.3. Differences: phases are stored with the next write of the record instead of a write of
//! their own, and a Job that its time-to-live has deleted counts as done.
//!
//! **Invariant:** a hook that failed ends the event, and what its policies promise is deleted all the same.

use serde_json::Value;

use super::manifest::document_object;
use super::{Error, Settings, Workbench, now};
use crate::api::action::TestFilter;
use crate::api::metadata::{ORIGIN_NAME_LABEL, ORIGIN_NAMESPACE_LABEL};
use crate::cluster::{ApplyOptions, DeleteOptions, Propagation};
use crate::readiness::Purpose;
use crate::release::{DeletePolicy, Hook, HookEvent, HookPhase, HookRun, Time, sort_by_weight};

/// Runs the hooks of an event; their runs are noted in the hooks.
pub(super) async fn run(
    bench: &Workbench,
    settings: &Settings,
    hooks: &mut [Hook],
    event: HookEvent,
) -> Result<(), Error> {
    let selected = select(hooks, event, &[]);
    run_selected(bench, settings, hooks, event, selected).await
}

/// The hooks of an event that the filters let through, with their places, in the order in which they run. Only tests have filters.
pub(super) fn select(hooks: &[Hook], event: HookEvent, filters: &[TestFilter]) -> Vec<(usize, Hook)> {
    let mut sorted: Vec<Hook> =
        hooks.iter().filter(|hook| hook.events.contains(&event) && is_selected(&hook.name, filters)).cloned().collect();
    sort_by_weight(&mut sorted);
    let mut left: Vec<(usize, &Hook)> = hooks.iter().enumerate().collect();
    let mut selected = Vec::with_capacity(sorted.len());
    for hook in sorted {
        if let Some(position) = left.iter().position(|(_, candidate)| **candidate == hook) {
            selected.push((left.remove(position).0, hook));
        }
    }
    selected
}

/// Whether a test runs: named ones only, if any are named; never an excluded one.
fn is_selected(name: &str, filters: &[TestFilter]) -> bool {
    let excluded = filters.iter().any(|filter| filter.exclude && filter.name == name);
    let mut included = filters.iter().filter(|filter| !filter.exclude).peekable();
    !excluded && (included.peek().is_none() || included.any(|filter| filter.name == name))
}

/// Runs hooks that were selected.
pub(super) async fn run_selected(
    bench: &Workbench,
    settings: &Settings,
    hooks: &mut [Hook],
    event: HookEvent,
    selected: Vec<(usize, Hook)>,
) -> Result<(), Error> {
    let mut done: Vec<Hook> = Vec::new();
    for (index, mut hook) in selected {
        if hook.delete_policies.is_empty() {
            hook.delete_policies = vec![DeletePolicy::BeforeHookCreation];
        }
        let result = run_one(bench, settings, &mut hook, event).await;
        if let Some(kept) = hooks.get_mut(index) {
            *kept = hook.clone();
        }
        match result {
            Ok(()) => done.push(hook),
            Err(source) => {
                clean(bench, settings, std::slice::from_ref(&hook), DeletePolicy::HookFailed).await?;
                clean(bench, settings, &done, DeletePolicy::HookSucceeded).await?;
                let Hook { path, kind, name, .. } = hook;
                return Err(Error::Hook { event, path, kind, name, source: Box::new(source) });
            }
        }
    }
    done.reverse();
    clean(bench, settings, &done, DeletePolicy::HookSucceeded).await
}

async fn run_one(bench: &Workbench, settings: &Settings, hook: &mut Hook, event: HookEvent) -> Result<(), Error> {
    let object = hook_object(bench, settings, hook)?;
    let objects = std::slice::from_ref(&object);
    if hook.delete_policies.contains(&DeletePolicy::BeforeHookCreation) {
        delete(bench, settings, hook, objects).await?;
    }
    hook.last_run = HookRun { started_at: Some(Time::from(now())), completed_at: None, phase: HookPhase::Running };
    let result = create_and_wait(bench, settings, objects, &object, event).await;
    hook.last_run.completed_at = Some(Time::from(now()));
    hook.last_run.phase = if result.is_ok() { HookPhase::Succeeded } else { HookPhase::Failed };
    result
}

async fn create_and_wait(
    bench: &Workbench,
    settings: &Settings,
    objects: &[Value],
    object: &Value,
    event: HookEvent,
) -> Result<(), Error> {
    let options = ApplyOptions { mark: false, strict: settings.validate, ..ApplyOptions::new(bench.origin.clone()) };
    bench.cluster.apply(objects, &options).await?.into_result()?;
    let mut wait = bench.wait_options(settings, Purpose::Hook);
    if event == HookEvent::Test {
        // A test that was cut short is simply run again.
        wait.abort = wait.cancel.clone();
    }
    Error::of_wait(bench.slot.idle(bench.cluster.wait_single(object, &wait)).await?)
}

/// The hook's object; with origin labels where hooks pass the post-renderers, as in Flux 1.6.
fn hook_object(bench: &Workbench, settings: &Settings, hook: &Hook) -> Result<Value, Error> {
    let mut object = document_object(&hook.manifest, &hook.path)?;
    if settings.label_hooks
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        let labels = metadata.entry("labels").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(ORIGIN_NAME_LABEL.to_owned(), bench.origin.release.name.clone().into());
            labels.insert(ORIGIN_NAMESPACE_LABEL.to_owned(), bench.origin.release.namespace.clone().into());
        }
    }
    Ok(object)
}

/// Deletes the hooks that carry a policy; CustomResourceDefinitions stay, as with Helm.
async fn clean(bench: &Workbench, settings: &Settings, hooks: &[Hook], policy: DeletePolicy) -> Result<(), Error> {
    for hook in hooks {
        if !hook.delete_policies.contains(&policy) {
            continue;
        }
        let object = document_object(&hook.manifest, &hook.path)?;
        delete(bench, settings, hook, std::slice::from_ref(&object)).await?;
    }
    Ok(())
}

async fn delete(bench: &Workbench, settings: &Settings, hook: &Hook, objects: &[Value]) -> Result<(), Error> {
    if hook.kind == "CustomResourceDefinition" {
        return Ok(());
    }
    let options = DeleteOptions {
        origin: bench.origin.clone(),
        propagation: Propagation::Background,
        wait: Some(settings.timeout),
        cancel: bench.interrupt.all(),
        only_owned: false,
    };
    let report = bench.slot.idle(bench.cluster.delete(objects, &options)).await?;
    if report.failures.is_empty() { Ok(()) } else { Err(crate::cluster::Error::Requests(report.failures).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_tests_run_alone_and_excluded_ones_never() {
        let filter = |name: &str, exclude| TestFilter { name: name.to_owned(), exclude };
        assert!(is_selected("a", &[]));
        assert!(!is_selected("b", &[filter("a", false)]));
        assert!(!is_selected("a", &[filter("a", true)]));
        assert!(is_selected("b", &[filter("a", true)]));
    }
}
