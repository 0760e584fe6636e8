//! What an object is called, in kustomize's terms.
//!
//! Counterpart: `kyaml/resid` 0.21.1.
//!
//! **Invariant:** shown in full, with a mark for every part that is missing.

use std::fmt;

use super::fields;
use super::schema;
use crate::goyaml::Node;

/// Group, version, kind, name and namespace; empty where the object does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
    /// Whether kustomize knows that its kind has no namespace.
    pub(super) is_of_cluster: bool,
}

impl Id {
    pub(super) fn of(object: &Node) -> Self {
        let text = |node: Option<&Node>| node.map(Node::as_text).unwrap_or_default().to_owned();
        let metadata = object.field("metadata");
        let in_metadata = |field| text(metadata.and_then(|it| it.field(field)).filter(|it| !fields::is_empty(it)));
        let (api_version, kind) = (text(object.field("apiVersion")), text(object.field("kind")));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            is_of_cluster: schema::is_cluster_kind(&api_version, &kind),
            kind,
            name: in_metadata("name"),
            namespace: in_metadata("namespace"),
        }
    }

    /// The same object under the name that it had before.
    pub(super) fn before(&self, namespace: &str, name: &str, kind: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            is_of_cluster: false,
            ..self.clone()
        }
    }

    /// Group and version in one.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The namespace that selectors look at: `default` where there is none, a mark for kinds without.
    pub(super) fn effective_namespace(&self) -> &str {
        match self.namespace.as_str() {
            _ if self.is_of_cluster => "_non_namespaceable_",
            "" => "default",
            namespace => namespace,
        }
    }

    /// Whether both are in one namespace, as far as selectors can tell.
    pub(super) fn is_in_same_namespace(&self, other: &Self) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    /// What tells objects apart.
    pub(super) fn key(&self) -> [&str; 5] {
        [&self.group, &self.version, &self.kind, &self.name, self.effective_namespace()]
    }

    /// Whether both name the same object.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl fmt::Display for Id {
    /// Such as `Deployment.v1.apps/web.[noNs]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |text: &str, mark: &str| if text.is_empty() { mark.to_owned() } else { text.to_owned() };
        write!(
            f,
            "{}.{}.{}/{}.{}",
            or(&self.kind, "[noKind]"),
            or(&self.version, "[noVer]"),
            or(&self.group, "[noGrp]"),
            or(&self.name, "[noName]"),
            or(&self.namespace, "[noNs]")
        )
    }
}
