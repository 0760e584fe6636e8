//! The cluster that tests share, and what they do with it: apply objects, wait for conditions, have a namespace each.
//!
//! Never polls: every wait is a watch with a deadline, and its error shows the object as it was last seen.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures::StreamExt as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiResource, Scope, pinned_kind};
use kube::runtime::wait::{Condition as _, conditions};
use kube::runtime::watcher;
use kube::{Client, Config, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::audit::AuditLog;
use super::control_plane::ControlPlane;

/// The field manager of everything that the tests apply.
pub(crate) const FIELD_MANAGER: &str = "rhumb-e2e";

/// The cluster of this test process: its own control plane, or the one that `RHUMB_E2E_KUBECONFIG` names.
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
    operator_kubeconfig: PathBuf,
    plane: Option<ControlPlane>,
}

impl Cluster {
    /// The one cluster that all tests of this process share, started on first use.
    pub(crate) async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Cluster> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// Starts a control plane, or takes the existing cluster.
    pub(crate) async fn start() -> Result<Self> {
        if let Some(path) = std::env::var_os("RHUMB_E2E_KUBECONFIG").map(PathBuf::from) {
            return Ok(Self { kubeconfig: path.clone(), operator_kubeconfig: path, plane: None });
        }
        let plane = ControlPlane::start().await?;
        Ok(Self {
            kubeconfig: plane.kubeconfig(),
            operator_kubeconfig: plane.operator_kubeconfig(),
            plane: Some(plane),
        })
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig for the operator under test.
    pub(crate) fn operator_kubeconfig(&self) -> &Path {
        &self.operator_kubeconfig
    }

    /// The control plane, unless the cluster is someone else's.
    pub(crate) fn plane(&self) -> Option<&ControlPlane> {
        self.plane.as_ref()
    }

    /// Begins to count the operator's requests; none on a cluster whose audit log is not ours.
    pub(crate) fn audit(&self) -> Option<AuditLog> {
        let plane = self.plane.as_ref()?;
        Some(AuditLog::mark(&plane.audit_log()))
    }

    /// An administrator's client. Each test makes its own, for a client lives on the runtime that made it.
    pub(crate) async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// A namespace of a name of its own.
    pub(crate) async fn namespace(&self, client: &Client, prefix: &str) -> Result<String> {
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"generateName": format!("{prefix}-")},
        });
        let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
        let created = api.create(&kube::api::PostParams::default(), &serde_json::from_value(namespace)?).await?;
        Ok(created.name_any())
    }
}

/// A client for a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    // The second caller finds the provider installed, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Installs the project's own CRDs and waits until the server serves them.
pub(crate) async fn install_crds(client: &Client) -> Result<()> {
    let folder = crate::project::root().join("crds");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for file in files {
        for crd in documents(&std::fs::read_to_string(&file)?)? {
            if crd["kind"] != "CustomResourceDefinition" {
                continue;
            }
            let applied = apply(client, &crd).await.with_context(|| format!("install {}", file.display()))?;
            let established = conditions::is_crd_established();
            wait_for(&api, &applied.name_any(), Duration::from_secs(30), "established", |crd| {
                established.matches_object(Some(crd))
            })
            .await?;
        }
    }
    Ok(())
}

/// Applies one object by server-side apply and returns it.
pub(crate) async fn apply(client: &Client, object: &Value) -> Result<DynamicObject> {
    let mut object: DynamicObject = serde_json::from_value(object.clone())?;
    let kind = object.types.clone().context("the object has no apiVersion and kind")?;
    let gvk = GroupVersionKind::try_from(kind)?;
    let (resource, capabilities) = pinned_kind(client, &gvk).await.with_context(|| format!("look up {}", gvk.kind))?;
    let api: Api<DynamicObject> = match (capabilities.scope, object.namespace()) {
        (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(client.clone(), &namespace, &resource),
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), &resource),
        (Scope::Cluster, _) => {
            object.metadata.namespace = None;
            Api::all_with(client.clone(), &resource)
        }
    };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&object.name_any(), &params, &Patch::Apply(&object))
        .await
        .with_context(|| format!("apply {} {}", gvk.kind, object.name_any()))
}

/// The resource of a kind.
pub(crate) async fn pin(client: &Client, api_version: &str, kind: &str) -> Result<ApiResource> {
    let types = kube::core::TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
    let gvk = GroupVersionKind::try_from(types)?;
    let (resource, _) = pinned_kind(client, &gvk).await.with_context(|| format!("look up {kind}"))?;
    Ok(resource)
}

/// Applies every document of a YAML text; objects without a namespace go to `namespace`.
pub(crate) async fn apply_yaml(client: &Client, namespace: &str, text: &str) -> Result<Vec<DynamicObject>> {
    let mut applied = Vec::new();
    for mut object in documents(text)? {
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        let metadata = metadata.context("an object has no metadata")?;
        metadata.entry("namespace").or_insert_with(|| json!(namespace));
        applied.push(apply(client, &object).await?);
    }
    Ok(applied)
}

/// The documents of a YAML text that are not empty.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document)?;
        if !value.is_null() {
            all.push(value);
        }
    }
    Ok(all)
}

/// Waits by watch until `met` holds for an object that exists; the error says what was waited for and what was there.
pub(crate) async fn wait_for<K>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
    what: &str,
    met: impl Fn(&K) -> bool,
) -> Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    let state = wait_state(api, name, deadline, what, |object| object.is_some_and(&met)).await?;
    state.ok_or_else(|| anyhow!("{name} went away"))
}

/// Waits by watch until an object is gone.
pub(crate) async fn wait_gone<K>(api: &Api<K>, name: &str, deadline: Duration) -> Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    wait_state(api, name, deadline, "gone", |object| object.is_none()).await?;
    Ok(())
}

async fn wait_state<K>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
    what: &str,
    met: impl Fn(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    let mut states = pin!(watcher::watch_object(api.clone(), name));
    let mut last = None;
    let watched = tokio::time::timeout(deadline, async {
        while let Some(state) = states.next().await {
            match state {
                Ok(state) if met(state.as_ref()) => return Ok(state),
                Ok(state) => last = state,
                // The watcher tries again by itself; the deadline bounds it.
                Err(_) => {}
            }
        }
        bail!("the watch of {name} ended")
    })
    .await;
    watched.unwrap_or_else(|_| {
        let mut seen = serde_json::to_value(&last)?;
        if let Some(metadata) = seen.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        let seen = serde_json::to_string_pretty(&seen)?;
        bail!("{name} is not {what} after {deadline:?}; last seen:\n{seen}")
    })
}
