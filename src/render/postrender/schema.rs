//! Which lists of built-in kinds are merged by key, as data.
//!
//! Counterpart: the OpenAPI schema of Kubernetes inside kyaml 0.21.1, of which these are all lists with `x-kubernetes-patch-strategy:
//! merge` outside of status.
//!
//! **Invariant:** what the table lacks is replaced as a whole: custom resources, and lists such as tolerations, rules and arguments.

use super::id::Id;

/// A field of a type that leads to mergeable lists or is one.
struct Field {
    owner: &'static str,
    name: &'static str,
    /// Type of the field, or of the items of a list.
    of: &'static str,
    /// Keys of a list that is merged: none for one of plain values.
    keys: Option<&'static [&'static str]>,
}

const fn part(owner: &'static str, name: &'static str, of: &'static str) -> Field {
    Field { owner, name, of, keys: None }
}

const fn list(owner: &'static str, name: &'static str, of: &'static str, keys: &'static [&'static str]) -> Field {
    Field { owner, name, of, keys: Some(keys) }
}

const FIELDS: [Field; 25] = [
    part("Pod", "spec", "PodSpec"),
    part("PodTemplate", "template", "Pod"),
    part("Workload", "spec", "WorkloadSpec"),
    part("WorkloadSpec", "template", "Pod"),
    part("CronJob", "spec", "CronJobSpec"),
    part("CronJobSpec", "jobTemplate", "Workload"),
    part("Service", "spec", "ServiceSpec"),
    part("CSINode", "spec", "CSINodeSpec"),
    list("PodSpec", "containers", "Container", &["name"]),
    list("PodSpec", "initContainers", "Container", &["name"]),
    list("PodSpec", "ephemeralContainers", "Container", &["name"]),
    list("PodSpec", "volumes", "", &["name"]),
    list("PodSpec", "imagePullSecrets", "", &["name"]),
    list("PodSpec", "hostAliases", "", &["ip"]),
    list("PodSpec", "topologySpreadConstraints", "", &["topologyKey", "whenUnsatisfiable"]),
    list("Container", "env", "", &["name"]),
    list("Container", "ports", "", &["containerPort", "protocol"]),
    list("Container", "volumeMounts", "", &["mountPath"]),
    list("Container", "volumeDevices", "", &["devicePath"]),
    list("ServiceSpec", "ports", "", &["port", "protocol"]),
    list("ServiceAccount", "secrets", "", &["name"]),
    list("Webhooks", "webhooks", "", &["name"]),
    list("CSINodeSpec", "drivers", "", &["name"]),
    list("ObjectMeta", "finalizers", "", &[]),
    list("ObjectMeta", "ownerReferences", "", &["uid"]),
];

/// A type: the name that owns its fields in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type(&'static str);

impl Type {
    /// A type of which the table knows nothing.
    pub(super) const UNKNOWN: Self = Self("");

    /// The type of a field or of the items of a list, and the keys of the list if it is merged.
    pub(super) fn field(self, name: &str) -> (Self, Option<&'static [&'static str]>) {
        // No other field of a known type has this name.
        if !self.0.is_empty() && name == "metadata" {
            return (Self("ObjectMeta"), None);
        }
        let field = FIELDS.iter().find(|field| field.owner == self.0 && field.name == name);
        field.map_or((Self::UNKNOWN, None), |field| (Self(field.of), field.keys))
    }
}

/// The type of an object.
pub(super) fn of(id: &Id) -> Type {
    Type(match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => "Pod",
        ("", "PodTemplate") => "PodTemplate",
        ("", "Service") => "Service",
        ("", "ServiceAccount") => "ServiceAccount",
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => "Workload",
        ("batch", "CronJob") => "CronJob",
        ("storage.k8s.io", "CSINode") => "CSINode",
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            "Webhooks"
        }
        (group, _) if !group.contains('.') => "Object",
        (
            "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "networking.k8s.io"
            | "node.k8s.io"
            | "rbac.authorization.k8s.io"
            | "scheduling.k8s.io"
            | "storage.k8s.io",
            _,
        ) => "Object",
        _ => "",
    })
}
