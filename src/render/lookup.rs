//! What templates may ask of the cluster.
//!
//! **Invariant:** a render without a cluster finds nothing, and never fails for it.

use serde_json::Value;

/// The cluster as the template function `lookup` sees it. The cluster half implements it; [`NoCluster`] stands in elsewhere.
pub trait Lookup {
    /// An object (`name` given) or a list of objects with `items` (`name` empty). Nothing where there is no such object. The error
    /// is the text that the template's author sees; forbidden access and unknown groups are errors in Helm 4.3.1.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>, String>;
}

/// No cluster: `lookup` gives an empty map, as in `helm template`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCluster;

impl Lookup for NoCluster {
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Option<Value>, String> {
        Ok(None)
    }
}
