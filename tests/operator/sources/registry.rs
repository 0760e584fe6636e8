//! Charts in a registry: versions by tag, layers by digest, logins that fail.

use rhumb::source::{Access, ArtifactReference, CHART_LAYER, Credentials, Error, Library, RegistryLogin};
use serde_json::json;

use super::server::{Answer, Server, digest, package};

/// A registry with charts `app` in some versions; the first layer of each is no chart.
pub(super) async fn registry(tags: &[&str]) -> (Server, Access) {
    let server = Server::start().await;
    server.set("/v2/", Answer::ok("{}"));
    for tag in tags {
        push(&server, "charts/app", tag, &package("app", &tag.replace('_', "+")));
    }
    let list = json!({"name": "charts/app", "tags": tags});
    server.set("/v2/charts/app/tags/list?n=1000", Answer::ok(list.to_string()));
    let access = Access { insecure: true, ..Access::anonymous(format!("oci://{}/charts", server.host)) };
    (server, access)
}

/// Puts an archive under a tag of a repository; gives the digest of its manifest.
pub(super) fn push(server: &Server, repository: &str, tag: &str, archive: &[u8]) -> String {
    let layer =
        |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layer("application/vnd.cncf.helm.config.v1+json", b"{}"),
        "layers": [layer("application/vnd.cncf.helm.chart.provenance.v1.prov", b"signed"), layer(CHART_LAYER, archive)],
        "annotations": {"made": "here"},
    });
    let blob = format!("/v2/{repository}/blobs/{}", digest(archive));
    server.set(&blob, Answer::ok(archive));
    put_manifest(server, repository, tag, &manifest.to_string())
}

/// Puts a manifest under a tag of a repository; gives its digest.
pub(super) fn put_manifest(server: &Server, repository: &str, tag: &str, manifest: &str) -> String {
    let digest = digest(manifest.as_bytes());
    for reference in [tag, &digest] {
        let answer = Answer::ok(manifest)
            .with("docker-content-digest", digest.clone())
            .with("content-type", "application/vnd.oci.image.manifest.v1+json");
        server.set(&format!("/v2/{repository}/manifests/{reference}"), answer);
    }
    digest
}

#[tokio::test]
async fn ranges_list_tags_and_exact_versions_do_not() {
    let (server, access) = registry(&["1.0.0", "1.2.0_build.1", "2.0.0-rc.1", "v3.0.0", "latest"]).await;
    let library = Library::default();
    let fetched = library.chart_from_registry(&access, "app", "*").await.unwrap();
    assert_eq!((fetched.version.as_str(), fetched.chart.metadata.version.as_str()), ("1.2.0+build.1", "1.2.0+build.1"));
    let listed = server.asked("/v2/charts/app/tags/list?n=1000").len();
    assert_eq!(library.chart_from_registry(&access, "app", "1.0.0").await.unwrap().version, "1.0.0");
    assert_eq!(server.asked("/v2/charts/app/tags/list?n=1000").len(), listed);
    let fetched =
        library.chart_from_registry(&access, "app", ">=3.0.0").await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fetched.version, "v3.0.0");
}

#[tokio::test]
async fn a_missing_version_names_the_repository_and_what_there_is() {
    let (server, access) = registry(&["1.0.0"]).await;
    let error = Library::default().chart_from_registry(&access, "app", "2.x").await.unwrap_err().to_string();
    let expected = format!(
        "no 'app' chart with version matching '2.x' found in oci://{}/charts/app: of 1 versions the newest are 1.0.0",
        server.host
    );
    assert_eq!(error, expected);
    let error = Library::default().chart_from_registry(&access, "app", "2.0.0").await.unwrap_err();
    assert!(matches!(error, Error::Registry { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("oci://{}/charts/app:2.0.0: ", server.host)), "{error}");
}

#[tokio::test]
async fn an_artifact_is_found_by_tag_and_pulled_by_digest() {
    let (server, access) = registry(&["1.0.0", "1.1.0"]).await;
    let access = Access { url: format!("{}/app", access.url), ..access };
    let library = Library::default();
    let wanted = ArtifactReference { semver: Some("1.x".to_owned()), ..ArtifactReference::default() };
    let found = library.find_artifact(&access, &wanted).await.unwrap();
    assert!(found.to_string().starts_with("1.1.0@sha256:"), "{found}");
    let layer = library.artifact_layer(&access, &found.digest, None).await.unwrap();
    assert_eq!(layer.digest, digest(&package("app", "1.1.0")));
    assert_eq!(layer.annotations.get("made").map(String::as_str), Some("here"));
    // The tag moves on; the digest stays.
    server.set("/v2/charts/app/manifests/1.1.0", Answer::status(404));
    let fetched = library.chart_from_artifact(&access, &found.digest, None).await.unwrap();
    assert_eq!(fetched.chart.metadata.version, "1.1.0");
}

#[tokio::test]
async fn tampered_layers_are_refused() {
    let (server, access) = registry(&["1.0.0"]).await;
    let archive = package("app", "1.0.0");
    server.set(&format!("/v2/charts/app/blobs/{}", digest(&archive)), Answer::ok(package("app", "6.6.6")));
    let error = Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("{}/charts/app:1.0.0", server.host)) && error.contains(&digest(&archive)),
        "{error}"
    );
}

#[tokio::test]
async fn refused_logins_are_told_and_the_password_is_not() {
    let (server, access) = registry(&["1.0.0"]).await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"charts\"", server.url());
    server.set("/v2/", Answer::status(401).with("www-authenticate", realm));
    server.set("/token?scope=repository%3Acharts%2Fapp%3Apull&service=charts", Answer::status(401));
    let login = |registry: &str| RegistryLogin {
        registry: registry.to_owned(),
        username: "ann".to_owned(),
        password: "hunter2".to_owned(),
        ..RegistryLogin::default()
    };
    let refused = Access { credentials: Credentials::Registries(vec![login(&server.host)]), ..access.clone() };
    let error = Library::default().chart_from_registry(&refused, "app", "1.0.0").await.unwrap_err();
    let expected = format!(
        "{0} refuses access to oci://{0}/charts/app:1.0.0: login failed (with the credentials of the Secret)",
        server.host
    );
    assert_eq!(error.to_string(), expected);

    server.set("/v2/charts/app/manifests/1.0.0", Answer::status(401));
    let foreign = Access { credentials: Credentials::Registries(vec![login("ghcr.io")]), ..access };
    let error = Library::default().chart_from_registry(&foreign, "app", "1.0.0").await.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "(the Secret has no credentials for '127.0.0.1:PORT', only for: ghcr.io)"
                .replace("127.0.0.1:PORT", &server.host)
                .as_str()
        ),
        "{error}"
    );
    assert!(!error.contains("hunter2"));
}

#[tokio::test]
async fn a_thousand_releases_of_one_registry_fetch_manifest_and_chart_once() {
    let (server, access) = registry(&["1.0.0"]).await;
    let library = Library::default();
    let all = (0..1000).map(|_| {
        let (library, access) = (library.clone(), access.clone());
        tokio::spawn(async move { library.chart_from_registry(&access, "app", "1.0.0").await.map(|found| found.chart) })
    });
    let all = futures::future::join_all(all).await;
    let charts: Vec<_> = all.into_iter().map(|one| one.unwrap().unwrap()).collect();
    assert!(charts.iter().all(|chart| std::sync::Arc::ptr_eq(chart, &charts[0])));
    let asked: Vec<String> = server.all_asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[tokio::test]
async fn a_list_of_manifests_gives_the_one_for_this_platform() {
    let (server, access) = registry(&["1.0.0"]).await;
    let own = push(&server, "charts/app", "own", &package("app", "1.0.0"));
    let entry = |digest: &str, os: &str| {
        let platform = json!({"os": os, "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }});
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1, "platform": platform})
    };
    let list = json!({"schemaVersion": 2, "manifests": [entry(&digest(b"other"), "windows"), entry(&own, "linux")]});
    put_manifest(&server, "charts/app", "2.0.0", &list.to_string());
    let fetched = Library::default().chart_from_registry(&access, "app", "2.0.0").await.unwrap();
    assert_eq!(fetched.chart.name(), "app");
}

#[tokio::test]
async fn a_pause_that_a_registry_asks_for_is_kept() {
    let (server, access) = registry(&["1.0.0"]).await;
    let path = "/v2/charts/app/manifests/1.0.0";
    let found = Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    let busy = Answer::status(429).with("retry-after", "1");
    let good = json!({"layers": [{"mediaType": CHART_LAYER, "digest": found.digest, "size": found.size}]});
    server.set_all(path, vec![busy, Answer::ok(good.to_string())]);
    let start = std::time::Instant::now();
    Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    assert!(start.elapsed() >= std::time::Duration::from_secs(1), "{:?}", start.elapsed());
}
