//! Server-side and client-side apply, and the changes between them, as the managed fields show them.

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use serde_json::{Value, json};

use crate::scene::Scene;

/// How an object was last written by whoever is called like helm: the operations, each once, sorted.
async fn operations(scene: &Scene) -> Result<Vec<String>> {
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let found = deployments.get("web-app").await?;
    let fields = found.metadata.managed_fields.unwrap_or_default();
    let ours = fields.into_iter().filter(|entry| {
        entry.subresource.as_deref().unwrap_or_default().is_empty()
            && entry.manager.as_deref().is_some_and(|manager| manager.contains("helm"))
    });
    let mut operations: Vec<String> = ours.filter_map(|entry| entry.operation).collect();
    operations.sort();
    operations.dedup();
    Ok(operations)
}

/// The method that the record of a revision says.
fn recorded(scene: &Scene, revision: u32) -> Result<String> {
    let all =
        scene.helm.json(&["get", "metadata", "web", "-n", &scene.namespace, "--revision", &revision.to_string()])?;
    Ok(all["applyMethod"].as_str().context("no apply method")?.to_owned())
}

fn with(method: &Value, more: &Value) -> Value {
    let mut spec = super::spec("app", "1.0.0", more);
    spec["install"] = json!({"serverSideApply": method["install"]});
    spec["upgrade"] = json!({"serverSideApply": method["upgrade"], "remediation": {"remediateLastFailure": true}});
    spec["rollback"] = json!({"serverSideApply": "auto"});
    spec
}

/// Installs one way and upgrades another; gives the operations after each.
async fn change(name: &str, install: bool, upgrade: &str) -> Result<(Scene, Vec<String>, Vec<String>)> {
    let scene = super::scene(name).await?;
    let method = json!({"install": install, "upgrade": upgrade});
    let annotated = json!({"values": {"podAnnotations": {"kept": "yes", "removed": "yes"}}});
    scene.apply_release("web", &with(&method, &annotated)).await?;
    scene.ready("web", "1.0.0").await?;
    let before = operations(&scene).await?;
    let without = json!({"values": {"podAnnotations": {"kept": "changed"}}});
    scene.apply_release("web", &with(&method, &without)).await?;
    let is_second = |found: &kube::api::DynamicObject| {
        crate::support::release::has_condition(found, "Ready", "True")
            && found.data["status"]["history"][0]["version"] == 2
    };
    scene.release_is("web", "upgraded", is_second).await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let found = deployments.get("web-app").await?;
    let template = found.spec.context("a Deployment has a spec")?.template;
    let annotations = template.metadata.and_then(|metadata| metadata.annotations).unwrap_or_default();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), ["kept"], "{name}");
    let after = operations(&scene).await?;
    Ok((scene, before, after))
}

#[tokio::test]
async fn client_side_apply_is_kept_and_leaves_updates_only() -> Result<()> {
    let (scene, before, after) = change("csa", false, "auto").await?;
    assert_eq!((before, after), (vec!["Update".to_owned()], vec!["Update".to_owned()]));
    assert_eq!((recorded(&scene, 1)?, recorded(&scene, 2)?), ("csa".to_owned(), "csa".to_owned()));
    Ok(())
}

#[tokio::test]
async fn server_side_apply_is_recorded_and_kept_by_a_rollback() -> Result<()> {
    let (scene, before, after) = change("ssa", true, "auto").await?;
    assert_eq!((before, after), (vec!["Apply".to_owned()], vec!["Apply".to_owned()]));
    assert_eq!((recorded(&scene, 1)?, recorded(&scene, 2)?), ("ssa".to_owned(), "ssa".to_owned()));
    let mut failing =
        with(&json!({"install": true, "upgrade": "auto"}), &json!({"values": {"faults": {"unready": true}}}));
    failing["timeout"] = json!("3s");
    scene.apply_release("web", &failing).await?;
    scene
        .release_is("web", "rolled back", |found| {
            ["Released", "Ready"].iter().all(|kind| crate::support::release::has_condition(found, kind, "False"))
                && crate::support::release::has_condition(found, "Remediated", "True")
        })
        .await?;
    assert_eq!(recorded(&scene, 4)?, "ssa");
    let history = scene.helm.json(&["history", "web", "-n", &scene.namespace])?;
    assert_eq!(history[3]["description"], "Rollback to 2");
    Ok(())
}

#[tokio::test]
async fn server_side_apply_can_be_left() -> Result<()> {
    let (scene, before, after) = change("ssa-csa", true, "disabled").await?;
    assert_eq!(before, ["Apply"]);
    assert!(after.contains(&"Update".to_owned()), "{after:?}");
    assert_eq!(recorded(&scene, 2)?, "csa");
    Ok(())
}

#[tokio::test]
async fn client_side_apply_can_be_left() -> Result<()> {
    let (scene, before, after) = change("csa-ssa", false, "enabled").await?;
    assert_eq!(before, ["Update"]);
    assert!(after.contains(&"Apply".to_owned()), "{after:?}");
    assert_eq!(recorded(&scene, 2)?, "ssa");
    Ok(())
}
