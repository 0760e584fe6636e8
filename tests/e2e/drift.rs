//! Drift of live objects: told field by field, with the manager that caused it; what is nobody's drift; repairs in time.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::wait_for;
use crate::support::release::has_condition;

/// How many releases the operator has while drift is put right.
const RELEASES: usize = 200;
/// How many times something is changed.
const CHANGES: usize = 100;
/// How many changes are made at a time.
const AT_A_TIME: usize = 2;
/// In which time most of it is put right.
const IN_TIME: Duration = Duration::from_secs(1);

/// A patch in the name of another manager.
fn by(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
}

fn drifted(release: &DynamicObject) -> Value {
    let conditions = release.data["status"]["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Drifted"));
    found.cloned().unwrap_or_default()
}

/// A small chart: a ConfigMap and a Secret.
fn tiny_chart(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("templates"))?;
    std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: tiny\nversion: 1.0.0\n")?;
    let object = |kind: &str, data: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: {{{{ .Release.Name }}}}\n{data}:\n  word: as-declared\n"
        )
    };
    let objects = format!("{}---\n{}", object("ConfigMap", "data"), object("Secret", "stringData"));
    std::fs::write(folder.join("templates/all.yaml"), objects)?;
    Ok(())
}

/// A scene with the small chart, and a spec for it.
async fn tiny_scene(name: &str, mode: &str) -> Result<(Scene, Value)> {
    let scene = Scene::start(name).await?;
    let folder = scene.charts.path().join("tiny");
    tiny_chart(&folder)?;
    scene.helm.package(&folder, "1.0.0", scene.charts.path())?;
    scene.apply_source("HelmRepository", "tiny", &json!({"url": scene.repository.url(), "interval": "10m"})).await?;
    let source = json!({"kind": "HelmRepository", "name": "tiny"});
    let chart = json!({"spec": {"chart": "tiny", "version": "1.0.0", "sourceRef": source}});
    Ok((scene, json!({"timeout": "30s", "chart": chart, "driftDetection": {"mode": mode}})))
}

#[tokio::test]
async fn drift_is_told_with_its_fields_and_the_manager_but_no_secrets() -> Result<()> {
    let (scene, spec) = tiny_scene("drift-told", "warn").await?;
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    maps.patch("web", &by("mallory"), &Patch::Merge(json!({"data": {"word": "changed"}}))).await?;
    secrets.patch("web", &by("eve"), &Patch::Merge(json!({"stringData": {"word": "hunter2"}}))).await?;
    let told = |release: &DynamicObject| {
        let message = drifted(release)["message"].as_str().unwrap_or_default().to_owned();
        message.contains("/data/word: as-declared → changed by mallory") && message.contains("/data/word by eve")
    };
    let release = wait_for(&scene.releases(), "web", SOON, "told", told).await.with_context(|| scene.operator_log())?;
    let message = drifted(&release)["message"].to_string();
    ensure!(!message.contains("hunter2") && !scene.operator_log().contains("hunter2"), "a Secret was told: {message}");
    let events: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let events = events.list(&ListParams::default().fields("reason=DriftDetected")).await?;
    ensure!(events.items.iter().any(|event| event.message.as_ref().is_some_and(|told| told.contains("by mallory"))));
    assert!(has_condition(&release, "Ready", "True"));
    Ok(())
}

#[tokio::test]
async fn who_undoes_each_correction_is_named_and_left_alone() -> Result<()> {
    let (scene, spec) = tiny_scene("drift-fight", "enabled").await?;
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let is = |word: &'static str| {
        move |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("word")).is_some_and(|found| found == word)
    };
    // A rival that changes the word back as soon as it is corrected, until it is let be.
    let rival = async {
        loop {
            maps.patch("web", &by("rival"), &Patch::Merge(json!({"data": {"word": "mine"}}))).await?;
            wait_for(&maps, "web", SOON, "corrected", is("as-declared")).await?;
        }
    };
    let contested = |release: &DynamicObject| drifted(release)["reason"] == "DriftContested";
    let releases = scene.releases();
    let release = tokio::select! {
        gave_up = rival => gave_up,
        release = wait_for(&releases, "web", SOON, "contested", contested) => release,
    };
    let release = release.with_context(|| scene.operator_log())?;
    let message = drifted(&release)["message"].to_string();
    ensure!(message.contains("changed again by rival after each correction"), "{message}");
    assert!(has_condition(&release, "Ready", "True"), "{}", release.data["status"]);
    Ok(())
}

#[tokio::test]
async fn replicas_of_an_autoscaler_and_fields_of_others_are_no_drift() -> Result<()> {
    let scene = Scene::start("no-drift").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    // As the controller of HorizontalPodAutoscalers does it.
    let scale: Value = json!({"spec": {"replicas": 3}});
    let _: Scale = deployments.patch_scale("web-hello", &by("kube-controller-manager"), &Patch::Merge(scale)).await?;
    let injected = json!({"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "proxy"}]}}}});
    deployments.patch("web-hello", &by("injector"), &Patch::Strategic(injected)).await?;
    // Drift comes after them, so they have been looked at when it is put right.
    let services = scene.services();
    services.patch("web-hello", &by("mallory"), &Patch::Merge(json!({"spec": {"type": "NodePort"}}))).await?;
    let is_back = |service: &k8s_openapi::api::core::v1::Service| {
        service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("ClusterIP"))
    };
    wait_for(&services, "web-hello", SOON, "put right", is_back).await.with_context(|| scene.operator_log())?;
    scene.reconcile("web", "after all").await?;
    let deployment = deployments.get("web-hello").await?;
    let spec = deployment.spec.context("no spec")?;
    let containers = spec.template.spec.map(|pod| pod.containers.len());
    assert_eq!((spec.replicas, containers), (Some(3), Some(2)));
    Ok(())
}

#[tokio::test]
async fn most_drift_is_put_right_within_a_second_at_two_hundred_releases() -> Result<()> {
    let (scene, spec) = tiny_scene("drift-fleet", "enabled").await?;
    let names: Vec<String> = (0..RELEASES).map(|number| format!("r{number}")).collect();
    for name in &names {
        scene.apply_release(name, &spec).await?;
    }
    for name in &names {
        scene.ready(name, "1.0.0").await?;
    }
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let change = |name: String| {
        let maps = maps.clone();
        async move {
            let patch = Patch::Merge(json!({"data": {"word": "changed"}}));
            let changed = maps.patch(&name, &by("mallory"), &patch).await?.metadata.resource_version;
            let began = Instant::now();
            let is_back = |map: &ConfigMap| {
                map.metadata.resource_version != changed
                    && map.data.as_ref().and_then(|data| data.get("word")).is_some_and(|word| word == "as-declared")
            };
            wait_for(&maps, &name, SOON, "put right", is_back).await?;
            anyhow::Ok(began.elapsed())
        }
    };
    let changes = names.iter().step_by(RELEASES / CHANGES).cloned().map(change);
    let mut took: Vec<Duration> = futures::stream::iter(changes).buffer_unordered(AT_A_TIME).try_collect().await?;
    took.sort();
    let share =
        |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
    println!("drift is put right in {:?} (half), {:?} (95 of 100), {:?} (all)", share(50), share(95), share(100));
    assert!(share(95) < IN_TIME, "95 of 100 repairs take {:?}", share(95));
    Ok(())
}
