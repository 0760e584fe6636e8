//! Probes and metrics over HTTP: `/healthz` and `/readyz` on one address, `/metrics` on another, as Flux's controllers have them.
//!
//! **Invariant:** answers from memory; a probe never waits for the API server.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry::Metrics;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not an address.
    #[error("{flag} {address:?} is not an address such as :8080 or 127.0.0.1:8080")]
    Address {
        /// The flag that gave it.
        flag: &'static str,
        /// The address as given.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({flag})")]
    Listen {
        /// The flag that gave it.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Whether the program is ready: set once its caches are filled.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that the program is ready, or no longer is.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Begins to listen on an address given as Go programs take it: `:8080` is every interface.
pub async fn listen(flag: &'static str, address: &str) -> Result<TcpListener, Error> {
    let full = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    let address: SocketAddr = full.parse().map_err(|_| Error::Address { flag, address: address.to_owned() })?;
    TcpListener::bind(address).await.map_err(|source| Error::Listen { flag, address, source })
}

/// Serves `/healthz` and `/readyz` until told to stop.
pub async fn serve_probes(
    listener: TcpListener,
    readiness: Readiness,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router =
        Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(readiness);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Serves `/metrics` until told to stop.
pub async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(expose)).with_state(metrics);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    if readiness.is_ready() {
        "ok".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "caches are not filled yet").into_response()
    }
}

async fn expose(State(metrics): State<Arc<Metrics>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be encoded").into_response(),
    }
}
