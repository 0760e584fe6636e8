//! Client-side apply, for releases that were made so: create what is missing, patch what is there against the revision before.
//!
//! Kinds with Go types get a strategic merge patch: everything that the manifest states, and removals of what the revision before stated
//! and this one does not. Other kinds get a JSON merge patch of the same content. Counterpart: `pkg/kube` of Helm 4.3. The difference:
//! custom resources are brought back to the manifest as well, where Helm looks at the two manifests only.
//!
//! **Invariant:** an object that is as it should be is not written to.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Map, Value};

use super::objects::Prepared;
use super::request::{Answer, path};
use super::{ApplyOptions, Cluster, Failure, Operation};
use crate::diff;

impl Cluster {
    /// Creates, patches or replaces one object.
    pub(super) async fn merge(
        &self,
        prepared: &Prepared,
        previous: &[Prepared],
        options: &ApplyOptions,
    ) -> Result<Answer, Failure> {
        let reference = &prepared.reference;
        let Some(live) = self.read(&prepared.kind, reference).await? else {
            let request = path(&prepared.kind, reference.namespace.as_deref());
            let request = request.create(&self.post_params(), prepared.object.to_string().into_bytes());
            return self.send(Operation::Create, reference, request).await;
        };
        if options.replace {
            return self.replace(prepared, &live).await;
        }
        let old = previous.iter().find(|it| it.reference.is_same_object(reference)).map(|it| &it.object);
        let mut desired = prepared.object.clone();
        diff::normalise(&mut desired);
        let removals = old.map(|old| removals(old, &desired, &live));
        let removals = removals.filter(|removals| removals.as_object().is_some_and(|fields| !fields.is_empty()));
        if removals.is_none() && diff::compare(&desired, &live).is_empty() {
            return Ok(Answer { created: false, body: live });
        }
        let mut patch = prepared.object.clone();
        if let Some(removals) = removals {
            overlay(&mut patch, removals);
        }
        let params = PatchParams { field_manager: Some(self.shared.field_manager.clone()), ..PatchParams::default() };
        let request = path(&prepared.kind, reference.namespace.as_deref());
        let request = if diff::is_built_in(&prepared.object) {
            request.patch(&reference.name, &params, &Patch::Strategic(&patch))
        } else {
            request.patch(&reference.name, &params, &Patch::Merge(&patch))
        };
        self.send(Operation::Patch, reference, request).await
    }

    /// Puts the object in the place of the live one.
    pub(super) async fn replace(&self, prepared: &Prepared, live: &Value) -> Result<Answer, Failure> {
        let reference = &prepared.reference;
        let mut object = prepared.object.clone();
        if let (Some(Value::Object(metadata)), Some(version)) =
            (object.get_mut("metadata"), live.pointer("/metadata/resourceVersion"))
        {
            metadata.insert("resourceVersion".into(), version.clone());
        }
        let request = path(&prepared.kind, reference.namespace.as_deref());
        let request = request.replace(&reference.name, &self.post_params(), object.to_string().into_bytes());
        self.send(Operation::Replace, reference, request).await
    }

    fn post_params(&self) -> PostParams {
        PostParams { dry_run: false, field_manager: Some(self.shared.field_manager.clone()) }
    }
}

/// What the old object states, the new one does not and the live one still has, as the nulls of a merge patch; items of lists with a
/// key as the delete directives of a strategic one.
fn removals(old: &Value, new: &Value, live: &Value) -> Value {
    let mut patch = Map::new();
    let (Value::Object(old), Value::Object(new), Value::Object(live)) = (old, new, live) else {
        return Value::Object(patch);
    };
    for (name, old_value) in old {
        let Some(live_value) = live.get(name) else { continue };
        match (old_value, new.get(name)) {
            (_, None) => {
                patch.insert(name.clone(), Value::Null);
            }
            (Value::Object(_), Some(new_value @ Value::Object(_))) => {
                let inner = removals(old_value, new_value, live_value);
                if inner.as_object().is_some_and(|fields| !fields.is_empty()) {
                    patch.insert(name.clone(), inner);
                }
            }
            (Value::Array(old_items), Some(Value::Array(new_items))) => {
                let deletions = item_removals(name, old_items, new_items);
                if !deletions.is_empty() {
                    patch.insert(name.clone(), Value::Array(deletions));
                }
            }
            _ => {}
        }
    }
    Value::Object(patch)
}

fn item_removals(name: &str, old: &[Value], new: &[Value]) -> Vec<Value> {
    let Some(key) = diff::merge_key(name) else { return Vec::new() };
    let has = |items: &[Value], value: &Value| items.iter().any(|item| item.get(key) == Some(value));
    let gone = old.iter().filter_map(|item| item.get(key)).filter(|value| !has(new, value));
    gone.map(|value| {
        let mut directive = Map::new();
        directive.insert("$patch".into(), Value::String("delete".into()));
        directive.insert(key.into(), value.clone());
        Value::Object(directive)
    })
    .collect()
}

/// Lays removals over a patch; delete directives go behind the items of a list.
fn overlay(patch: &mut Value, removals: Value) {
    match (patch, removals) {
        (Value::Object(fields), Value::Object(removals)) => {
            for (name, removal) in removals {
                match fields.get_mut(&name) {
                    Some(field) => overlay(field, removal),
                    None => {
                        fields.insert(name, removal);
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(directives)) => items.extend(directives),
        (patch, removal) => *patch = removal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn removed_fields_and_items_become_directives() {
        let old = json!({"spec": {"a": 1, "b": {"c": 1, "d": 2}, "containers": [{"name": "x"}, {"name": "y"}]}});
        let new = json!({"spec": {"b": {"d": 2}, "containers": [{"name": "x", "image": "i"}]}});
        let live = json!({"spec": {"a": 1, "b": {"c": 1, "d": 2}, "containers": [], "e": 3}});
        let mut patch = new.clone();
        overlay(&mut patch, removals(&old, &new, &live));
        let expected = json!({"spec": {"a": null, "b": {"c": null, "d": 2},
            "containers": [{"name": "x", "image": "i"}, {"$patch": "delete", "name": "y"}]}});
        assert_eq!(patch, expected);
    }

    #[test]
    fn what_the_live_object_lacks_needs_no_removal() {
        let removals = removals(&json!({"a": 1}), &json!({}), &json!({}));
        assert_eq!(removals, json!({}));
    }
}
