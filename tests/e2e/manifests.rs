//! Manifests as users of Flux and of other Helm controllers have written them, across API versions and with small mistakes: each is
//! accepted and becomes ready. Only hosts and namespaces are those of the test; the charts have the names that are asked for.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::api::{Api, DynamicObject, ListParams};
use serde_json::json;

use crate::scene::{Scene, hello};
use crate::support::cluster::{apply, apply_yaml};
use crate::support::git_server::{GitFolder, GitServer};
use crate::support::registry::Registry;
use crate::support::release::has_condition;

/// Packages the example chart under another name into the scene's repository.
fn package(scene: &Scene, name: &str, version: &str) -> Result<std::path::PathBuf> {
    let folder = scene.charts.path().join(format!("made-{version}")).join(name);
    copy(&hello(), &folder)?;
    let file = folder.join("Chart.yaml");
    let text = std::fs::read_to_string(&file)?.replace("name: hello", &format!("name: {name}"));
    std::fs::write(&file, text)?;
    scene.helm.package(&folder, version, scene.charts.path())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Applies manifests to the scene's namespace.
async fn applied(scene: &Scene, text: &str) -> Result<Vec<DynamicObject>> {
    apply_yaml(&scene.client, &scene.namespace, text).await
}

async fn is_ready(scene: &Scene, name: &str) -> Result<DynamicObject> {
    scene.release_is(name, "ready", |release| has_condition(release, "Ready", "True")).await
}

/// A scene whose operator trusts a registry with TLS, with a chart in it.
async fn with_registry(scene: &str, chart: &str, version: &str, folder: &str) -> Result<(Scene, Registry)> {
    let mut scene = Scene::prepare(scene).await?;
    let registry = Registry::start_with_tls().await?;
    let package = package(&scene, chart, version)?;
    scene.helm.push(&package, &registry, folder)?;
    let mut options = scene.operator_options();
    options.authorities = registry.authority().map(Path::to_owned);
    scene.start_operator_with(&options).await?;
    Ok((scene, registry))
}

#[tokio::test]
async fn an_old_repository_and_a_release_of_the_first_beta() -> Result<()> {
    let scene = Scene::start("beta1").await?;
    package(&scene, "redis", "18.4.0")?;
    applied(
        &scene,
        &format!(
            "
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: HelmRepository
metadata:
  name: bitnami
spec:
  interval: 1m
  url: {}
  timeout: 60s
---
apiVersion: helm.toolkit.fluxcd.io/v2beta1
kind: HelmRelease
metadata:
  name: redis
spec:
  interval: 1h
  releaseName: redis
  chart:
    spec:
      chart: redis
      version: \"18.x\"
      interval: 24h
      sourceRef:
        kind: HelmRepository
        name: bitnami
  values:
    architecture: replication
    auth:
      enabled: true
      password: \"\"
    replica:
      persistence:
        enabled: true
        size: 10Gi
  install:
    timeout: 10m
  upgrade:
    timeout: 10m
",
            scene.repository.url()
        ),
    )
    .await?;
    is_ready(&scene, "redis").await?;
    assert_eq!(scene.history("redis")?, ["1 deployed redis-18.4.0"]);
    Ok(())
}

#[tokio::test]
async fn a_release_without_an_interval_from_an_oci_repository() -> Result<()> {
    let (scene, registry) = with_registry("oci-source", "myapp", "1.0.0", "org/charts").await?;
    applied(
        &scene,
        &format!(
            "
apiVersion: helm.toolkit.fluxcd.io/v2beta1
kind: HelmRelease
metadata:
  name: myapp
spec:
  chart:
    spec:
      chart: myapp
      version: \"1.0.0\"
      sourceRef:
        kind: OCIRepository
        name: myapp-registry
  values:
    replicaCount: 3
---
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: OCIRepository
metadata:
  name: myapp-registry
spec:
  interval: 10m
  url: {}
  ref:
    tag: v1.0.0
",
            registry.url("org/charts")
        ),
    )
    .await?;
    is_ready(&scene, "myapp").await?;
    assert_eq!(scene.history("myapp")?, ["1 deployed myapp-1.0.0"]);
    Ok(())
}

#[tokio::test]
async fn a_pinned_release_with_its_flags_in_the_wrong_place() -> Result<()> {
    let scene = Scene::start("pinned").await?;
    package(&scene, "redis", "20.11.4")?;
    let namespace = &scene.namespace;
    applied(
        &scene,
        &format!(
            "
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata:
  name: bitnami
spec:
  interval: 12h
  url: {}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: redis
spec:
  interval: 15m
  timeout: 10m
  chart:
    spec:
      chart: redis
      version: '20.11.4'
      sourceRef:
        kind: HelmRepository
        name: bitnami
        namespace: {namespace}
      interval: 1h
  install:
    remediation:
      retries: 3
  upgrade:
    remediation:
      retries: 3
      remediateLastFailure: true
      cleanupOnFail: false
    cleanupOnFail: true
  values:
    architecture: replication
    auth:
      existingSecret: redis-auth
",
            scene.repository.url()
        ),
    )
    .await?;
    is_ready(&scene, "redis").await?;
    let events: Api<Event> = Api::namespaced(scene.client.clone(), namespace);
    let about =
        ListParams::default().fields("involvedObject.kind=HelmRelease,involvedObject.name=redis,reason=SpecWarning");
    let told = events.list(&about).await?;
    ensure!(
        told.iter().any(|event| event.message.as_deref().is_some_and(|text| text.contains("cleanupOnFail"))),
        "the misplaced field is not told of"
    );
    Ok(())
}

#[tokio::test]
async fn values_from_a_config_map_and_then_a_secret() -> Result<()> {
    let scene = Scene::start("values-from").await?;
    package(&scene, "redis", "20.11.4")?;
    for (kind, name, field, message) in [
        ("ConfigMap", "redis-extra-values", "data", "from the map"),
        ("Secret", "redis-auth-values", "stringData", "from the secret"),
    ] {
        let metadata = json!({"name": name, "namespace": scene.namespace});
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": metadata});
        object[field] = json!({"values.yaml": format!("message: {message}")});
        apply(&scene.client, &object).await?;
    }
    let source = json!({"kind": "HelmRepository", "name": "fresh"});
    scene.apply_source("HelmRepository", "fresh", &json!({"url": scene.repository.url(), "interval": "10m"})).await?;
    let spec = json!({
        "chart": {"spec": {"chart": "redis", "version": "20.11.4", "sourceRef": source}},
        "values": {"master": {"persistence": {"size": "8Gi"}}},
        "valuesFrom": [
            {"kind": "ConfigMap", "name": "redis-extra-values"},
            {"kind": "Secret", "name": "redis-auth-values", "optional": false},
        ],
    });
    scene.apply_release("redis", &spec).await?;
    is_ready(&scene, "redis").await?;
    let pages: Api<ConfigMap> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let page = pages.list(&ListParams::default()).await?;
    let shows =
        |text: &str| page.iter().filter_map(|map| map.data.as_ref()).flatten().any(|(_, page)| page.contains(text));
    ensure!(shows("from the secret"), "the later reference wins");
    Ok(())
}

#[tokio::test]
async fn a_registry_as_an_old_repository_of_type_oci() -> Result<()> {
    let (scene, registry) = with_registry("oci-repository", "ingress", "4.0.0", "bitnamicharts").await?;
    applied(
        &scene,
        &format!(
            "
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: HelmRepository
metadata:
  name: ingress-nginx
spec:
  type: oci
  interval: 12h
  url: {}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: ingress
spec:
  interval: 15m
  chart:
    spec:
      chart: ingress
      version: 4.x
      sourceRef:
        kind: HelmRepository
        name: ingress-nginx
",
            registry.url("bitnamicharts")
        ),
    )
    .await?;
    is_ready(&scene, "ingress").await.with_context(|| scene.operator_log())?;
    assert_eq!(scene.history("ingress")?, ["1 deployed ingress-4.0.0"]);
    Ok(())
}

#[tokio::test]
async fn the_short_form_over_http_and_from_a_registry() -> Result<()> {
    let (scene, registry) = with_registry("short", "podinfo", "6.14.1", "stefanprodan/charts").await?;
    applied(
        &scene,
        &format!(
            "
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: podinfo
spec:
  chart:
    repo: {}
    name: podinfo
    version: 6.14.1
  atomic: true
  wait: true
  timeout: 5m
  values:
    replicaCount: 2
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: podinfo-oci
spec:
  chart:
    repo: {}
    name: podinfo
    version: 6.14.1
  atomic: true
",
            scene.repository.url(),
            registry.url("stefanprodan/charts")
        ),
    )
    .await?;
    for release in ["podinfo", "podinfo-oci"] {
        is_ready(&scene, release).await?;
        assert_eq!(scene.history(release)?, ["1 deployed podinfo-6.14.1"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_release_of_the_first_beta_from_a_git_repository() -> Result<()> {
    let scene = Scene::start("beta1-git").await?;
    let folder = GitFolder::new()?;
    let repo = folder.create("monorepo.git")?;
    repo.add_folder(&hello(), "charts/myapp")?;
    let manifest = std::fs::read_to_string(hello().join("Chart.yaml"))?.replace("name: hello", "name: myapp");
    repo.commit(&[("charts/myapp/Chart.yaml", &manifest)], "The chart")?;
    let server = GitServer::start(folder.path())?;
    applied(
        &scene,
        &format!(
            "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: monorepo
spec:
  interval: 1m
  url: {}
  ref:
    branch: main
---
apiVersion: helm.toolkit.fluxcd.io/v2beta1
kind: HelmRelease
metadata:
  name: myapp
spec:
  interval: 5m
  releaseName: myapp
  chart:
    spec:
      chart: ./charts/myapp
      version: \"1.x.x\"
      sourceRef:
        kind: GitRepository
        name: monorepo
        namespace: {}
  values:
    replicas: 2
  install:
    createNamespace: true
    remediation:
      retries: 3
  upgrade:
    remediation:
      retries: 3
      # Keep failing release for debugging
      cleanupOnFail: false
  rollback:
    timeout: 10m
  test:
    enable: true
    timeout: 5m
  postRenderers:
    - kustomize:
        patches:
          - target:
              kind: Deployment
            patch: |
              - op: add
                path: /spec/template/metadata/annotations
                value:
                  rollme: \"{{{{ randAlphaNum 5 }}}}\"
",
            server.url("monorepo.git"),
            scene.namespace
        ),
    )
    .await?;
    is_ready(&scene, "myapp").await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let found = deployments.get("myapp").await?;
    let template = found.spec.context("a Deployment has a spec")?.template;
    let annotations = template.metadata.and_then(|metadata| metadata.annotations).unwrap_or_default();
    // Text in a patch is no template.
    assert_eq!(annotations.get("rollme").map(String::as_str), Some("{{ randAlphaNum 5 }}"));
    Ok(())
}
