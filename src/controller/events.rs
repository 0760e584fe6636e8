//! Kubernetes Events about HelmReleases and sources, with Flux's annotations; the same go to a notification-controller if there is one.
//!
//! Events are written in the background; one that says the same again within a few minutes raises the count of the first.
//!
//! **Invariant:** a failing API server never holds up a reconcile for an event.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event as ApiEvent, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Api, Patch, PatchParams, PostParams};
use moka::sync::Cache;

use super::notify::Notifier;
use crate::lifecycle::{Event, EventType};
use crate::telemetry::causes;

/// How long an event can be counted up instead of written anew, as client-go has it.
const SAME_EVENT: Duration = Duration::from_secs(600);
/// How many events are remembered.
const REMEMBERED: u64 = 4096;
/// The longest message that the API server takes in an event, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Publishes events.
#[derive(Clone)]
pub(super) struct Events {
    client: kube::Client,
    component: &'static str,
    notifier: Option<Notifier>,
    /// What was said lately, by a digest of whom it was about, why and what, and how often. Digests, as there are several events a release.
    recent: Cache<u64, Said>,
    hasher: RandomState,
}

/// An event that was written.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// What its name ends with.
    suffix: u64,
    count: i32,
}

impl Events {
    pub(super) fn new(client: kube::Client, component: &'static str, notifier: Option<Notifier>) -> Self {
        let recent = Cache::builder().max_capacity(REMEMBERED).time_to_live(SAME_EVENT).build();
        Self { client, component, notifier, recent, hasher: RandomState::new() }
    }

    /// Publishes an event about an object.
    pub(super) fn publish(&self, about: ObjectReference, event: &Event, annotations: BTreeMap<String, String>) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(self.component, &about, event, annotations.clone());
        }
        let key = self.hasher.hash_one((&about.uid, event.reason, &event.message));
        let known = self.recent.get(&key);
        let count = known.map_or(1, |known| known.count + 1);
        let suffix = known.map_or_else(|| suffix(event), |known| known.suffix);
        self.recent.insert(key, Said { suffix, count });
        let name = format!("{}.{suffix:016x}", about.name.as_deref().unwrap_or_default());
        let namespace = about.namespace.clone().unwrap_or_default();
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), &namespace);
        let new = self.event(name.clone(), about, event, annotations);
        let reason = event.reason;
        tokio::spawn(async move {
            let result = if count > 1 {
                let patch = serde_json::json!({ "count": count, "lastTimestamp": new.last_timestamp });
                api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.map(|_| ())
            } else {
                api.create(&PostParams::default(), &new).await.map(|_| ())
            };
            if let Err(error) = result {
                tracing::warn!(error = causes(&error), %namespace, name, reason, "cannot write an event");
            }
        });
    }

    fn event(
        &self,
        name: String,
        about: ObjectReference,
        event: &Event,
        annotations: BTreeMap<String, String>,
    ) -> ApiEvent {
        let now = Time(Timestamp::now());
        ApiEvent {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: about.namespace.clone(),
                annotations: (!annotations.is_empty()).then_some(annotations),
                ..ObjectMeta::default()
            },
            involved_object: about,
            reason: Some(event.reason.to_owned()),
            message: Some(shortened(&event.message)),
            type_: Some(match event.event_type {
                EventType::Normal => "Normal".to_owned(),
                EventType::Warning => "Warning".to_owned(),
            }),
            source: Some(EventSource { component: Some(self.component.to_owned()), host: None }),
            reporting_component: Some(self.component.to_owned()),
            count: Some(1),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            ..ApiEvent::default()
        }
    }
}

/// What no other event about the same object ends its name with: a digest of the moment and what is said.
fn suffix(event: &Event) -> u64 {
    use sha2::{Digest as _, Sha256};
    let nanoseconds = Timestamp::now().as_nanosecond();
    let hash = Sha256::digest(format!("{nanoseconds} {} {}", event.reason, event.message));
    hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte))
}

fn shortened(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_BYTES {
        return message.to_owned();
    }
    let mut end = MAX_MESSAGE_BYTES - 3;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &message[..end])
}
