//! The helm program on releases that the operator keeps: it reads them as its own, and what it changes is brought back.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::scene::{SOON, Scene, hello, hello_spec};
use crate::support::cluster::wait_for;
use crate::support::release::is_ready_at;

#[tokio::test]
async fn helm_reads_releases_as_its_own() -> Result<()> {
    let scene = Scene::start("helm-reads").await?;
    let mut spec = hello_spec("1.0.0");
    spec["values"] = json!({"message": "read me"});
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let helm = |arguments: &[&str]| scene.helm.run(&[arguments, &["-n", &scene.namespace]].concat());
    let json = |arguments: &[&str]| scene.helm.json(&[arguments, &["-n", &scene.namespace]].concat());

    let listed = json(&["list"])?;
    let row = &listed[0];
    assert_eq!(
        (&row["name"], &row["revision"], &row["status"], &row["chart"]),
        (&json!("web"), &json!("1"), &json!("deployed"), &json!("hello-1.0.0"))
    );
    let status = json(&["status", "web"])?;
    assert_eq!((&status["info"]["status"], &status["version"]), (&json!("deployed"), &json!(1)));
    ensure!(helm(&["status", "web"])?.contains("STATUS: deployed"));
    assert_eq!(json(&["get", "values", "web"])?, json!({"message": "read me"}));
    ensure!(json(&["get", "values", "web", "--all"])?.as_object().is_some_and(|all| all.len() > 1));
    let chart = hello().display().to_string();
    let installed = scene.helm.run(&[
        "template",
        "web",
        &chart,
        "-n",
        &scene.namespace,
        "--set",
        "message=read me",
        "--no-hooks",
    ])?;
    assert_eq!(helm(&["get", "manifest", "web"])?.trim_end(), installed.trim_end());
    ensure!(helm(&["get", "hooks", "web"])?.contains("helm.sh/hook: test"), "the chart has a test");
    helm(&["get", "notes", "web"])?;
    ensure!(helm(&["get", "metadata", "web"])?.contains("CHART: hello"));
    ensure!(helm(&["get", "all", "web"])?.contains("read me"));
    assert_eq!(scene.history("web")?, ["1 deployed hello-1.0.0"]);
    ensure!(helm(&["test", "web"])?.contains("Phase:"), "helm test tells of its hooks");
    assert_eq!(scene.history("web")?, ["1 deployed hello-1.0.0"], "a test makes no revision");
    Ok(())
}

#[tokio::test]
async fn what_helm_changes_is_brought_back() -> Result<()> {
    let scene = Scene::start("helm-changes").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let namespace = scene.namespace.clone();
    let revision = |number: u32| {
        let releases = scene.releases();
        async move {
            wait_for(&releases, "web", SOON, &format!("revision {number}"), |release| {
                is_ready_at(release, "1.0.0") && release.data["status"]["history"][0]["version"] == number
            })
            .await
        }
    };
    let chart = hello().display().to_string();
    scene.helm.run(&["upgrade", "web", &chart, "-n", &namespace, "--set", "message=by hand", "--force-conflicts"])?;
    revision(3).await.with_context(|| scene.operator_log())?;
    assert_eq!(scene.helm.json(&["get", "values", "web", "-n", &namespace])?, json!(null));

    scene.helm.run(&["rollback", "web", "2", "-n", &namespace, "--force-conflicts"])?;
    revision(5).await.with_context(|| scene.operator_log())?;

    let before = scene.services().get("web-hello").await?.metadata.uid;
    scene.helm.run(&["uninstall", "web", "-n", &namespace])?;
    let services = scene.services();
    wait_for(&services, "web-hello", SOON, "installed again", |service| {
        service.metadata.uid != before && service.metadata.deletion_timestamp.is_none()
    })
    .await
    .with_context(|| scene.operator_log())?;
    scene.ready("web", "1.0.0").await?;
    let listed = scene.helm.json(&["list", "-n", &namespace])?;
    assert_eq!(listed[0]["status"], "deployed");
    Ok(())
}
