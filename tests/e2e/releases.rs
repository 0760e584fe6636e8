//! The life of a release, from its installation to its end, with helm as the witness.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kube::api::DeleteParams;
use serde_json::json;

use crate::scene::{SOON, Scene, hello, hello_spec};
use crate::support::cluster::{wait_for, wait_gone};
use crate::support::registry::Registry;
use crate::support::release::has_condition;

#[tokio::test]
async fn installs_from_an_http_repository_what_helm_would() -> Result<()> {
    let scene = Scene::start("http").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    assert_eq!(scene.history("web")?, ["1 deployed hello-1.0.0"]);
    let stored = scene.helm.run(&["get", "manifest", "web", "-n", &scene.namespace])?;
    let chart = hello().display().to_string();
    let rendered = scene.helm.run(&["template", "web", &chart, "-n", &scene.namespace, "--no-hooks"])?;
    assert_eq!(stored.trim_end(), rendered.trim_end());
    Ok(())
}

#[tokio::test]
async fn installs_from_an_oci_registry() -> Result<()> {
    let scene = Scene::start("oci").await?;
    let registry = Registry::start().await?;
    scene.helm.push(&scene.charts.path().join("hello-1.0.0.tgz"), &registry, "charts")?;
    let spec = json!({
        "url": registry.url("charts/hello"),
        "ref": {"tag": "1.0.0"},
        "interval": "10m",
        "insecure": true,
    });
    scene.apply_source("OCIRepository", "hello", &spec).await?;
    let reference = json!({"kind": "OCIRepository", "name": "hello"});
    scene.apply_release("web", &json!({"timeout": "30s", "chartRef": reference})).await?;
    let release = scene.release_is("web", "ready", |release| has_condition(release, "Ready", "True")).await?;
    // Flux appends the start of the artifact's digest to the version of a chart that an OCIRepository serves.
    let version = release.data["status"]["history"][0]["chartVersion"].as_str().unwrap_or_default();
    assert!(version.starts_with("1.0.0"), "{version}");
    assert_eq!(scene.history("web")?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn upgrades_when_the_version_changes() -> Result<()> {
    let scene = Scene::start("upgrade").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    scene.ready("web", "1.1.0").await?;
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.1.0"]);
    Ok(())
}

#[tokio::test]
async fn failing_upgrade_rolls_back() -> Result<()> {
    let scene = Scene::start("rollback").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let mut spec = hello_spec("1.1.0");
    spec["timeout"] = json!("3s");
    spec["upgrade"] = json!({"remediation": {"remediateLastFailure": true}});
    spec["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}});
    scene.apply_release("web", &spec).await?;
    let release =
        scene.release_is("web", "rolled back", |release| has_condition(release, "Remediated", "True")).await?;
    assert!(has_condition(&release, "Ready", "False"));
    assert!(has_condition(&release, "Stalled", "True"), "no retry is left");
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 failed hello-1.1.0", "3 deployed hello-1.0.0"]);
    Ok(())
}

#[tokio::test]
async fn deleted_service_is_back_within_two_seconds() -> Result<()> {
    let scene = Scene::start("drift").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let services = scene.services();
    let before = services.get("web-hello").await?.metadata.uid;
    let deleted = Instant::now();
    services.delete("web-hello", &DeleteParams::default()).await?;
    wait_for(&services, "web-hello", SOON, "back", |service| service.metadata.uid != before)
        .await
        .with_context(|| scene.operator_log())?;
    let took = deleted.elapsed();
    assert!(took < Duration::from_secs(2), "it took {took:?}");
    assert_eq!(scene.history("web")?, ["1 deployed hello-1.0.0"], "a correction makes no revision");
    Ok(())
}

#[tokio::test]
async fn deleting_the_release_uninstalls_it() -> Result<()> {
    let scene = Scene::start("uninstall").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await.with_context(|| scene.operator_log())?;
    assert!(scene.services().get_opt("web-hello").await?.is_none());
    let left = scene.helm.json(&["list", "-n", &scene.namespace])?;
    assert_eq!(left, json!([]));
    Ok(())
}

#[tokio::test]
async fn rollback_by_hand_is_noticed_and_undone() -> Result<()> {
    let scene = Scene::start("by-hand").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    scene.ready("web", "1.1.0").await?;
    // The fields belong to the operator's manager, so helm has to be told to take them.
    scene.helm.run(&["rollback", "web", "1", "-n", &scene.namespace, "--force-conflicts"])?;
    scene.reconcile("web", "after the rollback").await?;
    let release = scene.ready("web", "1.1.0").await?;
    assert_eq!(release.data["status"]["history"][0]["version"], 4);
    assert_eq!(scene.history("web")?[2..], ["3 superseded hello-1.0.0", "4 deployed hello-1.1.0"]);
    Ok(())
}

#[tokio::test]
async fn requested_reconcile_without_work_writes_its_token_only() -> Result<()> {
    let scene = Scene::start("no-op").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    // What follows an install, such as a status of its source, is over once a first request has been handled.
    scene.reconcile("web", "first").await?;
    let Some(audit) = scene.cluster.audit() else {
        eprintln!("skipped: the audit log of this cluster is not ours");
        return Ok(());
    };
    let downloads = scene.repository.requests("hello-1.0.0.tgz");
    // Two of them, so that a late write of the first one would be seen.
    scene.reconcile("web", "second").await?;
    scene.reconcile("web", "third").await?;
    let requests = audit.requests_with(2, "helmreleases/status", |touched| touched == scene.namespace).await?;
    assert_eq!((requests.writes(), requests.reads()), (2, 0), "{requests}");
    assert_eq!(scene.repository.requests("hello-1.0.0.tgz"), downloads);
    Ok(())
}
