//! Expressions in CEL: when objects are healthy, when a dependency is ready. Behaviour as Flux's helm-controller 1.6 documents it.

use std::time::{Duration, Instant};

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::wait_for;
use crate::support::release::{condition, has_condition};

/// A spec whose ConfigMap is judged by this check.
fn checked(check: &Value) -> Value {
    let mut spec = hello_spec("1.0.0");
    let mut of_config_maps = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    json_patch::merge(&mut of_config_maps, check);
    spec["healthCheckExprs"] = json!([of_config_maps]);
    spec
}

async fn patch_metadata<K>(api: &Api<K>, name: &str, metadata: Value) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"metadata": metadata}))).await?;
    Ok(())
}

#[tokio::test]
async fn a_release_is_ready_when_its_health_checks_say_so() -> Result<()> {
    let scene = Scene::start("healthy").await?;
    let current = "has(metadata.annotations) && 'rhumb.test/fine' in metadata.annotations";
    scene.apply_release("web", &checked(&json!({"current": current}))).await?;
    let services = scene.services();
    wait_for(&services, "web-hello", SOON, "there", |_| true).await?;
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&maps, "web-hello", SOON, "there", |_| true).await?;
    let waiting = scene.releases().get("web").await?;
    assert!(!has_condition(&waiting, "Ready", "True"), "ready although the check does not hold");
    patch_metadata(&maps, "web-hello", json!({"annotations": {"rhumb.test/fine": "yes"}})).await?;
    scene.ready("web", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn a_health_check_that_fails_ends_the_wait_at_once() -> Result<()> {
    let scene = Scene::start("unhealthy").await?;
    let mut spec = checked(&json!({"failed": "true", "current": "false"}));
    spec["timeout"] = json!("5m");
    scene.apply_release("web", &spec).await?;
    let release = scene.release_is("web", "failed", |release| has_condition(release, "Released", "False")).await?;
    let message = condition(&release, "Ready").map(|ready| ready["message"].to_string()).unwrap_or_default();
    assert!(message.contains("ConfigMap") && message.contains("web-hello"), "{message}");
    Ok(())
}

#[tokio::test]
async fn an_expression_that_is_wrong_stalls_the_release() -> Result<()> {
    let scene = Scene::start("expression").await?;
    scene.apply_release("web", &checked(&json!({"current": "data."}))).await?;
    let mut behind = hello_spec("1.0.0");
    behind["dependsOn"] = json!([{"name": "web", "readyExpr": "other.metadata.name == 'web'"}]);
    scene.apply_release("behind", &behind).await?;
    for (name, field) in [("web", "spec.healthCheckExprs"), ("behind", "readyExpr")] {
        let release = scene.release_is(name, "stalled", |release| has_condition(release, "Stalled", "True")).await?;
        let stalled = condition(&release, "Stalled").cloned().unwrap_or_default();
        assert_eq!(stalled["reason"], "InvalidCELExpression");
        assert!(stalled["message"].to_string().contains(field), "{stalled}");
    }
    Ok(())
}

#[tokio::test]
async fn with_the_gate_of_flux_a_dependency_must_be_ready_as_well() -> Result<()> {
    let mut scene = Scene::prepare("additive").await?;
    let mut options = scene.operator_options();
    options.flags.push("--feature-gates=AdditiveCELDependencyCheck=true".to_owned());
    scene.start_operator_with(&options).await?;
    let mut back = hello_spec("1.0.0");
    back["suspend"] = json!(true);
    scene.apply_release("back", &back).await?;
    let mut front = hello_spec("1.0.0");
    front["dependsOn"] = json!([{"name": "back", "readyExpr": "dep.metadata.name == 'back'"}]);
    scene.apply_release("front", &front).await?;
    let is_waiting = |release: &kube::api::DynamicObject| {
        condition(release, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady")
    };
    wait_for(&scene.releases(), "front", SOON, "waiting for its dependency", is_waiting).await?;
    back["suspend"] = json!(false);
    scene.apply_release("back", &back).await?;
    scene.ready("front", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn a_dependency_is_ready_when_its_expression_says_so() -> Result<()> {
    let scene = Scene::start("ready-expr").await?;
    scene.apply_release("back", &hello_spec("1.0.0")).await?;
    scene.ready("back", "1.0.0").await?;
    let mut spec = hello_spec("1.0.0");
    let expression = "has(dep.metadata.labels) && dep.metadata.labels['stage'] == self.metadata.labels['stage']";
    spec["dependsOn"] = json!([{"name": "back", "readyExpr": expression}]);
    scene.apply_release("front", &spec).await?;
    let is_waiting = |release: &kube::api::DynamicObject| {
        condition(release, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady")
    };
    wait_for(&scene.releases(), "front", SOON, "waiting for its dependency", is_waiting).await?;
    patch_metadata(&scene.releases(), "front", json!({"labels": {"stage": "two"}})).await?;
    let began = Instant::now();
    patch_metadata(&scene.releases(), "back", json!({"labels": {"stage": "two"}})).await?;
    scene.ready("front", "1.0.0").await?;
    // The watch woke it; the poll for dependencies would have taken 30 s.
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    Ok(())
}
