//! Traces for an OpenTelemetry collector: one of each reconcile, a span for each phase; by OTLP over HTTP, in protobuf.
//!
//! The exporter collects spans on a thread of its own and sends them every few seconds; while the collector is away spans are dropped, and
//! nothing waits. Its other settings are OpenTelemetry's variables (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY` and so on).
//!
//! **Invariant:** only spans leave, with the fields that they have; no log line, no error text.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Metadata;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;

use crate::telemetry::{PHASES, SpanListener, causes};

/// What the service is called where `OTEL_SERVICE_NAME` does not say.
const SERVICE: &str = "rhumb";

/// Where traces go; must be closed at the end, or the last of them are lost.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to the collector at this URL, to which the path `/v1/traces` is added; on this runtime.
    pub(super) fn start(endpoint: &str, runtime: &Handle) -> anyhow::Result<(Self, SpanListener)> {
        // Whoever comes second finds the provider installed, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let agent = concat!("rhumb/", env!("CARGO_PKG_VERSION"));
        let client = reqwest::Client::builder().user_agent(agent).build().context("cannot make a client for traces")?;
        let poster = Poster { client, runtime: runtime.clone(), is_away: Arc::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(poster)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()
            .with_context(|| format!("cannot send traces to --otlp-endpoint {endpoint}"))?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let listener = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_told));
        Ok((Self(provider), Box::new(listener)))
    }

    /// Sends what is left. Waits for the collector, at most as long as a single request may take.
    pub(super) fn close(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Our own spans and nothing else: libraries put addresses and whatever they like into theirs.
fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && matches!(metadata.target(), "rhumb" | PHASES)
}

/// Who sends: what the environment says, else our name.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&"service.name".into()).map(|name| name.to_string());
    let is_named = name.is_some_and(|name| !name.is_empty() && !name.starts_with("unknown_service"));
    let ours = Resource::builder();
    if is_named { ours.build() } else { ours.with_service_name(SERVICE).build() }
}

/// Posts spans by the program's own HTTP client.
#[derive(Clone, Debug)]
struct Poster {
    client: reqwest::Client,
    /// The exporter's thread has none.
    runtime: Handle,
    /// Whether the last request failed, which is told once.
    is_away: Arc<AtomicBool>,
}

impl Poster {
    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.execute(request.try_into()?).await;
        let failure = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(causes(error)),
        };
        let was_away = self.is_away.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_away => {
                tracing::warn!(error, "cannot send traces; those that nobody takes are dropped");
            }
            None if was_away => tracing::info!("traces are taken again"),
            _ => {}
        }
        // The body tells of single spans that were refused, which nobody could do anything about.
        Ok(Response::builder().status(answer?.status()).body(Bytes::new())?)
    }
}

impl HttpClient for Poster {
    fn send_bytes<'client, 'answer>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        let poster = self.clone();
        let answer = self.runtime.spawn(async move { poster.post(request).await });
        Box::pin(async move { answer.await? })
    }
}
