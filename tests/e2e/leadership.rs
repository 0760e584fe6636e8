//! Several operators, one leader: who takes over, when, and that nobody else writes.
//!
//! The rules are those of client-go's leader election, as Flux's controllers have them, with shorter times.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::json;

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::wait_for;
use crate::support::operator::{Operator, OperatorOptions};

/// The Lease that Flux's helm-controller uses too.
const LEASE: &str = "helm-controller-leader-election";
/// How long others wait for a leader that is gone.
const LEASE_DURATION: Duration = Duration::from_secs(6);

fn electing(scene: &Scene) -> OperatorOptions {
    let mut options = scene.operator_options();
    options.flags.extend(
        [
            "--enable-leader-election",
            "--leader-election-lease-duration=6s",
            "--leader-election-renew-deadline=4s",
            "--leader-election-retry-period=1s",
        ]
        .map(str::to_owned),
    );
    options
}

/// The holder, once it is somebody, and not this one.
async fn holder(scene: &Scene, not: &str) -> Result<String> {
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let held_by = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
    let lease = wait_for(&leases, LEASE, SOON, "held by another", |lease| {
        let holder = held_by(lease);
        !holder.is_empty() && holder != not
    })
    .await?;
    Ok(held_by(&lease))
}

#[tokio::test]
async fn another_goes_on_within_the_lease_time_when_the_leader_is_killed() -> Result<()> {
    let mut scene = Scene::prepare("leader-killed").await?;
    let options = electing(&scene);
    scene.start_operator_with(&options).await?;
    let first = holder(&scene, "").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let _second = Operator::start(&options).await?;
    scene.kill_operator();
    let killed = Instant::now();
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    let second = holder(&scene, &first).await?;
    ensure!(killed.elapsed() < LEASE_DURATION + Duration::from_secs(5), "it took {:?}", killed.elapsed());
    ensure!(killed.elapsed() > LEASE_DURATION / 2, "{second} took what it could not know to be free");
    scene.ready("web", "1.1.0").await?;
    assert_eq!(scene.history("web")?, ["1 superseded hello-1.0.0", "2 deployed hello-1.1.0"]);
    Ok(())
}

/// The versions of what an operator writes in the namespace, as `kind/name@version`.
async fn versions(scene: &Scene) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (group, version, kind) in [
        ("helm.toolkit.fluxcd.io", "v2", "HelmRelease"),
        ("source.toolkit.fluxcd.io", "v1", "HelmChart"),
        ("", "v1", "Secret"),
        ("", "v1", "Service"),
        ("", "v1", "ConfigMap"),
        ("", "v1", "Event"),
    ] {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::namespaced_with(scene.client.clone(), &scene.namespace, &kind);
        // The control plane's own controllers tell of the Deployments.
        let is_ours = |object: &DynamicObject| {
            object.data["reason"].is_null() || object.data["source"]["component"] == "helm-controller"
        };
        for object in api.list(&ListParams::default()).await?.items.into_iter().filter(is_ours) {
            let version = object.resource_version().unwrap_or_default();
            all.push(format!("{}/{}@{version}", kind.kind, object.name_any()));
        }
    }
    Ok(all)
}

#[tokio::test]
async fn a_leader_that_was_paused_for_longer_than_its_lease_writes_nothing_when_it_wakes_up() -> Result<()> {
    let mut scene = Scene::prepare("leader-paused").await?;
    let options = electing(&scene);
    let mut paused = Operator::start(&options).await?;
    holder(&scene, "").await?;
    paused.pause()?;
    // By the rules of the election, anybody may have the Lease by then.
    tokio::time::sleep(LEASE_DURATION).await;
    let leases: Api<Lease> = Api::namespaced(scene.client.clone(), &scene.namespace);
    let successor = json!({"spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600}});
    leases.patch(LEASE, &PatchParams::default(), &Patch::Merge(&successor)).await?;
    // It is told of these at the moment in which it wakes up, before it can have looked at the Lease.
    for number in 0..20 {
        scene.apply_release(&format!("web-{number}"), &hello_spec("1.0.0")).await?;
    }
    let before = versions(&scene).await?;
    paused.resume()?;
    let status = paused.ended(SOON).await?;
    ensure!(!status.success(), "a leader that lost its lease has to say so, for its container to be started anew");
    ensure!(paused.log_tail(40).contains("lost the lease"), "its log ends with:\n{}", paused.log_tail(40));
    let after = versions(&scene).await?;
    let written: Vec<_> = after.iter().filter(|object| !before.contains(object)).collect();
    ensure!(written.is_empty(), "written after the lease was lost: {written:?}\n{}", paused.log_tail(40));
    // Whoever leads next finds its way.
    leases.delete(LEASE, &DeleteParams::default()).await?;
    scene.start_operator_with(&options).await?;
    for number in 0..20 {
        scene.ready(&format!("web-{number}"), "1.0.0").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stop_hands_over_within_seconds_what_would_wait_for_minutes() -> Result<()> {
    let mut scene = Scene::prepare("leader-stopped").await?;
    let options = electing(&scene);
    scene.start_operator_with(&options).await?;
    let first = holder(&scene, "").await?;
    let mut spec = hello_spec("1.0.0");
    spec["timeout"] = json!("30m");
    spec["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}, "migration": {"enabled": false}});
    scene.apply_release("web", &spec).await?;
    let deployments: Api<k8s_openapi::api::apps::v1::Deployment> =
        Api::namespaced(scene.client.clone(), &scene.namespace);
    wait_for(&deployments, "web-hello", SOON, "applied", |_| true).await?;
    let second = Operator::start(&options).await?;
    let stopped = Instant::now();
    scene.stop_operator()?;
    holder(&scene, &first).await?;
    ensure!(stopped.elapsed() < LEASE_DURATION, "the lease was not given up: {:?}", stopped.elapsed());
    // The next leader finds what was cut short, and the release can be had otherwise at once.
    scene.apply_release("web", &hello_spec("1.1.0")).await?;
    let release = scene.ready("web", "1.1.0").await?;
    assert_eq!(release.data["status"]["installFailures"], json!(null), "what was handed over is no failure");
    let history = scene.history("web")?;
    ensure!(history.last().is_some_and(|last| last.ends_with("deployed hello-1.1.0")), "{history:?}");
    ensure!(history.iter().all(|revision| !revision.contains("pending")), "{history:?}");
    drop(second);
    Ok(())
}
