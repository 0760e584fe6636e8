//! Asks the cluster for what belongs into the archive.
//!
//! In: a client and what is wanted. Out: files. **Invariant:** of Secrets only metadata is asked for; the server leaves out the rest.

use http::Request;
use kube::Client;
use serde_json::{Value, json};

use super::Entry;
use super::mask::{self, MASK};

/// Lines of each Pod's log that are taken.
const LOG_LINES: u32 = 5000;
/// How the server is asked for metadata alone.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// The operator's Pods by label.
const OPERATOR: &str = "app.kubernetes.io%2Fname%3Drhumb";

/// Kinds of objects that the operator reconciles: their group and version, and their plural names.
const RECONCILED: [(&str, &str); 7] = [
    ("helm.toolkit.fluxcd.io/v2", "helmreleases"),
    ("source.toolkit.fluxcd.io/v1", "helmrepositories"),
    ("source.toolkit.fluxcd.io/v1", "helmcharts"),
    ("source.toolkit.fluxcd.io/v1", "ocirepositories"),
    ("source.toolkit.fluxcd.io/v1", "gitrepositories"),
    ("source.toolkit.fluxcd.io/v1", "buckets"),
    ("source.toolkit.fluxcd.io/v1", "externalartifacts"),
];

/// What is wanted.
pub(super) struct Wanted<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) operator_namespace: &'a str,
    pub(super) metrics_url: Option<&'a str>,
}

struct Collector<'a> {
    client: &'a Client,
    wanted: &'a Wanted<'a>,
    entries: Vec<Entry>,
    errors: Vec<String>,
}

/// All files of the archive; the last one names what could not be read.
pub(super) async fn collect(client: &Client, wanted: &Wanted<'_>) -> Vec<Entry> {
    let mut collector = Collector { client, wanted, entries: Vec::new(), errors: Vec::new() };
    collector.versions().await;
    collector.reconciled().await;
    collector.events().await;
    collector.records().await;
    collector.operator().await;
    let errors = collector.errors.concat();
    collector.add("errors.txt", if errors.is_empty() { "none\n".to_owned() } else { errors });
    collector.entries
}

impl Collector<'_> {
    fn add(&mut self, path: &str, content: String) {
        self.entries.push(Entry { path: path.to_owned(), content });
    }

    fn note(&mut self, what: &str, error: &kube::Error) {
        self.errors.push(format!("{what}: {}\n", mask::text(&error.to_string())));
    }

    async fn text(&mut self, path: &str, accept: &str) -> Option<String> {
        let request = Request::get(path).header(http::header::ACCEPT, accept).body(Vec::new()).ok()?;
        match self.client.request_text(request).await {
            Ok(text) => Some(text),
            Err(error) => {
                self.note(path, &error);
                None
            }
        }
    }

    async fn json(&mut self, path: &str, accept: &str) -> Option<Value> {
        serde_json::from_str(&self.text(path, accept).await?).ok()
    }

    /// Adds the items of a list, masked, each as it is in the API.
    async fn list(&mut self, file: &str, path: &str) -> Vec<Value> {
        let Some(mut list) = self.json(path, "application/json").await else { return Vec::new() };
        let mut items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        items.iter_mut().for_each(mask::object);
        self.add(file, pretty(&Value::Array(items.clone())));
        items
    }

    /// `namespaces/apps/` where one namespace is wanted.
    fn scope(&self) -> String {
        self.wanted.namespace.map(|namespace| format!("namespaces/{namespace}/")).unwrap_or_default()
    }

    async fn versions(&mut self) {
        let server = self.json("/version", "application/json").await.unwrap_or_default();
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let mut definitions = Vec::new();
        for definition in self.json(path, "application/json").await.iter().flat_map(items) {
            if definition["spec"]["group"].as_str().is_some_and(|group| group.ends_with(".toolkit.fluxcd.io")) {
                let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
                let served: Vec<&Value> =
                    versions.filter(|version| version["served"] == true).map(|version| &version["name"]).collect();
                definitions.push(json!({
                    "name": definition["metadata"]["name"],
                    "labels": definition["metadata"]["labels"],
                    "served": served,
                    "stored": definition["status"]["storedVersions"],
                    "conditions": definition["status"]["conditions"],
                }));
            }
        }
        let all = json!({"rhumb": env!("CARGO_PKG_VERSION"), "server": server, "definitions": definitions});
        self.add("versions.json", pretty(&all));
    }

    async fn reconciled(&mut self) {
        for (group, plural) in RECONCILED {
            let path = format!("/apis/{group}/{}{plural}", self.scope());
            self.list(&format!("objects/{plural}.json"), &path).await;
        }
    }

    async fn events(&mut self) {
        let path = format!("/api/v1/{}events", self.scope());
        let Some(list) = self.json(&path, "application/json").await else { return };
        let about_us = |event: &&Value| {
            event["involvedObject"]["apiVersion"].as_str().is_some_and(|it| it.contains(".toolkit.fluxcd.io/"))
        };
        let mut events: Vec<Value> = items(&list).iter().filter(about_us).cloned().collect();
        events.iter_mut().for_each(mask::object);
        self.add("events.json", pretty(&Value::Array(events)));
    }

    /// The release records: which there are, never what is in them.
    async fn records(&mut self) {
        let path = format!("/api/v1/{}secrets?labelSelector=owner%3Dhelm", self.scope());
        let Some(list) = self.json(&path, METADATA_ONLY).await else { return };
        let record = |secret: &Value| {
            let metadata = &secret["metadata"];
            json!({
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "labels": metadata["labels"],
                "creationTimestamp": metadata["creationTimestamp"],
            })
        };
        let records: Vec<Value> = items(&list).iter().map(record).collect();
        self.add("records.json", pretty(&Value::Array(records)));
    }

    /// The operator itself: how it is started, its Pods, Leases, logs and metrics.
    async fn operator(&mut self) {
        let namespace = self.wanted.operator_namespace.to_owned();
        let core = format!("/api/v1/namespaces/{namespace}");
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={OPERATOR}");
        self.list("operator/deployments.json", &path).await;
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        self.list("operator/leases.json", &path).await;
        let pods = self.list("operator/pods.json", &format!("{core}/pods?labelSelector={OPERATOR}")).await;
        for pod in pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str()) {
            let path = format!("{core}/pods/{pod}/log?tailLines={LOG_LINES}");
            if let Some(log) = self.text(&path, "text/plain, */*").await {
                self.add(&format!("operator/{pod}.log"), mask::text(&log));
            }
            if self.wanted.metrics_url.is_none() {
                let path = format!("{core}/pods/{pod}:8080/proxy/metrics");
                if let Some(metrics) = self.text(&path, "*/*").await {
                    self.add(&format!("operator/{pod}.metrics"), mask::text(&metrics));
                }
            }
        }
        if let Some(url) = self.wanted.metrics_url {
            match fetch(url).await {
                Ok(metrics) => self.add("operator/metrics.txt", mask::text(&metrics)),
                Err(error) => self.errors.push(format!("{}: {error}\n", mask::text(url))),
            }
        }
    }
}

async fn fetch(url: &str) -> Result<String, reqwest::Error> {
    reqwest::get(url)
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(reqwest::Error::without_url)?
        .text()
        .await
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| MASK.to_owned());
    text + "\n"
}
