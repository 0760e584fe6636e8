//! Manifests as objects.
//!
//! **Invariant:** an object is as the document says; marks are put on when it is applied.

use serde_json::Value;

use super::Error;
use crate::render;

/// The objects of a stored manifest, in its order, with lists taken apart.
pub fn manifest_objects(manifest: &str) -> Result<Vec<Value>, Error> {
    Ok(render::manifest_objects(manifest)?)
}

/// The object of one document.
pub(super) fn document_object(document: &str, path: &str) -> Result<Value, Error> {
    Ok(render::document_object(document, path)?)
}
