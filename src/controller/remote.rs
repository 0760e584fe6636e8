//! Where a release lives: in this cluster, or in the one that `spec.kubeConfig` names.
//!
//! Counterpart: Flux's helm-controller 1.6, where release records and objects live in the remote cluster and the service account is
//! acted as there. Connections, watches and indexes are kept for as long as the Secret or ConfigMap stays as it is, and shared by its releases.
//!
//! **Invariant:** a kubeconfig is used only by releases of the namespace that its Secret or ConfigMap is in.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube_runtime::reflector::Store;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

use super::Error;
use super::context::{Context, identity};
use super::workload::{Access, Traveller};
use crate::api::HelmRelease;
use crate::cluster::{Bearer, Cluster, ConnectOptions, Connection, Touch, WatchScope};
use crate::storage::{Storage, StorageTouch};

/// The keys that a kubeconfig is looked for under, where the reference names none.
const KEYS: [&str; 2] = ["value", "value.yaml"];

/// How often clusters that nobody uses are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// A cluster and the release records in it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) cluster: Cluster,
    pub(super) storage: Storage,
}

/// What wakes releases by what others do in clusters: to live objects, and to release records.
pub(super) type ClusterChanges = (UnboundedReceiver<Touch>, UnboundedReceiver<StorageTouch>);

/// The other clusters, by what their kubeconfigs come from.
pub(super) struct Remotes {
    known: Mutex<HashMap<Origin, Known>>,
    options: ConnectOptions,
    touches: UnboundedSender<Touch>,
    records: UnboundedSender<StorageTouch>,
}

/// Where a kubeconfig comes from: kind, namespace and name of the object, and the key if one is given.
type Origin = (&'static str, String, String, Option<String>);

/// How to connect to a cluster.
struct Way {
    kubeconfig: String,
    /// What comes instead of credentials in the kubeconfig: who renews it, the token, and its time.
    token: Option<(Traveller, Bearer, Duration)>,
}

/// A cluster that has been connected to.
struct Known {
    /// Of the object that the kubeconfig comes from.
    version: Option<String>,
    place: Place,
    _forwarding: AbortOnDropHandle<()>,
    _renewing: Option<AbortOnDropHandle<()>>,
}

impl Remotes {
    /// None yet; what a kubeconfig may do is in the options.
    pub(super) fn new(options: ConnectOptions) -> (Self, ClusterChanges) {
        // There is no other part of this operator there, whatever it watches here.
        let options = ConnectOptions { scope: WatchScope::Cluster, ..options };
        let (touches, touched) = unbounded_channel();
        let (records, recorded) = unbounded_channel();
        (Self { known: Mutex::default(), options, touches, records }, (touched, recorded))
    }

    /// The cluster of an origin; connects again when its object has changed.
    async fn place(
        &self,
        at: Origin,
        version: Option<&String>,
        named: &str,
        way: impl Future<Output = Result<Way, Error>>,
    ) -> Result<Place, Error> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.get(&at)
            && known.version.as_ref() == version
        {
            return Ok(known.place.clone());
        }
        let Way { kubeconfig, token } = way.await?;
        let bearer = token.as_ref().map(|(_, bearer, _)| bearer.clone());
        let options = ConnectOptions { connection: Connection::Text(kubeconfig), bearer, ..self.options.clone() };
        let cluster = Cluster::connect(&options)
            .await
            .map_err(|source| Error::KubeConfig { message: format!("{named}: {source}") })?;
        let place = Place { storage: Storage::secrets(&cluster), cluster };
        let forwarding = AbortOnDropHandle::new(tokio::spawn(forward(
            place.cluster.watches().touches(),
            self.touches.clone(),
            place.storage.touches(),
            self.records.clone(),
        )));
        let renewing = token
            .map(|(traveller, bearer, time)| AbortOnDropHandle::new(tokio::spawn(traveller.keep_fresh(bearer, time))));
        let fresh =
            Known { version: version.cloned(), place: place.clone(), _forwarding: forwarding, _renewing: renewing };
        known.insert(at, fresh);
        Ok(place)
    }
}

impl Remotes {
    /// Lets go of clusters that no release lives in any more; now and then, without end.
    pub(super) async fn keep_only_used(&self, releases: &Store<HelmRelease>) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let used: HashSet<Origin> = releases.state().iter().filter_map(|release| origin(release)).collect();
            self.known.lock().await.retain(|at, _| used.contains(at));
        }
    }
}

/// Where the kubeconfig of a release comes from; none if it lives in this cluster.
fn origin(release: &HelmRelease) -> Option<Origin> {
    let reference = release.spec.kube_config.as_ref()?;
    let namespace = identity(release).0.to_owned();
    if let Some(secret_ref) = &reference.secret_ref {
        let key = secret_ref.key.clone().filter(|key| !key.is_empty());
        return Some(("Secret", namespace, secret_ref.name.clone(), key));
    }
    let config = reference.config_map_ref.as_ref()?;
    Some(("ConfigMap", namespace, config.name.clone(), None))
}

/// Passes on what wakes releases; ends with the cluster.
async fn forward(
    mut touches: UnboundedReceiver<Touch>,
    touched: UnboundedSender<Touch>,
    mut records: UnboundedReceiver<StorageTouch>,
    recorded: UnboundedSender<StorageTouch>,
) {
    let pass_touches = async {
        while let Some(touch) = touches.recv().await {
            // The receiver is gone only while the program stops.
            let _ = touched.send(touch);
        }
    };
    let pass_records = async {
        while let Some(touch) = records.recv().await {
            let _ = recorded.send(touch);
        }
    };
    tokio::join!(pass_touches, pass_records);
}

/// The text of a kubeconfig.
fn kubeconfig(secret: &Secret, key: Option<&str>, named: &str) -> Result<String, Error> {
    let data = secret.data.as_ref();
    let keys = key.map_or_else(|| KEYS.to_vec(), |key| vec![key]);
    let found = keys.iter().find_map(|key| data?.get(*key)).filter(|content| !content.0.is_empty());
    let content = found.ok_or_else(|| Error::KubeConfig {
        message: format!("{named} does not contain a '{}' key with a kubeconfig", keys.join("' nor a '")),
    })?;
    String::from_utf8(content.0.clone())
        .map_err(|_| Error::KubeConfig { message: format!("{named}: the kubeconfig is not text") })
}

/// Where a release lives. One read of its Secret or ConfigMap where that is another cluster.
///
/// # Errors
/// [`Error::KubeConfigMissing`] where there is no such object, and other errors where it cannot be used.
pub(super) async fn place(release: &HelmRelease, ctx: &Context) -> Result<Place, Error> {
    let Some(at) = origin(release) else {
        if release.spec.kube_config.is_some() {
            let why = "it names neither a Secret nor a ConfigMap";
            return Err(Error::Unsupported { field: "spec.kubeConfig", why });
        }
        return Ok(Place { cluster: ctx.cluster.clone(), storage: ctx.storage.clone() });
    };
    let (kind, namespace, name, key) = &at;
    let named = format!("kubeconfig {kind} '{namespace}/{name}'");
    if *kind == "Secret" {
        let secret: Secret = read(namespace, name, &named, ctx).await?;
        let version = secret.metadata.resource_version.as_ref();
        let kubeconfig = kubeconfig(&secret, key.as_deref(), &named);
        let way = async { Ok(Way { kubeconfig: kubeconfig?, token: None }) };
        return ctx.remotes.place(at.clone(), version, &named, way).await;
    }
    let config: ConfigMap = read(namespace, name, &named, ctx).await?;
    let way = async {
        let access = Access::read(&config, ctx.config.default_kubeconfig_service_account.as_deref(), &named)?;
        let kubeconfig = access.kubeconfig();
        let (client, namespace) = (ctx.client.clone(), namespace.clone());
        let traveller = Traveller { client, namespace, access, named: named.clone() };
        let (token, time) = traveller.token().await?;
        Ok(Way { kubeconfig, token: Some((traveller, Bearer::new(&token)?, time)) })
    };
    ctx.remotes.place(at.clone(), config.metadata.resource_version.as_ref(), &named, way).await
}

/// The object that a kubeconfig comes from.
async fn read<K>(namespace: &str, name: &str, named: &str, ctx: &Context) -> Result<K, Error>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(ctx.client.clone(), namespace);
    let found = api.get_opt(name).await;
    let found = found.map_err(|error| Error::KubeConfig { message: format!("cannot read {named}: {error}") })?;
    found.ok_or_else(|| Error::KubeConfigMissing { secret: named.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origin_of(kube_config: &serde_json::Value) -> Option<Origin> {
        let object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"interval": "1m", "kubeConfig": kube_config},
        });
        origin(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_cluster_is_used_by_the_releases_that_name_its_secret_and_key() {
        let named = |key: Option<&str>| Some(("Secret", "apps".to_owned(), "far".to_owned(), key.map(str::to_owned)));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far"}})), named(None));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far", "key": ""}})), named(None));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far", "key": "config"}})), named(Some("config")));
        let config = ("ConfigMap", "apps".to_owned(), "far".to_owned(), None);
        assert_eq!(origin_of(&json!({"configMapRef": {"name": "far"}})), Some(config));
        assert_eq!(origin_of(&json!(null)), None);
    }
}
