//! A proxy between the operator and the API server that goes silent at a chosen write, as a crash would make it seem.
//!
//! In: a kubeconfig. Out: a kubeconfig that leads through the proxy. It counts the writes that matter: leases and events come
//! at times of their own. Never alters what passes; once silent it neither forwards nor answers anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What is lost at the chosen write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// The write never reaches the server.
    Request,
    /// The server has made the write, and the operator never hears of it.
    Answer,
}

/// A running proxy; dropping it stops it.
pub(crate) struct ApiProxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    cut: Option<(usize, Lost)>,
    writes: AtomicUsize,
    silent: AtomicBool,
    went_silent: Notify,
}

impl ApiProxy {
    /// Starts a proxy to the server of `kubeconfig`, silent from the write of this number (from 1) on.
    pub(crate) async fn start(kubeconfig: &Path, folder: &Path, cut: Option<(usize, Lost)>) -> Result<Self> {
        let mut config: Value = serde_json::from_slice(&fs::read(kubeconfig)?)?;
        let cluster = config.pointer_mut("/clusters/0/cluster").context("the kubeconfig has no cluster")?;
        let upstream = cluster["server"].as_str().unwrap_or_default().to_owned();
        let authority = cluster["certificate-authority"].as_str().unwrap_or_default();
        let authority = reqwest::Certificate::from_pem(&fs::read(authority)?)?;
        let client = reqwest::Client::builder().tls_certs_only([authority]).build()?;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        *cluster = json!({"server": format!("http://{}", listener.local_addr()?)});
        let path = folder.join("kubeconfig-proxy");
        fs::write(&path, config.to_string())?;

        let shared = Arc::new(Shared {
            upstream,
            client,
            cut,
            writes: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
            went_silent: Notify::new(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { kubeconfig: path, shared, server })
    }

    /// The kubeconfig that leads through the proxy.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// How many writes came so far.
    pub(crate) fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::SeqCst)
    }

    /// Waits until the proxy is silent.
    pub(crate) async fn went_silent(&self) {
        self.shared.went_silent.notified().await;
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let number = if is_counted(&request) { shared.writes.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
    let lost = shared.cut.filter(|(at, _)| *at == number).map(|(_, lost)| lost);
    if matches!(lost, Some(Lost::Request)) {
        shared.fall_silent();
    }
    if shared.silent.load(Ordering::SeqCst) {
        return futures::future::pending().await;
    }
    let answer = shared.forward(request).await;
    if matches!(lost, Some(Lost::Answer)) {
        shared.fall_silent();
    }
    if shared.silent.load(Ordering::SeqCst) {
        return futures::future::pending().await;
    }
    answer.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response())
}

/// Does the request change something that a release or a source depends on?
fn is_counted(request: &Request) -> bool {
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let path = request.uri().path();
    let review = path.contains("/authorization.k8s.io/") || path.contains("/authentication.k8s.io/");
    writes && !review && !path.contains("/leases") && !path.contains("/events")
}

impl Shared {
    fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
        self.went_silent.notify_one();
    }

    async fn forward(&self, request: Request) -> Result<Response> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = axum::body::to_bytes(body, usize::MAX).await?;
        let answer = self
            .client
            .request(parts.method, format!("{}{target}", self.upstream))
            .headers(end_to_end(parts.headers))
            .body(body)
            .send()
            .await?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        // A watch goes on for as long as both sides want it.
        Ok((status, headers, Body::from_stream(answer.bytes_stream())).into_response())
    }
}

/// The headers that are not about one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}
