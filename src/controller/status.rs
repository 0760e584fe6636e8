//! Writes the status of a HelmRelease: only what changed, and never twice.
//!
//! **Invariant:** an equal status costs no request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};

use super::Error;
use super::context::{Context, identity};
use crate::api::{HelmRelease, HelmReleaseStatus};
use crate::cluster::pause;

/// After so long no other attempt to write a status is begun.
const LONGEST_WRITE: Duration = Duration::from_secs(60);

impl Context {
    /// Writes what differs between the object's status and the new one, and returns the object as it is now.
    pub(super) async fn write_status(
        &self,
        release: &Arc<HelmRelease>,
        status: &HelmReleaseStatus,
    ) -> Result<Arc<HelmRelease>, Error> {
        let (namespace, name) = identity(release);
        let what = || format!("the status of HelmRelease {namespace}/{name}");
        let to_json = |status: &HelmReleaseStatus| serde_json::to_value(status).unwrap_or_default();
        let before = release.status.as_ref().map_or_else(|| json!({}), to_json);
        let Some(change) = merge_patch(&before, &to_json(status)) else { return Ok(Arc::clone(release)) };
        let patch = json!({ "metadata": { "uid": release.metadata.uid }, "status": change });
        let api: Api<HelmRelease> = Api::namespaced(self.client.clone(), namespace);
        let params = PatchParams { field_manager: Some(self.config.field_manager.clone()), ..PatchParams::default() };
        let begun = Instant::now();
        let mut attempts = 0;
        // What became of an action is in this status and nowhere else, so it is worth some patience.
        let written = loop {
            let source = match api.patch_status(name, &params, &Patch::Merge(&patch)).await {
                Ok(written) => break written,
                Err(source) => source,
            };
            let code = if let kube::Error::Api(answer) = &source { answer.code } else { 0 };
            let pause = pause(attempts, code).filter(|_| begun.elapsed() < LONGEST_WRITE);
            let Some(pause) = pause else { return Err(Error::write(what(), source)) };
            tokio::time::sleep(pause).await;
            attempts += 1;
        };
        Ok(self.written.keep(written))
    }
}

/// The merge patch (RFC 7386) from one document to another; nothing if they are equal.
pub(super) fn merge_patch(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut patch = Map::new();
            for (key, value) in after {
                match before.get(key) {
                    Some(old) => {
                        if let Some(change) = merge_patch(old, value) {
                            patch.insert(key.clone(), change);
                        }
                    }
                    None => {
                        patch.insert(key.clone(), value.clone());
                    }
                }
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                patch.insert(key.clone(), Value::Null);
            }
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (before != after).then(|| after.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_names_what_changed_and_nothing_else() {
        let before = json!({"a": 1, "b": {"c": [1], "d": 2}, "e": 3});
        let after = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "f": {"g": 4}});
        let patch = merge_patch(&before, &after);
        assert_eq!(patch, Some(json!({"b": {"c": [1, 2]}, "e": null, "f": {"g": 4}})));
        let mut patched = before.clone();
        json_patch::merge(&mut patched, &patch.unwrap());
        assert_eq!(patched, after);
        assert_eq!(merge_patch(&after, &after), None);
    }
}
