//! The head of a document: what kind of object it is, its name and annotations.
//!
//! Counterpart: `SimpleHead` in `pkg/release/v1/util/manifest.go` of Helm 4.3.1, with the coercions of sigs.k8s.io/yaml 1.6: scalars
//! that land in text fields become text.
//!
//! **Invariant:** a document whose head can be read is YAML as a whole.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::goyaml;

/// What a document says it is. Fields are empty where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

impl Head {
    /// Reads the head of a document; the error is Helm's text after `YAML parse error on FILE: `.
    pub fn parse(document: &str) -> Result<Self, String> {
        let value = goyaml::fields_from_str(document, &["apiVersion", "kind", "metadata"])
            .map_err(|error| error.to_string())?;
        let mut head = Self::default();
        let Some(fields) = table(&value, "value of type util.SimpleHead")? else { return Ok(head) };
        // Go looks at fields in the order of the document, which sigs.k8s.io/yaml has sorted.
        for (key, value) in fields {
            match key.as_str() {
                "apiVersion" => head.api_version = text(value, "SimpleHead.apiVersion")?,
                "kind" => head.kind = text(value, "SimpleHead.kind")?,
                "metadata" => head.read_metadata(value)?,
                _ => {}
            }
        }
        Ok(head)
    }

    fn read_metadata(&mut self, metadata: &Value) -> Result<(), String> {
        let wanted = "struct field SimpleHead.metadata of type struct { Name string \"json:\\\"name\\\"\"; \
                      Annotations map[string]string \"json:\\\"annotations\\\"\" }";
        for (key, value) in table(metadata, wanted)?.into_iter().flatten() {
            match key.as_str() {
                "name" => self.name = text(value, ".metadata.name")?,
                "annotations" => {
                    let wanted = "struct field .metadata.annotations of type map[string]string";
                    for (key, value) in table(value, wanted)?.into_iter().flatten() {
                        self.annotations.insert(key.clone(), text(value, ".metadata.annotations")?);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn table<'a>(value: &'a Value, wanted: &str) -> Result<Option<&'a Map<String, Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        other => Err(mismatch(other, wanted)),
    }
}

fn text(value: &Value, place: &str) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => Err(mismatch(value, &format!("struct field {place} of type string"))),
    }
}

fn mismatch(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {wanted}")
}
