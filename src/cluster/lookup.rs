//! The template function `lookup` over a live cluster.
//!
//! Rendering is synchronous and runs on a blocking thread; each look-up blocks that thread on the async client. Counterpart:
//! `pkg/engine/lookup_func.go` of Helm 4.3.
//!
//! **Invariant:** never used from an async task's thread.

use kube::api::ListParams;
use kube::core::GroupVersionKind;
use serde_json::Value;
use tokio::runtime::Handle;

use super::request::path;
use super::{Cluster, Error, ObjectReference, Operation, ResourceKind};
use crate::render::Lookup;

/// Answers `lookup` by reading from the API server.
#[derive(Clone)]
pub struct ClusterLookup {
    cluster: Cluster,
    runtime: Handle,
}

impl ClusterLookup {
    /// Looks up as the cluster's user; `runtime` runs the requests while the render thread waits.
    pub fn new(cluster: Cluster, runtime: Handle) -> Self {
        Self { cluster, runtime }
    }
}

impl Lookup for ClusterLookup {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>, String> {
        let found = self.runtime.block_on(self.cluster.lookup(api_version, kind, namespace, name));
        match found {
            // Helm asks for a kind that its group and version lack under an empty path, where nothing is found.
            Err(Error::NoMatch { .. }) if !name.is_empty() && self.serves(api_version)? => Ok(None),
            Err(Error::NoMatch { .. }) => Err(no_resource(api_version, kind)),
            found => found.map_err(|error| error.to_string()),
        }
    }
}

impl ClusterLookup {
    /// Whether the server has anything of this group and version.
    fn serves(&self, api_version: &str) -> Result<bool, String> {
        let discovery = self.cluster.discovery();
        let capabilities = self.runtime.block_on(discovery.capabilities()).map_err(|error| error.to_string())?;
        Ok(capabilities.api_versions.iter().any(|served| served == api_version))
    }
}

/// Helm's text for a group and version that the server does not have, or that is none.
fn no_resource(api_version: &str, kind: &str) -> String {
    let (place, why) = match api_version.split('/').collect::<Vec<_>>().as_slice() {
        [] | [""] | [_, _, _, ..] => ("/".to_owned(), "groupVersion shouldn't be empty"),
        [version] => (format!("/{version}"), "the server could not find the requested resource"),
        _ => (api_version.to_owned(), "the server could not find the requested resource"),
    };
    format!("unable to get apiresource from unstructured: {place}, Kind={kind}: {why}")
}

impl Cluster {
    /// Reads an object, or a list where `name` is empty; none where nothing is found (Helm 4.3).
    pub async fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, Error> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let reference = ObjectReference {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
            name: name.to_owned(),
        };
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = self.discovery().resolve(&gvk).await?.ok_or_else(|| Error::NoMatch {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })?;
        let failed = |failure| Error::Requests(vec![failure]);
        if !name.is_empty() {
            return self.read(&resource, &reference).await.map_err(failed);
        }
        let request = path(&resource, reference.namespace.as_deref()).list(&ListParams::default());
        match self.send(Operation::List, &reference, request).await {
            Ok(answer) => Ok(Some(with_kinds(answer.body, &resource))),
            Err(failure) if failure.code == 404 => Ok(None),
            Err(failure) => Err(failed(failure)),
        }
    }
}

/// Gives items of a list their kind, which the server leaves out and Helm's client puts back.
fn with_kinds(mut list: Value, kind: &ResourceKind) -> Value {
    let items = list.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten();
    for item in items.filter_map(Value::as_object_mut) {
        item.entry("apiVersion").or_insert_with(|| Value::String(kind.api.api_version.clone()));
        item.entry("kind").or_insert_with(|| Value::String(kind.api.kind.clone()));
    }
    list
}
