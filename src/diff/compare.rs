//! Field by field: does the live object have what the manifest states?
//!
//! Knows the API server's habits as far as they are cheap to know: it leaves out empty values of built-in kinds, rewrites quantities,
//! and keeps lists with a key in an order of its own. Where it does not know, it says "differs".
//!
//! **Invariant:** a field that the manifest does not state is never looked at.

use serde_json::{Map, Value};

use super::normalise::{is_digest, is_secret, same_text};
use super::quantity;
use super::{FieldChange, FieldChangeKind};

/// The longest value that is shown to people, in bytes.
const MAX_SHOWN: usize = 60;

/// The groups whose kinds have Go types in the API server.
const BUILT_IN_GROUPS: [&str; 15] = [
    "",
    "apps",
    "batch",
    "autoscaling",
    "policy",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "node.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
];

/// The fields of `desired` that `live` does not have as declared. Both may be compacted; `desired` is normalised.
pub fn compare(desired: &Value, live: &Value) -> Vec<FieldChange> {
    let mut comparison = Comparison {
        changes: Vec::new(),
        path: String::new(),
        built_in: is_built_in(desired),
        masked: is_secret(desired),
    };
    let empty = Map::new();
    for (name, value) in desired.as_object().unwrap_or(&empty) {
        match name.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => comparison.metadata(value, live.get("metadata")),
            _ => comparison.field(name, value, live.get(name)),
        }
    }
    comparison.changes
}

struct Comparison {
    changes: Vec<FieldChange>,
    /// JSON pointer of where we are.
    path: String,
    /// Whether the kind has Go types behind it, which leave out empty values and define list keys.
    built_in: bool,
    /// Whether values are kept to ourselves.
    masked: bool,
}

impl Comparison {
    fn metadata(&mut self, desired: &Value, live: Option<&Value>) {
        for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
            if let Some(value) = desired.get(name) {
                self.at("metadata", |it| it.field(name, value, live.and_then(|live| live.get(name))));
            }
        }
    }

    fn field(&mut self, name: &str, desired: &Value, live: Option<&Value>) {
        self.at(name, |it| it.value(name, desired, live));
    }

    fn at(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        inner(self);
        self.path.truncate(length);
    }

    fn value(&mut self, name: &str, desired: &Value, live: Option<&Value>) {
        match (desired, live) {
            (Value::Null, _) => {}
            (Value::Object(fields), Some(Value::Object(found))) => {
                for (name, value) in fields {
                    self.field(name, value, found.get(name));
                }
            }
            (Value::Array(items), Some(Value::Array(found))) => self.list(name, items, found),
            (_, Some(live)) if !live.is_null() => {
                if !self.same(desired, live) {
                    self.report(FieldChangeKind::Changed, desired, Some(live));
                }
            }
            _ if self.may_be_left_out(desired) => {}
            _ => self.report(FieldChangeKind::Removed, desired, None),
        }
    }

    fn list(&mut self, name: &str, desired: &[Value], live: &[Value]) {
        if let Some(pairs) = self.pair_by_key(name, desired, live) {
            for (index, item, found) in pairs {
                self.at(&index.to_string(), |it| it.value("", item, found));
            }
        } else if name == "finalizers" {
            for (index, item) in desired.iter().enumerate().filter(|(_, item)| !live.contains(item)) {
                self.at(&index.to_string(), |it| it.report(FieldChangeKind::Removed, item, None));
            }
        } else if desired.len() == live.len() {
            for (index, (item, found)) in desired.iter().zip(live).enumerate() {
                self.at(&index.to_string(), |it| it.value("", item, Some(found)));
            }
        } else {
            self.changes.push(FieldChange {
                pointer: self.path.clone(),
                kind: FieldChangeKind::Changed,
                values: Some((format!("{} items", desired.len()), format!("{} items", live.len()))),
                manager: None,
            });
        }
    }

    /// Pairs the items of a list with a key; none where the list has no key, or an item lacks or repeats it.
    fn pair_by_key<'a>(
        &self,
        name: &str,
        desired: &'a [Value],
        live: &'a [Value],
    ) -> Option<Vec<(usize, &'a Value, Option<&'a Value>)>> {
        let keys = if self.built_in { list_keys(name)? } else { return None };
        let keys = keys.iter().find(|keys| desired.iter().all(|item| key_of(item, keys).is_some()))?;
        let mut seen = Vec::with_capacity(desired.len());
        let mut pairs = Vec::with_capacity(desired.len());
        for (index, item) in desired.iter().enumerate() {
            let key = key_of(item, keys)?;
            if seen.contains(&key) {
                return None;
            }
            pairs.push((index, item, live.iter().find(|found| key_of(found, keys).as_ref() == Some(&key))));
            seen.push(key);
        }
        Some(pairs)
    }

    fn same(&self, desired: &Value, live: &Value) -> bool {
        match (desired, live) {
            (Value::String(desired), Value::String(live)) => {
                same_text(desired, live) || (self.is_quantity() && quantity::same(desired, live))
            }
            (Value::Number(desired), Value::Number(live)) => desired == live || desired.as_f64() == live.as_f64(),
            (Value::Number(number), Value::String(text)) => {
                self.is_quantity() && quantity::same(&number.to_string(), text)
            }
            _ => desired == live,
        }
    }

    /// Whether the API server keeps this field as a quantity, in its canonical form.
    fn is_quantity(&self) -> bool {
        const PARENTS: [&str; 9] =
            ["requests", "limits", "capacity", "hard", "default", "defaultRequest", "max", "min", "overhead"];
        const FIELDS: [&str; 4] = ["sizeLimit", "divisor", "averageValue", "maxLimitRequestRatio"];
        let mut parts = self.path.rsplit('/');
        let (name, parent) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        self.built_in && (PARENTS.contains(&parent) || FIELDS.contains(&name))
    }

    /// Whether the API server may leave a value out that a manifest states: empty values of Go types.
    fn may_be_left_out(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(fields) => fields.values().all(|field| self.may_be_left_out(field)),
            Value::Array(items) => items.is_empty(),
            Value::Bool(value) => self.built_in && !value,
            // Keys of ConfigMaps, labels and annotations are kept even where their text is empty.
            Value::String(text) => self.built_in && text.is_empty() && !self.is_map_entry(),
            Value::Number(number) => self.built_in && number.as_f64() == Some(0.0),
        }
    }

    fn is_map_entry(&self) -> bool {
        let parent = self.path.rsplit('/').nth(1).unwrap_or_default();
        matches!(parent, "data" | "labels" | "annotations" | "matchLabels" | "nodeSelector" | "selector")
    }

    fn report(&mut self, kind: FieldChangeKind, desired: &Value, live: Option<&Value>) {
        let shown = || Some((show(desired)?, live.map_or_else(|| Some("nothing".into()), show)?));
        let values = if self.masked { None } else { shown() };
        self.changes.push(FieldChange { pointer: self.path.clone(), kind, values, manager: None });
    }
}

fn show(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) if is_digest(text) => return None,
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => return None,
        _ => value.to_string(),
    };
    (text.len() <= MAX_SHOWN && !text.contains('\n')).then_some(text)
}

/// Whether the API server has Go types for the object's group, rather than a CustomResourceDefinition.
pub fn is_built_in(object: &Value) -> bool {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    BUILT_IN_GROUPS.contains(&group)
}

/// The key by which strategic merge patches merge a list of built-in kinds; none for lists that they replace.
pub fn merge_key(list: &str) -> Option<&'static str> {
    if list == "versions" { None } else { list_keys(list)?.first()?.first().copied() }
}

/// The keys of lists of built-in kinds, by the list's name; several candidates where two kinds use one name.
fn list_keys(name: &str) -> Option<&'static [&'static [&'static str]]> {
    Some(match name {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "webhooks"
        | "resourceClaims"
        | "schedulingGates"
        | "secrets"
        | "versions" => &[&["name"]],
        "volumeMounts" => &[&["mountPath"]],
        "volumeDevices" => &[&["devicePath"]],
        "hostAliases" => &[&["ip"]],
        "topologySpreadConstraints" => &[&["topologyKey", "whenUnsatisfiable"]],
        "ports" => &[&["containerPort", "protocol"], &["port", "protocol"]],
        "ownerReferences" => &[&["uid"]],
        _ => return None,
    })
}

/// An item's key as text. A port's protocol is TCP where it is not given.
fn key_of(item: &Value, keys: &[&str]) -> Option<Vec<String>> {
    keys.iter()
        .map(|key| match item.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            None if *key == "protocol" => Some("TCP".to_owned()),
            _ => None,
        })
        .collect()
}
