//! The manifests of `examples/`, with the placeholder hosts replaced by the local servers.
//!
//! In: the folder and the addresses. Out: objects in the order of their files. Never changes anything else in a manifest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::support::cluster::documents;

/// The placeholder for the HTTP repository.
const HTTP: &str = "http://charts.example.test";
/// The placeholder for the registry.
const OCI: &str = "oci://registry.example.test";

/// Where the local servers are.
pub(crate) struct Servers {
    /// The URL of the HTTP repository.
    pub(crate) http: String,
    /// The `oci://` URL of the registry.
    pub(crate) oci: String,
}

/// One example file.
pub(crate) struct Example {
    /// Its path below `examples/`.
    pub(crate) path: String,
    /// Its objects.
    pub(crate) objects: Vec<Value>,
}

/// Reads all examples in the order of their names.
pub(crate) fn read(servers: &Servers) -> Result<Vec<Example>> {
    let folder = crate::project::root().join("examples");
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    let read = |file: PathBuf| -> Result<Example> {
        let text = fs::read_to_string(&file)?.replace(HTTP, &servers.http).replace(OCI, &servers.oci);
        let objects = documents(&text).with_context(|| format!("read {}", file.display()))?;
        Ok(Example { path: file.strip_prefix(&folder)?.display().to_string(), objects })
    };
    files.into_iter().map(read).collect()
}

/// The YAML files of a folder and its subfolders, without the charts.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("charts") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}
