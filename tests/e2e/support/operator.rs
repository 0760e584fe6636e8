//! The operator under test, run as a process of its own as in production.
//!
//! In: the program, a kubeconfig, a namespace, flags. Out: its addresses and its log. Never shares ports with another operator.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::process::{Process, free_ports, temporary_folder};

/// How to start the operator.
pub(crate) struct OperatorOptions {
    /// The `rhumb` program.
    pub(crate) program: PathBuf,
    /// Whose rights it has.
    pub(crate) kubeconfig: PathBuf,
    /// Where it believes to run.
    pub(crate) namespace: String,
    /// Flags in addition to the addresses.
    pub(crate) flags: Vec<String>,
    /// Certificates of the authorities that it trusts, instead of the system's.
    pub(crate) authorities: Option<PathBuf>,
}

/// A running operator; dropping it kills it, and shows the end of its log when a test is failing.
pub(crate) struct Operator {
    process: Process,
    metrics: String,
    health: String,
    folder: TempDir,
}

impl Operator {
    /// Starts the operator and waits until it says that it is ready.
    pub(crate) async fn start(options: &OperatorOptions) -> Result<Self> {
        let folder = temporary_folder("rhumb-operator-")?;
        let [metrics, health] = free_ports::<2>()?.map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(&options.program);
        command.arg("run");
        command.args(["--metrics-addr", &metrics, "--health-addr", &health]);
        command.args(&options.flags);
        command.env("KUBECONFIG", &options.kubeconfig);
        command.env("RUNTIME_NAMESPACE", &options.namespace);
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary)?;
        command.env("TMPDIR", temporary);
        if let Some(authorities) = &options.authorities {
            command.env("SSL_CERT_FILE", authorities);
        }
        let process = Process::spawn("rhumb", command, &folder.path().join("rhumb.log"))?;
        let mut operator = Self { process, metrics, health, folder };
        operator.ready().await?;
        Ok(operator)
    }

    async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let url = format!("http://{}/readyz", self.health);
        loop {
            self.process.check_running()?;
            let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status);
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    let log = self.process.log_tail(40);
                    return Err(error).context(format!("the operator is not ready; its log ends with:\n{log}"));
                }
                // Nothing tells that a server is about to listen, so this wait has to ask again.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The metrics in Prometheus' text format.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let answer = reqwest::get(format!("http://{}/metrics", self.metrics)).await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// The host and port of the metrics.
    pub(crate) fn metrics_address(&self) -> &str {
        &self.metrics
    }

    /// Where the metrics are served.
    pub(crate) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The names of what the operator keeps in its folder for temporary files.
    pub(crate) fn temporary_files(&self) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(self.folder.path().join("tmp"))?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    /// Where the log is.
    pub(crate) fn log(&self) -> &Path {
        self.process.log()
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        self.process.log_tail(lines)
    }

    /// Fails when the operator has ended by itself.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        self.process.check_running()
    }

    /// Ends the operator as a kubelet does: TERM first; none when it had to be killed.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        self.process.stop(Duration::from_secs(10))
    }

    /// Pauses the operator, as a frozen node does.
    pub(crate) fn pause(&self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Lets a paused operator go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.process.signal("CONT")
    }

    /// Waits until the operator has ended by itself.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.process.status()? {
                return Ok(status);
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "the operator goes on; its log ends with:\n{}",
                self.log_tail(30)
            );
            // The standard library tells of a child's end only to who asks.
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the operator at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill();
    }
}
