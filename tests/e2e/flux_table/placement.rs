//! What ends up where: namespaces, names, values, references, patches, accounts, custom resource definitions.

use anyhow::{Context as _, Result};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject};
use serde_json::{Value, json};

use super::{package, prepared, scene, spec};
use crate::scene::{SOON, Scene};
use crate::support::cluster::{apply, wait_for, wait_gone};
use crate::support::registry::Registry;
use crate::support::release::has_condition;

fn is_ready_at_revision(release: &DynamicObject, revision: u64) -> bool {
    has_condition(release, "Ready", "True") && release.data["status"]["history"][0]["version"] == revision
}

async fn apply_secret_or_map(scene: &Scene, kind: &str, name: &str, data: Value) -> Result<()> {
    let field = if kind == "Secret" { "stringData" } else { "data" };
    let metadata = json!({"name": name, "namespace": scene.namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})).await?;
    Ok(())
}

#[tokio::test]
async fn status_has_its_default_before_any_controller_runs() -> Result<()> {
    let scene = prepared("defaults").await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({}))).await?;
    let release = scene.releases().get("web").await?;
    assert_eq!(release.data["status"], json!({"observedGeneration": -1}));
    Ok(())
}

#[tokio::test]
async fn inventory_names_what_was_applied() -> Result<()> {
    let scene = scene("inventory").await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({}))).await?;
    let release = scene.ready("web", "1.0.0").await?;
    let entries = release.data["status"]["inventory"]["entries"].as_array().context("no inventory")?;
    let id = format!("{}_web-app_apps_Deployment", scene.namespace);
    assert!(entries.contains(&json!({"id": id, "v": "v1"})), "{entries:?}");
    Ok(())
}

#[tokio::test]
async fn a_hook_job_that_is_gone_at_once_does_not_break_the_wait() -> Result<()> {
    let scene = scene("job-ttl").await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({"values": {"migrate": true}}))).await?;
    scene.ready("web", "1.0.0").await?;
    let jobs: Api<Job> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_gone(&jobs, "web-migrate", SOON).await
}

#[tokio::test]
async fn values_are_merged_in_order_with_paths_and_keys() -> Result<()> {
    let scene = scene("valuesfrom").await?;
    let base = "hosts: [{name: first}, {name: second}]\ncolor: red\nkept: true\n";
    apply_secret_or_map(&scene, "ConfigMap", "base", json!({"values.yaml": base, "single": "blue"})).await?;
    apply_secret_or_map(&scene, "Secret", "more", json!({"domain": "example.com", "port": "8080"})).await?;
    let values_from = json!([
        {"kind": "ConfigMap", "name": "base"},
        {"kind": "Secret", "name": "more", "valuesKey": "domain", "targetPath": "hosts[1].name"},
        {"kind": "Secret", "name": "more", "valuesKey": "port", "targetPath": "annotations.example\\.com/port"},
        {"kind": "ConfigMap", "name": "base", "valuesKey": "single", "targetPath": "color"},
        {"kind": "ConfigMap", "name": "none", "optional": true},
    ]);
    let more = json!({"valuesFrom": values_from, "values": {"replicas": 1, "color": "green"}});
    scene.apply_release("web", &spec("app", "1.0.0", &more)).await?;
    scene.ready("web", "1.0.0").await?;
    let values = scene.helm.json(&["get", "values", "web", "-n", &scene.namespace])?;
    let expected = json!({
        "annotations": {"example.com/port": 8080},
        "color": "green",
        "hosts": [{"name": "first"}, {"name": "example.com"}],
        "kept": true,
        "replicas": 1,
    });
    assert_eq!(values, expected);
    Ok(())
}

#[tokio::test]
async fn the_target_namespace_is_part_of_the_name() -> Result<()> {
    let scene = scene("target").await?;
    let target = format!("{}-there", scene.namespace);
    let more = json!({"targetNamespace": target, "install": {"createNamespace": true}});
    scene.apply_release("web", &spec("app", "1.0.0", &more)).await?;
    scene.ready("web", "1.0.0").await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &target);
    deployments.get(&format!("{target}-web-app")).await?;
    // The record stays with the HelmRelease.
    assert_eq!(scene.history(&format!("{target}-web"))?, ["1 deployed app-1.0.0"]);
    Ok(())
}

#[tokio::test]
async fn charts_are_taken_by_reference_and_followed() -> Result<()> {
    let scene = scene("references").await?;
    let chart = json!({
        "chart": "app",
        "version": "1.0.0",
        "interval": "10m",
        "sourceRef": {"kind": "HelmRepository", "name": "charts"},
    });
    scene.apply_source("HelmChart", "app", &chart).await?;
    let by = |kind: &str| json!({"timeout": "30s", "chartRef": {"kind": kind, "name": "app"}});
    scene.apply_release("by-chart", &by("HelmChart")).await?;
    scene.ready("by-chart", "1.0.0").await?;

    let registry = Registry::start().await?;
    scene.helm.push(&scene.charts.path().join("app-1.0.0.tgz"), &registry, "charts")?;
    let source = |tag: &str| json!({"url": registry.url("charts/app"), "ref": {"semver": tag}, "interval": "10m", "insecure": true});
    scene.apply_source("OCIRepository", "app", &source("1.0.0")).await?;
    scene.apply_release("by-oci", &by("OCIRepository")).await?;
    scene.release_is("by-oci", "installed", |release| is_ready_at_revision(release, 1)).await?;
    package(&scene, "app", "1.1.0", &[])?;
    scene.helm.push(&scene.charts.path().join("app-1.1.0.tgz"), &registry, "charts")?;
    scene.apply_source("OCIRepository", "app", &source(">=1.1.0")).await?;
    let release = scene.release_is("by-oci", "upgraded", |release| is_ready_at_revision(release, 2)).await?;
    let version = release.data["status"]["history"][0]["chartVersion"].as_str().unwrap_or_default();
    assert!(version.starts_with("1.1.0+"), "{version}");
    Ok(())
}

#[tokio::test]
async fn post_renderers_change_what_is_applied() -> Result<()> {
    let scene = scene("post-render").await?;
    let strategic = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-app\n  labels:\n    xxxx: yyyy\n";
    let json6902 = "- op: add\n  path: /metadata/labels/yyyy\n  value: xxxx\n";
    let patches = json!([
        {"patch": strategic},
        {"target": {"kind": "Deployment", "name": "web-app"}, "patch": json6902},
    ]);
    let more = json!({"postRenderers": [{"kustomize": {"patches": patches}}]});
    scene.apply_release("web", &spec("app", "1.0.0", &more)).await?;
    scene.ready("web", "1.0.0").await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let labels = deployments.get("web-app").await?.metadata.labels.unwrap_or_default();
    assert_eq!(
        (labels.get("xxxx").map(String::as_str), labels.get("yyyy").map(String::as_str)),
        (Some("yyyy"), Some("xxxx"))
    );
    Ok(())
}

/// A ServiceAccount that may do anything with Deployments, Jobs, Pods and Secrets of the namespace, and nothing else.
async fn apply_account(scene: &Scene) -> Result<()> {
    let metadata = json!({"name": "worker", "namespace": scene.namespace});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "worker"});
    let subject = json!({"kind": "ServiceAccount", "name": "worker", "namespace": scene.namespace});
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["*"]},
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["secrets", "pods", "events"], "verbs": ["*"]},
    ]);
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "subjects": [subject],
            "roleRef": role,
        }),
    ] {
        apply(&scene.client, &object).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_account_can_do_no_more_than_its_role() -> Result<()> {
    let scene = scene("impersonation").await?;
    apply_account(&scene).await?;
    let as_worker = |more: Value| spec("app", "1.0.0", &json!({"serviceAccountName": "worker", "values": more}));
    scene.apply_release("allowed", &as_worker(json!({}))).await?;
    scene.apply_release("forbidden", &as_worker(json!({"autoscaler": true}))).await?;
    scene.ready("allowed", "1.0.0").await?;
    let failed = |release: &DynamicObject| {
        has_condition(release, "Ready", "False") && has_condition(release, "Released", "False")
    };
    let release =
        wait_for(&scene.releases(), "forbidden", SOON, "failed", failed).await.with_context(|| scene.operator_log())?;
    let text = release.data["status"]["conditions"].to_string();
    assert!(text.contains("horizontalpodautoscalers") && text.contains("worker"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_namespace_with_its_account_and_release_can_be_deleted() -> Result<()> {
    let scene = scene("delete-ns").await?;
    apply_account(&scene).await?;
    scene.apply_release("web", &spec("app", "1.0.0", &json!({"serviceAccountName": "worker"}))).await?;
    scene.ready("web", "1.0.0").await?;
    let namespaces: Api<Namespace> = Api::all(scene.client.clone());
    namespaces.delete(&scene.namespace, &DeleteParams::default()).await?;
    wait_gone(&namespaces, &scene.namespace, SOON).await.with_context(|| scene.operator_log())
}

/// A custom resource definition with one field.
fn definition(group: &str, name: &str, field: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}s.{group}}}\nspec:\n  \
         group: {group}\n  scope: Namespaced\n  names: {{kind: {name}, plural: {name}s, singular: {name}}}\n  versions:\n  \
         - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        \
         properties: {{{field}: {{type: string}}}}\n"
    )
}

/// The field of a definition; none if it is not there.
async fn field_of(scene: &Scene, group: &str, name: &str) -> Result<Option<String>> {
    let definitions: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let found = definitions.get_opt(&format!("{name}s.{group}")).await?;
    let schema = found.and_then(|found| found.spec.versions.into_iter().next()?.schema?.open_api_v3_schema);
    Ok(schema.and_then(|schema| schema.properties?.into_keys().next()))
}

#[tokio::test]
async fn custom_resource_definitions_follow_their_policy() -> Result<()> {
    let scene = prepared("crds").await?;
    let group = format!("{}.rhumb.test", scene.namespace);
    let crd = |name: &str, field: &str| definition(&group, name, field);
    package(&scene, "crds", "1.0.0", &[("crds/a.yaml", &crd("alpha", "old"))])?;
    let second = [crd("alpha", "new"), crd("beta", "new")];
    package(&scene, "crds", "2.0.0", &[("crds/a.yaml", &second[0]), ("crds/b.yaml", &second[1])])?;
    let mut scene = scene;
    scene.start_operator().await?;
    let policy = |version: &str, policy: &str| {
        spec("crds", version, &json!({"install": {"crds": policy}, "upgrade": {"crds": policy}}))
    };
    let fields = async || -> Result<(Option<String>, Option<String>)> {
        Ok((field_of(&scene, &group, "alpha").await?, field_of(&scene, &group, "beta").await?))
    };
    let some = |text: &str| Some(text.to_owned());
    scene.apply_release("web", &policy("1.0.0", "Skip")).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(fields().await?, (None, None));
    scene.apply_release("other", &policy("1.0.0", "Create")).await?;
    scene.ready("other", "1.0.0").await?;
    assert_eq!(fields().await?, (some("old"), None));
    scene.apply_release("other", &policy("2.0.0", "Create")).await?;
    scene.ready("other", "2.0.0").await?;
    assert_eq!(fields().await?, (some("old"), some("new")));
    scene.apply_release("web", &policy("2.0.0", "CreateReplace")).await?;
    scene.ready("web", "2.0.0").await?;
    assert_eq!(fields().await?, (some("new"), some("new")));
    Ok(())
}

#[tokio::test]
async fn a_renamed_chart_is_reinstalled_or_upgraded_in_place() -> Result<()> {
    let scene = scene("rename").await?;
    package(&scene, "renamed", "1.0.0", &[])?;
    scene.apply_source("HelmRepository", "all", &json!({"url": scene.repository.url(), "interval": "10m"})).await?;
    for (name, strategy, history) in [
        ("default", Value::Null, &["1 deployed renamed-1.0.0"][..]),
        ("reinstall", json!("Reinstall"), &["1 deployed renamed-1.0.0"]),
        ("inplace", json!("InPlaceUpdate"), &["1 superseded app-1.0.0", "2 deployed renamed-1.0.0"]),
    ] {
        let mut first = spec("app", "1.0.0", &json!({"upgrade": {"chartNameChangeStrategy": strategy}}));
        if strategy.is_null() {
            first["upgrade"] = json!({});
        }
        first["chart"]["spec"]["sourceRef"]["name"] = json!("all");
        scene.apply_release(name, &first).await?;
        scene.ready(name, "1.0.0").await?;
        let mut second = first;
        second["chart"]["spec"]["chart"] = json!("renamed");
        scene.apply_release(name, &second).await?;
        scene
            .release_is(name, "renamed", |release| {
                has_condition(release, "Ready", "True")
                    && release.data["status"]["history"][0]["chartName"] == "renamed"
            })
            .await?;
        assert_eq!(scene.history(name)?, history, "{name}");
    }
    Ok(())
}
