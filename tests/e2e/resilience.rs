//! The operator goes and comes back: whatever it was doing, the release ends where its HelmRelease says.

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams};
use serde_json::json;

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::api_proxy::{ApiProxy, Lost};
use crate::support::cluster::{Cluster, apply, wait_for, wait_gone};
use crate::support::operator::{Operator, OperatorOptions};

/// How many operators are killed side by side.
const AT_A_TIME: usize = 4;

/// Waits until the stored revision of the release `web` has this status.
async fn revision_is(scene: &Scene, revision: u32, status: &str) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let name = format!("sh.helm.release.v1.web.v{revision}");
    wait_for(&secrets, &name, SOON, status, |secret| {
        let labels = secret.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get("status")).is_some_and(|found| found == status)
    })
    .await
    .with_context(|| scene.operator_log())?;
    Ok(())
}

/// The last revision is deployed with this chart, and no other revision is deployed or pending.
fn has_converged(scene: &Scene, chart: &str) -> Result<()> {
    let history = scene.history("web")?;
    let (last, before) = history.split_last().context("no revision is stored")?;
    ensure!(last.ends_with(&format!(" deployed {chart}")), "the last revision is not deployed: {history:?}");
    let open = before.iter().any(|revision| revision.contains(" deployed ") || revision.contains("pending"));
    ensure!(!open, "an older revision is left open: {history:?}");
    Ok(())
}

#[tokio::test]
async fn killed_in_the_middle_of_an_install_it_converges_when_it_is_back() -> Result<()> {
    let mut scene = Scene::start("kill-install").await?;
    // The Job that runs first never ends, so the kill falls into the middle of the install.
    let mut stuck = hello_spec("1.0.0");
    stuck["values"] = json!({"migration": {"podLabels": {"rhumb.test/pod": "unready"}}});
    scene.apply_release("web", &stuck).await?;
    revision_is(&scene, 1, "pending-install").await?;
    scene.kill_operator();
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.start_operator().await?;
    scene.ready("web", "1.0.0").await?;
    has_converged(&scene, "hello-1.0.0")
}

/// How many writes of an install come only in some orders of events: a source that was not there yet is told once, for instance. Each is
/// lost in two ways.
const WRITES_BY_CHANCE: usize = 3;

/// An install through a proxy that goes silent at a write.
struct Install {
    /// The writes that the proxy saw.
    writes: usize,
    /// Whether that write came, and the operator was killed at it.
    killed: bool,
}

/// Kills the operator at a write of an install, starts it again, and sees that the release is installed. Without a cut it counts
/// the writes.
async fn install_with_kill(cut: Option<(usize, Lost)>) -> Result<Install> {
    let mut scene = Scene::prepare("kill-write").await?;
    let proxy = ApiProxy::start(scene.cluster.operator_kubeconfig(), scene.charts.path(), cut).await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    let kubeconfig = proxy.kubeconfig().to_owned();
    scene.start_operator_with(&OperatorOptions { kubeconfig, ..scene.operator_options() }).await?;
    let mut killed = false;
    if cut.is_some() {
        killed = tokio::select! {
            biased;
            silent = tokio::time::timeout(SOON, proxy.went_silent()) => {
                silent.with_context(|| format!("neither the write nor the release came; {}", scene.operator_log()))?;
                true
            }
            // This time the install needed fewer writes.
            ready = scene.ready("web", "1.0.0") => ready.map(|_| false)?,
        };
    }
    if killed {
        scene.kill_operator();
        scene.start_operator().await?;
    }
    scene.ready("web", "1.0.0").await?;
    has_converged(&scene, "hello-1.0.0")?;
    Ok(Install { writes: proxy.writes(), killed })
}

#[tokio::test]
async fn killed_at_any_write_of_an_install_it_converges_when_it_is_back() -> Result<()> {
    if Cluster::shared().await?.plane().is_none() {
        eprintln!("skipped: the proxy reads kubeconfigs of our own control plane only");
        return Ok(());
    }
    let writes = install_with_kill(None).await?.writes;
    let cuts: Vec<_> =
        (1..=writes).flat_map(|number| [Lost::Request, Lost::Answer].map(|lost| (number, lost))).collect();
    let all = cuts.len();
    let installs: Vec<Install> = futures::stream::iter(cuts)
        .map(|cut| async move { install_with_kill(Some(cut)).await.with_context(|| format!("killed at {cut:?}")) })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    let killed = installs.iter().filter(|install| install.killed).count();
    ensure!(killed + 2 * WRITES_BY_CHANCE >= all, "of {all} operators only {killed} came to the write to be killed at");
    Ok(())
}

#[tokio::test]
async fn killed_in_the_middle_of_an_upgrade_it_converges_when_it_is_back() -> Result<()> {
    let mut scene = Scene::start("kill-upgrade").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let mut stuck = hello_spec("1.1.0");
    stuck["values"] = json!({"migration": {"podLabels": {"rhumb.test/pod": "unready"}}});
    scene.apply_release("web", &stuck).await?;
    revision_is(&scene, 2, "pending-upgrade").await?;
    scene.kill_operator();
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    scene.start_operator().await?;
    scene.ready("web", "1.1.0").await?;
    has_converged(&scene, "hello-1.1.0")
}

#[tokio::test]
async fn release_deleted_while_it_was_away_is_uninstalled() -> Result<()> {
    let mut scene = Scene::start("away").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    scene.kill_operator();
    scene.releases().delete("web", &DeleteParams::default()).await?;
    assert!(scene.services().get_opt("web-hello").await?.is_some());
    scene.start_operator().await?;
    wait_gone(&scene.releases(), "web", SOON).await.with_context(|| scene.operator_log())?;
    assert!(scene.services().get_opt("web-hello").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn restart_of_a_settled_operator_changes_nothing() -> Result<()> {
    let mut scene = Scene::start("restart").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    let before = scene.ready("web", "1.0.0").await?;
    scene.stop_operator()?;
    scene.start_operator().await?;
    let after = scene.reconcile("web", "after the restart").await?;
    assert_eq!(before.data["status"]["history"], after.data["status"]["history"]);
    assert_eq!(scene.history("web")?, ["1 deployed hello-1.0.0"]);
    Ok(())
}

/// Releases that are as they should be when the operator is back.
const SETTLED: usize = 25;

/// How many releases the operator has looked at since it was started.
async fn looked_at(scene: &Scene) -> Result<usize> {
    let metrics = scene.metrics().await?;
    let looks = metrics
        .lines()
        .filter(|line| line.starts_with("gotk_reconcile_duration_seconds_count{") && line.contains("HelmRelease"));
    Ok(looks.filter(|line| !line.ends_with(" 0")).count())
}

#[tokio::test]
async fn a_restart_reads_one_record_a_release_and_writes_nothing_of_what_is_at_rest() -> Result<()> {
    let mut scene = Scene::start("restart-many").await?;
    for number in 0..SETTLED {
        scene.apply_release(&format!("web-{number}"), &hello_spec("1.0.0")).await?;
    }
    for number in 0..SETTLED {
        scene.ready(&format!("web-{number}"), "1.0.0").await?;
    }
    scene.stop_operator()?;
    // One asks for something meanwhile; of all names it is the last in a list.
    scene.apply_release("web-changed", &hello_spec("1.0.0")).await?;
    let audit = scene.cluster.audit();
    let mut options = scene.operator_options();
    options.flags.push("--concurrent=1".to_owned());
    scene.start_operator_with(&options).await?;
    scene.ready("web-changed", "1.0.0").await?;
    let deadline = tokio::time::Instant::now() + SOON;
    // No watch tells of metrics.
    while looked_at(&scene).await? < SETTLED + 1 {
        ensure!(tokio::time::Instant::now() < deadline, "only {} were looked at", looked_at(&scene).await?);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let Some(audit) = audit else { return Ok(()) };
    let own = |namespace: &str| namespace == scene.namespace;
    let requests = audit.requests_with(1, "helmcharts", own).await?;
    // The record of each is read once; all else is of the one that is new.
    ensure!((SETTLED..SETTLED + 3).contains(&requests.of("get", "secrets")), "{requests}");
    ensure!(requests.of("create", "secrets") == 1 && requests.of("patch", "helmreleases/status") < 8, "{requests}");
    for (verb, resource) in
        ["get", "patch"].iter().flat_map(|verb| ["services", "configmaps", "deployments"].map(|it| (verb, it)))
    {
        ensure!(requests.of(verb, resource) <= 2, "{requests}");
    }
    // Those of watches, and a few more; not one for each release.
    ensure!(requests.writes() < SETTLED && requests.reads() < 2 * SETTLED, "{requests}");
    Ok(())
}

#[tokio::test]
async fn second_operator_takes_over_when_the_first_ends() -> Result<()> {
    let mut scene = Scene::prepare("leader").await?;
    let mut options = scene.operator_options();
    options.flags.push("--enable-leader-election".to_owned());
    scene.start_operator_with(&options).await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;

    let second = Operator::start(&options).await?;
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    scene.ready("web", "1.1.0").await?;
    assert_eq!(scene.history("web")?.len(), 2, "only the leader acts");

    scene.stop_operator()?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    let taken_over = scene.ready("web", "1.0.0").await;
    taken_over.with_context(|| format!("the second operator's log ends with:\n{}", second.log_tail(40)))?;
    assert_eq!(scene.history("web")?.len(), 3);
    Ok(())
}

/// Deleting a whole namespace takes the account away that the release acts as; Flux's end-to-end suite has this case too.
#[tokio::test]
async fn a_release_whose_service_account_is_gone_can_be_deleted() -> Result<()> {
    let scene = Scene::start("accountless").await?;
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "worker", "namespace": scene.namespace},
    });
    apply(&scene.client, &account).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "worker", "namespace": scene.namespace},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": scene.namespace}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    });
    apply(&scene.client, &binding).await?;
    let mut spec = hello_spec("1.0.0");
    spec["serviceAccountName"] = json!("worker");
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
        Api::namespaced(scene.client.clone(), &scene.namespace);
    accounts.delete("worker", &DeleteParams::default()).await?;
    scene.releases().delete("web", &DeleteParams::default()).await?;
    wait_gone(&scene.releases(), "web", SOON).await
}
