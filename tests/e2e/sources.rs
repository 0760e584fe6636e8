//! Where charts and values come from: repositories with a login, repositories that fail, values in ConfigMaps.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Api, DeleteParams, DynamicObject};
use serde_json::json;

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::certificates::Certificates;
use crate::support::chart_server::{ChartServer, Fault};
use crate::support::cluster::{apply, pin, wait_for};
use crate::support::process::temporary_folder;
use crate::support::release::{condition, has_condition};

const PACKAGE: &str = "hello-1.0.0.tgz";

#[tokio::test]
async fn repository_with_a_login_is_read_with_the_secret() -> Result<()> {
    let scene = Scene::start("login").await?;
    let private = ChartServer::start_with_login(scene.charts.path(), "ann", "secret")?;
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": scene.namespace},
        "stringData": {"username": "ann", "password": "secret"},
    });
    apply(&scene.client, &secret).await?;
    let spec = json!({"url": private.url(), "interval": "10m", "secretRef": {"name": "login"}});
    scene.apply_source("HelmRepository", "private", &spec).await?;
    let mut spec = hello_spec("1.0.0");
    spec["chart"]["spec"]["sourceRef"]["name"] = json!("private");
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    assert!(!scene.operator_log().contains("secret\""), "the password is in the log");
    Ok(())
}

#[tokio::test]
async fn a_large_index_is_read_over_tls_with_an_authority_of_its_own() -> Result<()> {
    let scene = Scene::start("large").await?;
    let keys = temporary_folder("rhumb-large-")?;
    let certificates = Certificates::write(keys.path())?;
    let large = ChartServer::start_large(scene.charts.path(), &certificates, 5000)?;
    let mut spec = json!({"url": large.url(), "interval": "10m"});
    scene.apply_source("HelmRepository", "distrusted", &spec).await?;
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "authority", "namespace": scene.namespace},
        "stringData": {"ca.crt": std::fs::read_to_string(&certificates.authority)?},
    });
    apply(&scene.client, &secret).await?;
    spec["certSecretRef"] = json!({"name": "authority"});
    scene.apply_source("HelmRepository", "large", &spec).await?;
    let mut spec = hello_spec("1.x");
    spec["chart"]["spec"]["sourceRef"]["name"] = json!("large");
    for release in ["web", "api"] {
        scene.apply_release(release, &spec).await?;
    }
    for release in ["web", "api"] {
        scene.ready(release, "1.1.0").await?;
    }
    let resource = pin(&scene.client, "source.toolkit.fluxcd.io/v1", "HelmRepository").await?;
    let repositories: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
    let read = repositories.get("large").await?;
    let size = read.data["status"]["artifact"]["size"].as_u64().unwrap_or_default();
    ensure!(size > 10 * 1024 * 1024, "the index has only {size} bytes");
    assert_eq!(large.requests("index.yaml"), 1, "one index does for both");
    wait_for(&repositories, "distrusted", SOON, "refused", |found| {
        let failed = condition(found, "FetchFailed").cloned().unwrap_or_default();
        failed["message"].as_str().is_some_and(|message| message.contains("certificate"))
    })
    .await
    .with_context(|| scene.operator_log())?;
    Ok(())
}

#[tokio::test]
async fn tampered_package_is_refused_until_it_is_whole_again() -> Result<()> {
    let scene = Scene::start("digest").await?;
    scene.repository.set_fault(PACKAGE, Some(Fault::WrongDigest));
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    let refused = wait_for(&scene.releases(), "web", SOON, "refused", |found| has_condition(found, "Ready", "False"))
        .await
        .with_context(|| scene.operator_log())?;
    assert_eq!(refused.data["status"]["history"].as_array(), None);
    scene.repository.set_fault(PACKAGE, None);
    scene.ready("web", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn failing_repository_is_tried_again_until_it_answers() -> Result<()> {
    for fault in [Fault::ServerError, Fault::NotFound, Fault::Truncated] {
        let scene = Scene::start("retry").await?;
        scene.repository.set_fault(PACKAGE, Some(fault));
        scene.apply_release("web", &hello_spec("1.0.0")).await?;
        wait_for(&scene.releases(), "web", SOON, "not ready", |found| has_condition(found, "Ready", "False"))
            .await
            .with_context(|| scene.operator_log())?;
        scene.repository.set_fault(PACKAGE, None);
        scene.ready("web", "1.0.0").await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_selector_decides_which_values_are_watched() -> Result<()> {
    let mut scene = Scene::prepare("unlabelled").await?;
    let mut options = scene.operator_options();
    // What Flux's documentation advises to watch everything but release records.
    options.flags.push("--watch-configs-label-selector=owner!=helm".to_owned());
    scene.start_operator_with(&options).await?;
    let values = |message: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "values", "namespace": scene.namespace},
            "stringData": {"values.yaml": format!("message: {message}")},
        })
    };
    apply(&scene.client, &values("first")).await?;
    let mut spec = hello_spec("1.0.0");
    spec["valuesFrom"] = json!([{"kind": "Secret", "name": "values", "optional": true}]);
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let pages: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let shows = |text: &'static str| {
        wait_for(&pages, "web-hello", SOON, text, move |page| {
            page.data.as_ref().is_some_and(|data| data.values().any(|page| page.contains(text)))
        })
    };
    apply(&scene.client, &values("second")).await?;
    shows("second").await.with_context(|| scene.operator_log())?;
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    secrets.delete("values", &DeleteParams::default()).await?;
    shows("Hello").await.with_context(|| scene.operator_log())?;
    Ok(())
}

#[tokio::test]
async fn labelled_values_reach_the_release_when_they_change() -> Result<()> {
    let scene = Scene::start("values").await?;
    let values = |message: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "values",
                "namespace": scene.namespace,
                "labels": {"reconcile.fluxcd.io/watch": "Enabled"},
            },
            "data": {"values.yaml": format!("message: {message}")},
        })
    };
    apply(&scene.client, &values("first")).await?;
    let mut spec = hello_spec("1.0.0");
    spec["valuesFrom"] = json!([{"kind": "ConfigMap", "name": "values"}]);
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    apply(&scene.client, &values("second")).await?;
    let pages: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&pages, "web-hello", SOON, "changed", |page| {
        page.data.as_ref().is_some_and(|data| data.values().any(|text| text.contains("second")))
    })
    .await
    .with_context(|| scene.operator_log())?;
    let values = scene.helm.json(&["get", "values", "web", "-n", &scene.namespace])?;
    assert_eq!(values["message"], "second");
    Ok(())
}

#[tokio::test]
async fn releases_of_one_repository_fetch_index_and_chart_once() -> Result<()> {
    let mut scene = Scene::prepare("once").await?;
    let names: Vec<String> = (0..30).map(|number| format!("web-{number}")).collect();
    for name in &names {
        scene.apply_release(name, &hello_spec("1.x")).await?;
    }
    scene.start_operator().await?;
    for name in &names {
        scene.ready(name, "1.1.0").await?;
    }
    let asked = ["index.yaml", "hello-1.1.0.tgz", PACKAGE].map(|path| scene.repository.requests(path));
    assert_eq!(asked, [1, 1, 0]);
    Ok(())
}
