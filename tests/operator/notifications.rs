//! Events as a notification-controller gets them.
//!
//! The bodies are those that Flux's helm-controller 1.6 posts (`eventv1.Event` of fluxcd/pkg).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use k8s_openapi::api::core::v1::ObjectReference;
use rhumb::controller::Notifier;
use rhumb::lifecycle::{Event, EventType};
use rhumb::telemetry::Metrics;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a post may take to come.
const SOON: Duration = Duration::from_secs(20);
/// The pause between attempts; the real one would make tests slow.
const PAUSE: Duration = Duration::from_millis(1);

/// A notification-controller that answers as told, then 202.
struct Receiver {
    notifier: Notifier,
    metrics: Arc<Metrics>,
    posts: UnboundedReceiver<Value>,
}

type Told = (Arc<Mutex<VecDeque<u16>>>, UnboundedSender<Value>);

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, posts) = unbounded_channel();
        let told: Told = (Arc::new(Mutex::new(answers.iter().copied().collect())), sender);
        let router = Router::new().route("/", post(receive)).with_state(told);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let metrics = Arc::new(Metrics::default());
        let notifier =
            Notifier::start_with(address.parse().unwrap(), "pod-1".to_owned(), Arc::clone(&metrics), PAUSE).unwrap();
        Self { notifier, metrics, posts }
    }

    fn notify(&self, event_type: EventType, message: &str) {
        let event = Event { event_type, reason: "UpgradeFailed", message: message.to_owned() };
        let metadata = [("helm.toolkit.fluxcd.io/revision", "1.2.3"), ("helm.toolkit.fluxcd.io/token", "sha256:a")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.notifier.notify("helm-controller", &about(), &event, BTreeMap::from(metadata));
    }

    async fn next(&mut self) -> Value {
        tokio::time::timeout(SOON, self.posts.recv()).await.expect("a post").expect("a running server")
    }

    /// Waits until so many events have come to this end.
    async fn ended(&self, result: &str, count: u32) {
        let line = format!("rhumb_notifications_total{{result=\"{result}\"}} {count}");
        let reached = async {
            while !self.metrics.encode().unwrap().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, reached).await.unwrap_or_else(|_| panic!("no {line}"));
    }
}

async fn receive(State((answers, posts)): State<Told>, body: Bytes) -> StatusCode {
    posts.send(serde_json::from_slice(&body).unwrap()).unwrap();
    let answer = answers.lock().unwrap().pop_front().unwrap_or(202);
    StatusCode::from_u16(answer).unwrap()
}

fn about() -> ObjectReference {
    ObjectReference {
        api_version: Some("helm.toolkit.fluxcd.io/v2".to_owned()),
        kind: Some("HelmRelease".to_owned()),
        namespace: Some("apps".to_owned()),
        name: Some("web".to_owned()),
        uid: Some("1-2-3".to_owned()),
        resource_version: Some("7".to_owned()),
        field_path: None,
    }
}

#[tokio::test]
async fn an_event_is_posted_in_the_form_of_flux() {
    let mut receiver = Receiver::start(&[]).await;
    receiver.notify(EventType::Warning, "it broke");
    let mut body = receiver.next().await;
    let timestamp = body.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(timestamp.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
    let expected = json!({
        "involvedObject": {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "namespace": "apps",
            "name": "web",
            "uid": "1-2-3",
            "resourceVersion": "7",
        },
        "severity": "error",
        "message": "it broke",
        "reason": "UpgradeFailed",
        "metadata": {"helm.toolkit.fluxcd.io/revision": "1.2.3", "helm.toolkit.fluxcd.io/token": "sha256:a"},
        "reportingController": "helm-controller",
        "reportingInstance": "pod-1",
    });
    assert_eq!(body, expected);
    receiver.notify(EventType::Normal, "it works");
    assert_eq!(receiver.next().await["severity"], "info");
    receiver.ended("sent", 2).await;
}

#[tokio::test]
async fn a_server_error_is_tried_again_and_order_is_kept() {
    let mut receiver = Receiver::start(&[500, 503]).await;
    receiver.notify(EventType::Warning, "first");
    receiver.notify(EventType::Normal, "second");
    let mut messages = Vec::new();
    for _ in 0..4 {
        messages.push(receiver.next().await["message"].clone());
    }
    assert_eq!(messages, ["first", "first", "first", "second"]);
    receiver.ended("sent", 2).await;
}

#[tokio::test]
async fn a_duplicate_is_no_failure_and_a_refusal_is_final() {
    let mut receiver = Receiver::start(&[429, 400]).await;
    receiver.notify(EventType::Warning, "known");
    receiver.notify(EventType::Warning, "wrong");
    receiver.notify(EventType::Warning, "fine");
    for message in ["known", "wrong", "fine"] {
        assert_eq!(receiver.next().await["message"], message);
    }
    receiver.ended("duplicate", 1).await;
    receiver.ended("failed", 1).await;
    receiver.ended("sent", 1).await;
}

#[tokio::test]
async fn what_fails_for_long_is_given_up() {
    let mut receiver = Receiver::start(&[500; 5]).await;
    receiver.notify(EventType::Warning, "lost");
    receiver.notify(EventType::Normal, "next");
    for message in ["lost"; 5].into_iter().chain(["next"]) {
        assert_eq!(receiver.next().await["message"], message);
    }
    receiver.ended("failed", 1).await;
}
