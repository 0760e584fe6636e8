//! From the objects of a manifest to what is sent: lists taken apart, kinds resolved, namespaces filled in, marks put on.
//!
//! **Invariant:** everything that can be refused without writing is refused here, before the first write.

use std::sync::Arc;

use kube::core::GroupVersionKind;
use serde_json::{Map, Value};

use super::inventory::label;
use super::{Cluster, Error, ObjectReference, Origin, ResourceKind};
use crate::diff;

/// Helm's label and annotations on the objects of a release.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// An object that can be sent.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) reference: ObjectReference,
    pub(super) kind: Arc<ResourceKind>,
    pub(super) object: Value,
}

impl Cluster {
    /// Prepares objects for sending, in the order given.
    pub(super) async fn prepare(&self, objects: &[Value], origin: &Origin, mark: bool) -> Result<Vec<Prepared>, Error> {
        let mut prepared = Vec::with_capacity(objects.len());
        for (position, object) in objects.iter().enumerate() {
            for object in flatten(object) {
                prepared.push(self.prepare_one(position, object.clone(), origin, mark).await?);
            }
        }
        Ok(prepared)
    }

    /// The objects by kind, namespace and name, with namespaces filled in; lists are taken apart.
    pub async fn references(&self, objects: &[Value], origin: &Origin) -> Result<Vec<ObjectReference>, Error> {
        let prepared = self.prepare(objects, origin, false).await?;
        Ok(prepared.into_iter().map(|prepared| prepared.reference).collect())
    }

    async fn prepare_one(
        &self,
        position: usize,
        mut object: Value,
        origin: &Origin,
        mark: bool,
    ) -> Result<Prepared, Error> {
        let invalid = |message: &str| Error::InvalidObject { position, message: message.to_owned() };
        let Some(mut reference) = ObjectReference::of(&object) else {
            let has_generate_name = object.pointer("/metadata/generateName").is_some();
            return Err(invalid(if has_generate_name {
                "generateName without name is not supported"
            } else {
                "apiVersion, kind or metadata.name is missing"
            }));
        };
        let gvk = GroupVersionKind::gvk(&reference.group, &reference.version, &reference.kind);
        let kind = self.discovery().resolve(&gvk).await?.ok_or_else(|| Error::NoMatch {
            api_version: reference.api_version(),
            kind: reference.kind.clone(),
            namespace: reference.namespace.clone().unwrap_or_default(),
            name: reference.name.clone(),
        })?;
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        let metadata = metadata.ok_or_else(|| invalid("metadata is not a map"))?;
        if kind.namespaced {
            let namespace = reference.namespace.get_or_insert_with(|| origin.helm_namespace.clone());
            metadata.insert("namespace".into(), Value::String(namespace.clone()));
        } else {
            metadata.remove("namespace");
            reference.namespace = None;
        }
        if mark {
            put_marks(metadata, origin);
        }
        // Applied as it is, `stringData` would be what we own, and nobody would own what becomes of it in `data`.
        diff::encode_string_data(&mut object);
        Ok(Prepared { reference, kind, object })
    }
}

/// The items of a list, or the object itself. Empty documents vanish, as Helm's builder drops them.
pub(super) fn flatten(object: &Value) -> Vec<&Value> {
    let is_list = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match object.get("items").and_then(Value::as_array) {
        Some(items) if is_list => items.iter().flat_map(flatten).collect(),
        _ if object.is_null() || object.as_object().is_some_and(Map::is_empty) => Vec::new(),
        _ => vec![object],
    }
}

/// Puts Helm's ownership metadata and Flux's origin labels on an object; they win over what the chart says.
fn put_marks(metadata: &mut Map<String, Value>, origin: &Origin) {
    put(metadata, "labels", MANAGED_BY.0, MANAGED_BY.1);
    put(metadata, "labels", label::NAME, &origin.release.name);
    put(metadata, "labels", label::NAMESPACE, &origin.release.namespace);
    put(metadata, "annotations", RELEASE_NAME, &origin.helm_name);
    put(metadata, "annotations", RELEASE_NAMESPACE, &origin.helm_namespace);
}

/// Sets one label or annotation; what stands in its place without being a map gives way.
fn put(metadata: &mut Map<String, Value>, place: &str, key: &str, value: &str) {
    let marks = metadata.entry(place).or_insert_with(|| Value::Object(Map::new()));
    if !marks.is_object() {
        *marks = Value::Object(Map::new());
    }
    if let Value::Object(marks) = marks {
        marks.insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

/// Puts Flux's origin labels alone on an object.
pub(super) fn put_origin_labels(object: &mut Value, origin: &Origin) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        put(metadata, "labels", label::NAME, &origin.release.name);
        put(metadata, "labels", label::NAMESPACE, &origin.release.namespace);
    }
}

/// What is wrong with the ownership marks of a live object, in Helm's words; none where it belongs to the release.
pub(super) fn foreign(live: &Value, origin: &Origin) -> Option<String> {
    let check = |what: &str, place: &str, key: &str, expected: &str| {
        let value = live.get("metadata").and_then(|metadata| metadata.get(place)).and_then(|marks| marks.get(key));
        match value.and_then(Value::as_str) {
            Some(found) if found == expected => None,
            Some(found) => Some(format!(
                "{what} validation error: key \"{key}\" must equal \"{expected}\": current value is \"{found}\""
            )),
            None => Some(format!("{what} validation error: missing key \"{key}\": must be set to \"{expected}\"")),
        }
    };
    let faults: Vec<String> = [
        check("label", "labels", MANAGED_BY.0, MANAGED_BY.1),
        check("annotation", "annotations", RELEASE_NAME, &origin.helm_name),
        check("annotation", "annotations", RELEASE_NAMESPACE, &origin.helm_namespace),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::ReleaseKey;
    use super::*;
    use serde_json::json;

    fn origin() -> Origin {
        Origin {
            release: ReleaseKey { namespace: "flux".into(), name: "web".into() },
            helm_name: "web-1".into(),
            helm_namespace: "apps".into(),
        }
    }

    #[test]
    fn lists_are_taken_apart_and_empty_documents_dropped() {
        let item = json!({"kind": "ConfigMap"});
        let list = json!({"kind": "List", "items": [item, {"kind": "RoleList", "items": [item]}, {}]});
        assert_eq!(flatten(&list), [&item, &item]);
        assert!(flatten(&Value::Null).is_empty());
        let custom = json!({"kind": "Playlist", "spec": {}});
        assert_eq!(flatten(&custom), [&custom]);
    }

    #[test]
    fn marks_win_over_the_chart_and_satisfy_the_ownership_check() {
        let mut object = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Kustomize", "a": "1"}, "annotations": null}});
        put_marks(object.get_mut("metadata").and_then(Value::as_object_mut).unwrap(), &origin());
        let expected = json!({"metadata": {
            "labels": {"a": "1", "app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "web",
                "helm.toolkit.fluxcd.io/namespace": "flux"},
            "annotations": {"meta.helm.sh/release-name": "web-1", "meta.helm.sh/release-namespace": "apps"}}});
        assert_eq!(object, expected);
        assert_eq!(foreign(&object, &origin()), None);
    }

    #[test]
    fn foreign_object_is_told_in_helms_words() {
        let live = json!({"metadata": {"annotations": {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "apps"}}});
        assert_eq!(
            foreign(&live, &origin()).unwrap(),
            "label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; annotation validation error: \
             key \"meta.helm.sh/release-name\" must equal \"web-1\": current value is \"other\""
        );
    }
}
