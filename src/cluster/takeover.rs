//! Taking over the fields that another manager applied, so that what the chart no longer states goes away.
//!
//! Server-side apply removes only what its own manager owns. When the revision before was written by the helm program, or by client-side
//! apply, the entries of those managers are merged into ours first. Counterpart: `k8s.io/client-go/util/csaupgrade`.
//!
//! **Invariant:** never changes an object's content, only whose it is, and never against a newer version of the object.

use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::objects::Prepared;
use super::request::path;
use super::{Cluster, Failure, Operation};

/// How often the rewrite is tried when others write to the object meanwhile.
const MAX_ATTEMPTS: usize = 3;

impl Cluster {
    /// Makes fields of `managers` ours; one read, and one patch where there are any.
    pub(super) async fn take_over(&self, object: &Prepared, managers: &[String]) -> Result<(), Failure> {
        let reference = &object.reference;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Some(live) = self.read(&object.kind, reference).await? else { return Ok(()) };
            let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
            let version = live.pointer("/metadata/resourceVersion");
            let (Some(entries), Some(version)) = (entries, version) else { return Ok(()) };
            let api_version = reference.api_version();
            let Some(merged) = merge(entries, &self.shared.field_manager, managers, &api_version) else {
                return Ok(());
            };
            let patch = json!([
                {"op": "replace", "path": "/metadata/managedFields", "value": merged},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            ]);
            let patch: json_patch::Patch = serde_json::from_value(patch).unwrap_or_default();
            let request = path(&object.kind, reference.namespace.as_deref()).patch(
                &reference.name,
                &PatchParams::default(),
                &Patch::<()>::Json(patch),
            );
            match self.send(Operation::Patch, reference, request).await {
                Err(failure) if failure.code == 409 && attempts < MAX_ATTEMPTS => {}
                Err(failure) => return Err(failure),
                Ok(_) => return Ok(()),
            }
        }
    }
}

/// The entries with those of `managers`, and our own that are no applies, merged into our apply; none where there are none of them.
fn merge(entries: &[Value], own: &str, managers: &[String], api_version: &str) -> Option<Vec<Value>> {
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_whole = |entry: &Value| entry.get("subresource").is_none();
    let is_own_apply =
        |entry: &Value| is_whole(entry) && text(entry, "manager") == own && text(entry, "operation") == "Apply";
    let is_taken = |entry: &Value| {
        let manager = text(entry, "manager");
        is_whole(entry) && !is_own_apply(entry) && (managers.contains(&manager) || manager == own)
    };
    if !entries.iter().any(is_taken) {
        return None;
    }
    let mut fields = Value::Object(Map::new());
    let mut newest = String::new();
    for entry in entries.iter().filter(|entry| is_taken(entry) || is_own_apply(entry)) {
        unite(&mut fields, entry.get("fieldsV1").unwrap_or(&Value::Null));
        newest = newest.max(text(entry, "time"));
    }
    let mut merged: Vec<Value> =
        entries.iter().filter(|entry| !is_taken(entry) && !is_own_apply(entry)).cloned().collect();
    merged.push(json!({
        "manager": own,
        "operation": "Apply",
        "apiVersion": api_version,
        "time": newest,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }));
    Some(merged)
}

/// The union of two sets of fields.
fn unite(fields: &mut Value, others: &Value) {
    let (Value::Object(fields), Value::Object(others)) = (fields, others) else { return };
    for (name, other) in others {
        unite(fields.entry(name).or_insert_with(|| Value::Object(Map::new())), other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn fields_of_taken_managers_become_one_apply_of_ours() {
        let entries = [
            entry("helm", "Apply", &json!({"f:data": {".": {}, "f:a": {}}})),
            entry("helm-controller", "Update", &json!({"f:data": {"f:b": {}}})),
            entry("kubectl", "Update", &json!({"f:data": {"f:c": {}}})),
        ];
        let merged = merge(&entries, "helm-controller", &["helm".to_owned()], "v1").unwrap();
        let expected = [
            entries[2].clone(),
            entry("helm-controller", "Apply", &json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}})),
        ];
        assert_eq!(merged, expected);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_taken() {
        let entries = [entry("helm-controller", "Apply", &json!({})), entry("kubectl", "Update", &json!({}))];
        assert_eq!(merge(&entries, "helm-controller", &["helm".to_owned()], "v1"), None);
    }
}
