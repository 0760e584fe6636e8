//! What Flux's end-to-end tests leave out: requests by annotation, retries without remediation, forbidden references, storage, history,
//! post-renderers of images and metadata, hooks in order, metrics. Expected as Flux's helm-controller 1.6 documents it.

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::json;

use super::{package, prepared, scene, spec};
use crate::scene::{SOON, Scene};
use crate::support::cluster::wait_for;
use crate::support::release::{condition, has_condition};

async fn annotate(scene: &Scene, name: &str, annotations: serde_json::Value) -> Result<()> {
    let patch = json!({"metadata": {"annotations": annotations}});
    scene.releases().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

#[tokio::test]
async fn a_release_is_forced_and_its_failures_forgotten_on_request() -> Result<()> {
    let scene = scene("requests").await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({}))).await?;
    scene.ready("web", "1.0.0").await?;
    let token = json!({"reconcile.fluxcd.io/requestedAt": "one", "reconcile.fluxcd.io/forceAt": "one"});
    annotate(&scene, "web", token).await?;
    let forced = |release: &DynamicObject| {
        has_condition(release, "Ready", "True") && release.data["status"]["lastHandledForceAt"] == "one"
    };
    scene.release_is("web", "forced", forced).await?;
    assert_eq!(scene.history("web")?, ["1 superseded app-1.0.0", "2 deployed app-1.0.0"]);

    let mut failing = spec("app", "1.0.0", &json!({"values": {"faults": {"unready": true}}}));
    failing["timeout"] = json!("2s");
    scene.apply_release("stuck", &failing).await?;
    let stalled = |release: &DynamicObject| has_condition(release, "Stalled", "True");
    wait_for(&scene.releases(), "stuck", SOON, "stalled", stalled).await.with_context(|| scene.operator_log())?;
    let token = json!({"reconcile.fluxcd.io/requestedAt": "two", "reconcile.fluxcd.io/resetAt": "two"});
    annotate(&scene, "stuck", token).await?;
    let tried_again = |release: &DynamicObject| {
        stalled(release)
            && release.data["status"]["lastHandledResetAt"] == "two"
            && release.data["status"]["lastHandledReconcileAt"] == "two"
    };
    wait_for(&scene.releases(), "stuck", SOON, "tried again", tried_again)
        .await
        .with_context(|| scene.operator_log())?;
    // The failures were counted anew, so there was one more try.
    assert_eq!(scene.history("stuck")?, ["1 failed app-1.0.0", "2 failed app-1.0.0"]);
    Ok(())
}

#[tokio::test]
async fn a_failed_upgrade_is_tried_again_without_remediation() -> Result<()> {
    let scene = scene("retry-on-failure").await?;
    let strategy = json!({"upgrade": {"strategy": {"name": "RetryOnFailure", "retryInterval": "1s"}}});
    scene.apply_release("web", &spec("app", "1.0.0", &strategy)).await?;
    scene.ready("web", "1.0.0").await?;
    let mut failing = strategy.clone();
    failing["values"] = json!({"faults": {"unready": true}});
    let mut failing = spec("app", "1.0.0", &failing);
    failing["timeout"] = json!("1s");
    scene.apply_release("web", &failing).await?;
    let tried = |release: &DynamicObject| {
        has_condition(release, "Ready", "False") && release.data["status"]["history"][0]["version"].as_u64() >= Some(4)
    };
    let release = wait_for(&scene.releases(), "web", SOON, "tried three times", tried)
        .await
        .with_context(|| scene.operator_log())?;
    assert!(!has_condition(&release, "Stalled", "True") && !has_condition(&release, "Remediated", "True"));
    scene.apply_release("web", &spec("app", "1.0.0", &strategy)).await?;
    scene.ready("web", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn references_to_other_namespaces_can_be_forbidden() -> Result<()> {
    let mut scene = prepared("acl").await?;
    let mut options = scene.operator_options();
    options.flags.push("--no-cross-namespace-refs=true".to_owned());
    scene.start_operator_with(&options).await?;
    let mut spec = spec("app", "1.0.0", &json!({}));
    spec["chart"]["spec"]["sourceRef"]["namespace"] = json!("elsewhere");
    scene.apply_release("web", &spec).await?;
    let denied = |release: &DynamicObject| {
        has_condition(release, "Stalled", "True")
            && condition(release, "Ready").is_some_and(|ready| ready["reason"] == "AccessDenied")
    };
    wait_for(&scene.releases(), "web", SOON, "denied", denied).await.with_context(|| scene.operator_log())?;
    Ok(())
}

#[tokio::test]
async fn records_lie_where_and_as_many_as_asked_for() -> Result<()> {
    let scene = scene("storage").await?;
    let storage = scene.cluster.namespace(&scene.client, "storage-there").await?;
    for replicas in 1..=3 {
        let more = json!({"storageNamespace": storage, "maxHistory": 2, "values": {"replicas": replicas}});
        scene.apply_release("web", &spec("app", "1.0.0", &more)).await?;
        let installed = |release: &DynamicObject| {
            has_condition(release, "Ready", "True") && release.data["status"]["history"][0]["version"] == replicas
        };
        scene.release_is("web", "deployed", installed).await?;
    }
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &storage);
    let found = secrets.list(&ListParams::default().labels("owner=helm,name=web")).await?;
    let names: Vec<_> = found.items.iter().filter_map(|secret| secret.metadata.name.as_deref()).collect();
    assert_eq!(names, ["sh.helm.release.v1.web.v2", "sh.helm.release.v1.web.v3"]);
    assert_eq!(scene.helm.history(&storage, "web")?, ["2 superseded app-1.0.0", "3 deployed app-1.0.0"]);
    let release = scene.releases().get("web").await?;
    assert_eq!(release.data["status"]["storageNamespace"], storage.as_str());
    Ok(())
}

#[tokio::test]
async fn images_and_common_metadata_are_set() -> Result<()> {
    let scene = scene("metadata").await?;
    let images = json!([{"name": "nginx", "newName": "mirror.test/nginx", "newTag": "1.2.3"}]);
    let more = json!({
        "postRenderers": [{"kustomize": {"images": images}}],
        "commonMetadata": {"labels": {"team": "web"}, "annotations": {"owner": "ann"}},
    });
    scene.apply_release("web", &spec("app", "1.0.0", &more)).await?;
    scene.ready("web", "1.0.0").await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let found = deployments.get("web-app").await?;
    let labels = found.metadata.labels.unwrap_or_default();
    let annotations = found.metadata.annotations.unwrap_or_default();
    assert_eq!(labels.get("team").map(String::as_str), Some("web"));
    assert_eq!(annotations.get("owner").map(String::as_str), Some("ann"));
    let pod = found.spec.and_then(|spec| spec.template.spec).context("a Deployment has pods")?;
    assert_eq!(pod.containers[0].image.as_deref(), Some("mirror.test/nginx:1.2.3"));
    Ok(())
}

#[tokio::test]
async fn hooks_run_in_order_and_go_as_their_policies_say() -> Result<()> {
    let scene = prepared("hooks").await?;
    let hook = |name: &str, weight: i32, policy: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: pre-install\n    \
             helm.sh/hook-weight: '{weight}'\n    helm.sh/hook-delete-policy: {policy}\n"
        )
    };
    let hooks = [
        hook("last", 10, "before-hook-creation"),
        hook("first", -5, "before-hook-creation"),
        hook("gone", 0, "hook-succeeded"),
    ];
    package(&scene, "hooks", "1.0.0", &[("templates/hooks.yaml", &hooks.join("---\n"))])?;
    let mut scene = scene;
    scene.start_operator().await?;
    scene.apply_release("web", &spec("hooks", "1.0.0", &json!({}))).await?;
    scene.ready("web", "1.0.0").await?;
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    assert!(maps.get_opt("gone").await?.is_none());
    let version = async |name: &str| -> Result<u64> {
        let found = maps.get(name).await?;
        Ok(found.metadata.resource_version.unwrap_or_default().parse()?)
    };
    assert!(version("first").await? < version("last").await?);
    Ok(())
}

#[tokio::test]
async fn metrics_tell_of_a_release_by_the_names_that_flux_has() -> Result<()> {
    let scene = scene("metrics").await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({}))).await?;
    scene.ready("web", "1.0.0").await?;
    let metrics = scene.metrics().await?;
    let of_web = |name: &str| {
        let namespace = format!("\"{}\"", scene.namespace);
        metrics.lines().any(|line| line.starts_with(name) && line.contains("\"web\"") && line.contains(&namespace))
    };
    for name in ["gotk_reconcile_duration_seconds_count{", "gotk_resource_info{"] {
        assert!(of_web(name), "{name} is missing in {metrics}");
    }
    assert!(metrics.contains("controller_runtime_reconcile_total{controller=\"helmrelease\""), "{metrics}");
    Ok(())
}

#[tokio::test]
async fn a_release_that_helm_installed_is_adopted() -> Result<()> {
    let scene = scene("adopt").await?;
    let package = scene.charts.path().join("app-1.0.0.tgz").display().to_string();
    scene.helm.run(&["install", "web", &package, "-n", &scene.namespace])?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({"values": {"replicas": 1}}))).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(scene.history("web")?, ["1 superseded app-1.0.0", "2 deployed app-1.0.0"]);
    Ok(())
}
