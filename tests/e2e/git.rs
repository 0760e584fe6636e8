//! Charts from Git repositories, from the push to the release.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, hello};
use crate::support::cluster::{apply, wait_for};
use crate::support::git_server::{GitFolder, GitRepo, GitServer, SshServer};
use crate::support::release::has_condition;

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
    let repositories = ground.sources("GitRepository");
    let failed =
        wait_for(&repositories, "monorepo", SOON, "failed", |found| has_condition(found, "FetchFailed", "True"))
            .await
            .with_context(|| ground.scene.operator_log())?;
    let conditions = failed.data["status"]["conditions"].to_string();
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
