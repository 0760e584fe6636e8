//! Charts from Git repositories, from the push to the release.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello};
use crate::support::certificates::Certificates;
use crate::support::cluster::{apply, wait_for};
use crate::support::git_server::{GitFolder, GitRepo, GitServer, SshServer};
use crate::support::http_server::HttpServer;
use crate::support::process::temporary_folder;
use crate::support::release::{condition, has_condition};

/// A repository with the example chart in `charts/hello`.
struct Ground {
    scene: Scene,
    repo: GitRepo,
    server: GitServer,
    _folder: GitFolder,
}

impl Ground {
    async fn start(name: &str) -> Result<Self> {
        let scene = Scene::start(name).await?;
        let folder = GitFolder::new()?;
        let repo = folder.create("monorepo.git")?;
        repo.add_folder(&hello(), "charts/hello")?;
        repo.commit(&[("values/first.yaml", "message: first\n")], "The first commit")?;
        let server = GitServer::start(folder.path())?;
        Ok(Self { scene, repo, server, _folder: folder })
    }

    async fn apply_repository(&self, more: Value) -> Result<()> {
        let mut spec = json!({"url": self.server.url("monorepo.git"), "interval": "1h", "ref": {"branch": "main"}});
        merge(&mut spec, more);
        self.scene.apply_source("GitRepository", "monorepo", &spec).await
    }

    fn sources(&self, kind: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &plural(kind));
        Api::namespaced_with(self.scene.client.clone(), &self.scene.namespace, &resource)
    }

    /// Has the GitRepository looked after, as `flux reconcile source git` does.
    async fn reconcile(&self, token: &str) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}});
        let repositories = self.sources("GitRepository");
        repositories.patch("monorepo", &PatchParams::default(), &Patch::Merge(patch)).await?;
        wait_for(&repositories, "monorepo", SOON, "handled", |found| {
            found.data["status"]["lastHandledReconcileAt"] == token
        })
        .await
        .with_context(|| self.scene.operator_log())?;
        Ok(())
    }

    /// Waits until the GitRepository cannot be fetched, and gives its conditions as text.
    async fn conditions_of_failure(&self) -> Result<String> {
        let repositories = self.sources("GitRepository");
        let has_failed = |found: &DynamicObject| has_condition(found, "FetchFailed", "True");
        let failed = wait_for(&repositories, "monorepo", SOON, "failed", has_failed)
            .await
            .with_context(|| self.scene.operator_log())?;
        Ok(failed.data["status"]["conditions"].to_string())
    }

    /// Waits until the page of the release holds a text.
    async fn page_shows(&self, text: &'static str) -> Result<()> {
        let pages: Api<ConfigMap> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        wait_for(&pages, "web-hello", SOON, text, move |page| {
            page.data.as_ref().is_some_and(|data| data.values().any(|page| page.contains(text)))
        })
        .await
        .with_context(|| self.scene.operator_log())?;
        Ok(())
    }
}

fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    lower.strip_suffix('y').map_or_else(|| format!("{lower}s"), |stem| format!("{stem}ies"))
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// A release of the chart in the repository, made anew at each commit.
fn spec(chart: &str) -> Value {
    json!({
        "timeout": "30s",
        "chart": {"spec": {
            "chart": chart,
            "reconcileStrategy": "Revision",
            "valuesFiles": ["charts/hello/values.yaml", "values/first.yaml"],
            "sourceRef": {"kind": "GitRepository", "name": "monorepo"},
        }},
    })
}

#[tokio::test]
async fn each_commit_reaches_the_release() -> Result<()> {
    let mut ground = Ground::start("git").await?;
    ground.apply_repository(json!({})).await?;
    ground.scene.apply_release("web", &spec("./charts/hello")).await?;
    let release = ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    let commit = ground.repo.git(&["rev-parse", "HEAD"])?;
    let repository = ground.sources("GitRepository").get("monorepo").await?;
    assert_eq!(repository.data["status"]["artifact"]["revision"], format!("main@sha1:{commit}"));
    let version = format!("1.0.0+{}.1", &commit[..12]);
    assert_eq!(release.data["status"]["history"][0]["chartVersion"], version);
    ground.page_shows("first").await?;

    ground.repo.commit(&[("values/first.yaml", "message: second\n")], "Another")?;
    ground.reconcile("second").await?;
    ground.page_shows("second").await?;
    let upgraded = |found: &DynamicObject| {
        has_condition(found, "Ready", "True") && found.data["status"]["history"][0]["version"] == 2
    };
    ground.scene.release_is("web", "upgraded", upgraded).await?;

    // What was fetched is at hand, but would not be left behind by an operator that is killed.
    assert_eq!(ground.scene.temporary_files()?, Vec::<String>::new());

    // After a restart the chart is fetched again only when it is needed, and nothing is upgraded for it.
    let before = ground.scene.history("web")?;
    ground.scene.kill_operator();
    ground.scene.start_operator().await?;
    ground.scene.reconcile("web", "restarted").await?;
    assert_eq!(ground.scene.history("web")?, before);
    Ok(())
}

#[tokio::test]
async fn a_wrong_path_stalls_until_a_commit_puts_it_right() -> Result<()> {
    let ground = Ground::start("git-path").await?;
    ground.apply_repository(json!({})).await?;
    let mut spec = spec("charts/web");
    spec["chart"]["spec"]["valuesFiles"] = json!([]);
    ground.scene.apply_release("web", &spec).await?;
    let charts = ground.sources("HelmChart");
    let name = format!("{}-web", ground.scene.namespace);
    let stalled = wait_for(&charts, &name, SOON, "stalled", |found| has_condition(found, "Stalled", "True"))
        .await
        .with_context(|| ground.scene.operator_log())?;
    let conditions = stalled.data["status"]["conditions"].to_string();
    assert!(
        conditions.contains("no such file or directory: 'charts/web'; the source has a chart at 'charts/hello'"),
        "{conditions}"
    );
    ground.repo.git(&["mv", "charts/hello", "charts/web"])?;
    ground.repo.commit(&[], "Move the chart")?;
    ground.reconcile("moved").await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    Ok(())
}

#[tokio::test]
async fn a_private_repository_is_read_over_ssh() -> Result<()> {
    let ground = Ground::start("git-ssh").await?;
    let Some(server) = SshServer::start()? else {
        eprintln!("skipped: OpenSSH's server is not installed");
        return Ok(());
    };
    let secret = |known_hosts: String| -> Result<Value> {
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "key", "namespace": ground.scene.namespace},
            "stringData": {"identity": server.key("user")?, "known_hosts": known_hosts},
        }))
    };
    apply(&ground.scene.client, &secret(server.known_hosts("stranger")?)?).await?;
    ground.apply_repository(json!({"url": server.url(ground.repo.path())?, "secretRef": {"name": "key"}})).await?;
    let conditions = ground.conditions_of_failure().await?;
    assert!(conditions.contains("GitOperationFailed") && conditions.contains("known_hosts"), "{conditions}");
    apply(&ground.scene.client, &secret(server.known_hosts("host")?)?).await?;
    ground.reconcile("trusted").await?;
    ground.scene.apply_release("web", &spec("charts/hello")).await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    Ok(())
}

#[tokio::test]
async fn a_repository_takes_in_the_files_of_another() -> Result<()> {
    let ground = Ground::start("git-include").await?;
    let folder = GitFolder::new()?;
    let values = folder.create("values.git")?;
    values.commit(&[("prod/page.yaml", "message: included\n")], "Values")?;
    let server = GitServer::start(folder.path())?;
    let include = json!([{"repository": {"name": "values"}, "fromPath": "prod", "toPath": "live"}]);
    ground.apply_repository(json!({"include": include})).await?;
    let repositories = ground.sources("GitRepository");
    wait_for(&repositories, "monorepo", SOON, "waiting", |found| has_condition(found, "IncludeUnavailable", "True"))
        .await
        .with_context(|| ground.scene.operator_log())?;
    let spec_of_values = json!({"url": server.url("values.git"), "interval": "1h", "ref": {"branch": "main"}});
    ground.scene.apply_source("GitRepository", "values", &spec_of_values).await?;
    let mut spec = spec("charts/hello");
    spec["chart"]["spec"]["valuesFiles"] = json!(["charts/hello/values.yaml", "live/page.yaml"]);
    ground.scene.apply_release("web", &spec).await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    ground.page_shows("included").await
}

/// A Secret of the scene.
async fn secret(scene: &Scene, name: &str, data: &Value) -> Result<()> {
    let metadata = json!({"name": name, "namespace": scene.namespace});
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data});
    apply(&scene.client, &object).await?;
    Ok(())
}

#[tokio::test]
async fn a_private_repository_is_read_over_https_with_an_authority_of_its_own() -> Result<()> {
    let ground = Ground::start("git-https").await?;
    let keys = temporary_folder("rhumb-git-tls-")?;
    let certificates = Certificates::write(keys.path())?;
    let folder = ground.repo.path().parent().context("a repository lies in a folder")?;
    let server = GitServer::start_with_tls(folder, &certificates.serving, &certificates.serving_key)?;
    server.ask_for_login("ann", "hunter2");
    let mut login = json!({"username": "ann", "password": "hunter2"});
    secret(&ground.scene, "login", &login).await?;
    ground.apply_repository(json!({"url": server.url("monorepo.git"), "secretRef": {"name": "login"}})).await?;
    let conditions = ground.conditions_of_failure().await?;
    assert!(conditions.contains("GitOperationFailed") && conditions.contains("certificate"), "{conditions}");
    login["ca.crt"] = json!(std::fs::read_to_string(&certificates.authority)?);
    secret(&ground.scene, "login", &login).await?;
    ground.reconcile("trusted").await?;
    ground.scene.apply_release("web", &spec("charts/hello")).await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    assert!(!ground.scene.operator_log().contains("hunter2"), "a password is in the log");
    Ok(())
}

#[tokio::test]
async fn only_what_a_trusted_author_has_signed_is_taken() -> Result<()> {
    let ground = Ground::start("git-signed").await?;
    let keys = temporary_folder("rhumb-git-keys-")?;
    let at = keys.path().join("ann").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at]).status()?;
    ensure!(made.success(), "ssh-keygen ended with {made}");
    let public = std::fs::read_to_string(format!("{at}.pub"))?;
    secret(&ground.scene, "authors", &json!({"ann.sshpub": public})).await?;
    let verify = |mode: &str| json!({"mode": mode, "secretRef": {"name": "authors"}});
    let repositories = ground.sources("GitRepository");
    let told = |of: &'static str, status: &'static str, reason: &'static str, text: &'static str| {
        let repositories = repositories.clone();
        async move {
            wait_for(&repositories, "monorepo", SOON, text, |found| {
                let found = condition(found, of).cloned().unwrap_or_default();
                found["status"] == status
                    && found["reason"] == reason
                    && found["message"].as_str().is_some_and(|message| message.contains(text))
            })
            .await
        }
    };

    // The commit is nobody's.
    ground.apply_repository(json!({"verify": verify("HEAD")})).await?;
    let why = "failed: unable to verify Git commit: unable to verify payload as the provided signature is empty";
    let failed = told("SourceVerified", "False", "InvalidCommitSignature", why).await;
    let failed = failed.with_context(|| ground.scene.operator_log())?;
    assert!(has_condition(&failed, "Ready", "False") && failed.data["status"].get("artifact").is_none());

    let sign = |arguments: &[&str]| {
        let key = format!("user.signingkey={at}");
        ground.repo.git(&[&["-c", "gpg.format=ssh", "-c", &key], arguments].concat())
    };
    sign(&["commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "Signed"])?;
    sign(&["tag", "--sign", "--message", "First", "v1.0.0"])?;
    ground.repo.git(&["push", "--quiet", "origin", "HEAD", "--tags"])?;
    ground.reconcile("signed").await?;
    let verified = told("SourceVerified", "True", "Succeeded", "verified signature of\n\t- commit '").await;
    let verified = verified.with_context(|| ground.scene.operator_log())?;
    assert_eq!(verified.data["status"]["sourceVerificationMode"], "HEAD");
    ground.scene.apply_release("web", &spec("charts/hello")).await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;

    // A tag has to be asked for, and is checked by its own signature.
    ground.apply_repository(json!({"verify": verify("Tag")})).await?;
    let why = "cannot verify tag object's signature if a tag reference is not specified";
    told("Stalled", "True", "InvalidVerificationMode", why).await.with_context(|| ground.scene.operator_log())?;
    ground.apply_repository(json!({"verify": verify("TagAndHEAD"), "ref": {"semver": "1.x"}})).await?;
    let both = told("SourceVerified", "True", "Succeeded", "verified signature of\n\t- tag 'v1.0.0@").await;
    let both = both.with_context(|| ground.scene.operator_log())?;
    let message = condition(&both, "SourceVerified").map(|found| found["message"].to_string()).unwrap_or_default();
    assert!(message.contains("\\n\\t- commit '") && message.contains("' with key 'SHA256:"), "{message}");
    assert_eq!(both.data["status"]["sourceVerificationMode"], "TagAndHEAD");

    // Nothing is checked any more, and nothing is said of it.
    ground.apply_repository(json!({"ref": {"branch": "main"}})).await?;
    wait_for(&repositories, "monorepo", SOON, "unchecked", |found| {
        has_condition(found, "Ready", "True")
            && condition(found, "SourceVerified").is_none()
            && found.data["status"].get("sourceVerificationMode").is_none()
    })
    .await
    .with_context(|| ground.scene.operator_log())?;
    Ok(())
}

/// What GitHub's API answers to an app with installation 42: a token.
fn github_api(token: &'static str) -> Result<HttpServer> {
    let until = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let answer = json!({"token": token, "expires_at": until}).to_string();
    let give = axum::routing::post(move || std::future::ready((axum::http::StatusCode::CREATED, answer.clone())));
    HttpServer::start(axum::Router::new().route("/app/installations/42/access_tokens", give))
}

#[tokio::test]
async fn a_repository_is_read_in_the_name_of_a_github_app() -> Result<()> {
    let ground = Ground::start("git-app").await?;
    ground.server.ask_for_login("x-access-token", "ghs_given");
    let api = github_api("ghs_given")?;
    let repositories = ground.sources("GitRepository");
    let told = |of: &'static str, text: &'static str| {
        let repositories = repositories.clone();
        async move {
            let found = wait_for(&repositories, "monorepo", SOON, text, |found| {
                let told = condition(found, of).cloned().unwrap_or_default();
                told["status"] == "True" && told["message"].as_str().is_some_and(|message| message.contains(text))
            })
            .await?;
            let reason = condition(&found, of).map(|told| told["reason"].clone()).unwrap_or_default();
            anyhow::Ok(reason)
        }
    };
    let missing = "secretRef with github app data must be specified when provider is set to github";
    ground.apply_repository(json!({"provider": "github"})).await?;
    assert_eq!(told("Stalled", missing).await?, "InvalidProviderConfiguration");
    secret(&ground.scene, "app", &json!({"username": "ann", "password": "hunter2"})).await?;
    ground.apply_repository(json!({"provider": "github", "secretRef": {"name": "app"}})).await?;
    assert_eq!(told("FetchFailed", missing).await?, "InvalidProviderConfiguration");

    let mut data = json!({
        "githubAppID": "7",
        "githubAppInstallationID": "41",
        "githubAppPrivateKey": rsa_key()?,
        "githubAppBaseURL": api.url(),
    });
    secret(&ground.scene, "app", &data).await?;
    ground.reconcile("other-installation").await?;
    assert_eq!(told("FetchFailed", "knows no installation 41 of it").await?, "AuthenticationFailed");
    data["githubAppInstallationID"] = json!("42");
    secret(&ground.scene, "app", &data).await?;
    ground.apply_repository(json!({"secretRef": {"name": "app"}})).await?;
    let unset = "has github app data but provider is not set to github";
    assert_eq!(told("FetchFailed", unset).await?, "InvalidProviderConfiguration");
    ground.apply_repository(json!({"provider": "github", "secretRef": {"name": "app"}})).await?;
    ground.scene.apply_release("web", &spec("charts/hello")).await?;
    ground.scene.release_is("web", "ready", |found| has_condition(found, "Ready", "True")).await?;
    let log = ground.scene.operator_log();
    assert!(!log.contains("ghs_given") && !log.contains("PRIVATE KEY"), "{log}");
    Ok(())
}

/// A new private RSA key in PEM, in the form of GitHub's.
fn rsa_key() -> Result<String> {
    let folder = temporary_folder("rhumb-rsa-")?;
    let path = folder.path().join("key").display().to_string();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", &path]).status()?;
    ensure!(made.success(), "ssh-keygen ended with {made}");
    Ok(std::fs::read_to_string(path)?)
}
