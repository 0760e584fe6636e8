//! Which kinds the API server serves, asked once and kept for all releases.
//!
//! Two requests (aggregated discovery, Kubernetes 1.27 and later) fill the cache. It is read again when a CustomResourceDefinition has
//! changed and somebody needs the capabilities, or when a kind is missing, then at most once every few seconds.
//!
//! **Invariant:** never asks the server about a kind that the cache knows.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PartialObjectMeta;
use kube::core::discovery::v2::{APIGroupDiscoveryList, APIResourceDiscovery};
use kube::core::{ApiResource, GroupVersion, GroupVersionKind};
use kube::{Api, Client};
use kube_runtime::watcher;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Error;
use super::watch::{AbortOnDrop, Health, spawn_watch};

/// How often a missing kind may cause the cache to be read again.
const MISS_INTERVAL: Duration = Duration::from_secs(5);

/// A kind that the server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceKind {
    /// Group, version, kind and plural name.
    pub api: ApiResource,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether objects can be listed and watched.
    pub watchable: bool,
}

/// What a chart may ask of the server, as Helm 4.3 lists it in `.Capabilities`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiVersions {
    /// The server's version with the leading `v`, such as `v1.36.3`.
    pub version: String,
    /// Major version.
    pub major: String,
    /// Minor version; some vendors add a `+`.
    pub minor: String,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`, …, sorted.
    pub api_versions: Arc<Vec<String>>,
}

/// What the server serves at one moment.
#[derive(Default)]
struct Snapshot {
    kinds: HashMap<GroupVersionKind, Arc<ResourceKind>>,
    versions: ApiVersions,
}

/// The shared cache; clones share it.
#[derive(Clone)]
pub struct Discovery {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    stale: AtomicBool,
    snapshot: RwLock<Option<Arc<Snapshot>>>,
    /// When the cache was last read; held while reading, so that a hundred releases cause one refresh.
    refreshed: Mutex<Option<Instant>>,
}

impl Discovery {
    pub(super) fn new(client: Client) -> Self {
        let inner =
            Inner { client, stale: AtomicBool::new(false), snapshot: RwLock::new(None), refreshed: Mutex::new(None) };
        Self { inner: Arc::new(inner) }
    }

    /// The kind, or none where the server does not serve it even after reading again.
    pub async fn resolve(&self, gvk: &GroupVersionKind) -> Result<Option<Arc<ResourceKind>>, Error> {
        let seen = match self.current() {
            Some(snapshot) => snapshot,
            None => self.fresh().await?,
        };
        if let Some(kind) = seen.kinds.get(gvk) {
            return Ok(Some(kind.clone()));
        }
        let interval = if self.inner.stale.load(Ordering::Acquire) { Duration::ZERO } else { MISS_INTERVAL };
        let snapshot = self.refresh(&seen, interval).await?;
        Ok(snapshot.kinds.get(gvk).cloned())
    }

    /// The server's version and everything it serves.
    pub async fn capabilities(&self) -> Result<ApiVersions, Error> {
        Ok(self.fresh().await?.versions.clone())
    }

    /// Watches definitions, so that the cache follows them. Metadata is enough: any change may be one of what is served.
    pub(super) fn follow(&self) -> AbortOnDrop {
        let client = self.inner.client.clone();
        let discovery = self.clone();
        let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client);
        let (health, _) = tokio::sync::watch::channel(Health::Starting);
        spawn_watch(api, watcher::Config::default(), health, move |event| match event {
            watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::Init => discovery.invalidate(),
            watcher::Event::InitApply(_) | watcher::Event::InitDone => {}
        })
    }

    /// Says that what is served has changed; the next question reads it again.
    pub fn invalidate(&self) {
        self.inner.stale.store(true, Ordering::Release);
    }

    fn current(&self) -> Option<Arc<Snapshot>> {
        self.inner.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fresh(&self) -> Result<Arc<Snapshot>, Error> {
        match self.current() {
            Some(snapshot) if !self.inner.stale.load(Ordering::Acquire) => Ok(snapshot),
            Some(snapshot) => self.refresh(&snapshot, Duration::ZERO).await,
            None => self.refresh(&Arc::default(), Duration::ZERO).await,
        }
    }

    /// Reads the cache again, unless somebody else has replaced `seen` meanwhile or it is younger than `interval`.
    async fn refresh(&self, seen: &Arc<Snapshot>, interval: Duration) -> Result<Arc<Snapshot>, Error> {
        let mut refreshed = self.inner.refreshed.lock().await;
        if let Some(current) = self.current() {
            let replaced = !Arc::ptr_eq(&current, seen) && !self.inner.stale.load(Ordering::Acquire);
            let young = refreshed.is_some_and(|at| at.elapsed() < interval);
            if replaced || young {
                return Ok(current);
            }
        }
        // Cleared first: a change that comes while reading makes the result stale again.
        self.inner.stale.store(false, Ordering::Release);
        let read = self.read().await.inspect_err(|_| self.invalidate())?;
        let snapshot = Arc::new(read);
        *self.inner.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        *refreshed = Some(Instant::now());
        Ok(snapshot)
    }

    async fn read(&self) -> Result<Snapshot, Error> {
        let failed = |error| Error::Discovery(Box::new(error));
        let client = &self.inner.client;
        let known = self.current().filter(|snapshot| !snapshot.versions.version.is_empty());
        let (core, groups, version) =
            tokio::try_join!(client.list_core_api_versions_aggregated(), client.list_api_groups_aggregated(), async {
                match known {
                    // A server that is upgraded ends our watches and with them this cache; the version is asked once.
                    Some(_) => Ok(None),
                    None => client.apiserver_version().await.map(Some),
                }
            })
            .map_err(failed)?;
        let mut snapshot = Snapshot::default();
        let mut names = BTreeSet::new();
        add(&mut snapshot, &mut names, core);
        add(&mut snapshot, &mut names, groups);
        snapshot.versions = match (version, self.current()) {
            (Some(info), _) => ApiVersions {
                version: info.git_version,
                major: info.major,
                minor: info.minor,
                api_versions: Arc::default(),
            },
            (None, Some(current)) => current.versions.clone(),
            (None, None) => ApiVersions::default(),
        };
        snapshot.versions.api_versions = Arc::new(names.into_iter().collect());
        Ok(snapshot)
    }
}

/// Adds everything that a discovery document lists. As Helm does, `group/version/Kind` is listed for subresources as well, under the
/// group that serves them.
fn add(snapshot: &mut Snapshot, names: &mut BTreeSet<String>, list: APIGroupDiscoveryList) {
    for group in list.items {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        for served in group.versions {
            let version = served.version.unwrap_or_default();
            let gv = GroupVersion::gv(&name, &version);
            names.insert(gv.api_version());
            for resource in served.resources {
                let subresources = resource.subresources.iter().filter_map(|sub| sub.response_kind.as_ref());
                let kinds = resource.response_kind.iter().chain(subresources).filter_map(|kind| kind.kind.as_ref());
                names.extend(kinds.filter(|kind| !kind.is_empty()).map(|kind| format!("{}/{kind}", gv.api_version())));
                if let Some((gvk, kind)) = kind_of(&gv, &resource) {
                    snapshot.kinds.entry(gvk).or_insert_with(|| Arc::new(kind));
                }
            }
        }
    }
}

fn kind_of(gv: &GroupVersion, resource: &APIResourceDiscovery) -> Option<(GroupVersionKind, ResourceKind)> {
    let response = resource.response_kind.as_ref()?;
    let gvk = gv.clone().with_kind(response.kind.as_ref()?);
    let can = |verb: &str| resource.verbs.iter().any(|it| it == verb);
    let kind = ResourceKind {
        api: ApiResource::from_gvk_with_plural(&gvk, resource.resource.as_ref()?),
        namespaced: resource.scope.as_deref() == Some("Namespaced"),
        watchable: can("list") && can("watch"),
    };
    Some((gvk, kind))
}
