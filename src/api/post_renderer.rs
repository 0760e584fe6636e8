//! Changes that a user makes to the rendered manifest.
//!
//! In goes JSON, out come typed patches and image rules; applying them is `render`'s work.
//! Patches of the old versions (`patchesStrategicMerge`, `patchesJson6902`) stand beside the new form, as in Flux's v2beta2.
//! Invariant: a patch's text is kept as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema;

/// One post-renderer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PostRenderer {
    /// Changes as kustomize makes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<Kustomize>,
}

/// Changes as kustomize makes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Kustomize {
    /// Strategic-merge or JSON6902 patches, each with the objects it is for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Old form: strategic-merge patches, inline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::any_json_list")]
    pub patches_strategic_merge: Vec<Value>,
    /// Old form: JSON6902 patches, inline.
    #[serde(rename = "patchesJson6902", skip_serializing_if = "Vec::is_empty")]
    pub patches_json6902: Vec<Json6902Patch>,
    /// Names, tags and digests of images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// A patch and the objects it is for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// YAML of a strategic-merge patch, or a YAML or JSON list of JSON6902 operations.
    pub patch: String,
    /// Objects it is for; the one the patch names if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// Objects by their kind, name, labels and annotations; names and kinds are anchored regular expressions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// API group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// API version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Label selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Annotation selector, written as a label selector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_selector: Option<String>,
}

/// JSON6902 operations and the objects they are for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Json6902Patch {
    /// The operations.
    pub patch: Vec<Json6902Operation>,
    /// Objects they are for.
    pub target: Selector,
}

/// One JSON6902 operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Json6902Operation {
    /// What to do.
    pub op: Json6902Op,
    /// JSON pointer to where.
    pub path: String,
    /// JSON pointer to the origin of a move or copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The new or expected value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_json")]
    pub value: Option<Value>,
}

/// Name of a JSON6902 operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Json6902Op {
    /// Fail unless the value is there.
    Test,
    /// Remove the value.
    Remove,
    /// Add the value.
    Add,
    /// Replace the value.
    Replace,
    /// Move the value.
    Move,
    /// Copy the value.
    Copy,
}

/// New name, tag or digest for an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Name of the image in the manifest, without a tag.
    pub name: String,
    /// Name to put in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// Tag to put in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// Digest to put in place of the tag; wins over newTag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Whether hooks pass the post-renderers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PostRenderStrategy {
    /// Hooks do not pass them, as in Helm 3.
    NoHooks,
    /// Hooks pass them together with the other objects.
    #[default]
    Combined,
    /// Hooks pass them in a run of their own.
    Separate,
}
