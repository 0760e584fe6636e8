//! What ends a wait early: another spec, other values, another chart, suspension, deletion; and what does not.
//!
//! Reasons and messages are those of Flux's helm-controller 1.6 with `CancelHealthCheckOnNewRevision`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello, hello_spec};
use crate::support::cluster::{apply, wait_for, wait_gone};
use crate::support::release::condition;

/// Far longer than a test runs, so that whatever ends was ended early.
const NEVER: &str = "30m";

/// Values with pods that are never ready.
fn unready() -> Value {
    json!({"podLabels": {"rhumb.test/pod": "unready"}, "migration": {"enabled": false}})
}

/// A spec whose install waits for pods that are never ready.
fn stuck_spec() -> Value {
    let mut spec = hello_spec("1.0.0");
    spec["timeout"] = json!(NEVER);
    spec["values"] = unready();
    spec
}

/// Waits until the Deployment of `web` is there, which means that its pods are waited for.
async fn is_waiting(scene: &Scene) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&deployments, "web-hello", SOON, "applied", |_| true).await.with_context(|| scene.operator_log())?;
    Ok(())
}

fn is_called_off(release: &DynamicObject) -> bool {
    let conditions = release.data["status"]["conditions"].as_array();
    let ready = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Ready"));
    ready.is_some_and(|ready| ready["reason"] == "HealthCheckCanceled")
}

async fn patch_release(scene: &Scene, patch: &Value) -> Result<()> {
    scene.releases().patch("web", &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// The messages of the events with a reason.
async fn events(scene: &Scene, reason: &str) -> Result<Vec<String>> {
    let all: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let found = all.list(&ListParams::default().fields(&format!("reason={reason}"))).await?;
    Ok(found.items.into_iter().filter_map(|event| event.message).collect())
}

#[tokio::test]
async fn a_newer_spec_ends_a_wait_and_a_mere_request_does_not() -> Result<()> {
    let scene = Scene::start("newer-spec").await?;
    scene.apply_release("web", &stuck_spec()).await?;
    is_waiting(&scene).await?;
    let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    patch_release(&scene, &request).await?;
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    let began = Instant::now();
    let release = scene.ready("web", "1.1.0").await?;
    ensure!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());
    // Had the request ended the wait, there would be a revision more.
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.1.0"]);
    let message =
        format!("Health checks canceled due to new reconciliation triggered by HelmRelease/{}/web", scene.namespace);
    assert_eq!(events(&scene, "HealthCheckCanceled").await?, [message]);
    assert_eq!(release.data["status"]["installFailures"], Value::Null, "what was called off is no failure");
    assert_eq!(release.data["status"]["lastHandledReconcileAt"], "now");
    Ok(())
}

#[tokio::test]
async fn suspension_ends_a_wait() -> Result<()> {
    let scene = Scene::start("suspend-wait").await?;
    scene.apply_release("web", &stuck_spec()).await?;
    is_waiting(&scene).await?;
    patch_release(&scene, &json!({"spec": {"suspend": true}})).await?;
    wait_for(&scene.releases(), "web", SOON, "called off", is_called_off)
        .await
        .with_context(|| scene.operator_log())?;
    patch_release(&scene, &json!({"spec": {"suspend": false, "values": {"podLabels": null}}})).await?;
    scene.ready("web", "1.0.0").await?;
    Ok(())
}

/// Installs a release whose hook does not get to run, and returns once it is waited for.
async fn wait_with_stuck_hook(scene: &Scene) -> Result<()> {
    let mut spec = hello_spec("1.0.0");
    spec["timeout"] = json!(NEVER);
    spec["values"] = json!({"migration": {"podLabels": {"rhumb.test/pod": "unready"}}});
    scene.apply_release("web", &spec).await?;
    let jobs: Api<Job> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&jobs, "web-hello-migration", SOON, "created", |_| true).await.with_context(|| scene.operator_log())?;
    Ok(())
}

#[tokio::test]
async fn deletion_ends_a_wait_even_for_a_hook() -> Result<()> {
    let scene = Scene::start("delete-wait").await?;
    wait_with_stuck_hook(&scene).await?;
    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await.with_context(|| scene.operator_log())?;
    assert_eq!(scene.helm.json(&["list", "-n", &scene.namespace])?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_newer_spec_ends_the_wait_for_a_hook_that_does_not_get_to_run() -> Result<()> {
    let scene = Scene::start("hook-wait").await?;
    wait_with_stuck_hook(&scene).await?;
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    scene.ready("web", "1.1.0").await?;
    Ok(())
}

#[tokio::test]
async fn other_values_end_a_wait() -> Result<()> {
    let scene = Scene::start("values-wait").await?;
    let values = |values: &Value| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "values",
                "namespace": scene.namespace,
                "labels": {"reconcile.fluxcd.io/watch": "Enabled"},
            },
            "data": {"values.yaml": values.to_string()},
        })
    };
    apply(&scene.client, &values(&unready())).await?;
    let mut spec = stuck_spec();
    spec["values"] = json!({});
    spec["valuesFrom"] = json!([{"kind": "ConfigMap", "name": "values"}]);
    scene.apply_release("web", &spec).await?;
    is_waiting(&scene).await?;
    // Something else about the object changes nothing for the release.
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let note = json!({"metadata": {"annotations": {"rhumb.test/note": "mind you"}}});
    maps.patch("values", &PatchParams::default(), &Patch::Merge(note)).await?;
    apply(&scene.client, &values(&json!({"migration": {"enabled": false}}))).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.0.0"]);
    let message =
        format!("Health checks canceled due to new reconciliation triggered by ConfigMap/{}/values", scene.namespace);
    assert_eq!(events(&scene, "HealthCheckCanceled").await?, [message]);
    Ok(())
}

#[tokio::test]
async fn a_newer_chart_ends_a_wait() -> Result<()> {
    let scene = Scene::start("chart-wait").await?;
    let mut spec = stuck_spec();
    spec["chart"]["spec"]["version"] = json!("1.x");
    scene.apply_release("web", &spec).await?;
    is_waiting(&scene).await?;
    scene.helm.package(&hello(), "1.2.0", scene.charts.path())?;
    let url = scene.repository.url();
    scene.apply_source("HelmRepository", "charts", &json!({"url": url, "interval": "9m"})).await?;
    let attempted = |release: &DynamicObject| release.data["status"]["lastAttemptedRevision"] == "1.2.0";
    wait_for(&scene.releases(), "web", SOON, "at the newer chart", attempted)
        .await
        .with_context(|| scene.operator_log())?;
    let releases = scene.releases();
    let running = wait_for(&releases, "web", SOON, "waiting again", |release| {
        condition(release, "Ready").is_some_and(|ready| ready["status"] == "Unknown")
    });
    running.await.with_context(|| scene.operator_log())?;
    Ok(())
}
