//! Releases in other clusters, by `spec.kubeConfig`. The other cluster is the same one, seen through a kubeconfig of its own: the operator
//! watches one namespace by itself, and everything in the other namespace it can only know by the kubeconfig.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::{apply, wait_for, wait_gone};
use crate::support::release::{condition, has_condition};

/// The administrator's kubeconfig with its files' content in it.
fn kubeconfig(scene: &Scene) -> Result<String> {
    let text = std::fs::read_to_string(scene.cluster.kubeconfig())?;
    let mut config: Value = serde_yaml::from_str(&text)?;
    let cluster = config.pointer_mut("/clusters/0/cluster").and_then(Value::as_object_mut).context("no cluster")?;
    if let Some(file) = cluster.remove("certificate-authority") {
        let authority = std::fs::read(file.as_str().unwrap_or_default())?;
        cluster.insert("certificate-authority-data".to_owned(), json!(STANDARD.encode(authority)));
    }
    Ok(config.to_string())
}

async fn write_secret(scene: &Scene, content: &str) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "remote", "namespace": scene.namespace},
        "stringData": {"value": content},
    });
    apply(&scene.client, &secret).await?;
    Ok(())
}

/// A spec for a release in another namespace of the other cluster.
fn remote_spec(namespace: &str) -> Value {
    let mut spec = hello_spec("1.0.0");
    spec["kubeConfig"] = json!({"secretRef": {"name": "remote"}});
    spec["targetNamespace"] = json!(namespace);
    spec["storageNamespace"] = json!(namespace);
    spec["releaseName"] = json!("web");
    spec
}

#[tokio::test]
async fn a_release_lives_in_the_cluster_of_its_kubeconfig() -> Result<()> {
    let scene = Scene::start("remote").await?;
    let there = scene.cluster.namespace(&scene.client, "there").await?;
    scene.apply_release("web", &remote_spec(&there)).await?;
    let is_refused = |release: &kube::api::DynamicObject| {
        let ready = condition(release, "Ready").cloned().unwrap_or_default();
        ready["message"]
            .as_str()
            .is_some_and(|message| message.contains("kubeconfig Secret") && message.contains("not found"))
    };
    wait_for(&scene.releases(), "web", SOON, "refused for want of its kubeconfig", is_refused).await?;
    write_secret(&scene, &kubeconfig(&scene)?).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(scene.helm.history(&there, "web")?, ["1 deployed hello-1.0.0"]);

    // Only the watches of the other cluster see this.
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &there);
    let old = services.get("web-hello").await?.metadata.uid;
    let began = Instant::now();
    services.delete("web-hello", &DeleteParams::default()).await?;
    wait_for(&services, "web-hello", SOON, "back", |service| service.metadata.uid != old).await?;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await?;
    wait_gone(&services, "web-hello", SOON).await?;
    Ok(())
}

#[tokio::test]
async fn a_release_whose_kubeconfig_is_gone_can_be_deleted() -> Result<()> {
    let scene = Scene::start("orphan").await?;
    let there = scene.cluster.namespace(&scene.client, "there").await?;
    write_secret(&scene, &kubeconfig(&scene)?).await?;
    scene.apply_release("web", &remote_spec(&there)).await?;
    scene.ready("web", "1.0.0").await?;
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    secrets.delete("remote", &DeleteParams::default()).await?;
    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await?;
    assert_eq!(scene.helm.history(&there, "web")?, ["1 deployed hello-1.0.0"], "nobody could have uninstalled it");
    Ok(())
}

#[tokio::test]
async fn a_kubeconfig_that_would_run_a_program_is_refused() -> Result<()> {
    let scene = Scene::start("exec").await?;
    let mut config: Value = serde_yaml::from_str(&kubeconfig(&scene)?)?;
    config["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "true"}});
    write_secret(&scene, &config.to_string()).await?;
    scene.apply_release("web", &remote_spec(&scene.namespace)).await?;
    let refused = |release: &kube::api::DynamicObject| has_condition(release, "Ready", "False");
    let release = wait_for(&scene.releases(), "web", SOON, "refused", refused).await?;
    let message = condition(&release, "Ready").map(|ready| ready["message"].to_string()).unwrap_or_default();
    assert!(message.contains("runs a program"), "{message}");
    Ok(())
}
