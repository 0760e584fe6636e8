//! Sources of other kinds and other keepers: ExternalArtifacts, Buckets, and all of them beside a controller that keeps them itself.

use anyhow::{Context as _, Result, ensure};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::chart_server::Fault;
use crate::support::cluster::{pin, wait_for};
use crate::support::programs::hex;
use crate::support::release::{condition, has_condition};

const SOURCES: &str = "source.toolkit.fluxcd.io/v1";

/// The objects of a kind of source.
async fn sources(scene: &Scene, kind: &str) -> Result<Api<DynamicObject>> {
    let resource = pin(&scene.client, SOURCES, kind).await?;
    Ok(Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource))
}

/// The artifact that whoever serves the scene's charts says a file is.
fn artifact(scene: &Scene, version: &str, revision: &str) -> Result<Value> {
    let file = format!("hello-{version}.tgz");
    let bytes = std::fs::read(scene.charts.path().join(&file))?;
    Ok(json!({
        "path": format!("made/{file}"),
        "url": format!("{}/{file}", scene.repository.url()),
        "revision": revision,
        "digest": format!("sha256:{}", hex(&Sha256::digest(&bytes))),
        "lastUpdateTime": "2026-01-01T00:00:00Z",
        "size": bytes.len(),
    }))
}

/// Writes a status as the keeper of a source does.
async fn tell(scene: &Scene, kind: &str, name: &str, status: &Value) -> Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    let params = PatchParams { field_manager: Some("keeper".to_owned()), ..PatchParams::default() };
    sources(scene, kind).await?.patch_status(name, &params, &patch).await?;
    Ok(())
}

fn ready(generation: Option<i64>) -> Value {
    json!([{
        "type": "Ready",
        "status": "True",
        "reason": "Succeeded",
        "message": "stored artifact",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": generation,
    }])
}

fn external_spec() -> Value {
    json!({"timeout": "30s", "chartRef": {"kind": "ExternalArtifact", "name": "made"}})
}

#[tokio::test]
async fn an_external_artifact_is_followed_and_its_digest_checked() -> Result<()> {
    let scene = Scene::start("external").await?;
    scene.apply_release("web", &external_spec()).await?;
    let waits = |found: &DynamicObject| {
        let ready = condition(found, "Ready").cloned().unwrap_or_default();
        ready["reason"] == "SourceNotReady" && ready["message"].to_string().contains("does not exist")
    };
    wait_for(&scene.releases(), "web", SOON, "waiting", waits).await.with_context(|| scene.operator_log())?;
    scene
        .apply_source("ExternalArtifact", "made", &json!({"sourceRef": {"kind": "Generator", "name": "made"}}))
        .await?;
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let first = artifact(&scene, "1.0.0", &format!("1.0.0@{digest}"))?;
    tell(&scene, "ExternalArtifact", "made", &json!({"artifact": first, "conditions": ready(None)})).await?;
    let release = scene.release_is("web", "ready", |release| has_condition(release, "Ready", "True")).await?;
    let newest = &release.data["status"]["history"][0];
    assert_eq!((&newest["chartVersion"], &newest["ociDigest"]), (&json!("1.0.0+0123456789ab"), &json!(digest)));
    assert_eq!(release.data["status"]["lastAttemptedRevisionDigest"], digest);

    // A revision without a digest leaves the version alone; that it changed is told by the watch.
    let second = artifact(&scene, "1.1.0", "1.1.0")?;
    tell(&scene, "ExternalArtifact", "made", &json!({"artifact": second})).await?;
    scene.ready("web", "1.1.0").await?;

    // A tag that is a version must be the chart's.
    tell(
        &scene,
        "ExternalArtifact",
        "made",
        &json!({"artifact": artifact(&scene, "1.1.0", &format!("3.0.0@{digest}"))?}),
    )
    .await?;
    let refused = |reason: &'static str| {
        let releases = scene.releases();
        async move {
            wait_for(&releases, "web", SOON, reason, |found| {
                condition(found, "Ready").is_some_and(|ready| ready["reason"] == reason && ready["status"] == "False")
            })
            .await
        }
    };
    let found = refused("ChartMutateError").await.with_context(|| scene.operator_log())?;
    let ready = condition(&found, "Ready").cloned().unwrap_or_default();
    assert!(ready["message"].to_string().contains("does not match chart version 1.1.0"), "{ready}");

    scene.repository.set_fault("hello-1.0.0.tgz", Some(Fault::WrongDigest));
    let mut tampered = artifact(&scene, "1.0.0", "1.0.0")?;
    tampered["url"] = json!(format!("{}/hello-1.0.0.tgz?again", scene.repository.url()));
    tell(&scene, "ExternalArtifact", "made", &json!({"artifact": tampered})).await?;
    let found = refused("ArtifactFailed").await.with_context(|| scene.operator_log())?;
    let ready = condition(&found, "Ready").cloned().unwrap_or_default();
    assert!(ready["message"].to_string().contains("does not match: expected sha256:"), "{ready}");
    assert_eq!(found.data["status"]["history"][0]["chartVersion"], "1.1.0", "what was installed stays");
    Ok(())
}

#[tokio::test]
async fn a_bucket_is_never_written_and_charts_are_built_from_what_others_have_fetched() -> Result<()> {
    let scene = Scene::prepare("bucket").await?;
    let audit = scene.cluster.audit();
    let mut scene = scene;
    scene.start_operator().await?;
    let bucket = json!({"bucketName": "charts", "endpoint": "minio.example:9000", "interval": "5m"});
    scene.apply_source("Bucket", "files", &bucket).await?;
    let chart = json!({"chart": "./hello", "interval": "5m", "sourceRef": {"kind": "Bucket", "name": "files"}});
    scene.apply_source("HelmChart", "from-files", &chart).await?;
    let charts = sources(&scene, "HelmChart").await?;
    let stalled = |what: &'static str| {
        let charts = charts.clone();
        async move {
            wait_for(&charts, "from-files", SOON, what, |chart| {
                let stalled = condition(chart, "Stalled").cloned().unwrap_or_default();
                has_condition(chart, "FetchFailed", "True") && stalled["message"].to_string().contains(what)
            })
            .await
        }
    };
    stalled("(run Flux's source-controller and start with --sources=external)")
        .await
        .with_context(|| scene.operator_log())?;

    // What another controller has fetched is looked at; its digest first.
    let mut fetched = artifact(&scene, "1.0.0", "sha256:0a")?;
    let good = fetched["digest"].clone();
    fetched["digest"] = json!("sha256:0a");
    tell(
        &scene,
        "Bucket",
        "files",
        &json!({"observedGeneration": 1, "artifact": fetched, "conditions": ready(Some(1))}),
    )
    .await?;
    wait_for(&charts, "from-files", SOON, "refused for its digest", |chart| {
        let failed = condition(chart, "FetchFailed").cloned().unwrap_or_default();
        failed["message"].to_string().contains("does not match: expected sha256:0a")
    })
    .await
    .with_context(|| scene.operator_log())?;
    fetched["digest"] = good;
    fetched["revision"] = json!("sha256:0b");
    tell(&scene, "Bucket", "files", &json!({"artifact": fetched})).await?;
    let built = |version: &'static str| {
        let charts = charts.clone();
        async move {
            wait_for(&charts, "from-files", SOON, version, |chart| {
                let ready = condition(chart, "Ready").cloned().unwrap_or_default();
                let message = format!("packaged 'hello' chart with version '{version}'");
                has_condition(chart, "Ready", "True") && ready["message"] == message.as_str()
            })
            .await
        }
    };
    let chart = built("1.0.0").await.with_context(|| scene.operator_log())?;
    assert_eq!(chart.data["status"]["observedSourceArtifactRevision"], "sha256:0b");
    assert!(condition(&chart, "FetchFailed").is_none() && condition(&chart, "Stalled").is_none());

    // Something new in the Bucket reaches the release.
    let reference = json!({"kind": "HelmChart", "name": "from-files"});
    scene.apply_release("web", &json!({"timeout": "30s", "chartRef": reference})).await?;
    scene.ready("web", "1.0.0").await?;
    tell(&scene, "Bucket", "files", &json!({"artifact": artifact(&scene, "1.1.0", "sha256:0c")?})).await?;
    built("1.1.0").await.with_context(|| scene.operator_log())?;
    scene.ready("web", "1.1.0").await?;

    if let Some(audit) = audit {
        let own = |namespace: &str| namespace == scene.namespace;
        let requests = audit.requests_with(3, "helmcharts/status", own).await?;
        for verb in ["create", "update", "patch", "delete"] {
            assert_eq!(requests.of(verb, "buckets") + requests.of(verb, "buckets/status"), 0, "{requests}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn beside_a_source_controller_only_helm_charts_are_made_and_artifacts_are_read() -> Result<()> {
    let mut scene = Scene::prepare("beside").await?;
    let audit = scene.cluster.audit();
    let mut options = scene.operator_options();
    options.flags.push("--sources=external".to_owned());
    scene.start_operator_with(&options).await?;
    scene
        .apply_source("OCIRepository", "oci", &json!({"url": "oci://registry.example/hello", "interval": "10m"}))
        .await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene
        .apply_release("api", &json!({"timeout": "30s", "chartRef": {"kind": "OCIRepository", "name": "oci"}}))
        .await?;

    // As source-controller does: it sees the HelmChart, and says where its artifact is.
    let name = format!("{}-web", scene.namespace);
    let charts = sources(&scene, "HelmChart").await?;
    let made = wait_for(&charts, &name, SOON, "made", |_| true).await.with_context(|| scene.operator_log())?;
    assert_eq!(made.data["spec"]["chart"], "hello");
    let generation = made.metadata.generation;
    let mut status = json!({
        "observedGeneration": generation,
        "observedChartName": "hello",
        "artifact": artifact(&scene, "1.0.0", "1.0.0")?,
        "conditions": ready(generation),
    });
    let good = status["artifact"]["digest"].clone();
    status["artifact"]["digest"] = json!("sha256:0a");
    tell(&scene, "HelmChart", &name, &status).await?;
    let refused =
        wait_for(&scene.releases(), "web", SOON, "refused", |found| has_condition(found, "Ready", "False")).await;
    let ready_now = condition(&refused.with_context(|| scene.operator_log())?, "Ready").cloned().unwrap_or_default();
    assert_eq!(ready_now["reason"], "ArtifactFailed", "{ready_now}");
    status["artifact"]["digest"] = good;
    tell(&scene, "HelmChart", &name, &status).await?;
    scene.ready("web", "1.0.0").await?;

    let revision = "1.1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let status = json!({"observedGeneration": 1, "artifact": artifact(&scene, "1.1.0", revision)?, "conditions": ready(Some(1))});
    tell(&scene, "OCIRepository", "oci", &status).await?;
    scene.ready("api", "1.1.0+0123456789ab").await?;

    let asked = scene.repository.requests("index.yaml");
    ensure!(asked == 0, "the index was fetched {asked} times");
    let Some(audit) = audit else { return Ok(()) };
    let own = |namespace: &str| namespace == scene.namespace;
    let requests = audit.requests_with(2, "helmreleases/status", own).await?;
    assert_eq!(requests.of("patch", "helmcharts"), 1, "{requests}");
    for resource in
        ["helmcharts", "helmrepositories", "ocirepositories", "gitrepositories", "buckets", "externalartifacts"]
    {
        let of = |verb: &str| requests.of(verb, &format!("{resource}/status")) + requests.of(verb, resource);
        let made = usize::from(resource == "helmcharts");
        assert_eq!((of("create") + of("update") + of("patch"), of("delete")), (made, 0), "{resource}: {requests}");
    }
    Ok(())
}

#[tokio::test]
async fn a_shard_reads_sources_that_others_keep_without_its_label() -> Result<()> {
    let mut scene = Scene::prepare("shard-beside").await?;
    let mut options = scene.operator_options();
    options.flags.extend(["--sources=external", "--watch-label-selector=shard=one"].map(str::to_owned));
    scene.start_operator_with(&options).await?;
    let source = json!({"sourceRef": {"kind": "Generator", "name": "made"}});
    scene.apply_source("ExternalArtifact", "made", &source).await?;
    let artifact_now = artifact(&scene, "1.1.0", "1.1.0")?;
    tell(&scene, "ExternalArtifact", "made", &json!({"artifact": artifact_now, "conditions": ready(None)})).await?;
    let mine = Patch::Merge(json!({"metadata": {"labels": {"shard": "one"}}}));
    for (name, spec) in [("web", hello_spec("1.0.0")), ("api", external_spec())] {
        scene.apply_release(name, &spec).await?;
        scene.releases().patch(name, &PatchParams::default(), &mine).await?;
    }
    scene.ready("api", "1.1.0").await?;
    let name = format!("{}-web", scene.namespace);
    let charts = sources(&scene, "HelmChart").await?;
    let made = wait_for(&charts, &name, SOON, "made", |_| true).await.with_context(|| scene.operator_log())?;
    let status = json!({
        "observedGeneration": made.metadata.generation,
        "observedChartName": "hello",
        "artifact": artifact(&scene, "1.0.0", "1.0.0")?,
        "conditions": ready(made.metadata.generation),
    });
    tell(&scene, "HelmChart", &name, &status).await?;
    scene.ready("web", "1.0.0").await?;
    Ok(())
}
