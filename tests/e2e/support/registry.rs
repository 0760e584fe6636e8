//! An OCI registry on loopback: the real distribution registry, with its data in a temporary folder.
//!
//! Out: an address that charts are pushed to and pulled from. Never keeps anything after the run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::certificates::Certificates;
use super::process::{Process, free_ports, temporary_folder};
use super::programs;
use super::tokens::{self, TokenService};

/// A running registry; dropping it stops it.
pub(crate) struct Registry {
    address: String,
    certificates: Option<Certificates>,
    login: Option<(String, String)>,
    asks_for_certificates: bool,
    tokens: Option<TokenService>,
    _process: Process,
    _folder: TempDir,
}

impl Registry {
    /// Starts a registry that everybody may use, without TLS, and waits until it listens.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(None, None, false, temporary_folder("rhumb-registry-")?).await
    }

    /// Starts a registry without TLS that asks for this user and password.
    pub(crate) async fn start_with_login(user: &str, password: &str) -> Result<Self> {
        let login = Some((user.to_owned(), password.to_owned()));
        Self::start_with(None, login, false, temporary_folder("rhumb-registry-")?).await
    }

    /// Starts a registry without TLS that takes tokens of a service which asks for this user and password.
    pub(crate) async fn start_with_tokens(user: &str, password: &str) -> Result<Self> {
        let tokens = TokenService::start(user, password)?;
        let folder = temporary_folder("rhumb-registry-")?;
        let certificate = folder.path().join("tokens.crt");
        fs::write(&certificate, tokens.certificate())?;
        let settings = json!({"token": {
            "realm": tokens.realm(),
            "service": tokens::SERVICE,
            "issuer": tokens::ISSUER,
            "rootcertbundle": certificate,
            "signingalgorithms": ["ES256"],
        }});
        let login = Some((user.to_owned(), password.to_owned()));
        let mut started = Self::start_as(None, login, false, folder, Some(settings)).await?;
        started.tokens = Some(tokens);
        Ok(started)
    }

    /// Starts a registry that everybody may use, with a certificate of an authority of its own.
    pub(crate) async fn start_with_tls() -> Result<Self> {
        let folder = temporary_folder("rhumb-registry-")?;
        Self::start_with(Some(Certificates::write(folder.path())?), None, false, folder).await
    }

    /// As [`Self::start_with_tls`], for clients with a certificate of the same authority only.
    pub(crate) async fn start_with_client_certificates() -> Result<Self> {
        let folder = temporary_folder("rhumb-registry-")?;
        Self::start_with(Some(Certificates::write(folder.path())?), None, true, folder).await
    }

    async fn start_with(
        certificates: Option<Certificates>,
        login: Option<(String, String)>,
        asks_for_certificates: bool,
        folder: TempDir,
    ) -> Result<Self> {
        let settings = match &login {
            None => None,
            Some((user, password)) => {
                let file = folder.path().join("htpasswd");
                fs::write(&file, format!("{user}:{}\n", bcrypt::hash(password, 4)?))?;
                Some(json!({"htpasswd": {"realm": "charts", "path": file}}))
            }
        };
        Self::start_as(certificates, login, asks_for_certificates, folder, settings).await
    }

    async fn start_as(
        certificates: Option<Certificates>,
        login: Option<(String, String)>,
        asks_for_certificates: bool,
        folder: TempDir,
        auth: Option<Value>,
    ) -> Result<Self> {
        let [port] = free_ports()?;
        let address = format!("127.0.0.1:{port}");
        let mut http = json!({"addr": address});
        if let Some(certificates) = &certificates {
            http["tls"] = json!({"certificate": certificates.serving, "key": certificates.serving_key});
            if asks_for_certificates {
                http["tls"]["clientcas"] = json!([certificates.authority]);
            }
        }
        let configuration = folder.path().join("config.yaml");
        let storage = json!({"filesystem": {"rootdirectory": folder.path().join("data")}});
        let mut settings = json!({"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http});
        if let Some(auth) = auth {
            settings["auth"] = auth;
        }
        fs::write(&configuration, settings.to_string())?;
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
        Ok(Self {
            address,
            certificates,
            login,
            asks_for_certificates,
            tokens: None,
            _process: process,
            _folder: folder,
        })
    }

    /// The authority of its certificate, if it has TLS.
    pub(crate) fn authority(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|certificates| certificates.authority.as_path())
    }

    /// Its certificate and key, which do for clients as well, if it has TLS.
    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// The host and port.
    pub(crate) fn host(&self) -> &str {
        &self.address
    }

    /// How many tokens its service has given, if it has one.
    pub(crate) fn tokens_given(&self) -> usize {
        self.tokens.as_ref().map_or(0, TokenService::given)
    }

    /// What helm has to be told to talk to it.
    pub(crate) fn helm_flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        match &self.certificates {
            None => flags.push("--plain-http".to_owned()),
            Some(certificates) => {
                flags.push(format!("--ca-file={}", certificates.authority.display()));
                if self.asks_for_certificates {
                    flags.push(format!("--cert-file={}", certificates.serving.display()));
                    flags.push(format!("--key-file={}", certificates.serving_key.display()));
                }
            }
        }
        if let Some((user, password)) = &self.login {
            flags.extend([format!("--username={user}"), format!("--password={password}")]);
        }
        flags
    }

    /// The `oci://` URL of a repository folder in the registry.
    pub(crate) fn url(&self, repository: &str) -> String {
        format!("oci://{}/{repository}", self.address)
    }
}
