//! A fake API server: a tower service over a map of objects, under the real kube client.
//!
//! It knows a fixed set of kinds, resource versions, label and name selectors, watches, conflicts on resource versions, and an apply that
//! merges. It does not know field ownership, defaults or validation: those are left to end-to-end tests.
//! Never answers a request that it does not understand with success.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body as Answer;
use futures::{StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// Group, version, kind, plural name, and whether objects live in namespaces.
const KINDS: [(&str, &str, &str, &str, bool); 5] = [
    ("", "v1", "ConfigMap", "configmaps", true),
    ("", "v1", "Secret", "secrets", true),
    ("", "v1", "Namespace", "namespaces", false),
    ("apps", "v1", "Deployment", "deployments", true),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false),
];

/// A cluster's objects and the requests that were made; clones share them.
#[derive(Clone)]
pub(crate) struct FakeApiServer {
    state: Arc<Mutex<State>>,
}

struct State {
    version: u64,
    /// By the path of their URL.
    objects: BTreeMap<String, Value>,
    /// Verb and path of every request for one object.
    requests: Vec<String>,
    /// Every event with the version it happened at, for watches that begin in the past.
    log: Vec<(u64, String, Value)>,
    events: broadcast::Sender<(String, Value)>,
    /// Whether reads of single objects are answered with an error, as by a server that has lost its storage.
    fails_reads: bool,
    /// Whether nobody is told that an object with finalizers has gone.
    loses_deletions: bool,
}

/// A request to objects, taken apart.
struct Target {
    collection: String,
    plural: String,
    name: Option<String>,
    query: BTreeMap<String, String>,
}

impl FakeApiServer {
    pub(crate) fn new() -> Self {
        let state = State {
            version: 100,
            objects: BTreeMap::new(),
            requests: Vec::new(),
            log: Vec::new(),
            events: broadcast::channel(1000).0,
            fails_reads: false,
            loses_deletions: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A real client of this server.
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Writes an object as somebody else would: no request is recorded.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.state.lock().unwrap().write(path, object);
    }

    /// As [`Self::put`], but watches are told nothing, as while they are cut off.
    pub(crate) fn put_untold(&self, path: &str, object: Value) {
        self.state.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    /// From now on an object with finalizers that is deleted goes at once, and watches are told only that it was marked.
    pub(crate) fn lose_deletions(&self) {
        self.state.lock().unwrap().loses_deletions = true;
    }

    /// Fails to read objects from now on; watches go on.
    pub(crate) fn fail_reads(&self) {
        self.state.lock().unwrap().fails_reads = true;
    }

    /// Deletes an object as somebody else would.
    pub(crate) fn remove(&self, path: &str) {
        self.state.lock().unwrap().delete(path).unwrap();
    }

    /// An object as it is stored.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(path).cloned()
    }

    /// The requests since the last call, as verb and path; discovery, lists and watches
    /// are left out, since they come when background tasks get to them.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        match parts.uri.path() {
            "/version" => {
                return json_response(
                    200,
                    &json!({"major": "1", "minor": "36", "gitVersion": "v1.36.3",
                "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
                );
            }
            "/api" => return json_response(200, &discovery(true)),
            "/apis" => return json_response(200, &discovery(false)),
            _ => {}
        }
        let Some(target) = Target::parse(&parts.uri) else { return status(404, "NotFound", "no such path") };
        let watching = target.query.get("watch").is_some_and(|value| value == "true" || value == "1");
        let mut state = self.state.lock().unwrap();
        if target.name.is_some() || parts.method != Method::GET {
            state.requests.push(format!("{} {}", parts.method, parts.uri.path()));
        }
        if watching {
            return state.watch(target);
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (&parts.method, target.path()) {
            (&Method::GET, Some(_)) if state.fails_reads => status(500, "InternalError", "storage is away"),
            (&Method::GET, Some(path)) => state.objects.get(&path).map_or_else(not_found, |it| json_response(200, it)),
            (&Method::GET, None) => json_response(200, &state.list(&target)),
            (&Method::POST, None) => state.create(&target, body),
            (&Method::PUT, Some(path)) => state.replace(&path, body),
            (&Method::PATCH, Some(path)) => state.patch(&path, &body, target.query.contains_key("dryRun")),
            (&Method::DELETE, Some(path)) => match state.delete(&path) {
                Some(held) if !held["metadata"]["deletionTimestamp"].is_null() => json_response(200, &held),
                Some(_) => json_response(200, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
                None => not_found(),
            },
            _ => status(405, "MethodNotAllowed", "not understood"),
        }
    }
}

impl Target {
    fn parse(uri: &http::Uri) -> Option<Self> {
        let query = uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let rest = if parts[0] == "api" { parts.get(2..)? } else { parts.get(3..)? };
        let (plural, name) = match rest {
            ["namespaces", _, plural, name] | [plural, name] => (plural, Some(name)),
            ["namespaces", _, plural] | [plural] => (plural, None),
            _ => return None,
        };
        let path = uri.path().trim_end_matches('/');
        let collection = match name {
            Some(name) => path.strip_suffix(&format!("/{name}"))?,
            None => path,
        };
        let name = name.map(|name| (*name).to_owned());
        Some(Self { collection: collection.to_owned(), plural: (*plural).to_owned(), name, query })
    }

    fn path(&self) -> Option<String> {
        self.name.as_ref().map(|name| format!("{}/{name}", self.collection))
    }

    /// Whether an object belongs to the collection and meets the selectors.
    fn selects(&self, path: &str, object: &Value) -> bool {
        let (prefix, _) = self.collection.split_once(&format!("/{}", self.plural)).unwrap();
        let in_collection = path.starts_with(prefix) && path.rsplit('/').nth(1) == Some(&self.plural);
        let labels = self.query.get("labelSelector").map_or("", String::as_str);
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        let has_labels = labels.split(',').filter(|it| !it.is_empty()).all(|it| match it.split_once('=') {
            Some((key, value)) => label(key) == Some(value),
            None => label(it).is_some(),
        });
        let name = self.query.get("fieldSelector").and_then(|it| it.strip_prefix("metadata.name="));
        in_collection && has_labels && name.is_none_or(|name| object["metadata"]["name"] == name)
    }
}

impl State {
    fn write(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        let known = self.objects.get(path);
        let uid = known.map_or_else(|| json!(format!("uid-{}", self.version)), |it| it["metadata"]["uid"].clone());
        let event = if known.is_some() { "MODIFIED" } else { "ADDED" };
        object["metadata"]["uid"] = uid;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        self.tell(path, json!({"type": event, "object": object}));
        object
    }

    fn tell(&mut self, path: &str, event: Value) {
        self.log.push((self.version, path.to_owned(), event.clone()));
        // Nobody may be watching.
        let _ = self.events.send((path.to_owned(), event));
    }

    /// Deletes an object; one with finalizers is marked and stays, or goes without a word.
    fn delete(&mut self, path: &str) -> Option<Value> {
        let has_finalizers =
            |object: &Value| object["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if let Some(mut held) = self.objects.get(path).filter(|object| has_finalizers(object)).cloned() {
            held["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            let held = self.write(path, held);
            if self.loses_deletions {
                self.objects.remove(path);
            }
            return Some(held);
        }
        let mut object = self.objects.remove(path)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.tell(path, json!({"type": "DELETED", "object": object}));
        Some(object)
    }

    fn list(&self, target: &Target) -> Value {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, object)| target.selects(path, object))
            .map(|(_, object)| object)
            .collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
    }

    fn create(&mut self, target: &Target, object: Value) -> Response<Answer> {
        let path = format!("{}/{}", target.collection, object["metadata"]["name"].as_str().unwrap());
        if self.objects.contains_key(&path) {
            return status(409, "AlreadyExists", "already exists");
        }
        json_response(201, &self.write(&path, object))
    }

    fn replace(&mut self, path: &str, object: Value) -> Response<Answer> {
        let Some(known) = self.objects.get(path) else { return not_found() };
        let version = &object["metadata"]["resourceVersion"];
        if !version.is_null() && *version != known["metadata"]["resourceVersion"] {
            return status(409, "Conflict", "the object has been modified");
        }
        json_response(200, &self.write(path, object))
    }

    /// An apply: fields are merged, and an object that stays the same keeps its version.
    fn patch(&mut self, path: &str, patch: &Value, dry_run: bool) -> Response<Answer> {
        let known = self.objects.get(path).cloned();
        let mut object = known.clone().unwrap_or_default();
        json_patch::merge(&mut object, patch);
        match known {
            Some(known) if known == object => json_response(200, &known),
            known => {
                let code = if known.is_some() { 200 } else { 201 };
                let answer = if dry_run { object } else { self.write(path, object) };
                json_response(code, &answer)
            }
        }
    }

    fn watch(&self, target: Target) -> Response<Answer> {
        let since: u64 = target.query.get("resourceVersion").and_then(|it| it.parse().ok()).unwrap_or(0);
        let past: Vec<(String, Value)> =
            self.log.iter().filter(|it| it.0 > since).map(|(_, path, event)| (path.clone(), event.clone())).collect();
        let coming = stream::unfold(self.events.subscribe(), |mut events| async {
            events.recv().await.ok().map(|event| (event, events))
        });
        let lines = stream::iter(past).chain(coming).filter_map(move |(path, event)| {
            let line = target.selects(&path, &event["object"]).then(|| Ok::<_, Infallible>(format!("{event}\n")));
            async { line }
        });
        Response::new(Answer::from_stream(lines))
    }
}

/// What the server serves, in the form of aggregated discovery.
fn discovery(core: bool) -> Value {
    let kinds = KINDS.iter().filter(|kind| kind.0.is_empty() == core);
    let items: Vec<Value> = kinds
        .map(|(group, version, kind, plural, namespaced)| {
            json!({"metadata": {"name": group}, "versions": [{"version": version, "resources": [{
                "resource": plural,
                "responseKind": {"group": group, "version": version, "kind": kind},
                "scope": if *namespaced { "Namespaced" } else { "Cluster" },
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            }]}]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn json_response(code: u16, body: &Value) -> Response<Answer> {
    let mut response = Response::new(Answer::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn status(code: u16, reason: &str, message: &str) -> Response<Answer> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    json_response(code, &body)
}

fn not_found() -> Response<Answer> {
    status(404, "NotFound", "not found")
}
