//! What `.Capabilities` is to templates: Go structs with fields and methods.
//!
//! Counterpart: `Capabilities`, `KubeVersion` and `VersionSet` in `pkg/chart/common`, `BuildInfo` in `internal/version` of Helm 4.3.1.
//!
//! **Invariant:** nothing here changes once it is made.

use std::any::Any;

use super::{Capabilities, HelmVersion, KubeVersion};
use crate::value::{Kind, Method, Object, Signature, Text, Type, Value};

/// `*common.Capabilities`.
#[derive(Debug)]
pub(super) struct CapabilitiesObject {
    kube_version: Value,
    api_versions: Value,
    helm_version: Value,
}

impl CapabilitiesObject {
    pub(super) fn new(capabilities: &Capabilities) -> Self {
        let versions = Value::strings(capabilities.api_versions.iter());
        Self {
            kube_version: Value::object(KubeVersionObject {
                version: capabilities.kube_version.clone(),
                in_place: true,
            }),
            api_versions: Value::object(VersionSet { versions, names: capabilities.api_versions.clone() }),
            helm_version: Value::object(HelmVersionObject(capabilities.helm_version.clone())),
        }
    }
}

impl Object for CapabilitiesObject {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn field(&self, name: &str) -> Option<Value> {
        find(&self.fields(), name)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("KubeVersion", self.kube_version.clone()),
            ("APIVersions", self.api_versions.clone()),
            ("HelmVersion", self.helm_version.clone()),
        ]
    }

    fn deep_copied(&self) -> Option<Value> {
        let deep_copy = |value: &Value| match value {
            Value::Object(object) => object.deep_copied().unwrap_or_else(|| value.clone()),
            _ => value.clone(),
        };
        Some(Value::object(Self {
            kube_version: deep_copy(&self.kube_version),
            api_versions: self.api_versions.clone(),
            helm_version: self.helm_version.clone(),
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `common.KubeVersion`.
#[derive(Clone, Debug)]
struct KubeVersionObject {
    version: KubeVersion,
    /// Whether it is the very field of `.Capabilities`, and no copy: only pointers to it have the method `String`.
    in_place: bool,
}

impl Object for KubeVersionObject {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        let Self { version, .. } = self;
        match name {
            "Version" => Some(Value::string(&version.version)),
            "Major" => Some(Value::string(&version.major)),
            "Minor" => Some(Value::string(&version.minor)),
            _ => None,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self { version, .. } = self;
        vec![
            ("Version", Value::string(&version.version)),
            ("normalizedVersion", Value::string(&version.normalized)),
            ("Major", Value::string(&version.major)),
            ("Minor", Value::string(&version.minor)),
        ]
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        let text = match name {
            "GitVersion" if self.in_place => Value::string(&self.version.version),
            "String" if self.in_place => Value::string(self.version.checked()),
            _ => return None,
        };
        Some(Method { signature: Signature::fixed(&[]), call: Box::new(move |_| Ok(text.clone())) })
    }

    fn text(&self) -> Option<Text> {
        self.in_place.then(|| Text::from(self.version.checked()))
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        let mut fields = self.fields();
        fields.retain(|(name, _)| *name != "normalizedVersion");
        fields
    }

    fn copied(&self) -> Option<Value> {
        self.in_place.then(|| Value::object(Self { in_place: false, ..self.clone() }))
    }

    fn deep_copied(&self) -> Option<Value> {
        let version = KubeVersion { normalized: String::new(), ..self.version.clone() };
        Some(Value::object(Self { version, in_place: self.in_place }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `common.VersionSet`.
#[derive(Debug)]
struct VersionSet {
    versions: Value,
    names: Vec<String>,
}

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        "common.VersionSet"
    }

    fn kind(&self) -> Kind {
        Kind::Slice
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        (name == "Has").then(|| Method {
            signature: Signature::fixed(&[Type::String]),
            call: Box::new(|arguments| {
                let wanted = arguments.first().and_then(Value::as_text);
                let has = wanted.is_some_and(|wanted| self.names.iter().any(|name| *wanted == name.as_str()));
                Ok(Value::Bool(has))
            }),
        })
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.versions.clone())
    }

    fn part(&self, from: usize, to: usize) -> Option<Value> {
        let names = self.names.get(from..to)?.to_vec();
        Some(Value::object(Self { versions: Value::strings(names.iter()), names }))
    }

    fn encoded(&self) -> Option<Value> {
        Some(self.versions.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `version.BuildInfo`.
#[derive(Debug)]
struct HelmVersionObject(HelmVersion);

impl Object for HelmVersionObject {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        find(&self.fields(), name)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self(version) = self;
        vec![
            ("Version", Value::string(&version.version)),
            ("GitCommit", Value::string(&version.git_commit)),
            ("GitTreeState", Value::string(&version.git_tree_state)),
            ("GoVersion", Value::string(&version.go_version)),
            ("KubeClientVersion", Value::string(&version.kube_client_version)),
        ]
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        let Self(version) = self;
        let fields = [
            ("version", &version.version),
            ("git_commit", &version.git_commit),
            ("git_tree_state", &version.git_tree_state),
            ("go_version", &version.go_version),
            ("kube_client_version", &version.kube_client_version),
        ];
        let filled = fields.into_iter().filter(|(_, text)| !text.is_empty());
        filled.map(|(name, text)| (name, Value::string(text))).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn find(fields: &[(&'static str, Value)], name: &str) -> Option<Value> {
    fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
}
