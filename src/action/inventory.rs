//! The inventory of a release: which objects belong to it, as Flux's helm-controller 1.6 lists them in the status.
//!
//! **Invariant:** sorted and free of duplicates, so that an unchanged release has an unchanged inventory.

use serde_json::Value;

use super::{Error, Workbench};
use crate::api::status::{Inventory, InventoryEntry};

/// The inventory of these objects and definitions; the definitions count even where none were applied, as in Flux.
pub(super) async fn inventory(bench: &Workbench, objects: &[Value], crds: &[Value]) -> Result<Inventory, Error> {
    let mut entries = Vec::with_capacity(objects.len() + crds.len());
    for object in bench.cluster.references(objects, &bench.origin).await? {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let id = format!("{namespace}_{}_{}_{}", object.name, object.group, object.kind);
        entries.push(InventoryEntry { id, version: object.version });
    }
    for crd in crds {
        let name = crd.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let id = format!("_{name}_apiextensions.k8s.io_CustomResourceDefinition");
        entries.push(InventoryEntry { id, version: "v1".to_owned() });
    }
    entries.sort();
    entries.dedup();
    Ok(Inventory { entries })
}
