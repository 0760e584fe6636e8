//! A proxy between the operator and the API server that goes silent at a chosen write, as a crash would make it seem, or plays faults.
//!
//! In: a kubeconfig. Out: a kubeconfig that leads through the proxy. It counts the writes that matter: leases and events come
//! at times of their own. Never alters what passes; once silent it neither forwards nor answers anything.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::random::Random;

/// What is lost at the chosen write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    /// The write never reaches the server.
    Request,
    /// The server has made the write, and the operator never hears of it.
    Answer,
}

/// What goes wrong on the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Of a thousand requests, so many are answered with 429, 409 or 500; some of the latter were carried out.
    pub(crate) per_mille: u64,
    /// Watches end after a moment.
    pub(crate) cuts_watches: bool,
}

/// A running proxy; dropping it stops it.
pub(crate) struct ApiProxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    away: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    cut: Option<(usize, Lost)>,
    writes: AtomicUsize,
    silent: AtomicBool,
    went_silent: Notify,
    faults: Mutex<(Faults, Random)>,
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

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let door = TcpListener::bind("127.0.0.1:0").await?;
        *cluster = json!({"server": format!("http://{}", door.local_addr()?)});
        let path = folder.join("kubeconfig-proxy");
        fs::write(&path, config.to_string())?;

        let shared = Arc::new(Shared {
            upstream,
            client,
            cut,
            writes: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
            went_silent: Notify::new(),
            faults: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let inside = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let away = watch::Sender::new(false);
        let doorkeeper = tokio::spawn(keep_door(door, inside, away.clone()));
        Ok(Self { kubeconfig: path, shared, away, tasks: [server, doorkeeper] })
    }

    /// The kubeconfig that leads through the proxy.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// How many writes came so far.
    pub(crate) fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::SeqCst)
    }

    /// Plays these faults from now on.
    pub(crate) fn play(&self, faults: Faults) {
        self.shared.faults().0 = faults;
    }

    /// Ends every connection and takes no new ones, or takes them again.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// Waits until the proxy is silent.
    pub(crate) async fn went_silent(&self) {
        self.shared.went_silent.notified().await;
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Passes connections on to the proxy itself, unless it is away.
async fn keep_door(door: TcpListener, inside: SocketAddr, away: watch::Sender<bool>) {
    while let Ok((mut outer, _)) = door.accept().await {
        let mut away = away.subscribe();
        tokio::spawn(async move {
            if *away.borrow_and_update() {
                return;
            }
            let Ok(mut inner) = TcpStream::connect(inside).await else { return };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                _ = away.wait_for(|away| *away) => {}
            }
        });
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
    let fault = shared.fault(&request);
    if let Some(Fault { carried_out: false, answer }) = fault {
        return answer;
    }
    let answer = shared.forward(request).await;
    if let Some(fault) = fault {
        return fault.answer;
    }
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

/// Is it the beginning of a watch?
fn is_watch(request: &Request) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|part| part.starts_with("watch=")))
}

/// An answer that is none of the server's.
struct Fault {
    answer: Response,
    /// The server has done what was asked all the same.
    carried_out: bool,
}

impl Fault {
    fn new(code: u16, reason: &str) -> Self {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": "a fault that the test plays"});
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::RETRY_AFTER, "1")];
        Self { answer: (code, headers, status.to_string()).into_response(), carried_out: false }
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, (Faults, Random)> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes wrong with a request, if anything does.
    fn fault(&self, request: &Request) -> Option<Fault> {
        let mut state = self.faults();
        let (Faults { per_mille, .. }, random) = &mut *state;
        if random.below(1000) >= *per_mille {
            return None;
        }
        Some(match random.below(4) {
            0 => Fault::new(429, "TooManyRequests"),
            1 if *request.method() == Method::PATCH => Fault::new(409, "Conflict"),
            2 if !is_watch(request) => Fault { carried_out: true, ..Fault::new(500, "InternalError") },
            _ => Fault::new(500, "InternalError"),
        })
    }

    /// How long a watch goes on.
    async fn watch_ends(&self, is_watch: bool) {
        let patience = {
            let mut state = self.faults();
            let (faults, random) = &mut *state;
            (is_watch && faults.cuts_watches).then(|| Duration::from_millis(500 + random.below(2500)))
        };
        match patience {
            Some(patience) => tokio::time::sleep(patience).await,
            None => std::future::pending().await,
        }
    }

    fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
        self.went_silent.notify_one();
    }

    async fn forward(self: &Arc<Self>, request: Request) -> Result<Response> {
        let is_watch = is_watch(&request);
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
        let shared = Arc::clone(self);
        let end = Box::pin(async move { shared.watch_ends(is_watch).await });
        Ok((status, headers, Body::from_stream(answer.bytes_stream().take_until(end))).into_response())
    }
}

/// The headers that are not about one connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    headers
}
