//! The cluster of the kubeconfig, for `--dry-run=server`: what it can do, its objects, and whether it would take what was rendered.
//!
//! Counterpart: the server side of a dry run in `pkg/action/install.go` of Helm 4.3.1. Objects are checked by their kinds and owners.
//! Invariant: only ever reads.

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::cli::flags::Arguments;
use crate::cluster::{Cluster, ClusterLookup, ConnectOptions, Connection, Error, ObjectReference, Origin, ReleaseKey};
use crate::render::{Capabilities, KubeVersion, Lookup, RenderOptions, Rendered, manifest_objects};

/// Flags of the connection that are not understood here.
const UNKNOWN: [&str; 9] = [
    "kube-context",
    "kube-apiserver",
    "kube-as-group",
    "kube-as-user",
    "kube-ca-file",
    "kube-insecure-skip-tls-verify",
    "kube-tls-server-name",
    "kube-token",
    "insecure-skip-tls-verify",
];

/// A cluster that can be asked.
pub(super) struct Server {
    runtime: Runtime,
    cluster: Cluster,
    lookup: ClusterLookup,
    capabilities: Capabilities,
    /// Whether objects may be somebody else's.
    takes_ownership: bool,
}

impl Server {
    /// Connects and asks what the cluster can do.
    pub(super) fn connect(arguments: &Arguments) -> Result<Self> {
        if let Some(flag) = UNKNOWN.iter().find(|flag| arguments.is_given(flag)) {
            bail!("--{flag} is not possible together with --dry-run=server: put it into the kubeconfig");
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        let connection = match arguments.text("kubeconfig") {
            "" => Connection::Infer,
            path => Connection::File(path.into()),
        };
        // The kubeconfig is the user's own, so it may do whatever the user may.
        let options =
            ConnectOptions { connection, allow_exec: true, allow_insecure_tls: true, ..ConnectOptions::default() };
        let (cluster, discovered) = runtime
            .block_on(async {
                let cluster = Cluster::connect(&options).await?;
                let discovered = cluster.discovery().capabilities().await?;
                Ok((cluster, discovered))
            })
            .map_err(|error: Error| {
                anyhow!("cluster reachability check failed: kubernetes cluster unreachable: {error}")
            })?;
        let capabilities = Capabilities {
            kube_version: KubeVersion::discovered(&discovered.version, &discovered.major, &discovered.minor),
            api_versions: discovered.api_versions.to_vec(),
            ..Capabilities::default()
        };
        let lookup = ClusterLookup::new(cluster.clone(), runtime.handle().clone());
        let takes_ownership = arguments.is_on("take-ownership");
        Ok(Self { runtime, cluster, lookup, capabilities, takes_ownership })
    }

    /// What the cluster can do.
    pub(super) fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    /// The cluster's objects, for templates.
    pub(super) fn lookup(&self) -> &(dyn Lookup + Sync) {
        &self.lookup
    }

    /// Whether the cluster knows every kind, and none of the objects belongs to somebody else.
    pub(super) fn check(&self, rendered: &Rendered, options: &RenderOptions) -> Result<()> {
        let mut objects = manifest_objects(&rendered.manifest())?;
        objects.iter_mut().for_each(name_for_now);
        let (named, nameless): (Vec<_>, Vec<_>) = objects.into_iter().partition(has_name_or_items);
        let origin = Origin {
            release: ReleaseKey { namespace: options.namespace.clone(), name: options.name.clone() },
            helm_name: options.name.clone(),
            helm_namespace: options.namespace.clone(),
        };
        let (mut references, mut faults) = (Vec::new(), Vec::new());
        for object in &named {
            match self.references(object, &origin) {
                Ok(found) => references.extend(found),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(nameless.iter().filter_map(unset_fields));
        let faults = match faults.as_slice() {
            [] => None,
            [fault] => Some(fault.clone()),
            faults => Some(format!("[{}]", faults.join(", "))),
        };
        if let Some(faults) = faults {
            bail!("unable to build kubernetes objects from release manifest: {faults}");
        }
        if options.is_upgrade || self.takes_ownership {
            return Ok(());
        }
        if let Some(object) = nameless.first() {
            bail!(
                "unable to continue with install: could not get information about the resource {} \"\" in namespace {:?}: resource \
                 name may not be empty",
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["namespace"].as_str().unwrap_or(&options.namespace)
            );
        }
        references.iter().try_for_each(|reference| self.check_owner(reference, options))
    }

    /// What an object and the items of a list are called; the error is Helm's for one that it cannot build.
    fn references(&self, object: &Value, origin: &Origin) -> Result<Vec<ObjectReference>, String> {
        if let Some(fault) = unset_fields(object) {
            return Err(fault);
        }
        let found = self.runtime.block_on(self.cluster.references(std::slice::from_ref(object), origin));
        found.map_err(|error| match error {
            Error::NoMatch { api_version, kind, .. } if object.get("items").is_some_and(Value::is_array) => {
                format!("unable to recognize no matches for kind {kind:?} in version {api_version:?}")
            }
            Error::NoMatch { api_version, kind, namespace, name } => format!(
                "resource mapping not found for name: {name:?} namespace: {namespace:?} from \"\": no matches for kind {kind:?} in \
                 version {api_version:?}\nensure CRDs are installed first"
            ),
            error => error.to_string(),
        })
    }

    fn check_owner(&self, reference: &ObjectReference, options: &RenderOptions) -> Result<()> {
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let kind = &reference.kind;
        let api_version = reference.api_version();
        let live = self.cluster.lookup(&api_version, kind, namespace, &reference.name);
        let live = self.runtime.block_on(live).map_err(|error| anyhow!("could not get information: {error}"))?;
        let Some(live) = live else { return Ok(()) };
        let wanted = [
            ("labels", "app.kubernetes.io/managed-by", "Helm"),
            ("annotations", "meta.helm.sh/release-name", options.name.as_str()),
            ("annotations", "meta.helm.sh/release-namespace", options.namespace.as_str()),
        ];
        let faults: Vec<String> = wanted
            .into_iter()
            .filter_map(|(table, key, wanted)| {
                let (what, owner) = (table.trim_end_matches('s'), live.pointer("/metadata")?.get(table));
                match owner.and_then(|table| table.get(key)).and_then(Value::as_str) {
                    Some(found) if found == wanted => None,
                    Some(found) => Some(format!(
                        "{what} validation error: key {key:?} must equal {wanted:?}: current value is {found:?}"
                    )),
                    None => Some(format!("{what} validation error: missing key {key:?}: must be set to {wanted:?}")),
                }
            })
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        let faults = faults.join("; ");
        bail!(
            "unable to continue with install: {kind} {:?} in namespace {namespace:?} exists and cannot be imported into the current \
             release: invalid ownership metadata; {faults}",
            reference.name
        )
    }
}

/// What the server will name has no name to look up, but a kind to check: its prefix, which ends in a dash, names no object.
fn name_for_now(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata")
        && !metadata.contains_key("name")
        && let Some(prefix) = metadata.get("generateName").cloned()
    {
        metadata.insert("name".to_owned(), prefix);
    }
}

fn has_name_or_items(object: &Value) -> bool {
    let name = object.pointer("/metadata/name").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty()) || object.get("items").is_some_and(Value::is_array)
}

/// Helm's fault of an object without version or kind.
fn unset_fields(object: &Value) -> Option<String> {
    let is_unset = |field: &&str| object.get(field).and_then(Value::as_str).unwrap_or_default().is_empty();
    let unset: Vec<_> =
        ["apiVersion", "kind"].into_iter().filter(is_unset).map(|field| format!("{field} not set")).collect();
    match unset.as_slice() {
        [] => None,
        [one] => Some(format!("error validating \"\": error validating data: {one}")),
        both => Some(format!("error validating \"\": error validating data: [{}]", both.join(", "))),
    }
}
