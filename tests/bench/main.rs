//! The end-to-end benchmark: installs, upgrades and asks many releases of one small chart on a local control plane.
//!
//! It prints time, processor time and memory of the operator, API requests a release, the floor (a bare client that makes
//! as many writes at the same concurrency in the same run), and the budgets that the figures are held to.
#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]

mod floor;
mod measure;
#[path = "../project.rs"]
mod project;
mod releases;
mod rest;
#[path = "../e2e/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;
use kube::Client;
use serde_json::json;

use support::audit::{AuditLog, Requests};
use support::chart_server::ChartServer;
use support::cluster::{Cluster, apply, install_crds};
use support::helm::Helm;
use support::operator::{Operator, OperatorOptions};
use support::process::temporary_folder;
use support::release::is_ready_at;

/// At most so many writes an install.
const INSTALL_WRITES: f64 = 12.0;
/// At most so many reads an install.
const INSTALL_READS: f64 = 2.0;
/// At most so many writes a requested reconcile that finds nothing to do.
const NO_OP_WRITES: f64 = 1.0;
/// At most so many milliseconds of the operator's processor time a release.
const PROCESSOR_MS: f64 = 20.0;
/// At most so many MiB resident at any moment.
const PEAK_MIB: f64 = 96.0;
/// At most so many times the floor.
const TIMES_FLOOR: f64 = 1.3;

/// Measures the operator on a local control plane.
#[derive(Parser)]
struct Arguments {
    /// How many releases.
    #[arg(long, default_value_t = 50)]
    releases: usize,
    /// How many releases the operator works on at a time.
    #[arg(long, default_value_t = 10)]
    concurrent: usize,
    /// Fails when a figure is over its budget.
    #[arg(long)]
    check: bool,
    /// Passed by cargo to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The figures of one phase.
struct Figures {
    wall: Duration,
    processor: Duration,
    peak_mib: u64,
    requests: Requests,
    /// What the control plane's own processes took meanwhile.
    servers: Vec<(String, Duration)>,
}

/// What the phases share.
struct Bench {
    cluster: Cluster,
    client: Client,
    namespace: String,
    operator: Operator,
    count: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&arguments))
}

async fn run(arguments: &Arguments) -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    install_crds(&client).await?;
    let helm = Helm::on(cluster.kubeconfig())?;
    let charts = temporary_folder("rhumb-charts-")?;
    let server = serve_charts(&helm, charts.path())?;
    let warm_up = prepare_namespace(&cluster, &client, "warm-up", &server).await?;
    let namespace = prepare_namespace(&cluster, &client, "bench", &server).await?;
    let options = OperatorOptions {
        program: PathBuf::from(env!("CARGO_BIN_EXE_rhumb")),
        kubeconfig: cluster.operator_kubeconfig().to_owned(),
        namespace: namespace.clone(),
        flags: vec![format!("--concurrent={}", arguments.concurrent)],
        authorities: None,
    };
    let operator = Operator::start(&options).await?;
    let mut bench = Bench { cluster, client, namespace: warm_up, operator, count: 1 };
    println!("{} releases of four objects, {} at a time", arguments.releases, arguments.concurrent);
    println!("idle: {} MiB", measure::peak_mib(bench.operator.id())?);

    // The first release warms the API server up, and shows what the writes of an install are.
    bench.install().await?;
    let writes = bench.writes(&helm).await?;
    bench.operator.stop();
    bench = Bench { namespace, count: arguments.releases, ..bench };
    // The floor is measured before and after, so that it is no matter if the machine becomes faster or slower meanwhile.
    let before = bench.floor(&writes, arguments.concurrent).await?;
    bench.operator = Operator::start(&options).await?;
    bench.calm(bench.cluster.audit().as_ref()).await?;
    let install = bench.install().await?;
    let upgrade = bench.upgrade().await?;
    let no_op = bench.no_op().await?;
    bench.rest(&options).await?;
    bench.operator.stop();
    let after = bench.floor(&writes, arguments.concurrent).await?;
    bench.report(&[("install", &install), ("upgrade", &upgrade), ("requested no-op", &no_op)]);
    let kept = bench.judge([&install, &upgrade, &no_op], &[before, after]);
    anyhow::ensure!(kept || !arguments.check, "a figure is over its budget");
    Ok(())
}

/// A namespace with a repository of the benchmark's charts.
async fn prepare_namespace(cluster: &Cluster, client: &Client, name: &str, server: &ChartServer) -> Result<String> {
    let namespace = cluster.namespace(client, name).await?;
    let repository = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": namespace},
        "spec": {"interval": "1h", "url": server.url()},
    });
    apply(client, &repository).await?;
    Ok(namespace)
}

fn chart() -> PathBuf {
    crate::project::root().join("tests/bench/chart")
}

fn serve_charts(helm: &Helm, folder: &Path) -> Result<ChartServer> {
    // helm names the package after the chart, not after its folder.
    for version in ["1.0.0", "1.1.0"] {
        let (chart, folder) = (chart().display().to_string(), folder.display().to_string());
        helm.run(&["package", &chart, "--version", version, "-d", &folder])?;
    }
    ChartServer::start(folder)
}

impl Bench {
    async fn install(&self) -> Result<Figures> {
        self.phase(async {
            releases::create_all(&self.client, &self.namespace, self.count).await?;
            self.wait(|release| is_ready_at(release, "1.0.0")).await
        })
        .await
        .context("install")
    }

    async fn upgrade(&self) -> Result<Figures> {
        let patch = json!({"spec": {"chart": {"spec": {"version": "1.1.0"}}, "values": {"message": "second"}}});
        self.phase(async {
            releases::patch_all(&self.client, &self.namespace, self.count, &patch).await?;
            self.wait(|release| is_ready_at(release, "1.1.0")).await
        })
        .await
        .context("upgrade")
    }

    async fn no_op(&self) -> Result<Figures> {
        let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
        self.phase(async {
            releases::patch_all(&self.client, &self.namespace, self.count, &patch).await?;
            self.wait(|release| release.data["status"]["lastHandledReconcileAt"] == "now").await
        })
        .await
        .context("requested no-op")
    }

    /// Prints what the releases cost at rest.
    async fn rest(&mut self, options: &OperatorOptions) -> Result<()> {
        println!("\nat rest: {:.2} % of a processor", rest::idle_percent(&self.operator).await?);
        let took = rest::repairs(&self.client, &self.namespace, self.count).await?;
        let share = |percent: usize| {
            took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
        };
        println!("drift is put right in {:?} (half), {:?} (95 of 100), {:?} (all)", share(50), share(95), share(100));
        self.operator.stop();
        self.calm(self.cluster.audit().as_ref()).await?;
        let log = self.cluster.audit();
        let (operator, took) = rest::start(options, self.count).await.context("restart")?;
        self.operator = operator;
        self.calm(log.as_ref()).await?;
        let requests = log.map(|log| log.requests(|_| true)).transpose()?.unwrap_or_default();
        println!("restarted, all releases looked at after {took:?}: {requests}");
        Ok(())
    }

    async fn wait(&self, met: impl Fn(&kube::api::DynamicObject) -> bool) -> Result<()> {
        let deadline = releases::deadline(self.count);
        let waited = releases::wait_all(&self.client, &self.namespace, self.count, deadline, met).await;
        waited.with_context(|| format!("the operator's log ends with:\n{}", self.operator.log_tail(30)))
    }

    async fn phase(&self, work: impl Future<Output = Result<()>>) -> Result<Figures> {
        let log = self.cluster.audit();
        let id = self.operator.id();
        measure::reset_peak(id)?;
        let before = measure::processor_time(id)?;
        let servers_before = self.server_times()?;
        let began = Instant::now();
        work.await?;
        let wall = began.elapsed();
        let servers_after = self.server_times()?;
        self.calm(log.as_ref()).await?;
        Ok(Figures {
            wall,
            processor: measure::processor_time(id)?.saturating_sub(before),
            peak_mib: measure::peak_mib(id)?,
            requests: log.map(|log| log.requests(|_| true)).transpose()?.unwrap_or_default(),
            servers: spent(servers_before, servers_after),
        })
    }

    /// The processor time of each process of the control plane; none on somebody else's cluster.
    fn server_times(&self) -> Result<Vec<(String, Duration)>> {
        let processes = self.cluster.plane().map(|plane| plane.processes()).unwrap_or_default();
        processes.into_iter().map(|(name, id)| Ok((name.to_owned(), measure::processor_time(id)?))).collect()
    }

    /// Lets what belongs to a phase but comes after its end, such as events, come before it is counted.
    async fn calm(&self, log: Option<&AuditLog>) -> Result<()> {
        let Some(log) = log else {
            return Ok(());
        };
        let mut before = None;
        loop {
            let now = log.requests(|_| true)?.writes();
            if before == Some(now) {
                return Ok(());
            }
            before = Some(now);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The writes of an install, for the floor.
    async fn writes(&self, helm: &Helm) -> Result<floor::Writes> {
        let name = releases::name(0);
        let manifest = helm.run(&["template", &name, &chart().display().to_string()])?;
        floor::Writes::of_install(&self.client, &self.namespace, &name, &manifest).await.context("record the writes")
    }

    async fn floor(&self, writes: &floor::Writes, concurrent: usize) -> Result<floor::Floor> {
        let namespace = self.cluster.namespace(&self.client, "floor").await?;
        // As the operator's requests: by a client of its own, and logged.
        let bare = support::cluster::client(self.cluster.operator_kubeconfig()).await?;
        let before = self.server_times()?;
        let floor = writes.repeat(&bare, &namespace, self.count, concurrent).await.context("measure the floor")?;
        println!("\nthe control plane in the floor: {}", listed(&spent(before, self.server_times()?)));
        writes.remove(&self.client, &namespace, self.count).await.context("remove what the floor wrote")?;
        Ok(floor)
    }

    fn each(&self, total: usize) -> f64 {
        total as f64 / self.count as f64
    }

    fn processor_ms(&self, figures: &Figures) -> f64 {
        figures.processor.as_secs_f64() * 1000.0 / self.count as f64
    }

    fn report(&self, phases: &[(&str, &Figures)]) {
        println!();
        println!("| phase | seconds | CPU s | CPU ms a release | peak MiB | writes a release | reads a release |");
        println!("|---|---|---|---|---|---|---|");
        for (name, figures) in phases {
            println!(
                "| {name} | {:.1} | {:.2} | {:.1} | {} | {:.1} | {:.1} |",
                figures.wall.as_secs_f64(),
                figures.processor.as_secs_f64(),
                self.processor_ms(figures),
                figures.peak_mib,
                self.each(figures.requests.writes()),
                self.each(figures.requests.reads()),
            );
        }
        println!();
        for (name, figures) in phases {
            println!("{name}: {}", figures.requests);
            println!("{name}, the control plane: {}", listed(&figures.servers));
        }
    }

    /// Prints each figure beside its budget; true when all are kept.
    fn judge(&self, phases: [&Figures; 3], floors: &[floor::Floor]) -> bool {
        let [install, upgrade, no_op] = phases;
        let mean = |time: fn(&floor::Floor) -> Duration| {
            let all: Vec<f64> = floors.iter().map(|floor| time(floor).as_secs_f64()).collect();
            let listed: Vec<String> = all.iter().map(|seconds| format!("{seconds:.2} s")).collect();
            (all.iter().sum::<f64>() / all.len() as f64, listed.join(" before, ") + " after")
        };
        let (writes, listed) = mean(|floor| floor.writes);
        println!();
        println!(
            "floor of the install, {} writes a release: {listed}",
            floors.iter().map(|floor| floor.each).max().unwrap_or_default()
        );
        let (observed, listed) = mean(|floor| floor.observed);
        println!("the same until every Deployment was looked at by its controller: {listed}");
        let wall = install.wall.as_secs_f64();
        println!("install against that: {:.2}", wall / observed);
        let (upgraded, listed) = mean(|floor| floor.upgrade);
        println!("floor of the upgrade: {listed}");
        let (answered, listed) = mean(|floor| floor.no_op);
        println!("floor of the requested no-op: {listed}");
        let lines = [
            ("writes an install", self.each(install.requests.writes()), INSTALL_WRITES),
            ("reads an install", self.each(install.requests.reads()), INSTALL_READS),
            ("writes a requested no-op", self.each(no_op.requests.writes()), NO_OP_WRITES),
            ("reads a requested no-op", self.each(no_op.requests.reads()), 0.0),
            ("CPU ms an install", self.processor_ms(install), PROCESSOR_MS),
            ("install against the floor", wall / writes, TIMES_FLOOR),
            ("upgrade against the floor", upgrade.wall.as_secs_f64() / upgraded, TIMES_FLOOR),
            ("requested no-op against the floor", no_op.wall.as_secs_f64() / answered, TIMES_FLOOR),
            (
                "MiB at the most",
                phases.map(|phase| phase.peak_mib).into_iter().max().unwrap_or_default() as f64,
                PEAK_MIB,
            ),
        ];
        let mut kept = true;
        for (what, figure, budget) in lines {
            let over = figure > budget + 0.05;
            kept &= !over;
            println!("{what}: {figure:.2} (budget {budget}){}", if over { " OVER" } else { "" });
        }
        kept
    }
}

/// What was spent between two measurements.
fn spent(before: Vec<(String, Duration)>, after: Vec<(String, Duration)>) -> Vec<(String, Duration)> {
    before.into_iter().zip(after).map(|((name, before), (_, after))| (name, after.saturating_sub(before))).collect()
}

fn listed(times: &[(String, Duration)]) -> String {
    let all: Vec<String> = times.iter().map(|(name, time)| format!("{name} {:.2} s", time.as_secs_f64())).collect();
    all.join(", ")
}
