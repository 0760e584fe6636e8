//! Digests of what users give: values, post-renderers, common metadata.
//!
//! Counterpart: `DigestValues` of fluxcd/pkg's chartutil, so that a release handed from Flux to rhumb or back is not upgraded for it.
//!
//! **Invariant:** the same values give the same digest, in whatever order they were written.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Values;
use crate::goyaml;

/// The digest of a release's values as Flux's helm-controller 1.6 keeps it: of their YAML with keys in byte order; of nothing where
/// there are none.
pub fn config_digest(values: &Values) -> String {
    if values.is_empty() {
        return sha256(b"");
    }
    let text = goyaml::to_string_sorted(&serde_json::Value::Object(values.clone())).unwrap_or_default();
    sha256(text.as_bytes())
}

/// A digest of a part of a spec, for telling whether it has changed.
pub fn digest_of(part: &impl Serialize) -> String {
    sha256(serde_json::to_string(part).unwrap_or_default().as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Both digests were seen in the status of releases made by Flux's helm-controller 1.6.3.
    #[test]
    fn the_digest_of_values_is_that_of_flux() {
        let values = json!({"replicaCount": 1.0, "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}});
        let serde_json::Value::Object(values) = values else { panic!("a map") };
        assert_eq!(config_digest(&values), "sha256:4109190d8777de0816ea0bc23a7216edbcacb9086b1e1ab329b99ea32d723328");
    }
}
