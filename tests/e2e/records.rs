//! Release records that do not fit into a Secret: stored with less of the chart, or refused before anything is applied.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use serde_json::json;

use crate::scene::{SOON, Scene};
use crate::support::cluster::wait_for;
use crate::support::release::{condition, has_condition};

/// Text that does not get shorter by packing it, but for the half that hex digits waste.
fn noise(bytes: usize) -> String {
    let mut state = 1_u32;
    let mut text = String::with_capacity(2 * bytes);
    for _ in 0..bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = write!(text, "{:02x}", state >> 24);
    }
    text
}

/// A definition of custom resources.
fn definition(plural: &str) -> String {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.large.example.com")},
        "spec": {
            "group": "large.example.com",
            "names": {"plural": plural, "kind": "Noise"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
        },
    })
    .to_string()
}

/// A chart with a ConfigMap for each of these lengths, and a file of its own that no template uses.
fn chart(folder: &Path, maps: &[usize], file: usize, defined: Option<&str>) -> Result<()> {
    std::fs::create_dir_all(folder.join("templates"))?;
    std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: large\nversion: 1.0.0\n")?;
    std::fs::write(folder.join("values.yaml"), "{}\n")?;
    std::fs::write(folder.join("blob.txt"), noise(file))?;
    if let Some(plural) = defined {
        std::fs::create_dir_all(folder.join("crds"))?;
        std::fs::write(folder.join("crds/noises.yaml"), definition(plural))?;
    }
    for (number, length) in maps.iter().enumerate() {
        let metadata = format!("metadata:\n  name: {{{{ .Release.Name }}}}-{number}\n");
        let map = format!("apiVersion: v1\nkind: ConfigMap\n{metadata}data:\n  noise: {}\n", noise(*length));
        std::fs::write(folder.join(format!("templates/map{number}.yaml")), map)?;
    }
    Ok(())
}

async fn start(name: &str, maps: &[usize], file: usize, defined: Option<&str>) -> Result<Scene> {
    let scene = Scene::start(name).await?;
    let folder = scene.charts.path().join("large");
    chart(&folder, maps, file, defined)?;
    scene.helm.package(&folder, "1.0.0", scene.charts.path())?;
    let source = json!({"kind": "HelmRepository", "name": "fresh"});
    scene.apply_source("HelmRepository", "fresh", &json!({"url": scene.repository.url(), "interval": "10m"})).await?;
    let spec =
        json!({"timeout": "30s", "chart": {"spec": {"chart": "large", "version": "1.0.0", "sourceRef": source}}});
    scene.apply_release("web", &spec).await?;
    Ok(scene)
}

#[tokio::test]
async fn a_large_record_is_stored_without_the_charts_files_and_says_so() -> Result<()> {
    let scene = start("slim", &[1000], 1_000_000, None).await?;
    let release = scene.ready("web", "1.0.0").await?;
    let told = condition(&release, "RecordSlimmed").cloned().context("no condition tells of it")?;
    assert_eq!((&told["status"], &told["reason"]), (&json!("True"), &json!("RecordTooLarge")));
    assert!(told["message"].to_string().contains("without the chart's files other than templates"), "{told}");
    assert_eq!(scene.history("web")?, ["1 deployed large-1.0.0"]);
    let manifest = scene.helm.run(&["get", "manifest", "web", "-n", &scene.namespace])?;
    assert!(manifest.contains("name: web-0"), "{manifest}");
    scene.helm.run(&["rollback", "web", "1", "-n", &scene.namespace, "--force-conflicts"])?;
    Ok(())
}

#[tokio::test]
async fn a_record_that_never_fits_is_refused_before_anything_is_applied() -> Result<()> {
    let scene = start("too-large", &[450_000, 450_001], 10, Some("noises")).await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(scene.client.clone());
    let failed = |release: &kube::api::DynamicObject| has_condition(release, "Released", "False");
    let release = wait_for(&scene.releases(), "web", SOON, "refused", failed).await;
    let release = release.with_context(|| scene.operator_log())?;
    let ready = condition(&release, "Ready").cloned().unwrap_or_default();
    let message = ready["message"].as_str().unwrap_or_default();
    assert!(message.contains("sh.helm.release.v1.web.v1") && message.contains(" takes "), "{message}");
    let maps: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    assert!(maps.get_opt("web-0").await?.is_none(), "an object was applied");
    assert!(definitions.get_opt("noises.large.example.com").await?.is_none(), "a definition was applied");
    assert!(secrets.get_opt("sh.helm.release.v1.web.v1").await?.is_none(), "a record was written");
    Ok(())
}
