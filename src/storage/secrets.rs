//! Records in Secrets.
//!
//! Revisions come from the index; where it cannot follow a namespace (no permission to watch, or outside of the watched one), each
//! question is a list of metadata by label instead.
//!
//! **Invariant:** every write goes through the index before it returns.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, PostParams};
use kube::core::ApiResource;
use kube_runtime::watcher;
use moka::sync::Cache;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::index::{Index, parse};
use super::{Error, Revision, StorageKey, StorageTouch, Stored};
use crate::cluster::{
    AbortOnDrop, Cluster, Failure, Health, Impersonation, ObjectReference, Operation, ResourceKind, WatchScope, path,
    pause, settled, spawn_watch,
};
use crate::release::{
    DATA_KEY, OWNER, Release, SECRET_TYPE, Slimming, Status, decode, encode, label, secret_labels, secret_name,
    user_labels,
};

/// How many bytes of decoded records are kept, judged by the length of their stored text.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// Who knows a Secret, its identifier and its version.
type Version = (Option<Impersonation>, String, String);

/// Records in the Secrets of one cluster, seen as one user.
#[derive(Clone)]
pub(super) struct Secrets {
    cluster: Cluster,
    shared: Arc<Shared>,
}

struct Shared {
    index: Arc<Index>,
    /// Decoded records by who has read or written them, and the Secret's identifier and version: that one user may read a record says
    /// nothing about another.
    decoded: Cache<Version, Arc<Stored>>,
    watch: Mutex<Option<(watch::Receiver<Health>, AbortOnDrop)>>,
}

impl Secrets {
    pub(super) fn new(cluster: &Cluster) -> Self {
        let decoded =
            Cache::builder().max_capacity(CACHE_BYTES).weigher(|_, stored: &Arc<Stored>| weight(stored)).build();
        let shared = Shared { index: Arc::default(), decoded, watch: Mutex::default() };
        Self { cluster: cluster.clone(), shared: Arc::new(shared) }
    }

    pub(super) fn with_user(&self, cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone(), shared: self.shared.clone() }
    }

    pub(super) fn touches(&self) -> mpsc::UnboundedReceiver<StorageTouch> {
        self.shared.index.subscribe()
    }

    pub(super) async fn revisions(&self, key: &StorageKey) -> Result<Vec<Revision>, Error> {
        if self.follows(&key.namespace).await { Ok(self.shared.index.revisions(key)) } else { self.list(key).await }
    }

    pub(super) async fn get(&self, key: &StorageKey, revision: u32) -> Result<Arc<Stored>, Error> {
        let known = if self.follows(&key.namespace).await {
            self.shared.index.revisions(key).into_iter().find(|known| known.revision == revision)
        } else {
            None
        };
        if let Some(known) = known
            && let Some(stored) = self.shared.decoded.get(&self.version(known.uid, known.resource_version))
        {
            return Ok(stored);
        }
        let object = reference(key, revision);
        let secret = self.cluster.read(&kind(), &object).await.map_err(refused)?;
        let Some(secret) = secret else {
            self.shared.index.deleted(key, revision);
            return Err(Error::NotFound { secret: object.name });
        };
        Ok(self.keep(read(&object.name, secret)?))
    }

    pub(super) async fn create(
        &self,
        key: &StorageKey,
        release: Release,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        let _hold = self.shared.index.hold(key);
        let object = reference(key, release.revision);
        let (body, slimming) = secret(key, &release, (label::CREATED_AT, now))?;
        let build = || path(&kind(), Some(&key.namespace)).create(&PostParams::default(), body.clone());
        match self.write(Operation::Create, &object, &body, build).await {
            Ok(written) => Ok(self.written(key, release, &written, slimming)),
            Err(failure) if failure.code == 409 => Err(Error::AlreadyExists { secret: object.name }),
            Err(failure) => Err(refused(failure)),
        }
    }

    /// Writes a record. Where the server did not say whether it did, the record itself tells: it is there as it was sent, or the request is
    /// sent again.
    async fn write(
        &self,
        operation: Operation,
        object: &ObjectReference,
        body: &[u8],
        build: impl Fn() -> Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, Failure> {
        let mut attempts = 0;
        loop {
            let failure = match self.cluster.send(operation, object, build()).await {
                Ok(answer) => return Ok(answer.body),
                // A conflict may be with our own first attempt.
                Err(failure) if failure.is_ambiguous() || attempts > 0 && failure.code == 409 => failure,
                Err(failure) => return Err(failure),
            };
            if let Some(found) = self.cluster.read(&kind(), object).await?
                && is_same_record(&found, body)
            {
                return Ok(found);
            }
            let Some(pause) = pause(attempts, failure.code).filter(|_| failure.is_ambiguous()) else {
                return Err(failure);
            };
            tokio::time::sleep(pause).await;
            attempts += 1;
        }
    }

    pub(super) async fn update(
        &self,
        key: &StorageKey,
        stored: &Stored,
        release: Release,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        let _hold = self.shared.index.hold(key);
        let object = reference(key, release.revision);
        let (body, slimming) = secret(key, &release, (label::MODIFIED_AT, now))?;
        let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            metadata.insert("uid".into(), Value::String(stored.uid.clone()));
            metadata.insert("resourceVersion".into(), Value::String(stored.resource_version.clone()));
        }
        let body = body.to_string().into_bytes();
        let build = || path(&kind(), Some(&key.namespace)).replace(&object.name, &PostParams::default(), body.clone());
        match self.write(Operation::Replace, &object, &body, build).await {
            Ok(written) => {
                // Nobody asks for the version that is replaced any more.
                self.shared.decoded.invalidate(&self.version(stored.uid.clone(), stored.resource_version.clone()));
                Ok(self.written(key, release, &written, slimming))
            }
            Err(failure) if failure.code == 409 => Err(Error::Changed { secret: object.name }),
            Err(failure) if failure.code == 404 => {
                self.shared.index.deleted(key, release.revision);
                Err(Error::NotFound { secret: object.name })
            }
            Err(failure) => Err(refused(failure)),
        }
    }

    pub(super) async fn delete(&self, key: &StorageKey, revision: u32) -> Result<(), Error> {
        let _hold = self.shared.index.hold(key);
        let object = reference(key, revision);
        let request = path(&kind(), Some(&key.namespace)).delete(&object.name, &DeleteParams::default());
        match self.cluster.send(Operation::Delete, &object, request).await {
            Ok(_) => {}
            Err(failure) if failure.code == 404 => {}
            Err(failure) => return Err(refused(failure)),
        }
        self.shared.index.deleted(key, revision);
        Ok(())
    }

    fn written(&self, key: &StorageKey, release: Release, written: &Value, slimming: Slimming) -> Arc<Stored> {
        let stored = stored(release, written, slimming);
        let revision = Revision {
            revision: stored.release.revision,
            status: stored.release.info.status,
            uid: stored.uid.clone(),
            resource_version: stored.resource_version.clone(),
        };
        self.shared.index.written(key, revision);
        // What has been replaced is asked for by a rollback alone, and would be as large as what is in use.
        if stored.release.info.status == Status::Superseded { Arc::new(stored) } else { self.keep(stored) }
    }

    fn keep(&self, stored: Stored) -> Arc<Stored> {
        let stored = Arc::new(stored);
        let version = self.version(stored.uid.clone(), stored.resource_version.clone());
        self.shared.decoded.insert(version, stored.clone());
        stored
    }

    fn version(&self, uid: String, resource_version: String) -> Version {
        (self.cluster.user().cloned(), uid, resource_version)
    }

    /// Whether the index follows a namespace, once its watch has settled; begins the watch if need be.
    async fn follows(&self, namespace: &str) -> bool {
        let covered = match self.cluster.scope() {
            WatchScope::Cluster => true,
            WatchScope::Namespace(scope) => scope == namespace,
        };
        covered && settled(self.begin()).await == Health::Synced
    }

    fn begin(&self) -> watch::Receiver<Health> {
        let mut running = self.shared.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((health, _)) = running.as_ref() {
            return health.clone();
        }
        let client = self.cluster.own_client().clone();
        let api: Api<PartialObjectMeta<Secret>> = match self.cluster.scope() {
            WatchScope::Cluster => Api::all(client),
            WatchScope::Namespace(namespace) => Api::namespaced(client, namespace),
        };
        let (sender, health) = watch::channel(Health::Starting);
        let index = self.shared.index.clone();
        let mut begun = 0;
        let task =
            spawn_watch(api, watcher::Config::default().labels(&selector(None)), sender, move |event| match event {
                watcher::Event::Init => begun = index.begin_list(),
                watcher::Event::InitApply(record) | watcher::Event::Apply(record) => index.observe(&record.metadata),
                watcher::Event::InitDone => index.listed(begun),
                watcher::Event::Delete(record) => index.gone(&record.metadata),
            });
        *running = Some((health.clone(), task));
        health
    }

    async fn list(&self, key: &StorageKey) -> Result<Vec<Revision>, Error> {
        let object = ObjectReference { name: format!("records of {}", key.name), ..reference(key, 0) };
        let params = ListParams::default().labels(&selector(Some(&key.name)));
        let request = path(&kind(), Some(&key.namespace)).list_metadata(&params);
        let answer = self.cluster.send(Operation::List, &object, request).await.map_err(refused)?;
        let items = answer.body.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let metadata = items
            .into_iter()
            .filter_map(|mut item| serde_json::from_value::<ObjectMeta>(item.get_mut("metadata")?.take()).ok());
        let mut revisions: Vec<Revision> = metadata.filter_map(|it| parse(&it)).map(|(_, revision)| revision).collect();
        revisions.sort_by_key(|it| std::cmp::Reverse(it.revision));
        Ok(revisions)
    }
}

/// Whether a Secret holds the record of a request, made by the same write.
fn is_same_record(found: &Value, sent: &[u8]) -> bool {
    let sent: Value = serde_json::from_slice(sent).unwrap_or_default();
    ["/data", "/metadata/labels"].iter().all(|part| found.pointer(part) == sent.pointer(part))
}

fn refused(failure: Failure) -> Error {
    Error::Request(Box::new(failure))
}

fn weight(stored: &Stored) -> u32 {
    let release = &stored.release;
    let hooks: usize = release.hooks.iter().map(|hook| hook.manifest.len()).sum();
    let chart = release.chart.as_ref().map_or(0, |chart| {
        let files = chart.templates.iter().chain(chart.files.iter());
        files.map(|file| file.data.len()).sum()
    });
    u32::try_from(release.manifest.len() + release.info.notes.len() + hooks + chart + 4096).unwrap_or(u32::MAX)
}

fn selector(name: Option<&str>) -> String {
    let owner = format!("{}={OWNER}", label::OWNER);
    name.map_or_else(|| owner.clone(), |name| format!("{owner},{}={name}", label::NAME))
}

fn kind() -> ResourceKind {
    ResourceKind { api: ApiResource::erase::<Secret>(&()), namespaced: true, watchable: true }
}

fn reference(key: &StorageKey, revision: u32) -> ObjectReference {
    ObjectReference {
        group: String::new(),
        version: "v1".into(),
        kind: "Secret".into(),
        namespace: Some(key.namespace.clone()),
        name: secret_name(&key.name, revision),
    }
}

/// The Secret of a record, with the one label that tells when.
fn secret(key: &StorageKey, release: &Release, time: (&str, Timestamp)) -> Result<(Vec<u8>, Slimming), Error> {
    let encoded = encode(release)?;
    let mut labels = secret_labels(release);
    labels.insert(time.0.to_owned(), time.1.as_second().to_string());
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": SECRET_TYPE,
        "metadata": {"name": secret_name(&key.name, release.revision), "namespace": key.namespace, "labels": labels},
        "data": {DATA_KEY: STANDARD.encode(&encoded.text)},
    });
    Ok((secret.to_string().into_bytes(), encoded.slimming))
}

fn stored(release: Release, body: &Value, slimming: Slimming) -> Stored {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    // As the API server counts them: base64 is its way to write, not what is kept.
    let bytes = body.pointer("/data").and_then(|data| data.get(DATA_KEY)).and_then(Value::as_str).map_or(0, str::len);
    Stored {
        release,
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
        bytes: bytes / 4 * 3,
        slimming,
    }
}

/// The record in a Secret, with the user's labels.
fn read(name: &str, mut secret: Value) -> Result<Stored, Error> {
    let text = secret.pointer("/data").and_then(|data| data.get(DATA_KEY)).and_then(Value::as_str).unwrap_or_default();
    let text =
        STANDARD.decode(text).map_err(|source| crate::release::Error::Base64 { secret: name.to_owned(), source })?;
    let mut release = decode(name, &text)?;
    let labels = secret.pointer_mut("/metadata/labels").map(Value::take).unwrap_or_default();
    release.labels = user_labels(&serde_json::from_value(labels).unwrap_or_default());
    Ok(stored(release, &secret, Slimming::None))
}
