//! A real Prometheus on loopback, where Debian's package `prometheus` or another has installed one.
//!
//! In: where to scrape, and rules. Out: answers to queries, and which alerts fire.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::process::{Process, free_ports, temporary_folder};

/// How long Prometheus may take to be ready.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A running Prometheus; dropping it stops it.
pub(crate) struct Prometheus {
    process: Process,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus, scraping `target` (host and port) each second; none where no program is installed.
    pub(crate) async fn start(target: &str, namespace: &str, rules: &Value) -> Result<Option<Self>> {
        let program = Path::new("/usr/bin/prometheus");
        if !program.is_file() {
            return Ok(None);
        }
        let folder = temporary_folder("rhumb-prometheus-")?;
        let at = folder.path();
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let configuration = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [at.join("rules.yaml")],
            // With a label `namespace`, as the Prometheus operator gives it to what it finds in a cluster.
            "scrape_configs": [{
                "job_name": "rhumb",
                "static_configs": [{"targets": [target], "labels": {"namespace": namespace}}],
            }],
        });
        std::fs::write(at.join("prometheus.yaml"), configuration.to_string())?;
        std::fs::write(at.join("rules.yaml"), rules.to_string())?;
        let mut command = Command::new(program);
        command.arg("--config.file").arg(at.join("prometheus.yaml"));
        command.arg("--storage.tsdb.path").arg(at.join("data"));
        command.args(["--web.listen-address", &address]);
        let process = Process::spawn("prometheus", command, &at.join("prometheus.log"))?;
        let mut prometheus = Self { process, address, _folder: folder };
        prometheus.ready().await?;
        Ok(Some(prometheus))
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            self.process.check_running()?;
            let answer = reqwest::get(format!("http://{}/-/ready", self.address)).await;
            match answer.and_then(reqwest::Response::error_for_status) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let log = self.process.log_tail(20);
                    return Err(error).context(format!("Prometheus is not ready; its log ends with:\n{log}"));
                }
                // Nothing tells that a server is about to listen, so this wait has to ask again.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The `data` of an answer of the HTTP API.
    pub(crate) async fn ask(&self, path: &str) -> Result<Value> {
        let answer = reqwest::get(format!("http://{}/api/v1/{path}", self.address)).await?;
        let answer: Value = serde_json::from_str(&answer.text().await?)?;
        ensure!(answer["status"] == "success", "{path}: {answer}");
        Ok(answer["data"].clone())
    }

    /// Waits until an alert fires about an object of this name, and returns its annotations. Prometheus has nothing to watch.
    pub(crate) async fn fires(&self, alert: &str, name: &str, deadline: Duration) -> Result<Value> {
        let until = Instant::now() + deadline;
        loop {
            let alerts = self.ask("alerts").await?;
            let mut firing = alerts["alerts"].as_array().into_iter().flatten();
            let found = firing.find(|it| {
                it["state"] == "firing" && it["labels"]["alertname"] == alert && it["labels"]["name"] == name
            });
            if let Some(found) = found {
                return Ok(found["annotations"].clone());
            }
            if Instant::now() > until {
                bail!("{alert} does not fire for {name} after {deadline:?}; there are: {alerts}");
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}
