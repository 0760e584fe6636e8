//! Where a release lives: in this cluster, or in the one that `spec.kubeConfig` names.
//!
//! Counterpart: Flux's helm-controller 1.6, where release records and objects live in the remote cluster and the service account is
//! acted as there. Connections, watches and indexes are kept for as long as the Secret stays as it is, and shared by its releases.
//!
//! **Invariant:** a kubeconfig is used only by releases of the namespace that its Secret is in.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube_runtime::reflector::Store;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::Error;
use super::context::{Context, identity};
use crate::api::HelmRelease;
use crate::cluster::{Cluster, ConnectOptions, Connection, Touch, WatchScope};
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

/// The other clusters, by the Secret and key of their kubeconfigs.
pub(super) struct Remotes {
    known: Mutex<HashMap<Origin, Known>>,
    options: ConnectOptions,
    touches: UnboundedSender<Touch>,
    records: UnboundedSender<StorageTouch>,
}

/// Where a kubeconfig comes from: namespace and name of the Secret, and the key if one is given.
type Origin = (String, String, Option<String>);

/// A cluster that has been connected to.
struct Known {
    /// Of the Secret that the kubeconfig was read from.
    version: Option<String>,
    place: Place,
    forwarding: JoinHandle<()>,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
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

    /// The cluster of a kubeconfig; connects again when its Secret has changed.
    async fn place(&self, secret: &Secret, key: Option<&str>, named: &str) -> Result<Place, Error> {
        let metadata = &secret.metadata;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let at = (text(&metadata.namespace), text(&metadata.name), key.map(str::to_owned));
        let mut known = self.known.lock().await;
        if let Some(known) = known.get(&at)
            && known.version == metadata.resource_version
        {
            return Ok(known.place.clone());
        }
        let options =
            ConnectOptions { connection: Connection::Text(kubeconfig(secret, key, named)?), ..self.options.clone() };
        let cluster = Cluster::connect(&options)
            .await
            .map_err(|source| Error::KubeConfig { message: format!("{named}: {source}") })?;
        let place = Place { storage: Storage::secrets(&cluster), cluster };
        let forwarding = tokio::spawn(forward(
            place.cluster.watches().touches(),
            self.touches.clone(),
            place.storage.touches(),
            self.records.clone(),
        ));
        let fresh = Known { version: metadata.resource_version.clone(), place: place.clone(), forwarding };
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
    let secret_ref = release.spec.kube_config.as_ref()?.secret_ref.as_ref()?;
    let (namespace, _) = identity(release);
    let key = secret_ref.key.clone().filter(|key| !key.is_empty());
    Some((namespace.to_owned(), secret_ref.name.clone(), key))
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

/// Where a release lives. One read of its Secret where that is another cluster.
///
/// # Errors
/// [`Error::KubeConfigMissing`] where there is no such Secret, and other errors where it cannot be used.
pub(super) async fn place(release: &HelmRelease, ctx: &Context) -> Result<Place, Error> {
    let Some(reference) = &release.spec.kube_config else {
        return Ok(Place { cluster: ctx.cluster.clone(), storage: ctx.storage.clone() });
    };
    let Some(secret_ref) = &reference.secret_ref else {
        let why = "access by workload identity needs a cloud's own library; give a secretRef";
        return Err(Error::Unsupported { field: "spec.kubeConfig.configMapRef", why });
    };
    let (namespace, _) = identity(release);
    let named = format!("kubeconfig Secret '{namespace}/{}'", secret_ref.name);
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), namespace);
    let secret = api.get_opt(&secret_ref.name).await;
    let secret = secret.map_err(|error| Error::KubeConfig { message: format!("cannot read {named}: {error}") })?;
    let secret = secret.ok_or_else(|| Error::KubeConfigMissing { secret: named.clone() })?;
    let key = secret_ref.key.as_deref().filter(|key| !key.is_empty());
    ctx.remotes.place(&secret, key, &named).await
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
        let named = |key: Option<&str>| Some(("apps".to_owned(), "far".to_owned(), key.map(str::to_owned)));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far"}})), named(None));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far", "key": ""}})), named(None));
        assert_eq!(origin_of(&json!({"secretRef": {"name": "far", "key": "config"}})), named(Some("config")));
        assert_eq!(origin_of(&json!(null)), None);
    }
}
