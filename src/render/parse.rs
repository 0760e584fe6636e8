//! Manifests back into objects.
//!
//! **Invariant:** an object is as the document says; nothing is added.

use serde_json::Value;

use super::{Error, split_documents};
use crate::goyaml;

/// The objects of a manifest in its order. Lists are taken apart, documents without content left out.
pub fn manifest_objects(manifest: &str) -> Result<Vec<Value>, Error> {
    let mut objects = Vec::new();
    for document in split_documents(manifest) {
        let path = source_path(document);
        flatten(document_object(document, path)?, &mut objects);
    }
    Ok(objects)
}

/// The object of one document; `path` is where it comes from, for the error.
pub fn document_object(document: &str, path: &str) -> Result<Value, Error> {
    goyaml::from_str(document).map_err(|error| Error::Document {
        path: path.to_owned(),
        message: error.to_string(),
        rendered: document.to_owned(),
    })
}

/// The path in the comment that Helm puts before every document.
fn source_path(document: &str) -> &str {
    document.lines().find_map(|line| line.strip_prefix("# Source: ")).unwrap_or("the manifest")
}

/// The object, or the items of a list one by one; nothing for a document without content.
pub(super) fn flatten(object: Value, objects: &mut Vec<Value>) {
    let is_list = object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match object {
        Value::Object(mut fields) if is_list && fields.get("items").is_some_and(Value::is_array) => {
            if let Some(Value::Array(items)) = fields.remove("items") {
                for item in items {
                    flatten(item, objects);
                }
            }
        }
        Value::Object(fields) if !fields.is_empty() => objects.push(Value::Object(fields)),
        _ => {}
    }
}
