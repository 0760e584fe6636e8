//! An OCI registry on loopback: the real distribution registry, with its data in a temporary folder.
//!
//! Out: an address that charts are pushed to and pulled from without TLS. Never keeps anything after the run.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::process::{Process, free_ports, temporary_folder};
use super::programs;

/// A running registry; dropping it stops it.
pub(crate) struct Registry {
    address: String,
    _process: Process,
    _folder: TempDir,
}

impl Registry {
    /// Starts a registry that everybody may use, and waits until it listens.
    pub(crate) async fn start() -> Result<Self> {
        let folder = temporary_folder("rhumb-registry-")?;
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let configuration = folder.path().join("config.yaml");
        fs::write(
            &configuration,
            json!({
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {"filesystem": {"rootdirectory": folder.path().join("data")}},
                "http": {"addr": address},
            })
            .to_string(),
        )?;
        let mut command = Command::new(programs::registry()?);
        command.arg("serve").arg(&configuration);
        // Exporting traces is its default and there is nobody to take them.
        command.env("OTEL_TRACES_EXPORTER", "none");
        let mut process = Process::spawn("registry", command, &folder.path().join("registry.log"))?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            process.check_running()?;
            match TcpStream::connect(&address).await {
                Ok(_) => break,
                Err(error) if Instant::now() > deadline => {
                    return Err(error).context("the registry does not listen");
                }
                // Nothing tells that a server is about to listen, so this wait has to ask again.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        Ok(Self { address, _process: process, _folder: folder })
    }

    /// The `oci://` URL of a repository folder in the registry.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("oci://{}/{repository}", self.address)
    }
}
