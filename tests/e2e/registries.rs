//! The real registry with logins, client certificates and signatures, and what the conditions of sources say of them.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::{Api, DynamicObject};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::scene::{SOON, Scene};
use crate::support::cluster::{apply, pin, wait_for};
use crate::support::programs::hex;
use crate::support::registry::Registry;
use crate::support::release::{condition, has_condition};

async fn sources(scene: &Scene, kind: &str) -> Result<Api<DynamicObject>> {
    let resource = pin(&scene.client, "source.toolkit.fluxcd.io/v1", kind).await?;
    Ok(Api::namespaced_with(scene.client.clone(), &scene.namespace, &resource))
}

async fn secret(scene: &Scene, name: &str, data: Value) -> Result<()> {
    let metadata = json!({"name": name, "namespace": scene.namespace});
    apply(&scene.client, &json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
        .await?;
    Ok(())
}

fn docker_config(registry: &Registry, user: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("{user}:{password}"));
    json!({"auths": {registry.host(): {"auth": auth}}}).to_string()
}

fn from_repository(name: &str) -> Value {
    let source = json!({"kind": "HelmRepository", "name": name});
    json!({"timeout": "30s", "chart": {"spec": {"chart": "hello", "version": "1.x", "sourceRef": source}}})
}

/// Waits for a condition of a source with a text in its message.
async fn told(scene: &Scene, kind: &str, name: &str, (of, status): (&str, &str), text: &str) -> Result<DynamicObject> {
    let found = wait_for(&sources(scene, kind).await?, name, SOON, &format!("{of} {status}: {text}"), |object| {
        let found = condition(object, of).cloned().unwrap_or_default();
        found["status"] == status && found["message"].as_str().is_some_and(|message| message.contains(text))
    })
    .await;
    found.with_context(|| scene.operator_log())
}

#[tokio::test]
async fn a_registry_with_a_login_is_read_by_every_form_of_secret() -> Result<()> {
    let scene = Scene::start("registry-login").await?;
    let registry = Registry::start_with_login("ann", "hunter2").await?;
    scene.helm.push(&scene.charts.path().join("hello-1.0.0.tgz"), &registry, "charts")?;
    secret(&scene, "basic", json!({"username": "ann", "password": "hunter2"})).await?;
    secret(&scene, "wrong", json!({"username": "ann", "password": "hunter3"})).await?;
    secret(&scene, "docker", json!({".dockerconfigjson": docker_config(&registry, "ann", "hunter2")})).await?;
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": scene.namespace},
        "imagePullSecrets": [{"name": "docker"}],
    });
    apply(&scene.client, &account).await?;

    let url = registry.url("charts");
    let mut spec = json!({"type": "oci", "url": url, "insecure": true, "secretRef": {"name": "basic"}});
    scene.apply_source("HelmRepository", "basic", &spec).await?;
    scene.apply_release("basic", &from_repository("basic")).await?;
    spec["secretRef"]["name"] = json!("wrong");
    scene.apply_source("HelmRepository", "wrong", &spec).await?;
    scene.apply_release("wrong", &from_repository("wrong")).await?;
    let spec =
        json!({"interval": "10m", "url": registry.url("charts/hello"), "insecure": true, "ref": {"tag": "1.0.0"}});
    for (name, field, value) in [
        ("docker", "secretRef", json!({"name": "docker"})),
        ("account", "serviceAccountName", json!("puller")),
        ("cloud", "provider", json!("aws")),
    ] {
        let mut spec = spec.clone();
        spec[field] = value;
        scene.apply_source("OCIRepository", name, &spec).await?;
        let reference = json!({"kind": "OCIRepository", "name": name});
        scene.apply_release(name, &json!({"timeout": "30s", "chartRef": reference})).await?;
    }
    for release in ["basic", "docker", "account"] {
        scene.release_is(release, "ready", |found| has_condition(found, "Ready", "True")).await?;
    }
    let chart = format!("{}-wrong", scene.namespace);
    let failed =
        told(&scene, "HelmChart", &chart, ("FetchFailed", "True"), "with the credentials of the Secret").await?;
    ensure!(condition(&failed, "FetchFailed").is_some_and(|failed| failed["reason"] == "AuthenticationFailed"));
    let stalled = told(&scene, "OCIRepository", "cloud", ("Stalled", "True"), "spec.provider 'aws'").await?;
    ensure!(has_condition(&stalled, "Ready", "False"));
    for word in ["hunter2", "hunter3"] {
        ensure!(!scene.operator_log().contains(word), "a password is in the log");
    }
    Ok(())
}

#[tokio::test]
async fn a_registry_that_takes_tokens_is_asked_with_tokens() -> Result<()> {
    let scene = Scene::start("registry-tokens").await?;
    let registry = Registry::start_with_tokens("ann", "hunter2").await?;
    for version in ["1.0.0", "1.1.0"] {
        scene.helm.push(&scene.charts.path().join(format!("hello-{version}.tgz")), &registry, "charts")?;
    }
    secret(&scene, "good", json!({".dockerconfigjson": docker_config(&registry, "ann", "hunter2")})).await?;
    secret(&scene, "wrong", json!({".dockerconfigjson": docker_config(&registry, "ann", "hunter3")})).await?;
    let before = registry.tokens_given();
    for name in ["good", "wrong"] {
        let spec = json!({"type": "oci", "url": registry.url("charts"), "insecure": true, "secretRef": {"name": name}});
        scene.apply_source("HelmRepository", name, &spec).await?;
        scene.apply_release(name, &from_repository(name)).await?;
    }
    scene.ready("good", "1.1.0").await?;
    assert_eq!(registry.tokens_given() - before, 1, "one token does for tags, manifest and layer");
    let chart = format!("{}-wrong", scene.namespace);
    told(&scene, "HelmChart", &chart, ("FetchFailed", "True"), "login failed (with the credentials of the Secret)")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_registry_that_asks_for_a_certificate_gets_it() -> Result<()> {
    let scene = Scene::start("registry-tls").await?;
    let registry = Registry::start_with_client_certificates().await?;
    scene.helm.push(&scene.charts.path().join("hello-1.0.0.tgz"), &registry, "charts")?;
    let certificates = registry.certificates().context("the registry has no certificates")?;
    let read = |path: &std::path::Path| std::fs::read_to_string(path);
    let authority = read(&certificates.authority)?;
    secret(&scene, "authority", json!({"ca.crt": authority})).await?;
    let (certificate, key) = (read(&certificates.serving)?, read(&certificates.serving_key)?);
    secret(&scene, "full", json!({"ca.crt": authority, "tls.crt": certificate, "tls.key": key})).await?;
    for name in ["full", "authority"] {
        let spec = json!({
            "interval": "10m",
            "url": registry.url("charts/hello"),
            "ref": {"semver": "1.x"},
            "certSecretRef": {"name": name},
        });
        scene.apply_source("OCIRepository", name, &spec).await?;
    }
    let spec = json!({"type": "oci", "url": registry.url("charts"), "certSecretRef": {"name": "full"}});
    scene.apply_source("HelmRepository", "full", &spec).await?;
    scene.apply_release("chart", &from_repository("full")).await?;
    let reference = json!({"kind": "OCIRepository", "name": "full"});
    scene.apply_release("artifact", &json!({"timeout": "30s", "chartRef": reference})).await?;
    scene.ready("chart", "1.0.0").await?;
    scene.release_is("artifact", "ready", |found| has_condition(found, "Ready", "True")).await?;
    told(&scene, "OCIRepository", "authority", ("FetchFailed", "True"), "error sending request").await?;
    Ok(())
}

/// Puts a blob into a registry without a login.
async fn put_blob(registry: &Registry, repository: &str, bytes: &[u8]) -> Result<String> {
    let digest = format!("sha256:{}", hex(&Sha256::digest(bytes)));
    let client = reqwest::Client::new();
    let uploads = format!("http://{}/v2/{repository}/blobs/uploads/", registry.host());
    let begun = client.post(&uploads).send().await?.error_for_status()?;
    let place = begun.headers().get("location").context("the registry names no place for the upload")?.to_str()?;
    let joint = if place.contains('?') { '&' } else { '?' };
    let put = client.put(format!("{place}{joint}digest={digest}")).body(bytes.to_vec());
    put.header("content-type", "application/octet-stream").send().await?.error_for_status()?;
    Ok(digest)
}

/// Puts a manifest into a registry without a login.
async fn put_manifest(registry: &Registry, repository: &str, tag: &str, manifest: &Value) -> Result<()> {
    let url = format!("http://{}/v2/{repository}/manifests/{tag}", registry.host());
    let put = reqwest::Client::new().put(url).header("content-type", "application/vnd.oci.image.manifest.v1+json");
    put.body(manifest.to_string()).send().await?.error_for_status()?;
    Ok(())
}

/// Signs what a tag stands for, as cosign 2 does with a key.
async fn sign(registry: &Registry, repository: &str, tag: &str, key: &KeyPair) -> Result<()> {
    let url = format!("http://{}/v2/{repository}/manifests/{tag}", registry.host());
    let asked = reqwest::Client::new().head(url).header("accept", "application/vnd.oci.image.manifest.v1+json");
    let answer = asked.send().await?.error_for_status()?;
    let signed = answer.headers().get("docker-content-digest").context("no digest")?.to_str()?.to_owned();
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": ""},
            "image": {"docker-manifest-digest": signed},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string();
    let layer = put_blob(registry, repository, payload.as_bytes()).await?;
    let config = put_blob(registry, repository, b"{}").await?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": layer,
            "size": payload.len(),
            "annotations": {"dev.cosignproject.cosign/signature": STANDARD.encode(key.sign(payload.as_bytes())?)},
        }],
    });
    put_manifest(registry, repository, &format!("{}.sig", signed.replace(':', "-")), &manifest).await
}

#[tokio::test]
async fn what_is_not_signed_by_the_keys_is_not_installed() -> Result<()> {
    let scene = Scene::start("signed").await?;
    let registry = Registry::start().await?;
    for version in ["1.0.0", "1.1.0"] {
        scene.helm.push(&scene.charts.path().join(format!("hello-{version}.tgz")), &registry, "charts")?;
    }
    let (key, other) = (KeyPair::generate()?, KeyPair::generate()?);
    sign(&registry, "charts/hello", "1.0.0", &key).await?;
    sign(&registry, "charts/hello", "1.1.0", &other).await?;
    secret(&scene, "keys", json!({"cosign.pub": key.public_key_pem()})).await?;
    let verify = json!({"provider": "cosign", "secretRef": {"name": "keys"}});
    let oci = |tag: &str| {
        json!({
            "interval": "10m",
            "url": registry.url("charts/hello"),
            "insecure": true,
            "ref": {"tag": tag},
            "verify": verify,
        })
    };
    scene.apply_source("OCIRepository", "signed", &oci("1.0.0")).await?;
    scene.apply_source("OCIRepository", "unsigned", &oci("1.1.0")).await?;
    let reference = |name: &str| json!({"timeout": "30s", "chartRef": {"kind": "OCIRepository", "name": name}});
    scene.apply_release("good", &reference("signed")).await?;
    scene.apply_release("bad", &reference("unsigned")).await?;
    scene.release_is("good", "ready", |found| has_condition(found, "Ready", "True")).await?;
    let verified = told(
        &scene,
        "OCIRepository",
        "signed",
        ("SourceVerified", "True"),
        "verified signature of revision 1.0.0@sha256:",
    )
    .await?;
    ensure!(condition(&verified, "SourceVerified").is_some_and(|verified| verified["reason"] == "Succeeded"));
    let failed =
        told(&scene, "OCIRepository", "unsigned", ("SourceVerified", "False"), "no matching signatures").await?;
    for of in ["SourceVerified", "Ready"] {
        let found = condition(&failed, of).cloned().unwrap_or_default();
        assert_eq!(found["reason"], "VerificationError", "{of}: {found}");
    }
    ensure!(failed.data["status"].get("artifact").is_none() && condition(&failed, "FetchFailed").is_none());

    // A HelmChart of a registry, made for a release.
    scene
        .apply_source("HelmRepository", "oci", &json!({"type": "oci", "url": registry.url("charts"), "insecure": true}))
        .await?;
    let mut spec = from_repository("oci");
    spec["chart"]["spec"]["verify"] = verify.clone();
    spec["chart"]["spec"]["version"] = json!("1.0.0");
    scene.apply_release("pinned", &spec).await?;
    scene.ready("pinned", "1.0.0").await?;
    let chart = format!("{}-pinned", scene.namespace);
    told(&scene, "HelmChart", &chart, ("SourceVerified", "True"), "verified signature of version 1.0.0").await?;
    spec["chart"]["spec"]["version"] = json!("1.x");
    scene.apply_release("pinned", &spec).await?;
    let failed = told(&scene, "HelmChart", &chart, ("SourceVerified", "False"), "no matching signatures").await?;
    let reason = |of: &str| condition(&failed, of).map(|found| found["reason"].clone()).unwrap_or_default();
    assert_eq!(
        [reason("SourceVerified"), reason("BuildFailed"), reason("Ready")],
        ["VerificationError", "ChartVerificationError", "ChartVerificationError"]
    );
    assert_eq!(scene.history("pinned")?, ["1 deployed hello-1.0.0"], "what was installed stays");
    assert!(scene.history("bad").is_err(), "nothing was installed");

    // What is not supported says so, and waits for a change.
    let mut keyless = oci("1.0.0");
    keyless["verify"] = json!({"provider": "cosign"});
    scene.apply_source("OCIRepository", "keyless", &keyless).await?;
    told(&scene, "OCIRepository", "keyless", ("Stalled", "True"), "keyless verification").await?;
    keyless["verify"] = json!({"provider": "notation", "secretRef": {"name": "keys"}});
    scene.apply_source("OCIRepository", "notation", &keyless).await?;
    told(&scene, "OCIRepository", "notation", ("Stalled", "True"), "'notation'").await?;
    for (name, verify, why) in [
        ("no-keys", json!({"provider": "cosign"}), "keyless verification"),
        ("notary", json!({"provider": "notation", "secretRef": {"name": "keys"}}), "'notation'"),
    ] {
        let mut spec = from_repository("oci");
        spec["chart"]["spec"]["verify"] = verify;
        scene.apply_release(name, &spec).await?;
        let chart = format!("{}-{name}", scene.namespace);
        told(&scene, "HelmChart", &chart, ("Stalled", "True"), why).await?;
        assert!(scene.history(name).is_err(), "nothing was installed");
    }
    let mut spec = from_repository("charts");
    spec["chart"]["spec"]["verify"] = verify;
    scene.apply_release("plain", &spec).await?;
    let chart = format!("{}-plain", scene.namespace);
    told(&scene, "HelmChart", &chart, ("Stalled", "True"), "HelmRepository over HTTP").await?;
    Ok(())
}
