//! Records in Secrets.
//!
//! Revisions come from the index; where it cannot follow a namespace (no permission to watch, or outside of the watched one), each
//! question is a list of metadata by label instead.
//!
//! **Invariant:** every write goes through the index before it returns.

use std::collections::BTreeMap;
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
    DATA_KEY, Encoded, OWNER, Packed, Release, SECRET_TYPE, Slimming, Status, encode, label, secret_labels,
    secret_name, user_labels,
};

/// How many bytes of records are kept, as they are packed.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// What a record that is kept takes beyond its packed bytes, roughly: names, labels, and its place.
const OVERHEAD_BYTES: usize = 1024;

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
    /// Records by who has read or written them, and the Secret's identifier and version: that one user may read a record says nothing about
    /// another.
    kept: Cache<Version, Arc<Kept>>,
    watch: Mutex<Option<(watch::Receiver<Health>, AbortOnDrop)>>,
}

/// What is kept of a record, so that asking for it again takes no request. It stays packed, because there are as many as releases and hardly
/// any is asked for at a time.
struct Kept {
    packed: Packed,
    /// The user's labels.
    labels: BTreeMap<String, String>,
    /// The bytes of its text in the Secret.
    bytes: usize,
    slimming: Slimming,
}

impl Kept {
    fn weight(&self) -> u32 {
        u32::try_from(self.packed.size() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }
}

impl Secrets {
    pub(super) fn new(cluster: &Cluster) -> Self {
        let kept = Cache::builder().max_capacity(CACHE_BYTES).weigher(|_, kept: &Arc<Kept>| kept.weight()).build();
        let shared = Shared { index: Arc::default(), kept, watch: Mutex::default() };
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
        let object = reference(key, revision);
        if let Some(known) = known {
            let version = self.version(&known.uid, &known.resource_version);
            if let Some(kept) = self.shared.kept.get(&version) {
                return stored(&object.name, version, &kept);
            }
        }
        let secret = self.cluster.read(&kind(), &object).await.map_err(refused)?;
        let Some(secret) = secret else {
            self.shared.index.deleted(key, revision);
            return Err(Error::NotFound { secret: object.name });
        };
        let kept = read(&object.name, &secret)?;
        let version = self.version_of(&secret);
        let stored = stored(&object.name, version.clone(), &kept)?;
        self.shared.kept.insert(version, Arc::new(kept));
        Ok(stored)
    }

    pub(super) async fn create(
        &self,
        key: &StorageKey,
        release: Release,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Error> {
        let _hold = self.shared.index.hold(key);
        let object = reference(key, release.revision);
        let (body, encoded) = secret(key, &release, (label::CREATED_AT, now))?;
        let build = || path(&kind(), Some(&key.namespace)).create(&PostParams::default(), body.clone());
        match self.write(Operation::Create, &object, &body, build).await {
            Ok(written) => Ok(self.written(key, release, &written, encoded)),
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
        let (body, encoded) = secret(key, &release, (label::MODIFIED_AT, now))?;
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
                self.shared.kept.invalidate(&self.version(&stored.uid, &stored.resource_version));
                Ok(self.written(key, release, &written, encoded))
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

    fn written(&self, key: &StorageKey, release: Release, written: &Value, encoded: Encoded) -> Arc<Stored> {
        let version = self.version_of(written);
        let (_, uid, resource_version) = version.clone();
        let (bytes, slimming) = (text_bytes(written), encoded.slimming);
        let status = release.info.status;
        let revision = Revision {
            revision: release.revision,
            status,
            uid: uid.clone(),
            resource_version: resource_version.clone(),
        };
        self.shared.index.written(key, revision);
        // What has been replaced is asked for by a rollback alone, and would be as large as what is in use.
        if status != Status::Superseded {
            let kept = Kept { packed: encoded.packed, labels: release.labels.clone(), bytes, slimming };
            self.shared.kept.insert(version, Arc::new(kept));
        }
        Arc::new(Stored { release, uid, resource_version, bytes, slimming })
    }

    fn version(&self, uid: &str, resource_version: &str) -> Version {
        (self.cluster.user().cloned(), uid.to_owned(), resource_version.to_owned())
    }

    fn version_of(&self, secret: &Value) -> Version {
        let text = |pointer: &str| secret.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        self.version(text("/metadata/uid"), text("/metadata/resourceVersion"))
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
fn secret(key: &StorageKey, release: &Release, time: (&str, Timestamp)) -> Result<(Vec<u8>, Encoded), Error> {
    let encoded = encode(release)?;
    let mut labels = secret_labels(release);
    labels.insert(time.0.to_owned(), time.1.as_second().to_string());
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": SECRET_TYPE,
        "metadata": {"name": secret_name(&key.name, release.revision), "namespace": key.namespace, "labels": labels},
        "data": {DATA_KEY: STANDARD.encode(encoded.packed.text())},
    });
    Ok((secret.to_string().into_bytes(), encoded))
}

/// The text of a record in the data of its Secret, in the API server's base64.
fn text(secret: &Value) -> &str {
    secret.pointer("/data").and_then(|data| data.get(DATA_KEY)).and_then(Value::as_str).unwrap_or_default()
}

/// How many bytes the API server counts of a record: base64 is its way to write, not what is kept.
fn text_bytes(secret: &Value) -> usize {
    text(secret).len() / 4 * 3
}

/// The record in a Secret, with the user's labels.
fn read(name: &str, secret: &Value) -> Result<Kept, Error> {
    let text = STANDARD.decode(text(secret));
    let text = text.map_err(|source| crate::release::Error::Base64 { secret: name.to_owned(), source })?;
    let labels = secret.pointer("/metadata/labels").cloned().unwrap_or_default();
    Ok(Kept {
        packed: Packed::from_text(name, &text)?,
        labels: user_labels(&serde_json::from_value(labels).unwrap_or_default()),
        bytes: text_bytes(secret),
        slimming: Slimming::None,
    })
}

/// The record of a Secret of this name and version.
fn stored(name: &str, (_, uid, resource_version): Version, kept: &Kept) -> Result<Arc<Stored>, Error> {
    let release = Release { labels: kept.labels.clone(), ..kept.packed.unpack(name)? };
    Ok(Arc::new(Stored { release, uid, resource_version, bytes: kept.bytes, slimming: kept.slimming }))
}
