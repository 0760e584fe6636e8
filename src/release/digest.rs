//! Digests of what was released, so that a later look can tell whether someone changed it.
//!
//! **Invariant:** the same release gives the same digest, whoever stored it and in whatever order maps were written.

use std::fmt::Write;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::json::to_go_json;
use super::{Error, Hook, HookEvent, Info, Release, secret_name};
use crate::chart::{Metadata, Values};
use crate::goyaml;

/// The version of the rules by which [`snapshot_digest`] works; not Flux's `v2`, so that Flux trusts the storage instead of our digest.
pub const SNAPSHOT_API_VERSION: &str = "rhumb/v1";

/// What of a release the snapshot digest covers: all that is stored, but for chart files and the runs of test hooks.
#[derive(Serialize)]
struct Observation<'a> {
    name: &'a str,
    namespace: &'a str,
    revision: u32,
    info: &'a Info,
    chart: Option<&'a Metadata>,
    config: &'a Values,
    manifest: &'a str,
    hooks: Vec<&'a Hook>,
}

/// The digest of a stored release, as `sha256:<hex>`. Test hooks are left out, since running a test changes them.
pub fn snapshot_digest(release: &Release) -> Result<String, Error> {
    let observation = Observation {
        name: &release.name,
        namespace: &release.namespace,
        revision: release.revision,
        info: &release.info,
        chart: release.chart.as_ref().map(|chart| &chart.metadata),
        config: &release.config,
        manifest: &release.manifest,
        hooks: release.hooks.iter().filter(|hook| !hook.events.contains(&HookEvent::Test)).collect(),
    };
    let failed = |source| Error::Encode { secret: secret_name(&release.name, release.revision), source };
    Ok(sha256_text(&to_go_json(&observation).map_err(failed)?))
}

/// Flux's `configDigest` of the user's values: the digest of their YAML as go-yaml v2 writes it with keys in byte order; that of no
/// bytes at all where there are no values (Flux 2.9 `chartutil.DigestValues`).
pub fn config_digest(values: &Values) -> Result<String, Error> {
    if values.is_empty() {
        return Ok(sha256_text(&[]));
    }
    let yaml = goyaml::to_string_sorted(&serde_json::Value::Object(values.clone())).map_err(Error::Values)?;
    Ok(sha256_text(yaml.as_bytes()))
}

/// A digest of a part of a spec, for telling whether it has changed.
pub fn digest_of(part: &impl Serialize) -> String {
    sha256_text(serde_json::to_string(part).unwrap_or_default().as_bytes())
}

/// The SHA-256 of bytes, as `sha256:<hex>`.
fn sha256_text(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_manifest_shows_and_a_test_run_does_not() {
        let test = Hook { events: vec![HookEvent::Test], ..Hook::default() };
        let release = Release { hooks: vec![test], ..Release::default() };
        let digest = snapshot_digest(&release).unwrap();

        let mut tested = release.clone();
        tested.hooks[0].name = "run".into();
        assert_eq!(snapshot_digest(&tested).unwrap(), digest);

        let edited = Release { manifest: "edited".into(), ..release };
        assert_ne!(snapshot_digest(&edited).unwrap(), digest);
    }
}
