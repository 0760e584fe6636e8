//! Operators that share the work by a label, as Flux's controllers do: each object has one operator, and another one when its label changes.
//!
//! Charts are asked for directly, so that releases can move without their sources, but for one that has sources of its own shard.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::{apply, wait_for};
use crate::support::operator::Operator;
use crate::support::release::{condition, is_ready_at};

/// The label of Flux's shards.
const LABEL: &str = "sharding.fluxcd.io/key";
/// The values of the label, none among them, and the selectors of `deploy/sharded.yaml`.
const SHARDS: [(Option<&str>, &str); 3] = [
    (None, "!sharding.fluxcd.io/key"),
    (Some("shard1"), "sharding.fluxcd.io/key=shard1"),
    (Some("shard2"), "sharding.fluxcd.io/key=shard2"),
];
/// Releases of each shard.
const EACH: usize = 3;

/// One operator a shard, in the order of [`SHARDS`], each with leader election.
async fn start_shards(scene: &Scene) -> Result<Vec<Operator>> {
    let mut operators = Vec::new();
    for (_, selector) in SHARDS {
        let mut options = scene.operator_options();
        options.flags.push("--enable-leader-election".to_owned());
        options.flags.push(format!("--watch-label-selector={selector}"));
        operators.push(Operator::start(&options).await?);
    }
    Ok(operators)
}

/// Applies an object with the label of a shard.
async fn apply_in(
    scene: &Scene,
    shard: Option<&str>,
    api_version: &str,
    kind: &str,
    name: &str,
    spec: &Value,
) -> Result<()> {
    let labels = shard.map(|shard| json!({LABEL: shard}));
    let metadata = json!({"name": name, "namespace": scene.namespace, "labels": labels});
    apply(&scene.client, &json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})).await?;
    Ok(())
}

async fn apply_release(scene: &Scene, shard: Option<&str>, name: &str, spec: &Value) -> Result<()> {
    let mut spec = spec.clone();
    spec["interval"] = json!("1h");
    apply_in(scene, shard, "helm.toolkit.fluxcd.io/v2", "HelmRelease", name, &spec).await
}

/// A spec that asks for its chart without a source object.
fn inline_spec(scene: &Scene, version: &str) -> Value {
    json!({"timeout": "30s", "chart": {"repo": scene.repository.url(), "name": "hello", "version": version}})
}

async fn ready(scene: &Scene, operators: &[Operator], name: &str, version: &str) -> Result<DynamicObject> {
    let what = format!("ready at {version}");
    let found = wait_for(&scene.releases(), name, SOON, &what, |release| is_ready_at(release, version)).await;
    found.with_context(|| operators.iter().map(|operator| operator.log_tail(20)).collect::<Vec<_>>().join("\n---\n"))
}

/// The releases that an operator tells the state of.
async fn told(operator: &Operator) -> Result<BTreeSet<String>> {
    let metrics = operator.metrics().await?;
    let of_releases = metrics
        .lines()
        .filter(|line| line.starts_with("gotk_reconcile_condition{") && line.contains("\"HelmRelease\""));
    let name = |line: &str| Some(line.split_once(",name=\"")?.1.split_once('"')?.0.to_owned());
    Ok(of_releases.filter_map(name).collect())
}

/// The releases that an operator has reconciled, by its log: it says what it has done to each.
fn worked_on(operator: &Operator) -> Result<BTreeSet<String>> {
    let log = std::fs::read_to_string(operator.log())?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_releases = lines.filter(|line| line["controller"] == "helmrelease");
    Ok(of_releases.filter_map(|line| Some(line["name"].as_str()?.to_owned())).collect())
}

fn name_of(shard: Option<&str>, number: usize) -> String {
    format!("{}-{number}", shard.unwrap_or("main"))
}

/// The names of a shard's releases, and what belongs to it besides.
fn names_of(shard: Option<&str>, more: &[&str]) -> BTreeSet<String> {
    (0..EACH).map(|number| name_of(shard, number)).chain(more.iter().map(|name| (*name).to_owned())).collect()
}

/// Waits until an operator tells of just these releases; no watch tells of metrics.
async fn tells_of(operator: &Operator, names: &BTreeSet<String>) -> Result<()> {
    let deadline = Instant::now() + SOON;
    loop {
        let found = told(operator).await?;
        if found == *names {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the operator tells of {found:?}, and should of {names:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn move_to(scene: &Scene, name: &str, shard: Option<&str>, more: &Value) -> Result<()> {
    let mut patch = more.clone();
    patch["metadata"]["labels"][LABEL] = json!(shard);
    scene.releases().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

/// Spreads releases over the shards, and waits until all are ready.
async fn spread(scene: &Scene, operators: &[Operator]) -> Result<()> {
    for number in 0..EACH {
        for (shard, _) in SHARDS {
            apply_release(scene, shard, &name_of(shard, number), &inline_spec(scene, "1.0.0")).await?;
        }
    }
    let source = json!({"url": scene.repository.url(), "interval": "10m"});
    apply_in(scene, Some("shard1"), "source.toolkit.fluxcd.io/v1", "HelmRepository", "charts-1", &source).await?;
    let mut sourced = hello_spec("1.0.0");
    sourced["chart"]["spec"]["sourceRef"]["name"] = json!("charts-1");
    sourced["chart"]["metadata"] = json!({"labels": {LABEL: "shard1"}});
    apply_release(scene, Some("shard1"), "sourced", &sourced).await?;
    for (shard, _) in SHARDS {
        for number in 0..EACH {
            ready(scene, operators, &name_of(shard, number), "1.0.0").await?;
        }
    }
    ready(scene, operators, "sourced", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn each_release_is_reconciled_by_its_shard_alone() -> Result<()> {
    let scene = Scene::prepare("shards").await?;
    let operators = start_shards(&scene).await?;
    spread(&scene, &operators).await?;
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let held = leases.list(&ListParams::default()).await?.items.into_iter();
    let held: BTreeSet<_> = held.filter_map(|lease| lease.spec?.holder_identity).filter(|it| !it.is_empty()).collect();
    assert_eq!(held.len(), SHARDS.len(), "each shard has a Lease and a leader of its own");
    for (operator, (shard, _)) in operators.iter().zip(SHARDS) {
        let names = names_of(shard, if shard == Some("shard1") { &["sourced"] } else { &[] });
        tells_of(operator, &names).await?;
        assert_eq!(worked_on(operator)?, names, "what {shard:?} has done");
    }
    for name in SHARDS.iter().flat_map(|(shard, _)| names_of(*shard, &[])) {
        assert_eq!(scene.history(&name)?, ["1 deployed hello-1.0.0"]);
    }
    Ok(())
}

#[tokio::test]
async fn another_label_moves_a_release_to_another_operator_and_changes_nothing_else() -> Result<()> {
    let scene = Scene::prepare("shard-move").await?;
    let operators = start_shards(&scene).await?;
    spread(&scene, &operators).await?;
    let services = scene.services();
    let before = services.get("shard1-0-hello").await?;
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "moved"}}});
    move_to(&scene, "shard1-0", Some("shard2"), &asked).await?;
    let handled = |release: &DynamicObject| release.data["status"]["lastHandledReconcileAt"] == "moved";
    let release = wait_for(&scene.releases(), "shard1-0", SOON, "looked at by its new operator", handled).await?;
    assert!(is_ready_at(&release, "1.0.0"), "{}", release.data["status"]);
    assert_eq!(scene.history("shard1-0")?, ["1 deployed hello-1.0.0"], "a move is no upgrade");
    assert_eq!(services.get("shard1-0-hello").await?.metadata.resource_version, before.metadata.resource_version);
    tells_of(&operators[2], &names_of(Some("shard2"), &["shard1-0"])).await?;
    let mut rest = names_of(Some("shard1"), &["sourced"]);
    rest.remove("shard1-0");
    tells_of(&operators[1], &rest).await?;

    // From now on drift and new versions are the new operator's business.
    let left = std::fs::read_to_string(operators[1].log())?.len();
    services.delete("shard1-0-hello", &DeleteParams::default()).await?;
    wait_for(&services, "shard1-0-hello", SOON, "made again", |service| service.metadata.uid != before.metadata.uid)
        .await
        .with_context(|| operators[2].log_tail(30))?;
    apply_release(&scene, Some("shard2"), "shard1-0", &inline_spec(&scene, "1.1.0")).await?;
    ready(&scene, &operators, "shard1-0", "1.1.0").await?;
    assert_eq!(scene.history("shard1-0")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.1.0"]);
    let log = std::fs::read_to_string(operators[1].log())?;
    let said = log.get(left..).unwrap_or_default();
    ensure!(!said.contains("\"name\":\"shard1-0\""), "the operator that it has left goes on with it:\n{said}");
    Ok(())
}

#[tokio::test]
async fn a_release_may_depend_on_one_of_another_shard() -> Result<()> {
    let scene = Scene::prepare("shard-depends").await?;
    let operators = start_shards(&scene).await?;
    let mut spec = inline_spec(&scene, "1.0.0");
    spec["dependsOn"] = json!([{"name": "first"}]);
    apply_release(&scene, Some("shard2"), "second", &spec).await?;
    let waits = |release: &DynamicObject| {
        condition(release, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady")
    };
    let release = wait_for(&scene.releases(), "second", SOON, "waiting for the first", waits).await?;
    let message = condition(&release, "Ready").map(|ready| ready["message"].to_string()).unwrap_or_default();
    ensure!(message.contains("does not exist"), "{message}");
    apply_release(&scene, Some("shard1"), "first", &inline_spec(&scene, "1.0.0")).await?;
    ready(&scene, &operators, "first", "1.0.0").await?;
    ready(&scene, &operators, "second", "1.0.0").await?;
    Ok(())
}

#[tokio::test]
async fn a_release_that_moves_while_it_is_waited_for_is_let_go() -> Result<()> {
    let scene = Scene::prepare("shard-waits").await?;
    let operators = start_shards(&scene).await?;
    let mut spec = inline_spec(&scene, "1.0.0");
    spec["timeout"] = json!("30m");
    spec["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}, "migration": {"enabled": false}});
    apply_release(&scene, Some("shard1"), "web", &spec).await?;
    let deployments: Api<Deployment> = Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&deployments, "web-hello", SOON, "applied", |_| true).await?;
    move_to(&scene, "web", Some("shard2"), &json!({"spec": {"values": {"podLabels": null}}})).await?;
    let release = ready(&scene, &operators, "web", "1.0.0").await?;
    assert_eq!(release.data["status"]["installFailures"], json!(null), "what was handed over is no failure");
    tells_of(&operators[1], &BTreeSet::new()).await?;
    let metrics = operators[1].metrics().await?;
    let at_work = metrics
        .lines()
        .find(|line| line.starts_with("controller_runtime_active_workers") && line.contains("helmrelease"));
    ensure!(at_work.is_some_and(|line| line.ends_with(" 0")), "the operator that it has left still waits: {at_work:?}");
    Ok(())
}
