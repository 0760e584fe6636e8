//! An OCI registry on loopback: the real distribution registry, with its data in a temporary folder.
//!
//! Out: an address that charts are pushed to and pulled from. Never keeps anything after the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::certificates::Certificates;
use super::process::{Process, free_ports, temporary_folder};
use super::programs;

/// A running registry; dropping it stops it.
pub(crate) struct Registry {
    address: String,
    authority: Option<PathBuf>,
    _process: Process,
    _folder: TempDir,
}

impl Registry {
    /// Starts a registry that everybody may use, without TLS, and waits until it listens.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(None, temporary_folder("rhumb-registry-")?).await
    }

    /// Starts a registry that everybody may use, with a certificate of an authority of its own.
    pub(crate) async fn start_with_tls() -> Result<Self> {
        let folder = temporary_folder("rhumb-registry-")?;
        Self::start_with(Some(Certificates::write(folder.path())?), folder).await
    }

    async fn start_with(certificates: Option<Certificates>, folder: TempDir) -> Result<Self> {
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let mut http = json!({"addr": address});
        if let Some(certificates) = &certificates {
            http["tls"] = json!({"certificate": certificates.serving, "key": certificates.serving_key});
        }
        let configuration = folder.path().join("config.yaml");
        let storage = json!({"filesystem": {"rootdirectory": folder.path().join("data")}});
        let text = json!({"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http}).to_string();
        fs::write(&configuration, text)?;
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
        let authority = certificates.map(|certificates| certificates.authority);
        Ok(Self { address, authority, _process: process, _folder: folder })
    }

    /// The authority of its certificate, if it has TLS.
    pub(crate) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// The `oci://` URL of a repository folder in the registry.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("oci://{}/{repository}", self.address)
    }
}
