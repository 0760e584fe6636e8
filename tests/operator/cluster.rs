//! The objects of releases. Requests are counted exactly: what costs nothing is as much the point as what is written.

use std::time::Duration;

use rhumb::cluster::{
    ApplyOptions, Cluster, DeleteOptions, Error, FIELD_MANAGER, Origin, Outcome, Ownership, Propagation, ReleaseKey,
    TouchKind, WaitOptions, WaitOutcome, WatchScope,
};
use rhumb::diff::IgnoreRules;
use rhumb::readiness::Purpose;
use serde_json::{Value, json};

use crate::support::FakeApiServer;

const CONFIG: &str = "/api/v1/namespaces/apps/configmaps/web";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/apps/deployments/web";

fn origin() -> Origin {
    Origin {
        release: ReleaseKey { namespace: "flux".into(), name: "web".into() },
        helm_name: "web".into(),
        helm_namespace: "apps".into(),
    }
}

fn config(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"key": value}})
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}})
}

fn cluster(server: &FakeApiServer) -> Cluster {
    Cluster::from_client(server.client(), WatchScope::Cluster, FIELD_MANAGER)
}

/// Applies objects and waits for their watches, so that nothing is under way any more.
async fn applied(server: &FakeApiServer, objects: &[Value]) -> Cluster {
    let cluster = cluster(server);
    cluster.apply(objects, &ApplyOptions::new(origin())).await.unwrap().into_result().unwrap();
    assert_eq!(drift(&cluster, objects).await, [""; 0]);
    server.take_requests();
    cluster
}

async fn drift(cluster: &Cluster, objects: &[Value]) -> Vec<String> {
    let options = ApplyOptions::new(origin());
    let drifted = cluster.drift(objects, &[], &options, &IgnoreRules::default()).await.unwrap();
    drifted.iter().map(ToString::to_string).collect()
}

fn wait_options() -> WaitOptions {
    WaitOptions {
        origin: origin(),
        purpose: Purpose::Release { wait_for_jobs: false },
        timeout: Duration::from_secs(30),
        abort: tokio_util::sync::CancellationToken::new(),
        cancel: tokio_util::sync::CancellationToken::new(),
        custom: None,
        fail_fast: false,
    }
}

#[tokio::test]
async fn applied_objects_carry_marks_and_a_namespace() {
    let server = FakeApiServer::new();
    applied(&server, &[config("a")]).await;
    let metadata = server.get(CONFIG).unwrap()["metadata"].clone();
    assert_eq!(
        metadata["labels"],
        json!({"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "web",
            "helm.toolkit.fluxcd.io/namespace": "flux"})
    );
    assert_eq!(
        metadata["annotations"],
        json!({"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "apps"})
    );
}

#[tokio::test]
async fn applying_costs_one_request_an_object_and_tells_what_changed() {
    let server = FakeApiServer::new();
    let objects = [config("a"), deployment()];
    let cluster = applied(&server, &objects).await;
    let report = cluster.apply(&[config("b"), deployment()], &ApplyOptions::new(origin())).await.unwrap();
    let outcomes: Vec<Outcome> = report.applied.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Changed, Outcome::Unchanged]);
    assert_eq!(server.take_requests(), [format!("PATCH {CONFIG}"), format!("PATCH {DEPLOYMENT}")]);
}

#[tokio::test]
async fn unknown_kind_is_refused_before_anything_is_written() {
    let server = FakeApiServer::new();
    let cluster = cluster(&server);
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}});
    let error = cluster.apply(&[config("a"), widget], &ApplyOptions::new(origin())).await.unwrap_err();
    assert!(matches!(error, Error::NoMatch { .. }), "{error}");
    assert_eq!(server.get(CONFIG), None);
}

#[tokio::test]
async fn foreign_object_is_refused_where_ownership_is_checked() {
    let server = FakeApiServer::new();
    server.put(
        CONFIG,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "apps"}}),
    );
    let options = ApplyOptions { ownership: Ownership::Check, ..ApplyOptions::new(origin()) };
    let error = cluster(&server).apply(&[config("a")], &options).await.unwrap_err().to_string();
    let expected =
        "ConfigMap/apps/web exists and cannot be imported into the current release: invalid ownership metadata";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn objects_as_declared_cost_no_request() {
    let server = FakeApiServer::new();
    let objects = [config("a"), deployment()];
    let cluster = applied(&server, &objects).await;
    assert_eq!(drift(&cluster, &objects).await, [""; 0]);
    assert_eq!(server.take_requests(), [""; 0]);
}

#[tokio::test]
async fn change_and_removal_by_others_are_told_confirmed_and_corrected() {
    let server = FakeApiServer::new();
    let objects = [config("a"), deployment()];
    let cluster = applied(&server, &objects).await;
    let mut touches = cluster.watches().touches();
    let mut changed = server.get(CONFIG).unwrap();
    changed["data"]["key"] = json!("b");
    server.put(CONFIG, changed);
    assert_eq!(touches.recv().await.unwrap().kind, TouchKind::Changed);
    server.remove(DEPLOYMENT);
    assert_eq!(touches.recv().await.unwrap().kind, TouchKind::Deleted);

    let options = ApplyOptions::new(origin());
    let rules = IgnoreRules::default();
    let drifted = cluster.drift(&objects, &[], &options, &rules).await.unwrap();
    let told: Vec<String> = drifted.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["ConfigMap/apps/web changed (/data/key: a → b)", "Deployment/apps/web removed"]);
    cluster.correct(&objects, &drifted, &options, &rules).await.unwrap().into_result().unwrap();
    assert_eq!(server.get(CONFIG).unwrap()["data"]["key"], "a");
    assert_eq!(drift(&cluster, &objects).await, [""; 0]);
}

#[tokio::test]
async fn touches_during_an_action_are_told_at_its_end_unless_they_are_its_own() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[config("a"), deployment()]).await;
    let mut touches = cluster.watches().touches();
    let guard = cluster.watches().hold(&origin().release);
    cluster.apply(&[config("b")], &ApplyOptions::new(origin())).await.unwrap();
    server.remove(DEPLOYMENT);
    let gone = async {
        while cluster.watches().inventory(&origin().release).len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert!(touches.try_recv().is_err());
    drop(guard);
    assert_eq!(touches.try_recv().unwrap().object.kind, "Deployment");
    assert!(touches.try_recv().is_err());
}

#[tokio::test]
async fn wait_ends_with_the_event_and_asks_nothing() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[deployment()]).await;
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.wait(vec![deployment()], &wait_options()).await }
    });
    server.put(DEPLOYMENT, ready_deployment(&server));
    assert_eq!(waiting.await.unwrap().unwrap(), WaitOutcome::Ready);
    assert_eq!(server.take_requests(), [""; 0]);
}

/// The Deployment as it is once it is ready.
fn ready_deployment(server: &FakeApiServer) -> Value {
    let mut ready = server.get(DEPLOYMENT).unwrap();
    ready["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        "readyReplicas": 1, "conditions": [{"type": "Available", "status": "True"}]});
    ready
}

#[tokio::test]
async fn what_became_ready_while_the_watch_told_nothing_has_not_timed_out() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[deployment()]).await;
    let options = WaitOptions { timeout: Duration::from_millis(20), ..wait_options() };
    server.put_untold(DEPLOYMENT, ready_deployment(&server));
    assert_eq!(cluster.wait(vec![deployment()], &options).await.unwrap(), WaitOutcome::Ready);
    assert_eq!(server.take_requests(), [format!("GET {DEPLOYMENT}")]);
}

#[tokio::test]
async fn server_that_fails_when_time_has_run_out_is_an_error_of_its_own() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[deployment()]).await;
    let options = WaitOptions { timeout: Duration::from_millis(20), ..wait_options() };
    server.fail_reads();
    let waits =
        [cluster.wait(vec![deployment()], &options).await, cluster.wait_single(&marked(&server), &options).await];
    for error in waits.map(Result::unwrap_err) {
        assert!(error.is_fault(), "{error}");
        assert_eq!(error.to_string(), "cannot get Deployment/apps/web: storage is away");
    }
}

/// The Deployment as a hook has it.
fn marked(server: &FakeApiServer) -> Value {
    let mut object = server.get(DEPLOYMENT).unwrap();
    object["metadata"].as_object_mut().unwrap().retain(|key, _| key == "name" || key == "namespace");
    object
}

#[tokio::test]
async fn wait_that_times_out_names_what_is_not_ready() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[config("a"), deployment()]).await;
    let outcome = {
        let options = WaitOptions { timeout: Duration::from_millis(20), ..wait_options() };
        cluster.wait(vec![config("a"), deployment()], &options).await.unwrap()
    };
    let WaitOutcome::TimedOut(open) = outcome else { panic!("{outcome:?}") };
    let told: Vec<String> = open.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["Deployment/apps/web status: 'InProgress': not observed yet"]);
}

#[tokio::test]
async fn deletion_goes_in_uninstall_order_and_keeps_what_is_to_be_kept() {
    let server = FakeApiServer::new();
    let mut kept = config("a");
    kept["metadata"]["name"] = json!("kept");
    let objects = [kept, config("a"), deployment()];
    let cluster = applied(&server, &objects).await;
    let path = "/api/v1/namespaces/apps/configmaps/kept";
    let mut live = server.get(path).unwrap();
    live["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
    let mut touches = cluster.watches().touches();
    server.put(path, live);
    touches.recv().await.unwrap();
    let options = delete_options(Duration::from_secs(10));
    let report = cluster.delete(&objects, &options).await.unwrap();
    assert_eq!(report.kept.len(), 1);
    assert_eq!(server.take_requests(), [format!("DELETE {DEPLOYMENT}"), format!("DELETE {CONFIG}")]);
    assert!(server.get(path).is_some() && server.get(CONFIG).is_none());
}

fn delete_options(wait: Duration) -> DeleteOptions {
    DeleteOptions {
        origin: origin(),
        propagation: Propagation::Background,
        wait: Some(wait),
        cancel: tokio_util::sync::CancellationToken::new(),
        only_owned: false,
    }
}

#[tokio::test]
async fn what_went_while_the_watch_told_nothing_does_not_remain() {
    let server = FakeApiServer::new();
    let cluster = applied(&server, &[deployment()]).await;
    let mut live = server.get(DEPLOYMENT).unwrap();
    live["metadata"]["finalizers"] = json!(["example.com/held"]);
    server.put(DEPLOYMENT, live);
    let delete = || async { cluster.delete(&[deployment()], &delete_options(Duration::from_millis(200))).await };
    assert_eq!(delete().await.unwrap().remaining.len(), 1);
    server.lose_deletions();
    assert!(delete().await.unwrap().remaining.is_empty());
}
