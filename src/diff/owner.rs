//! Which other manager has a field of a live object, by its managed fields.
//!
//! In: `metadata.managedFields` of a live object. Out: the manager that a JSON pointer into the declared object belongs to.
//!
//! **Invariant:** never names the manager that we are ourselves.

use serde_json::Value;

/// The manager and subresource by which a HorizontalPodAutoscaler, and whatever works through one, sets a number of replicas.
const AUTOSCALER: (&str, &str) = ("kube-controller-manager", "scale");
/// Where workloads have their number of replicas.
pub const REPLICAS: &str = "/spec/replicas";

/// The fields that another manager has. They are kept as text, a tenth of the parsed size, for they are seldom asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldOwner {
    manager: Box<str>,
    subresource: Box<str>,
    /// `fieldsV1` in JSON.
    fields: Box<str>,
}

impl FieldOwner {
    /// The other managers of an object and their fields; those of its status do not count.
    pub fn others(object: &Value, ours: &str) -> Vec<Self> {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
        let owner = |entry: &Value| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            let (manager, subresource) = (text("manager"), text("subresource"));
            (manager != ours && subresource != "status").then(|| Self {
                manager: manager.into(),
                subresource: subresource.into(),
                fields: entry.get("fieldsV1").map(Value::to_string).unwrap_or_default().into(),
            })
        };
        entries.filter_map(owner).collect()
    }

    fn is_autoscaler(&self) -> bool {
        (&*self.manager, &*self.subresource) == AUTOSCALER
    }

    /// Whether the field at a pointer into `declared`, or the list or map that it is in as a whole, is this manager's.
    fn has(&self, declared: &Value, pointer: &str) -> bool {
        let all: Value = serde_json::from_str(&self.fields).unwrap_or_default();
        let (mut fields, mut value) = (&all, Some(declared));
        for step in pointer.split('/').skip(1) {
            let name = step.replace("~1", "/").replace("~0", "~");
            let item = value.and_then(Value::as_array).and_then(|items| items.get(name.parse::<usize>().ok()?));
            let next = match item {
                Some(item) => of_item(fields, item),
                None => fields.get(format!("f:{name}")),
            };
            match next {
                Some(next) => fields = next,
                // A leaf stands for all that is below it.
                None => return fields.as_object().is_some_and(serde_json::Map::is_empty),
            }
            value = item.or_else(|| value.and_then(|value| value.get(&name)));
        }
        true
    }
}

/// What a manager has of a list's item: items with a key stand under the key, others under their value.
fn of_item<'a>(fields: &'a Value, item: &Value) -> Option<&'a Value> {
    let entries = fields.as_object()?;
    let found = entries.iter().find(|(name, _)| match name.split_once(':') {
        Some(("k", key)) => serde_json::from_str::<Value>(key).is_ok_and(|key| {
            let parts = key.as_object().into_iter().flatten();
            // A port's protocol is TCP where it is not given.
            let is_default = |name: &str, value: &Value| name == "protocol" && value == "TCP";
            parts.into_iter().all(|(name, value)| item.get(name).map_or(is_default(name, value), |it| it == value))
        }),
        Some(("v", value)) => serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item),
        _ => false,
    });
    found.map(|(_, fields)| fields)
}

/// The other manager that the field at a pointer into `declared` belongs to.
pub fn owner_of<'a>(owners: &'a [FieldOwner], declared: &Value, pointer: &str) -> Option<&'a str> {
    owners.iter().find(|owner| owner.has(declared, pointer)).map(|owner| &*owner.manager)
}

/// Whether an autoscaler has set the number of replicas, which is then its business.
pub fn is_autoscaled(owners: &[FieldOwner], declared: &Value) -> bool {
    owners.iter().any(|owner| owner.is_autoscaler() && owner.has(declared, REPLICAS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(entries: &Value) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    fn declared() -> Value {
        json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [
            {"name": "web", "image": "a", "ports": [{"containerPort": 80}], "args": ["x"]},
        ]}}}})
    }

    #[test]
    fn a_field_belongs_to_the_manager_that_has_it_or_all_around_it() {
        let object = live(&json!([
            {"manager": "helm-controller", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kcm", "subresource": "status", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {
                "k:{\"name\":\"web\"}": {
                    "f:image": {},
                    "f:args": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                },
            }}}}}},
        ]));
        let owners = FieldOwner::others(&object, "helm-controller");
        let owner = |pointer: &str| owner_of(&owners, &declared(), pointer);
        let container = "/spec/template/spec/containers/0";
        assert_eq!(owner(&format!("{container}/image")), Some("kubectl-edit"));
        assert_eq!(owner(&format!("{container}/args/0")), Some("kubectl-edit"));
        assert_eq!(owner(&format!("{container}/ports/0/containerPort")), Some("kubectl-edit"));
        assert_eq!(owner(&format!("{container}/command")), None);
        assert_eq!(owner("/spec/replicas"), None);
    }

    #[test]
    fn replicas_are_an_autoscalers_business_only_through_the_scale() {
        let entry = |subresource: &str| {
            let entry = json!({"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
            let mut entry = entry;
            entry["subresource"] = json!(subresource);
            live(&json!([entry]))
        };
        let autoscaled = |subresource| is_autoscaled(&FieldOwner::others(&entry(subresource), "us"), &declared());
        assert!(autoscaled("scale"));
        assert!(!autoscaled(""));
    }
}
