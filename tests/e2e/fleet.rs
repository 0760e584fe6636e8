//! Several releases at once: none waits for another unless it says so.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject};
use kube_runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use crate::scene::{SOON, Scene, hello_spec};
use crate::support::cluster::wait_for;
use crate::support::release::{condition, has_condition};

#[tokio::test]
async fn waiting_release_keeps_no_worker_busy() -> Result<()> {
    let mut scene = Scene::prepare("one-worker").await?;
    let mut options = scene.operator_options();
    options.flags.push("--concurrent=1".to_owned());
    scene.start_operator_with(&options).await?;
    let mut stuck = hello_spec("1.0.0");
    stuck["timeout"] = json!("10m");
    stuck["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}});
    scene.apply_release("stuck", &stuck).await?;
    let services: Api<Service> = scene.services();
    wait_for(&services, "stuck-hello", SOON, "applied", |_| true).await.with_context(|| scene.operator_log())?;

    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let stuck = scene.releases().get("stuck").await?;
    assert!(has_condition(&stuck, "Reconciling", "True"), "{}", stuck.data["status"]);
    Ok(())
}

/// How many releases wait for pods that are never ready.
const STUCK: usize = 50;
/// How many installs are timed, with and without them.
const TIMED: usize = 3;

/// The shortest time that an install took, of a few: the machine does other things too.
async fn quickest_install(scene: &Scene, prefix: &str) -> Result<Duration> {
    let mut quickest = Duration::MAX;
    for number in 0..TIMED {
        let name = format!("{prefix}{number}");
        let began = Instant::now();
        scene.apply_release(&name, &hello_spec("1.0.0")).await?;
        scene.ready(&name, "1.0.0").await?;
        quickest = quickest.min(began.elapsed());
    }
    Ok(quickest)
}

#[tokio::test]
async fn fifty_failing_waits_do_not_delay_an_install_by_a_second() -> Result<()> {
    let scene = Scene::start("stuck-fifty").await?;
    let alone = quickest_install(&scene, "alone").await?;
    let mut stuck = hello_spec("1.0.0");
    stuck["timeout"] = json!("10m");
    stuck["values"] =
        json!({"replicas": 1, "migration": {"enabled": false}, "podLabels": {"rhumb.test/pod": "unready"}});
    let names: Vec<String> = (0..STUCK).map(|number| format!("stuck{number}")).collect();
    for name in &names {
        scene.apply_release(name, &stuck).await?;
    }
    let services: Api<Service> = scene.services();
    for name in &names {
        let service = format!("{name}-hello");
        wait_for(&services, &service, SOON, "applied", |_| true).await.with_context(|| scene.operator_log())?;
    }
    let beside = quickest_install(&scene, "beside").await?;
    println!("an install takes {alone:?} alone and {beside:?} beside {STUCK} failing waits");
    assert!(beside < alone + Duration::from_secs(1), "{alone:?} alone, {beside:?} beside {STUCK} failing waits");
    Ok(())
}

#[tokio::test]
async fn dependent_release_starts_when_its_dependency_is_ready() -> Result<()> {
    let scene = Scene::start("depends").await?;
    let mut frontend = hello_spec("1.0.0");
    frontend["dependsOn"] = json!([{"name": "backend"}]);
    scene.apply_release("frontend", &frontend).await?;
    wait_for(&scene.releases(), "frontend", SOON, "waiting", |release| {
        condition(release, "Ready").is_some_and(|ready| ready["reason"] == "DependencyNotReady")
    })
    .await
    .with_context(|| scene.operator_log())?;
    scene.apply_release("backend", &hello_spec("1.0.0")).await?;
    scene.ready("backend", "1.0.0").await?;
    scene.ready("frontend", "1.0.0").await?;
    Ok(())
}

/// How long a chain of releases is.
const CHAIN: usize = 10;

/// When the links of a chain began to work, and when they were ready, as a watch tells.
async fn handed_over(scene: &Scene) -> Result<Vec<(Instant, Instant)>> {
    let ready = |release: &DynamicObject, status: &str| has_condition(release, "Ready", status);
    let mut seen: BTreeMap<String, (Option<Instant>, Option<Instant>)> = BTreeMap::new();
    let mut events = std::pin::pin!(watcher::watcher(scene.releases(), watcher::Config::default()).touched_objects());
    while let Some(event) = events.next().await {
        let Ok(release) = event else { continue };
        let (begun, ended) = seen.entry(release.name_any()).or_default();
        if ready(&release, "Unknown") {
            begun.get_or_insert_with(Instant::now);
        }
        if ready(&release, "True") {
            ended.get_or_insert_with(Instant::now);
        }
        let times: Vec<_> = seen.values().filter_map(|(begun, ended)| Some(((*begun)?, (*ended)?))).collect();
        if times.len() == CHAIN {
            return Ok(times);
        }
    }
    anyhow::bail!("the watch ended")
}

#[tokio::test]
async fn a_chain_of_ten_loses_less_than_two_seconds_between_its_links() -> Result<()> {
    let scene = Scene::start("chain").await?;
    let links = async {
        for number in (0..CHAIN).rev() {
            let mut spec = hello_spec("1.0.0");
            if number > 0 {
                spec["dependsOn"] = json!([{"name": format!("link{}", number - 1)}]);
            }
            scene.apply_release(&format!("link{number}"), &spec).await?;
        }
        anyhow::Ok(())
    };
    let ((), times) = tokio::time::timeout(2 * SOON, async { tokio::try_join!(links, handed_over(&scene)) })
        .await
        .with_context(|| scene.operator_log())??;
    // The names sort as the chain goes.
    let between = times.windows(2).map(|pair| pair[1].0.saturating_duration_since(pair[0].1));
    let (lost, work): (Duration, Duration) =
        (between.sum(), times.iter().map(|(begun, ended)| ended.saturating_duration_since(*begun)).sum());
    println!("a chain of {CHAIN} loses {lost:?} between its links, whose own work takes {work:?}");
    assert!(lost < Duration::from_secs(2), "{lost:?} are lost between the links");
    Ok(())
}

#[tokio::test]
async fn suspended_release_is_left_alone_until_it_is_resumed() -> Result<()> {
    let scene = Scene::start("suspend").await?;
    let mut suspended = hello_spec("1.0.0");
    suspended["suspend"] = json!(true);
    scene.apply_release("asleep", &suspended).await?;
    // The other release was asked for later, so the first has been seen when this one is ready.
    scene.apply_release("awake", &hello_spec("1.0.0")).await?;
    scene.ready("awake", "1.0.0").await?;
    assert!(scene.history("asleep").is_err(), "nothing is stored");
    scene.apply_release("asleep", &hello_spec("1.0.0")).await?;
    scene.ready("asleep", "1.0.0").await?;
    Ok(())
}
