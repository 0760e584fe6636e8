//! Events to a notification-controller, as Flux's controllers post them.
//!
//! Counterpart: `runtime/events` of fluxcd/pkg 0.110. Differences: posting happens in the background, so that a receiver that is away
//! delays no reconcile, and what piles up meanwhile is bounded.
//!
//! **Invariant:** events about one object arrive in the order in which they happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use reqwest::{StatusCode, Url};
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::lifecycle::{Event, EventType};
use crate::telemetry::{Metrics, NotificationResult, causes};

/// How long one attempt may take, as in Flux.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How often one event is posted before it is given up, as in Flux.
const MAX_ATTEMPTS: u32 = 5;
/// The pause after the first attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// How many events are posted at the same time; those about one object are always in the same lane.
const LANES: usize = 8;
/// How many events may wait in a lane; more than that are dropped while the receiver is away.
const MAX_WAITING: usize = 256;
/// The longest message that notification-controller takes, in characters.
const MAX_MESSAGE_CHARS: usize = 39_000;

/// The body of a post: notification-controller's Event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    involved_object: ObjectReference,
    severity: &'static str,
    timestamp: String,
    message: String,
    reason: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    reporting_controller: &'static str,
    reporting_instance: String,
}

/// Posts events to one address.
#[derive(Clone)]
pub struct Notifier {
    lanes: Arc<[Sender<Notification>]>,
    instance: String,
    metrics: Arc<Metrics>,
}

/// Where to post, and how.
struct Receiving {
    client: reqwest::Client,
    address: Url,
    first_pause: Duration,
    metrics: Arc<Metrics>,
}

impl Notifier {
    /// Begins to post to an address; needs a runtime.
    ///
    /// # Errors
    /// If no client can be made, which is a fault of the machine's certificates.
    pub fn start(address: Url, instance: String, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        Self::start_with(address, instance, metrics, FIRST_PAUSE)
    }

    /// Begins to post to an address, with a first pause of choice between attempts.
    ///
    /// # Errors
    /// If no client can be made, which is a fault of the machine's certificates.
    pub fn start_with(
        address: Url,
        instance: String,
        metrics: Arc<Metrics>,
        first_pause: Duration,
    ) -> Result<Self, reqwest::Error> {
        // Whoever comes second finds the provider installed, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let agent = concat!("rhumb/", env!("CARGO_PKG_VERSION"));
        let client = reqwest::Client::builder().timeout(TIMEOUT).user_agent(agent).build()?;
        let receiving = Arc::new(Receiving { client, address, first_pause, metrics: Arc::clone(&metrics) });
        let lanes = (0..LANES).map(|_| {
            let (sender, waiting) = channel(MAX_WAITING);
            tokio::spawn(Arc::clone(&receiving).drive(waiting));
            sender
        });
        Ok(Self { lanes: lanes.collect(), instance, metrics })
    }

    /// Posts an event in the background.
    pub fn notify(
        &self,
        controller: &'static str,
        about: &ObjectReference,
        event: &Event,
        metadata: BTreeMap<String, String>,
    ) {
        let notification = Notification {
            involved_object: about.clone(),
            severity: match event.event_type {
                EventType::Normal => "info",
                EventType::Warning => "error",
            },
            timestamp: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            message: event.message.chars().take(MAX_MESSAGE_CHARS).collect(),
            reason: event.reason.to_owned(),
            metadata,
            reporting_controller: controller,
            reporting_instance: self.instance.clone(),
        };
        let Some(lane) = self.lanes.get(lane_of(about)) else { return };
        if lane.try_send(notification).is_err() {
            tracing::warn!(
                reason = event.reason,
                "an event was not sent to --events-addr: too many wait already, since it does not answer"
            );
            self.metrics.notification_ended(NotificationResult::Dropped);
        }
    }
}

/// The lane for events about an object.
fn lane_of(about: &ObjectReference) -> usize {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (&about.kind, &about.namespace, &about.name).hash(&mut hasher);
    usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default()
}

impl Receiving {
    async fn drive(self: Arc<Self>, mut waiting: Receiver<Notification>) {
        while let Some(notification) = waiting.recv().await {
            let result = self.post(&notification).await;
            self.metrics.notification_ended(result);
        }
    }

    async fn post(&self, notification: &Notification) -> NotificationResult {
        let mut pause = self.first_pause;
        for attempt in 1.. {
            let why = match self.client.post(self.address.clone()).json(notification).send().await {
                Ok(answer) => match answer.status() {
                    status if status.is_success() => return NotificationResult::Sent,
                    // The receiver has had the same event a moment ago.
                    StatusCode::TOO_MANY_REQUESTS => return NotificationResult::Duplicate,
                    status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => status.to_string(),
                    status => return self.give_up(notification, &status.to_string()),
                },
                Err(error) => chain(&error),
            };
            if attempt >= MAX_ATTEMPTS {
                return self.give_up(notification, &why);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        NotificationResult::Failed
    }

    fn give_up(&self, notification: &Notification, why: &str) -> NotificationResult {
        let address = self.address.origin().ascii_serialization();
        tracing::warn!(%address, reason = notification.reason, why, "an event could not be sent to --events-addr");
        NotificationResult::Failed
    }
}

/// The error's causes, without the address: it may hold a password.
fn chain(error: &reqwest::Error) -> String {
    let head = if error.is_timeout() { "no answer in time" } else { "no answer" };
    std::error::Error::source(error).map_or_else(|| head.to_owned(), |cause| format!("{head}: {}", causes(cause)))
}
