//! HelmReleases as a client sees them: by their API, without the types of the code under test.
//!
//! In: objects from the API server. Out: what their conditions say. Never believes a condition of an older generation.

use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::discovery::ApiResource;
use serde_json::Value;

/// The kind HelmRelease in its stored version.
pub(crate) fn resource() -> ApiResource {
    ApiResource {
        group: "helm.toolkit.fluxcd.io".into(),
        version: "v2".into(),
        api_version: "helm.toolkit.fluxcd.io/v2".into(),
        kind: "HelmRelease".into(),
        plural: "helmreleases".into(),
    }
}

/// The HelmReleases of a namespace.
pub(crate) fn in_namespace(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource())
}

/// The HelmReleases of all namespaces.
pub(crate) fn in_all_namespaces(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource())
}

/// The condition of a kind, if it is about the newest generation.
pub(crate) fn condition<'a>(object: &'a DynamicObject, kind: &str) -> Option<&'a Value> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    (found["observedGeneration"].as_i64() == object.metadata.generation).then_some(found)
}

/// Does the condition have this status, for the newest generation?
pub(crate) fn has_condition(object: &DynamicObject, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

/// Has the controller seen the newest generation, and nothing left to do?
pub(crate) fn is_settled(release: &DynamicObject) -> bool {
    release.data["status"]["observedGeneration"].as_i64() == release.metadata.generation
        && !has_condition(release, "Reconciling", "True")
}

/// Is the release ready, with this version of its chart as the last one installed?
pub(crate) fn is_ready_at(release: &DynamicObject, version: &str) -> bool {
    has_condition(release, "Ready", "True") && release.data["status"]["history"][0]["chartVersion"] == version
}
