//! The floor: what a client takes that makes the same writes as the operator, without knowing or deciding anything.
//!
//! In: what the operator left of one install. Out: how long the same takes for as many releases. Never reads while it is timed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::releases;
use crate::support::cluster::{FIELD_MANAGER, documents, pin};

/// How a write is made.
#[derive(Clone, Copy)]
enum Verb {
    Create,
    Update,
    Apply,
    Merge,
    MergeStatus,
}

/// One write, with the names of the install that it was taken from.
struct Write {
    verb: Verb,
    resource: ApiResource,
    body: Value,
}

/// The writes of one install, and of an upgrade after it, in order.
pub(crate) struct Writes {
    namespace: String,
    name: String,
    all: Vec<Write>,
    upgrade: Vec<Write>,
}

/// How long the floor took.
pub(crate) struct Floor {
    /// Until the last write was answered.
    pub(crate) writes: Duration,
    /// Until the controllers had looked at every Deployment as well, which every install has to wait for.
    pub(crate) observed: Duration,
    /// How many writes a release.
    pub(crate) each: usize,
    /// Until the last write of as many upgrades was answered.
    pub(crate) upgrade: Duration,
    /// Until as many requests to reconcile were written, and as many answers to them.
    pub(crate) no_op: Duration,
}

impl Writes {
    /// Takes down what the install of a release wrote: the objects that it left, and `manifest`, the objects of the chart.
    pub(crate) async fn of_install(client: &Client, namespace: &str, name: &str, manifest: &str) -> Result<Self> {
        let read = Read { client, namespace };
        let release = read.one("helm.toolkit.fluxcd.io/v2", "HelmRelease", name).await?;
        let chart = read.one("source.toolkit.fluxcd.io/v1", "HelmChart", &format!("{namespace}-{name}")).await?;
        let record = read.one("v1", "Secret", &format!("sh.helm.release.v1.{name}.v1")).await?;
        let event = read.event(name).await?;
        let status = release.1["status"].clone();
        let mut begun = status.clone();
        for later in ["history", "inventory"] {
            begun.as_object_mut().context("the release has no status")?.remove(later);
        }
        let finalizers = release.1["metadata"]["finalizers"].clone();
        let mut all = vec![
            Write::new(Verb::Create, &release, suspended(json!({"spec": release.1["spec"]}))),
            Write::new(Verb::Merge, &release, json!({"metadata": {"finalizers": finalizers}})),
            Write::new(Verb::Create, &chart, suspended(without(&chart.1, "status"))),
            Write::new(Verb::MergeStatus, &chart, json!({"status": chart.1["status"]})),
            Write::new(Verb::MergeStatus, &release, json!({"status": begun})),
            Write::new(Verb::Create, &record, record.1.clone()),
        ];
        for object in documents(manifest)? {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let live = read.one(&text("/apiVersion"), &text("/kind"), &text("/metadata/name")).await?;
            let metadata =
                json!({"labels": live.1["metadata"]["labels"], "annotations": live.1["metadata"]["annotations"]});
            let mut body = object;
            json_patch::merge(&mut body, &json!({"metadata": metadata}));
            // The controller-manager's own annotation is not part of what is applied.
            if let Some(annotations) = body.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                annotations.remove("deployment.kubernetes.io/revision");
            }
            all.push(Write::new(Verb::Apply, &live, body));
        }
        all.push(Write::new(Verb::Update, &record, record.1.clone()));
        all.push(Write::new(Verb::MergeStatus, &release, json!({"status": status})));
        all.push(Write::new(Verb::Create, &event, event.1.clone()));
        let upgrade = upgrade(&all, name)?;
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned(), all, upgrade })
    }

    /// Makes these writes for each of `count` releases in another namespace, `concurrent` releases at a time.
    pub(crate) async fn repeat(
        &self,
        client: &Client,
        namespace: &str,
        count: usize,
        concurrent: usize,
    ) -> Result<Floor> {
        let observed = releases::wait_for_deployments(client, namespace, count);
        let began = Instant::now();
        let write = async {
            self.each(client, namespace, count, concurrent, &self.all).await?;
            anyhow::Ok(began.elapsed())
        };
        let watch = async {
            observed.await?;
            anyhow::Ok(began.elapsed())
        };
        let (writes, observed) = tokio::try_join!(write, watch)?;
        let began = Instant::now();
        self.each(client, namespace, count, concurrent, &self.upgrade).await?;
        let upgrade = began.elapsed();
        let began = Instant::now();
        self.each(client, namespace, count, concurrent, &self.no_op()?).await?;
        let no_op = began.elapsed();
        // The first is the user's own.
        Ok(Floor { writes, observed: observed.max(writes), each: self.all.len() - 1, upgrade, no_op })
    }

    /// The request to reconcile a release that is as it should be, and the answer to it.
    fn no_op(&self) -> Result<Vec<Write>> {
        let release = self.all.first().context("no writes")?;
        let changed = |verb, change: Value| Write {
            verb,
            resource: release.resource.clone(),
            body: json!({
                "apiVersion": release.body["apiVersion"],
                "kind": release.body["kind"],
                "metadata": {"name": self.name, "annotations": change["annotations"]},
                "status": change["status"],
            }),
        };
        let asked = json!({"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}});
        let answered = json!({"status": {"lastHandledReconcileAt": "now"}});
        Ok(vec![changed(Verb::Merge, asked), changed(Verb::MergeStatus, answered)])
    }

    /// Makes writes for each of `count` releases.
    async fn each(
        &self,
        client: &Client,
        namespace: &str,
        count: usize,
        concurrent: usize,
        writes: &[Write],
    ) -> Result<()> {
        futures::stream::iter(0..count)
            .map(|index| self.write(client, namespace, releases::name(index), writes))
            .buffer_unordered(concurrent)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// Removes the namespace of [`Self::repeat`], so that nobody has its releases to watch besides those that are measured.
    pub(crate) async fn remove(&self, client: &Client, namespace: &str, count: usize) -> Result<()> {
        let nothing = json!({"metadata": {"finalizers": null}});
        releases::patch_all(client, namespace, count, &nothing).await?;
        let api: Api<Namespace> = Api::all(client.clone());
        let known = api.get(namespace).await?.metadata.uid.context("a namespace without identifier")?;
        api.delete(namespace, &DeleteParams::default()).await?;
        let gone = await_condition(api, namespace, conditions::is_deleted(&known));
        tokio::time::timeout(releases::deadline(count), gone).await.context("the namespace of the floor stays")??;
        Ok(())
    }

    async fn write(&self, client: &Client, namespace: &str, name: String, writes: &[Write]) -> Result<()> {
        for write in writes {
            let text = write.body.to_string().replace(&self.name, &name).replace(&self.namespace, namespace);
            let object: DynamicObject = serde_json::from_str(&text)?;
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &write.resource);
            let name = object.name_any();
            let patch = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match write.verb {
                Verb::Create => api.create(&PostParams::default(), &object).await,
                Verb::Update => api.replace(&name, &PostParams::default(), &object).await,
                Verb::Apply => api.patch(&name, &patch, &Patch::Apply(&object)).await,
                Verb::Merge => api.patch(&name, &patch, &Patch::Merge(&object)).await,
                Verb::MergeStatus => api.patch_status(&name, &patch, &Patch::Merge(&object)).await,
            }
            .with_context(|| format!("write {} {name}", write.resource.kind))?;
        }
        Ok(())
    }
}

impl Write {
    /// A write to an object; `change` says all but what object it is.
    fn new(verb: Verb, object: &(ApiResource, Value), change: Value) -> Self {
        let (resource, object) = object;
        let mut body = change;
        let identity = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"]},
        });
        json_patch::merge(&mut body, &identity);
        Self { verb, resource: resource.clone(), body }
    }
}

/// The writes of an upgrade to version 1.1.0 after those of the install of 1.0.0: as many, for the record before is marked as replaced.
fn upgrade(install: &[Write], name: &str) -> Result<Vec<Write>> {
    let mut all = Vec::new();
    for write in install {
        let kind = write.resource.kind.as_str();
        let verb = match (write.verb, kind) {
            // The finalizer stays.
            (Verb::Merge, _) => continue,
            (Verb::Create, "HelmRelease" | "HelmChart") => Verb::Merge,
            (verb, _) => verb,
        };
        if matches!(verb, Verb::Update) {
            all.push(Write { verb, resource: write.resource.clone(), body: write.body.clone() });
        }
        let text = write.body.to_string().replace("1.0.0", "1.1.0");
        let mut body: Value = serde_json::from_str(&text)?;
        match kind {
            "Secret" => body["metadata"]["name"] = json!(format!("sh.helm.release.v1.{name}.v2")),
            "Event" => body["metadata"]["name"] = json!(format!("{name}.upgrade")),
            _ => {}
        }
        all.push(Write { verb, resource: write.resource.clone(), body });
    }
    Ok(all)
}

/// Reads objects as a client would send them.
struct Read<'a> {
    client: &'a Client,
    namespace: &'a str,
}

impl Read<'_> {
    async fn one(&self, api_version: &str, kind: &str, name: &str) -> Result<(ApiResource, Value)> {
        let resource = pin(self.client, api_version, kind).await?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, &resource);
        Ok((resource, bare(&api.get(name).await?)?))
    }

    /// The event that tells of a release's install.
    async fn event(&self, name: &str) -> Result<(ApiResource, Value)> {
        let resource = pin(self.client, "v1", "Event").await?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), self.namespace, &resource);
        let about = ListParams::default()
            .fields(&format!("involvedObject.kind=HelmRelease,involvedObject.name={name},reason=InstallSucceeded"));
        let found = api.list(&about).await?;
        let event = found.items.first().context("no event tells of the install")?;
        Ok((resource, bare(event)?))
    }
}

/// An object without what only the server sets.
fn bare(object: &DynamicObject) -> Result<Value> {
    let mut value = serde_json::to_value(object)?;
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for set in ["managedFields", "uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(set);
        }
    }
    Ok(value)
}

/// Nobody is to work on what the floor writes.
fn suspended(mut object: Value) -> Value {
    json_patch::merge(&mut object, &json!({"spec": {"suspend": true}}));
    object
}

fn without(object: &Value, field: &str) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
    object
}
