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

/// The kinds of which kustomize has a schema: group, versions, kinds.
const BUILT_IN: [(&str, &[&str], &[&str]); 19] = [
    (
        "",
        &["v1"],
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (
        "admissionregistration.k8s.io",
        &["v1", "v1beta1"],
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
    ),
    ("apiextensions.k8s.io", &["v1", "v1beta1"], &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["v1", "v1beta1"], &["APIService"]),
    ("apps", &["v1"], &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("autoscaling", &["v1", "v2beta1", "v2beta2"], &["HorizontalPodAutoscaler"]),
    ("batch", &["v1"], &["Job"]),
    ("batch", &["v1", "v1beta1"], &["CronJob"]),
    ("certificates.k8s.io", &["v1", "v1beta1"], &["CertificateSigningRequest"]),
    ("coordination.k8s.io", &["v1", "v1beta1"], &["Lease"]),
    ("discovery.k8s.io", &["v1", "v1beta1"], &["EndpointSlice"]),
    ("extensions", &["v1beta1"], &["Ingress"]),
    ("flowcontrol.apiserver.k8s.io", &["v1beta1"], &["FlowSchema", "PriorityLevelConfiguration"]),
    ("networking.k8s.io", &["v1", "v1beta1"], &["Ingress", "IngressClass", "NetworkPolicy"]),
    ("node.k8s.io", &["v1", "v1beta1"], &["RuntimeClass"]),
    ("policy", &["v1", "v1beta1"], &["PodDisruptionBudget", "PodSecurityPolicy"]),
    ("rbac.authorization.k8s.io", &["v1", "v1beta1"], &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]),
    ("scheduling.k8s.io", &["v1", "v1beta1"], &["PriorityClass"]),
    ("storage.k8s.io", &["v1", "v1beta1"], &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"]),
];

/// The type of an object; kinds and versions that are newer than kustomize's schema count as custom resources.
pub(super) fn of(id: &Id) -> Type {
    let is_built_in = BUILT_IN.iter().any(|(group, versions, kinds)| {
        *group == id.group && versions.contains(&id.version.as_str()) && kinds.contains(&id.kind.as_str())
    });
    if !is_built_in {
        return Type::UNKNOWN;
    }
    Type(match id.kind.as_str() {
        "Pod" => "Pod",
        "PodTemplate" => "PodTemplate",
        "Service" => "Service",
        "ServiceAccount" => "ServiceAccount",
        "ReplicationController" | "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet" | "Job" => "Workload",
        "CronJob" => "CronJob",
        "CSINode" => "CSINode",
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => "Webhooks",
        _ => "Object",
    })
}
