//! Which objects a patch is for.
//!
//! Counterpart: `types.Selector` and `resmap.Select` of kustomize api 0.21.1.
//!
//! **Invariant:** every part that is given must match; patterns match the whole text.

use regex::Regex;

use super::id::Id;
use super::labels::{self, Requirement};
use super::{fields, notes};
use crate::goyaml::Node;

/// A selector. All parts but the last two are regular expressions over the whole text; an empty part matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace; objects without one are in `default`.
    pub namespace: String,
    /// Label selector.
    pub label_selector: String,
    /// Annotation selector, written as a label selector.
    pub annotation_selector: String,
}

/// A target that is ready to be matched.
pub(super) struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    /// Faults of these two count only for objects that everything else fits.
    labels: Result<Vec<Requirement>, String>,
    annotations: Result<Vec<Requirement>, String>,
}

impl Target {
    pub(super) fn matcher(&self) -> Result<Matcher, String> {
        Ok(Matcher {
            group: pattern("group", &self.group)?,
            version: pattern("version", &self.version)?,
            kind: pattern("kind", &self.kind)?,
            name: pattern("name", &self.name)?,
            namespace: pattern("namespace", &self.namespace)?,
            labels: requirements("labelSelector", &self.label_selector),
            annotations: requirements("annotationSelector", &self.annotation_selector),
        })
    }
}

fn pattern(field: &str, text: &str) -> Result<Option<Regex>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = |_| format!("target.{field}: {text:?} is not a regular expression");
    Regex::new(&format!("^(?:{text})$")).map(Some).map_err(invalid)
}

fn requirements(field: &str, text: &str) -> Result<Vec<Requirement>, String> {
    labels::parse(text).ok_or_else(|| format!("target.{field}: {text:?} is not a label selector"))
}

impl Matcher {
    /// Whether the object is meant. Name and namespace may also be those that it had before earlier patches.
    pub(super) fn matches(&self, object: &Node) -> Result<bool, String> {
        let (now, before) = (Id::of(object), notes::original_id(object));
        let either =
            |pattern: Option<&Regex>, part: fn(&Id) -> &str| fits(pattern, part(&now)) || fits(pattern, part(&before));
        let is_named = either(self.namespace.as_ref(), Id::effective_namespace)
            && either(self.name.as_ref(), |id| &id.name)
            && fits(self.group.as_ref(), &now.group)
            && fits(self.version.as_ref(), &now.version)
            && fits(self.kind.as_ref(), &now.kind);
        if !is_named {
            return Ok(false);
        }
        for (requirements, field) in [(&self.labels, "labels"), (&self.annotations, "annotations")] {
            let pairs = fields::texts(object, field);
            if !requirements.as_ref().map_err(String::clone)?.iter().all(|it| it.matches(&pairs)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn fits(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.is_match(text))
}
