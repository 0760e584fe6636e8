//! An HTTP chart repository on loopback: serves the packages of a folder with an index, counts requests, plays faults.
//!
//! In: a folder of `.tgz` packages, read anew for each request. Out: a URL. Never serves anything outside that folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::certificates::Certificates;
use super::http_server::HttpServer;
use super::programs::hex;

/// What goes wrong for a path.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// 404 Not Found.
    NotFound,
    /// 500 Internal Server Error.
    ServerError,
    /// The connection ends in the middle of the body.
    Truncated,
    /// The bytes are not those that the index gives a digest of.
    WrongDigest,
}

/// A running repository; dropping it stops it.
pub(crate) struct ChartServer {
    server: HttpServer,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    login: Option<(String, String)>,
    /// What of the index is there for its size alone, as a JSON object without its braces.
    fillers: String,
    faults: Mutex<BTreeMap<String, Fault>>,
    requests: Mutex<BTreeMap<String, usize>>,
}

impl ChartServer {
    /// Serves `folder` to everyone.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, None)
    }

    /// Serves `folder` to whoever sends this user name and password by basic authentication.
    pub(crate) fn start_with_login(folder: &Path, user: &str, password: &str) -> Result<Self> {
        Self::start_with(folder, Some((user.to_owned(), password.to_owned())))
    }

    /// Serves `folder` with TLS, and in the index beside it so many charts that nobody asks for.
    pub(crate) fn start_large(folder: &Path, certificates: &Certificates, fillers: usize) -> Result<Self> {
        let shared = Arc::new(Shared::new(folder, None, fillers));
        let Certificates { serving, serving_key, .. } = certificates;
        let server = HttpServer::start_with_tls(router(&shared), serving, serving_key)?;
        Ok(Self { server, shared })
    }

    fn start_with(folder: &Path, login: Option<(String, String)>) -> Result<Self> {
        let shared = Arc::new(Shared::new(folder, login, 0));
        Ok(Self { server: HttpServer::start(router(&shared))?, shared })
    }

    /// The repository's URL.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// From now on the path (`index.yaml`, `hello-1.0.0.tgz`) has this fault, or none.
    pub(crate) fn set_fault(&self, path: &str, fault: Option<Fault>) {
        let mut faults = locked(&self.shared.faults);
        match fault {
            Some(fault) => faults.insert(path.to_owned(), fault),
            None => faults.remove(path),
        };
    }

    /// How many requests asked for the path so far, answered well or not.
    pub(crate) fn requests(&self, path: &str) -> usize {
        locked(&self.shared.requests).get(path).copied().unwrap_or_default()
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(Arc::clone(shared))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    *locked(&shared.requests).entry(path.clone()).or_default() += 1;
    if !shared.admits(&request) {
        let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"charts\"")];
        return (StatusCode::UNAUTHORIZED, ask).into_response();
    }
    let fault = locked(&shared.faults).get(&path).copied();
    match (shared.content(&path), fault) {
        (_, Some(Fault::NotFound)) | (Ok(None), _) => StatusCode::NOT_FOUND.into_response(),
        (Err(error), _) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
        (_, Some(Fault::ServerError)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (Ok(Some(bytes)), Some(Fault::Truncated)) => truncated(bytes),
        (Ok(Some(mut bytes)), Some(Fault::WrongDigest)) => {
            // Bytes after the end of a gzip stream leave a package readable and change its digest.
            bytes.extend_from_slice(b"tampered");
            bytes.into_response()
        }
        (Ok(Some(bytes)), None) => bytes.into_response(),
    }
}

/// Promises the whole length and fails half-way.
fn truncated(bytes: Vec<u8>) -> Response {
    let length = bytes.len();
    let half = Bytes::from(bytes).slice(..length / 2);
    let first = futures::stream::once(async { Ok(half) });
    let cut = futures::stream::once(async {
        // Once around the scheduler, so that the first half is on its way before the connection goes.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("the connection is cut"))
    });
    let body = Body::from_stream(first.chain(cut));
    ([(header::CONTENT_LENGTH, length)], body).into_response()
}

impl Shared {
    fn new(folder: &Path, login: Option<(String, String)>, fillers: usize) -> Self {
        let fillers: Vec<String> = (0..fillers).map(filler).collect();
        let (faults, requests) = Default::default();
        Self { folder: folder.to_owned(), login, fillers: fillers.join(","), faults, requests }
    }

    fn admits(&self, request: &Request) -> bool {
        let Some((user, password)) = &self.login else {
            return true;
        };
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let given = request.headers().get(header::AUTHORIZATION);
        given.is_some_and(|value| value.as_bytes() == expected.as_bytes())
    }

    fn content(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if path == "index.yaml" {
            let mut text = serde_json::to_string_pretty(&index(&self.folder)?)?;
            if !self.fillers.is_empty() {
                let entries = text.find("\"entries\": {").context("the index has no entries")?;
                text.insert_str(entries + "\"entries\": {".len(), &format!("{},", self.fillers));
            }
            return Ok(Some(text.into_bytes()));
        }
        let file = self.folder.join(path);
        if path.contains('/') || !is_package(&file) || !file.is_file() {
            return Ok(None);
        }
        Ok(Some(fs::read(file)?))
    }
}

/// A chart of the index that there is no package of, about as large as those of public repositories.
fn filler(number: usize) -> String {
    let versions: Vec<Value> = (0..4)
        .map(|patch| {
            json!({
                "apiVersion": "v2",
                "name": format!("filler-{number}"),
                "version": format!("1.{number}.{patch}"),
                "appVersion": format!("{number}.{patch}"),
                "created": "2026-01-01T00:00:00Z",
                "description": "A chart that is there so that the index is as large as those of public repositories are",
                "digest": format!("{number:064x}"),
                "home": format!("https://charts.example.com/filler-{number}"),
                "keywords": ["filler", "large", "index"],
                "maintainers": [{"name": "Ann", "email": "ann@example.com", "url": "https://example.com/ann"}],
                "sources": [format!("https://git.example.com/charts/filler-{number}")],
                "urls": [format!("https://charts.example.com/packages/filler-{number}-1.{number}.{patch}.tgz")],
            })
        })
        .collect();
    format!("\"filler-{number}\":{}", Value::from(versions))
}

fn is_package(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tgz")
}

/// The index of a folder, as JSON, which every YAML reader reads.
fn index(folder: &Path) -> Result<Value> {
    let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !is_package(&path) {
            continue;
        }
        let bytes = fs::read(&path)?;
        let mut metadata = metadata(&bytes).with_context(|| format!("read {}", path.display()))?;
        let digest = hex(&Sha256::digest(&bytes));
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        metadata["digest"] = json!(digest);
        metadata["urls"] = json!([file]);
        metadata["created"] = json!("2026-01-01T00:00:00Z");
        let name = metadata["name"].as_str().context("a chart has no name")?.to_owned();
        entries.entry(name).or_default().push(metadata);
    }
    Ok(json!({"apiVersion": "v1", "entries": entries, "generated": "2026-01-01T00:00:00Z"}))
}

/// The `Chart.yaml` of a package's top chart.
fn metadata(package: &[u8]) -> Result<Value> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path.components().count() == 2 && path.ends_with("Chart.yaml") {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            return Ok(serde_yaml::from_str(&text)?);
        }
    }
    anyhow::bail!("the package has no Chart.yaml")
}
