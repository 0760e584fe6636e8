//! Releases in other clusters, by `spec.kubeConfig`. The other cluster is the same one, seen through a kubeconfig of its own: the operator
//! watches one namespace by itself, and everything in the other namespace it can only know by the kubeconfig.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{Api, DeleteParams, DynamicObject};
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

/// A ConfigMap that describes the way to the same cluster.
async fn write_config(scene: &Scene, more: &Value) -> Result<()> {
    let text = std::fs::read_to_string(scene.cluster.kubeconfig())?;
    let config: Value = serde_yaml::from_str(&text)?;
    let cluster = &config["clusters"][0]["cluster"];
    let authority = std::fs::read_to_string(cluster["certificate-authority"].as_str().unwrap_or_default())?;
    let mut data = json!({
        "provider": "generic",
        "address": cluster["server"],
        "ca.crt": authority,
        // What the API server of the tests takes; by itself the address would be asked for.
        "audiences": "https://kubernetes.default.svc\n",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        data[key] = value.clone();
    }
    let metadata = json!({"name": "remote", "namespace": scene.namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})).await?;
    Ok(())
}

/// Waits until `web` is refused with these words.
async fn refused_with(scene: &Scene, words: &str) -> Result<()> {
    let met = |release: &DynamicObject| {
        let ready = condition(release, "Ready").cloned().unwrap_or_default();
        ready["status"] == "False" && ready["message"].as_str().is_some_and(|message| message.contains(words))
    };
    wait_for(&scene.releases(), "web", SOON, words, met).await.with_context(|| scene.operator_log())?;
    Ok(())
}

#[tokio::test]
async fn a_release_goes_to_the_cluster_of_its_config_map_by_the_token_of_a_service_account() -> Result<()> {
    let mut scene = Scene::prepare("workload").await?;
    let there = scene.cluster.namespace(&scene.client, "there").await?;
    let mut options = scene.operator_options();
    options.flags.extend(["--default-kubeconfig-service-account=traveller", "--max-retry-delay=2s"].map(str::to_owned));
    scene.start_operator_with(&options).await?;
    write_config(&scene, &json!({"provider": "aws"})).await?;
    let mut spec = remote_spec(&there);
    spec["kubeConfig"] = json!({"configMapRef": {"name": "remote"}});
    scene.apply_release("web", &spec).await?;
    refused_with(&scene, "the cloud's own library").await?;

    write_config(&scene, &json!({})).await?;
    scene.reconcile_soon("web", "generic").await?;
    refused_with(&scene, &format!("no token for ServiceAccount '{}/traveller'", scene.namespace)).await?;
    let account = json!({"name": "traveller", "namespace": scene.namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})).await?;
    // It gets there, and may do nothing yet.
    refused_with(&scene, &format!("system:serviceaccount:{}:traveller", scene.namespace)).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-traveller", scene.namespace)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "traveller", "namespace": scene.namespace}],
    });
    apply(&scene.client, &binding).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(scene.helm.history(&there, "web")?, ["1 deployed hello-1.0.0"]);

    // As with a kubeconfig, its watches see what happens there.
    let services: Api<Service> = Api::namespaced(scene.client.clone(), &there);
    let old = services.get("web-hello").await?.metadata.uid;
    services.delete("web-hello", &DeleteParams::default()).await?;
    wait_for(&services, "web-hello", SOON, "back", |service| service.metadata.uid != old).await?;

    // The account that the ConfigMap names comes before the default.
    write_config(&scene, &json!({"serviceAccountName": "nobody"})).await?;
    scene.reconcile_soon("web", "nobody").await?;
    refused_with(&scene, &format!("no token for ServiceAccount '{}/nobody'", scene.namespace)).await?;
    Ok(())
}
