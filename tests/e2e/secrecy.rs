//! Values of Secrets are planted wherever the operator reads them, things go well and wrong, and then everything that it says is searched:
//! its log with all details, events, statuses, metrics, and the support bundle.

use std::io::Read as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::scene::{Scene, hello_spec};
use crate::support::chart_server::ChartServer;
use crate::support::cluster::{apply, pin};
use crate::support::process::temporary_folder;
use crate::support::release::{condition, has_condition};

/// What must be seen nowhere. No two begin alike, so that a hit tells where it came from.
const PLANTED: [&str; 8] = [
    "alpha-9f3b2c71d0",
    "bravo-58e1aa40c6",
    "charlie-c09d7e112f",
    "delta-7a44b3f8e5",
    "echo-1d6620b9ac",
    "foxtrot-e83f5c0a97",
    "golf-3b91d7f264",
    "hotel-60ca82e1fd",
];

fn planted(letter: char) -> &'static str {
    PLANTED.iter().find(|planted| planted.starts_with(letter)).copied().unwrap_or_default()
}

/// Fails where a planted value is in a text, as it is or in base64.
fn search(place: &str, text: &str) -> Result<()> {
    for secret in PLANTED {
        for form in [secret.to_owned(), STANDARD.encode(secret)] {
            if let Some(at) = text.find(&form) {
                let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                anyhow::bail!("{place} shows {secret} after: {around}");
            }
        }
    }
    Ok(())
}

async fn secret(scene: &Scene, name: &str, data: &Value) -> Result<()> {
    let metadata = json!({"name": name, "namespace": scene.namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
        .await?;
    Ok(())
}

/// A release whose values come from a Secret.
async fn release_from(scene: &Scene, name: &str, reference: &Value) -> Result<()> {
    let mut spec = hello_spec("1.0.0");
    spec["valuesFrom"] = json!([reference]);
    scene.apply_release(name, &spec).await
}

/// Plants values, and has releases and sources succeed and fail with them.
async fn play(scene: &Scene, locked: &ChartServer) -> Result<()> {
    secret(scene, "good", &json!({"values.yaml": format!("message: {}\n", planted('a'))})).await?;
    release_from(scene, "good", &json!({"kind": "Secret", "name": "good"})).await?;
    secret(scene, "broken", &json!({"values.yaml": format!("message: [\n{}: }}\n", planted('b'))})).await?;
    release_from(scene, "broken", &json!({"kind": "Secret", "name": "broken"})).await?;
    // The schema wants a number there.
    secret(scene, "mistyped", &json!({"replicas": planted('c')})).await?;
    let target = json!({"kind": "Secret", "name": "mistyped", "valuesKey": "replicas", "targetPath": "replicas"});
    release_from(scene, "mistyped", &target).await?;
    secret(scene, "unquoted", &json!({"path": format!("{{{},", planted('d'))})).await?;
    let target = json!({"kind": "Secret", "name": "unquoted", "valuesKey": "path", "targetPath": "message"});
    release_from(scene, "unquoted", &target).await?;
    secret(scene, "remote", &json!({"value": format!("apiVersion: v1\nkind: Config\nusers: [{}", planted('e'))}))
        .await?;
    let mut spec = hello_spec("1.0.0");
    spec["kubeConfig"] = json!({"secretRef": {"name": "remote"}});
    scene.apply_release("remote", &spec).await?;
    secret(scene, "login", &json!({"username": "ann", "password": planted('f')})).await?;
    let refused = json!({"url": locked.url(), "interval": "10m", "secretRef": {"name": "login"}});
    scene.apply_source("HelmRepository", "refused", &refused).await?;
    Ok(())
}

async fn is_not_ready(scene: &Scene, name: &str) -> Result<()> {
    let what = format!("{name} not ready");
    let met = |release: &kube::api::DynamicObject| has_condition(release, "Ready", "False");
    let found = crate::support::cluster::wait_for(&scene.releases(), name, crate::scene::SOON, &what, met).await;
    let found = found.with_context(|| scene.operator_log())?;
    let message = condition(&found, "Ready").map(|ready| ready["message"].to_string()).unwrap_or_default();
    ensure!(message.len() > 10, "{name} says why: {message}");
    Ok(())
}

/// Everything that the operator has said in the scene, by place.
async fn said(scene: &Scene) -> Result<Vec<(String, String)>> {
    let mut all = vec![("the log".to_owned(), std::fs::read_to_string(scene.operator_log_path()?)?)];
    all.push(("the metrics".to_owned(), scene.metrics().await?));
    let events: Api<Event> = Api::namespaced(scene.client.clone(), &scene.namespace);
    all.push(("an event".to_owned(), serde_json::to_string(&events.list(&ListParams::default()).await?.items)?));
    for (group, kind) in [
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
        ("source.toolkit.fluxcd.io/v1", "HelmRepository"),
        ("source.toolkit.fluxcd.io/v1", "HelmChart"),
    ] {
        let resource = pin(&scene.client, group, kind).await?;
        let api: Api<kube::api::DynamicObject> =
            Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource);
        for object in api.list(&ListParams::default()).await?.items {
            let name = object.metadata.name.clone().unwrap_or_default();
            all.push((format!("the status of {kind} {name}"), object.data["status"].to_string()));
        }
    }
    Ok(all)
}

#[tokio::test]
async fn no_planted_value_is_seen_anywhere() -> Result<()> {
    let mut scene = Scene::prepare("secrecy").await?;
    let mut options = scene.operator_options();
    options.flags.push("--log-level=trace,hyper=info,h2=info,rustls=info,tower=info".to_owned());
    scene.start_operator_with(&options).await?;
    let locked = ChartServer::start_with_login(scene.charts.path(), "ann", "another")?;
    play(&scene, &locked).await?;
    scene.ready("good", "1.0.0").await?;
    for name in ["broken", "mistyped", "remote"] {
        is_not_ready(&scene, name).await?;
    }
    // Drift of a Secret is told by its field, and of a ConfigMap by its value.
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    ensure!(!maps.list(&ListParams::default()).await?.items.is_empty());
    secret(&scene, "changed", &json!({"values.yaml": format!("message: {}\n", planted('g'))})).await?;
    release_from(&scene, "changing", &json!({"kind": "Secret", "name": "changed"})).await?;
    scene.ready("changing", "1.0.0").await?;
    let text = json!({"stringData": {"values.yaml": format!("message: {}\nreplicas: 1\n", planted('h'))}});
    secrets.patch("changed", &PatchParams::default(), &Patch::Merge(text)).await?;
    scene.reconcile("changing", "take the new value").await?;

    let sample = format!("message: {}", planted('a'));
    ensure!(search("a sample", &sample).is_err() && search("a sample", &STANDARD.encode(planted('a'))).is_err());
    let places = said(&scene).await?;
    ensure!(places.len() > 8, "{places:?}");
    for (place, text) in &places {
        ensure!(!text.is_empty(), "{place} is empty");
        search(place, text)?;
    }
    bundle(&scene)
}

/// The support bundle of the scene: what it holds, and that no planted value is in it.
fn bundle(scene: &Scene) -> Result<()> {
    let folder = temporary_folder("rhumb-bundle-")?;
    let archive = folder.path().join("bundle.tar.gz");
    let output = Command::new(env!("CARGO_BIN_EXE_rhumb"))
        .arg("support-bundle")
        .arg("--output")
        .arg(&archive)
        .args(["--namespace", &scene.namespace, "--operator-namespace", &scene.namespace])
        .args(["--metrics-url", &format!("http://{}/metrics", scene.metrics_address()?)])
        .arg("--kubeconfig")
        .arg(scene.cluster.kubeconfig())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&archive)?));
    let mut files = std::collections::BTreeMap::new();
    for entry in unpacked.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        search(&format!("{path} of the support bundle"), &text)?;
        files.insert(path, text);
    }
    let file =
        |name: &str| files.get(&format!("rhumb/{name}")).with_context(|| format!("no {name} in {:?}", files.keys()));
    let releases: Value = serde_json::from_str(file("objects/helmreleases.json")?)?;
    let named = |name: &str| releases.as_array().into_iter().flatten().any(|it| it["metadata"]["name"] == name);
    ensure!(named("good") && named("broken"), "{releases}");
    let records: Value = serde_json::from_str(file("records.json")?)?;
    ensure!(records[0]["labels"]["owner"] == "helm", "{records}");
    ensure!(file("operator/metrics.txt")?.contains("rhumb_releases"));
    ensure!(file("events.json")?.contains("InstallSucceeded"));
    ensure!(file("versions.json")?.contains("helmreleases.helm.toolkit.fluxcd.io"));
    ensure!(file("operator/leases.json").is_ok() && file("operator/deployments.json").is_ok());
    assert_eq!(file("errors.txt")?, "none\n");
    Ok(())
}
