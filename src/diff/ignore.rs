//! Ignore rules: JSON pointers that drift detection leaves out, for all objects or for those that a selector names.
//!
//! Counterpart: `spec.driftDetection.ignore` of Flux, whose selectors are kustomize's: regular expressions over whole words.
//!
//! **Invariant:** a rule that cannot be checked is refused, never skipped.

use regex::Regex;
use serde_json::Value;

use super::selector::Requirement;
use super::{FieldChange, ObjectReference};

/// A pattern or selector of an ignore rule is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {field} {text:?} in a drift ignore rule")]
pub struct IgnoreError {
    /// The field of the selector.
    pub field: &'static str,
    /// What it says.
    pub text: String,
}

/// Which objects an ignore rule is about; empty fields match all. Patterns are regular expressions over the whole word, as Flux has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// API group.
    pub group: Option<String>,
    /// API version.
    pub version: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Label selector in Kubernetes' text form.
    pub label_selector: Option<String>,
    /// Selector over annotations in the same form.
    pub annotation_selector: Option<String>,
}

/// JSON pointers to leave out of the comparison (`spec.driftDetection.ignore[]`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IgnoreRule {
    /// The pointers (RFC 6901); an empty one means the whole object.
    pub paths: Vec<String>,
    /// The objects; none means all.
    pub target: Option<Selector>,
}

/// Checked ignore rules.
#[derive(Clone, Debug, Default)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    paths: Vec<String>,
    patterns: Vec<(Part, Regex)>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Group,
    Version,
    Kind,
    Namespace,
    Name,
}

impl IgnoreRules {
    /// Checks the patterns and selectors.
    pub fn new(rules: &[IgnoreRule]) -> Result<Self, IgnoreError> {
        Ok(Self { rules: rules.iter().map(Rule::new).collect::<Result<_, _>>()? })
    }

    /// The pointers that are left out of an object.
    pub fn paths<'a>(&'a self, object: &'a Value) -> impl Iterator<Item = &'a str> {
        let reference = ObjectReference::of(object);
        let matching = self.rules.iter().filter(move |rule| rule.matches(object, reference.as_ref()));
        matching.flat_map(|rule| rule.paths.iter().map(|path| if path == "/" { "" } else { path.as_str() }))
    }

    /// The changes of an object that are not left out.
    pub fn retain(&self, object: &Value, mut changes: Vec<FieldChange>) -> Vec<FieldChange> {
        if !changes.is_empty() && !self.rules.is_empty() {
            let paths: Vec<&str> = self.paths(object).collect();
            changes.retain(|change| !paths.iter().any(|path| is_at_or_below(&change.pointer, path)));
        }
        changes
    }
}

fn is_at_or_below(pointer: &str, path: &str) -> bool {
    pointer.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Rule {
    fn new(rule: &IgnoreRule) -> Result<Self, IgnoreError> {
        let none = Selector::default();
        let target = rule.target.as_ref().unwrap_or(&none);
        let fields = [
            (Part::Group, "group", &target.group),
            (Part::Version, "version", &target.version),
            (Part::Kind, "kind", &target.kind),
            (Part::Namespace, "namespace", &target.namespace),
            (Part::Name, "name", &target.name),
        ];
        let mut patterns = Vec::new();
        for (part, field, text) in fields {
            let Some(text) = text.as_ref().filter(|text| !text.is_empty()) else { continue };
            let pattern = Regex::new(&format!("^(?:{text})$"));
            patterns.push((part, pattern.map_err(|_| IgnoreError { field, text: text.clone() })?));
        }
        let requirements = |field, text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            Requirement::parse_all(text).ok_or_else(|| IgnoreError { field, text: text.to_owned() })
        };
        Ok(Self {
            paths: rule.paths.clone(),
            patterns,
            labels: requirements("labelSelector", &target.label_selector)?,
            annotations: requirements("annotationSelector", &target.annotation_selector)?,
        })
    }

    fn matches(&self, object: &Value, reference: Option<&ObjectReference>) -> bool {
        let Some(reference) = reference else { return false };
        let word = |part: Part| match part {
            Part::Group => reference.group.as_str(),
            Part::Version => reference.version.as_str(),
            Part::Kind => reference.kind.as_str(),
            Part::Namespace => reference.namespace.as_deref().unwrap_or_default(),
            Part::Name => reference.name.as_str(),
        };
        self.patterns.iter().all(|(part, pattern)| pattern.is_match(word(*part)))
            && self.labels.iter().all(|it| it.matches(object.pointer("/metadata/labels")))
            && self.annotations.iter().all(|it| it.matches(object.pointer("/metadata/annotations")))
    }
}
