//! The commands of the README, run as they stand there, by somebody who has the kubectl and helm that the demo offers.
//!
//! Only the address of the public chart repository is another, for tests need no network.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::installation::monitoring_definitions;
use crate::scene::hello;
use crate::support::chart_server::ChartServer;
use crate::support::cluster::{Cluster, apply};
use crate::support::helm::Helm;
use crate::support::installation::Installation;
use crate::support::operator::Operator;
use crate::support::process::temporary_folder;
use crate::support::programs;

/// The repository that the README takes a chart from.
const PUBLIC: &str = "https://stefanprodan.github.io/podinfo";

/// The page for those who operate it.
const OPERATING: &str = "deploy/README.md";

/// The shell blocks of a section of the README.
fn commands(section: &str) -> Result<Vec<String>> {
    commands_of("README.md", section)
}

/// The shell blocks of a section of a page.
fn commands_of(page: &str, section: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(crate::project::root().join(page))?;
    let heading = format!("\n## {section}\n");
    let (_, text) = text.split_once(&heading).with_context(|| format!("{page} has no section {section}"))?;
    let text = text.split("\n## ").next().unwrap_or_default();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    Ok(blocks.map(|(block, _)| block.to_owned()).collect())
}

/// A reader with a terminal.
struct Reader {
    kubeconfig: PathBuf,
    programs: TempDir,
    home: TempDir,
}

impl Reader {
    fn new(cluster: &Cluster) -> Result<Self> {
        let programs = temporary_folder("rhumb-programs-")?;
        let kubectl = cluster.plane().context("the cluster is someone else's")?.kubectl();
        let helm = programs::helm()?.display().to_string();
        let rhumb = env!("CARGO_BIN_EXE_rhumb").to_owned();
        for (name, command) in [("kubectl", kubectl), ("helm", helm), ("rhumb", rhumb)] {
            let path = programs.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\nexec {command} \"$@\"\n"))?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        let home = temporary_folder("rhumb-home-")?;
        Ok(Self { kubeconfig: cluster.kubeconfig().to_owned(), programs, home })
    }

    /// Runs a block in the project's folder; fails with what the shell said.
    fn run(&self, block: &str) -> Result<String> {
        self.run_in(&crate::project::root(), block)
    }

    /// Runs a block that writes files.
    fn run_at_home(&self, block: &str) -> Result<String> {
        self.run_in(self.home.path(), block)
    }

    fn run_in(&self, folder: &Path, block: &str) -> Result<String> {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", self.programs.path().display()))
            .env("HOME", self.home.path())
            .env("KUBECONFIG", &self.kubeconfig)
            .output()?;
        let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
        ensure!(output.status.success(), "{block}\nfailed with:\n{said}");
        Ok(said)
    }
}

/// A repository with the example chart, also under the name and version that the README asks for.
fn repository(helm: &Helm, charts: &TempDir) -> Result<ChartServer> {
    for version in ["1.0.0", "1.1.0"] {
        helm.package(&hello(), version, charts.path())?;
    }
    let folder = charts.path().join("made/podinfo");
    std::fs::create_dir_all(&folder)?;
    let status = Command::new("cp").arg("-r").arg(hello().join(".")).arg(&folder).status()?;
    ensure!(status.success(), "cp failed");
    let file = folder.join("Chart.yaml");
    let text = std::fs::read_to_string(&file)?.replace("name: hello", "name: podinfo");
    std::fs::write(&file, text)?;
    helm.package(&folder, "6.14.1", charts.path())?;
    ChartServer::start(charts.path())
}

#[tokio::test]
async fn who_follows_the_readme_gets_to_a_release_sees_it_fail_drift_and_recover() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let reader = Reader::new(&cluster)?;
    let charts = temporary_folder("rhumb-charts-")?;
    let repository = repository(&Helm::new()?, &charts)?;

    // The image cannot be built here, and the last block runs the operator itself.
    let install = commands("Install")?;
    let runnable: Vec<&String> =
        install.iter().filter(|it| !it.contains("docker") && !it.contains("cargo run")).collect();
    assert_eq!(runnable.len(), 2, "{install:?}");
    ensure!(reader.run(runnable[0])?.contains("STATUS: deployed"));
    // The other way to the same: it takes what helm has installed as its own, so that both ways end alike.
    reader.run(&runnable[1].replace("--server-side", "--server-side --force-conflicts"))?;

    // The Deployment's Pod is played, so the operator is a process with the same rights and arguments.
    let program = env!("CARGO_BIN_EXE_rhumb");
    let own = cluster.operator_kubeconfig();
    let installation = Installation::apply(&client, program, own, "rhumb-system", &json!({})).await?;
    let mut operator = Operator::start(&installation.operator_options()?).await?;
    for block in commands("A first release")? {
        reader.run(&block.replace(PUBLIC, &repository.url())).with_context(|| operator.log_tail(40))?;
    }
    for block in commands("Look around")? {
        reader.run(&block).with_context(|| operator.log_tail(40))?;
    }
    // In the polite way, so that the next one need not wait for the Lease.
    operator.stop().context("the operator did not end by itself")?;

    // The demo's operator has an administrator's rights, and a HelmRepository in namespace examples.
    let demo = Installation::apply(&client, program, own, "rhumb-system", &json!({"rbac": {"mode": "drop-in"}})).await;
    let operator = Operator::start(&demo?.operator_options()?).await?;
    apply(&client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "examples"}})).await?;
    let source = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "HelmRepository",
        "metadata": {"name": "charts", "namespace": "examples"},
        "spec": {"url": repository.url(), "interval": "10m"},
    });
    apply(&client, &source).await?;
    let blocks = commands("Five minutes")?;
    assert_eq!(blocks.len(), 4);
    let mut said = Vec::new();
    for block in &blocks {
        said.push(reader.run(block).with_context(|| operator.log_tail(60))?);
    }
    ensure!(said[1].contains("DriftCorrected") || said[1].contains("Drift"), "drift is told: {}", said[1]);
    ensure!(
        said[2].contains("failed") && said[2].contains("hello-1.0.0"),
        "the failure is in the history: {}",
        said[2]
    );
    Ok(())
}

#[tokio::test]
async fn the_commands_of_the_page_for_operators_do_what_it_says() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    let reader = Reader::new(&cluster)?;
    let charts = temporary_folder("rhumb-charts-")?;
    let repository = repository(&Helm::new()?, &charts)?;
    monitoring_definitions(&client).await?;
    let run = |section: &str| -> Result<()> {
        for block in commands_of(OPERATING, section)? {
            reader.run(&block)?;
        }
        Ok(())
    };
    // Two shards; their names are those of other sections, so they go again. The definitions stay.
    run("Sharding")?;
    reader.run("helm -n rhumb-system uninstall rhumb rhumb-shard1")?;
    for name in ["flux-system", "apps"] {
        apply(&client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await?;
    }
    let migration = commands_of(OPERATING, "Migrating from Flux")?;
    let install = migration.iter().find(|block| block.contains("helm install")).context("no installation")?;
    // Inside of a list blocks are indented.
    reader.run(install)?;
    reader.run("helm -n flux-system uninstall rhumb")?;
    for manifest in ["drop-in", "multi-tenant", "sharded"] {
        reader.run(&format!("kubectl apply --server-side -f deploy/{manifest}.yaml"))?;
        reader.run(&format!("kubectl delete -f deploy/{manifest}.yaml --wait=true"))?;
    }

    reader.run(&commands("Install")?[1])?;
    run("Metrics and alerts")?;
    run("Upgrade")?;
    let program = env!("CARGO_BIN_EXE_rhumb");
    let own = cluster.operator_kubeconfig();
    let installation = Installation::apply(&client, program, own, "rhumb-system", &json!({})).await?;
    let operator = Operator::start(&installation.operator_options()?).await?;
    run("Permissions")?;
    reader.run(&format!("helm -n apps install web {}/hello-1.0.0.tgz", charts.path().display()))?;
    for block in commands_of(OPERATING, "Migrating from plain Helm")? {
        reader.run_at_home(&block)?;
    }
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "apps"},
        "spec": {
            "serviceAccountName": "deployer",
            "chart": {"repo": repository.url(), "name": "hello", "version": "1.0.0"},
        },
    });
    let deployment = "kubectl -n apps get deployment web-hello -o jsonpath='{.metadata.uid} {.metadata.generation}'";
    let before = reader.run(deployment)?;
    apply(&client, &release).await?;
    reader
        .run("kubectl -n apps wait helmrelease/web --for=condition=Ready --timeout=1m")
        .with_context(|| operator.log_tail(60))?;
    assert_eq!(reader.run(deployment)?, before, "what is as it should be is not touched");
    let history = reader.run("helm -n apps history web")?;
    ensure!(history.contains("superseded") && history.contains("deployed"), "{history}");
    for block in commands_of(OPERATING, "Troubleshooting")? {
        reader.run_at_home(&block)?;
    }
    run("Uninstall").with_context(|| operator.log_tail(60))?;
    ensure!(reader.run("helm -n apps list")?.contains("hello-1.0.0"), "what was installed stays");
    ensure!(reader.run("kubectl get helmreleases -A").is_err(), "the definitions are gone");
    Ok(())
}
