//! The stations of the tour, in the order in which they are visited.
//!
//! In: the operator's program. Out: lines on the terminal. Never goes on before what a station shows has really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use tempfile::TempDir;

use crate::manifests::{self, Servers};
use crate::support::chart_server::ChartServer;
use crate::support::cluster::{Cluster, apply, install_crds, wait_for};
use crate::support::control_plane::ControlPlane;
use crate::support::helm::Helm;
use crate::support::operator::{Operator, OperatorOptions};
use crate::support::process::temporary_folder;
use crate::support::programs;
use crate::support::registry::Registry;
use crate::support::release;

/// Where the operator believes to run.
const NAMESPACE: &str = "default";
/// How long the examples may take together.
const DEADLINE: Duration = Duration::from_secs(180);
/// How many lines of metrics are shown.
const METRIC_LINES: usize = 8;

/// Everything that runs during the tour; dropping it stops everything, the operator first.
pub(crate) struct Tour {
    operator: Operator,
    client: Client,
    servers: Servers,
    #[expect(dead_code, reason = "held for as long as the tour lasts")]
    sources: (ChartServer, Registry, TempDir),
    cluster: Cluster,
}

impl Tour {
    /// Starts the control plane, the chart servers and the operator.
    pub(crate) async fn start(program: PathBuf) -> Result<Self> {
        say("Starting a control plane (etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok)");
        let began = Instant::now();
        let cluster = Cluster::start().await?;
        let client = cluster.client().await?;
        detail(&format!("ready after {:.1} s", began.elapsed().as_secs_f64()));

        say("Packaging the example charts, serving them over HTTP and OCI");
        let charts = temporary_folder("rhumb-charts-")?;
        let repository = ChartServer::start(charts.path())?;
        let registry = Registry::start_with_tls().await?;
        publish_charts(charts.path(), &registry)?;
        let servers = Servers { http: repository.url(), oci: registry.url("").trim_end_matches('/').to_owned() };
        detail(&format!("{} and {}", servers.http, servers.oci));

        say("Installing the CRDs and starting rhumb");
        install_crds(&client).await?;
        let operator = Operator::start(&OperatorOptions {
            program,
            kubeconfig: cluster.operator_kubeconfig().to_owned(),
            namespace: NAMESPACE.to_owned(),
            flags: Vec::new(),
            authorities: registry.authority().map(Path::to_owned),
        })
        .await?;
        Ok(Self { operator, client, servers, sources: (repository, registry, charts), cluster })
    }

    /// Applies all examples and waits until every release is ready.
    pub(crate) async fn apply_examples(&mut self) -> Result<()> {
        say("Applying examples/");
        let mut releases = BTreeSet::new();
        for example in manifests::read(&self.servers)? {
            detail(&example.path);
            for object in example.objects {
                let applied = apply(&self.client, &object).await?;
                if object["kind"] == "HelmRelease" && object["spec"]["suspend"] != true {
                    releases.insert(full_name(&applied));
                }
            }
        }
        let began = Instant::now();
        let watched = tokio::time::timeout(DEADLINE, self.follow(&releases)).await;
        watched
            .unwrap_or_else(|_| bail!("not all releases became ready within {DEADLINE:?}"))
            .with_context(|| format!("rhumb's log ends with:\n{}", self.operator.log_tail(40)))?;
        detail(&format!("all {} releases are ready after {:.1} s", releases.len(), began.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Prints each step of each release until all are ready.
    async fn follow(&self, releases: &BTreeSet<String>) -> Result<()> {
        let api = release::in_all_namespaces(&self.client);
        let mut changes = std::pin::pin!(watcher(api, watcher::Config::default()).applied_objects());
        let mut shown = BTreeMap::new();
        let mut ready = BTreeSet::new();
        while let Some(change) = changes.next().await {
            let object: DynamicObject = change?;
            let name = full_name(&object);
            let Some((status, line)) = ready_line(&object) else {
                continue;
            };
            if shown.get(&name) != Some(&line) {
                detail(&format!("{name:<32} {line}"));
                shown.insert(name.clone(), line);
            }
            if status == "True" && releases.contains(&name) {
                ready.insert(name);
            }
            if ready.len() == releases.len() {
                return Ok(());
            }
        }
        bail!("the watch of the releases ended")
    }

    /// Deletes a Service and shows that it is back.
    pub(crate) async fn show_drift(&self) -> Result<()> {
        let all: Api<Service> = Api::all(self.client.clone());
        let labelled = ListParams::default().labels("app.kubernetes.io/managed-by=Helm");
        let service = all.list(&labelled).await?.items.into_iter().next().context("no release has a Service")?;
        let (namespace, name) = (service.namespace().unwrap_or_default(), service.name_any());
        say(&format!("Deleting the Service {namespace}/{name}, as somebody might by mistake"));
        let services: Api<Service> = Api::namespaced(self.client.clone(), &namespace);
        let began = Instant::now();
        services.delete(&name, &DeleteParams::default()).await?;
        let is_new = |found: &Service| found.uid() != service.uid();
        wait_for(&services, &name, Duration::from_secs(30), "back", is_new).await?;
        detail(&format!("rhumb put it back after {} ms", began.elapsed().as_millis()));
        Ok(())
    }

    /// Prints some of the operator's metrics.
    pub(crate) async fn show_metrics(&self) -> Result<()> {
        say(&format!("Some of the metrics at {}", self.operator.metrics_url()));
        let text = self.operator.metrics().await?;
        let mut shown = BTreeSet::new();
        // One sample of each metric; the buckets of histograms would hide the rest.
        let samples = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
        let first = samples.filter(|line| shown.insert(line.split(['{', ' ']).next()));
        first.take(METRIC_LINES).for_each(detail);
        Ok(())
    }

    /// Tells what can be tried by hand.
    pub(crate) fn tell_how_to_look_around(&self) {
        say("Look around");
        let kubectl = self.cluster.plane().map_or_else(|| "kubectl".to_owned(), ControlPlane::kubectl);
        detail(&format!("export KUBECONFIG={}", self.cluster.kubeconfig().display()));
        detail(&format!("alias kubectl='{kubectl}'"));
        if let Ok(helm) = programs::helm() {
            detail(&format!("alias helm={}", helm.display()));
        }
        detail("kubectl get helmreleases -A");
        detail("helm list -A");
        detail(&format!("tail -f {}", self.operator.log().display()));
    }

    /// Fails when the operator ends; otherwise never returns.
    pub(crate) async fn watch_over(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            self.operator.check_running()?;
        }
    }

    /// Ends the operator in the polite way; the rest ends when the tour is dropped.
    pub(crate) fn stop(mut self) {
        say("Stopping everything");
        self.operator.stop();
    }
}

/// Packages every chart of `examples/charts` in two versions and pushes them.
fn publish_charts(folder: &Path, registry: &Registry) -> Result<()> {
    let helm = Helm::new()?;
    for entry in std::fs::read_dir(crate::project::root().join("examples/charts"))? {
        let chart = entry?.path();
        if !chart.join("Chart.yaml").is_file() {
            continue;
        }
        for version in ["1.0.0", "1.1.0"] {
            let package = helm.package(&chart, version, folder)?;
            helm.push(&package, registry, "charts")?;
        }
    }
    Ok(())
}

/// The status of the Ready condition at the newest generation, and how to show it.
fn ready_line(object: &DynamicObject) -> Option<(String, String)> {
    let ready = release::condition(object, "Ready")?;
    let text = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
    Some((text("status"), format!("Ready={:<7} {:<18} {}", text("status"), text("reason"), text("message"))))
}

fn full_name(object: &DynamicObject) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// Announces a station.
fn say(text: &str) {
    println!("\n{text}");
}

/// Says something about the station.
fn detail(text: &str) {
    println!("  {text}");
}
