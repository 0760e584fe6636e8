//! A day in short: many releases and sources are looked after again and again, while requests go wrong and sources fail; what the operator
//! holds must not grow, and all must be ready at the end.
//!
//! Time is compressed by short intervals: with 5 minutes as the usual interval, each second here is 5 minutes there. By default the
//! fleet is small and the day short; `RHUMB_E2E_SOAK_RELEASES`, `_SOURCES` and `_SECONDS` (200, 20 and 288 for a day) set them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kube::api::{Api, DynamicObject};
use serde_json::json;
use tokio::time::Instant;

use crate::scene::{Scene, hello_spec};
use crate::support::api_proxy::{ApiProxy, Faults};
use crate::support::chart_server::Fault;
use crate::support::cluster::{Cluster, pin, wait_for};
use crate::support::operator::OperatorOptions;
use crate::support::release::{has_condition, is_ready_at, is_settled};

/// How long the whole fleet may take to be ready.
const PATIENCE: Duration = Duration::from_secs(300);
/// How much more memory may be held at the end than after the first third, in hundredths.
const GROWTH: u64 = 10;
/// Memory that is no growth, whatever its share: the allocator's own.
const SLACK: u64 = 4 * 1024 * 1024;
/// The file of the charts in the sources.
const PACKAGE: &str = "hello-1.1.0.tgz";

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    memory: u64,
    files: usize,
    threads: u64,
}

impl Held {
    /// What Linux tells of a process.
    fn by(process: u32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
            Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
        };
        let memory = (field("RssAnon:")?) * 1024;
        let files = std::fs::read_dir(format!("/proc/{process}/fd"))?.count();
        Ok(Self { memory, files, threads: field("Threads:")? })
    }
}

/// The day's fleet.
struct Day {
    scene: Scene,
    proxy: ApiProxy,
    releases: u64,
    sources: u64,
}

impl Day {
    async fn begin() -> Result<Self> {
        let (releases, sources) = (number("RHUMB_E2E_SOAK_RELEASES", 24), number("RHUMB_E2E_SOAK_SOURCES", 4));
        let mut scene = Scene::prepare("soak").await?;
        let proxy = ApiProxy::start(scene.cluster.operator_kubeconfig(), scene.charts.path(), None).await?;
        let mut options = OperatorOptions { kubeconfig: proxy.kubeconfig().to_owned(), ..scene.operator_options() };
        options.flags.extend(["--max-retry-delay=2s".to_owned(), "--interval-jitter-percentage=20".to_owned()]);
        scene.start_operator_with(&options).await?;
        let day = Self { scene, proxy, releases, sources };
        day.ask().await?;
        day.is_ready().await?;
        Ok(day)
    }

    async fn ask(&self) -> Result<()> {
        for source in 0..self.sources {
            // Each source is one of its own, though all are at the same server.
            let url = format!("{}/?source={source}", self.scene.repository.url());
            self.scene
                .apply_source("HelmRepository", &format!("s{source}"), &json!({"url": url, "interval": "1s"}))
                .await?;
        }
        for release in 0..self.releases {
            let mut spec = hello_spec("1.x");
            spec["interval"] = json!("1s");
            spec["chart"]["spec"]["interval"] = json!("1s");
            spec["chart"]["spec"]["sourceRef"]["name"] = json!(format!("s{}", release % self.sources));
            // One Pod and no Job each: the day is the operator's, not the cluster's.
            spec["values"] = json!({"replicas": 1, "migration": {"enabled": false}});
            let object = json!({
                "apiVersion": "helm.toolkit.fluxcd.io/v2",
                "kind": "HelmRelease",
                "metadata": {"name": format!("r{release}"), "namespace": self.scene.namespace},
                "spec": spec,
            });
            crate::support::cluster::apply(&self.scene.client, &object).await?;
        }
        Ok(())
    }

    /// Waits until everything is ready, with no failure left.
    async fn is_ready(&self) -> Result<()> {
        let releases = self.scene.releases();
        for release in 0..self.releases {
            let ready = |found: &DynamicObject| is_settled(found) && is_ready_at(found, "1.1.0");
            wait_for(&releases, &format!("r{release}"), PATIENCE, "ready", ready)
                .await
                .with_context(|| self.scene.operator_log())?;
        }
        let resource = pin(&self.scene.client, "source.toolkit.fluxcd.io/v1", "HelmRepository").await?;
        let sources: Api<DynamicObject> =
            Api::namespaced_with(self.scene.client.clone(), &self.scene.namespace, &resource);
        for source in 0..self.sources {
            let ready = |found: &DynamicObject| has_condition(found, "Ready", "True");
            wait_for(&sources, &format!("s{source}"), PATIENCE, "ready", ready)
                .await
                .with_context(|| self.scene.operator_log())?;
        }
        Ok(())
    }

    /// One part of the day: things go wrong, and are well again.
    async fn part(&self, length: Duration) -> Result<()> {
        self.proxy.play(Faults { per_mille: 50, cuts_watches: true });
        self.scene.repository.set_fault("index.yaml", Some(Fault::ServerError));
        self.scene.repository.set_fault(PACKAGE, Some(Fault::Truncated));
        // There is nothing to watch for: the day passes.
        tokio::time::sleep(length / 2).await;
        self.proxy.play(Faults::default());
        self.scene.repository.set_fault("index.yaml", None);
        self.scene.repository.set_fault(PACKAGE, None);
        tokio::time::sleep(length / 2).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_day_of_faults_leaves_nothing_behind() -> Result<()> {
    if Cluster::shared().await?.plane().is_none() {
        eprintln!("skipped: the proxy reads kubeconfigs of our own control plane only");
        return Ok(());
    }
    let day = Day::begin().await?;
    let process = day.scene.operator_process()?;
    let length = Duration::from_secs(number("RHUMB_E2E_SOAK_SECONDS", 24));
    let started = Instant::now();
    day.part(length / 3).await?;
    day.is_ready().await?;
    let early = Held::by(process)?;
    while started.elapsed() < length {
        day.part(length / 6).await?;
    }
    day.is_ready().await?;
    // Connections that were cut are let go when they are next asked for or idle.
    day.part(Duration::from_secs(2)).await?;
    day.is_ready().await?;
    let late = Held::by(process)?;
    println!("held early: {early:?}; late: {late:?}; after {:?}", started.elapsed());
    let allowed = (early.memory * GROWTH / 100).max(SLACK);
    ensure!(late.memory <= early.memory + allowed, "memory grew from {early:?} to {late:?}");
    ensure!(late.files <= early.files + 8, "files or sockets grew from {early:?} to {late:?}");
    ensure!(late.threads <= early.threads + 2, "threads grew from {early:?} to {late:?}");
    Ok(())
}
