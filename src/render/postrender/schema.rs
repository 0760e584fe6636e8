//! Which lists of built-in kinds are merged by key, as data.
//!
//! Counterpart: the OpenAPI schema of Kubernetes 1.21 inside kyaml 0.21.1, of which these are all lists with `x-kubernetes-patch-strategy:
//! merge`.
//!
//! **Invariant:** what the table lacks is replaced as a whole: custom resources, and lists such as tolerations, rules and arguments.

use crate::goyaml::Node;

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

/// A type of which nothing is known: its objects may tell what they are.
const UNKNOWN: &str = "";
/// A type of which it is known that nothing in it is merged by key.
const PLAIN: &str = "-";

const FIELDS: [Field; 43] = [
    part("Pod", "spec", "PodSpec"),
    part("Pod", "status", "PodStatus"),
    part("PodTemplate", "template", "Pod"),
    part("Workload", "spec", "WorkloadSpec"),
    part("Workload", "status", "Status"),
    part("WorkloadSpec", "template", "Pod"),
    part("CronJob", "spec", "CronJobSpec"),
    part("CronJobSpec", "jobTemplate", "Workload"),
    part("Service", "spec", "ServiceSpec"),
    part("Service", "status", "Status"),
    part("CSINode", "spec", "CSINodeSpec"),
    part("Node", "spec", "NodeSpec"),
    part("Node", "status", "NodeStatus"),
    part("Conditioned", "status", "Status"),
    part("Volume", "ephemeral", "EphemeralVolume"),
    part("EphemeralVolume", "volumeClaimTemplate", "Object"),
    list("PodSpec", "containers", "Container", &["name"]),
    list("PodSpec", "initContainers", "Container", &["name"]),
    list("PodSpec", "ephemeralContainers", "EphemeralContainer", &["name"]),
    list("PodSpec", "volumes", "Volume", &["name"]),
    list("PodSpec", "imagePullSecrets", PLAIN, &["name"]),
    list("PodSpec", "hostAliases", PLAIN, &["ip"]),
    list("PodSpec", "topologySpreadConstraints", PLAIN, &["topologyKey", "whenUnsatisfiable"]),
    list("Container", "env", PLAIN, &["name"]),
    list("Container", "ports", PLAIN, &["containerPort", "protocol"]),
    list("Container", "volumeMounts", PLAIN, &["mountPath"]),
    list("Container", "volumeDevices", PLAIN, &["devicePath"]),
    list("EphemeralContainer", "env", PLAIN, &["name"]),
    list("EphemeralContainer", "volumeMounts", PLAIN, &["mountPath"]),
    list("EphemeralContainer", "volumeDevices", PLAIN, &["devicePath"]),
    list("ServiceSpec", "ports", PLAIN, &["port", "protocol"]),
    list("ServiceAccount", "secrets", PLAIN, &["name"]),
    list("Webhooks", "webhooks", PLAIN, &["name"]),
    list("CSINodeSpec", "drivers", PLAIN, &["name"]),
    list("NodeSpec", "podCIDRs", PLAIN, &[]),
    list("ComponentStatus", "conditions", PLAIN, &["type"]),
    list("Status", "conditions", PLAIN, &["type"]),
    list("PodStatus", "conditions", PLAIN, &["type"]),
    list("PodStatus", "podIPs", PLAIN, &["ip"]),
    list("NodeStatus", "conditions", PLAIN, &["type"]),
    list("NodeStatus", "addresses", PLAIN, &["type"]),
    list("ObjectMeta", "finalizers", PLAIN, &[]),
    list("ObjectMeta", "ownerReferences", PLAIN, &["uid"]),
];

/// Types that are objects, with metadata of their own.
const OBJECTS: [&str; 12] = [
    "Pod",
    "PodTemplate",
    "Workload",
    "CronJob",
    "Service",
    "ServiceAccount",
    "CSINode",
    "Node",
    "Conditioned",
    "ComponentStatus",
    "Webhooks",
    "Object",
];

/// What the schema says of a place in an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The name that owns fields in the table: the type of the value, or of a list's items.
    of: &'static str,
    /// The keys of a list that is merged.
    keys: Option<&'static [&'static str]>,
}

impl Place {
    /// A place of which the schema says nothing.
    pub(super) const UNKNOWN: Self = Self { of: UNKNOWN, keys: None };

    /// The place of a field.
    pub(super) fn field(self, name: &str) -> Self {
        if self.of == UNKNOWN {
            return self;
        }
        if name == "metadata" && OBJECTS.contains(&self.of) {
            return Self { of: "ObjectMeta", keys: None };
        }
        let field = FIELDS.iter().find(|field| field.owner == self.of && field.name == name);
        field.map_or(Self { of: PLAIN, keys: None }, |field| Self { of: field.of, keys: field.keys })
    }

    /// The place of a list's items.
    pub(super) fn items(self) -> Self {
        Self { keys: None, ..self }
    }

    /// The keys of the list here, if it is merged; none tell apart plain values.
    pub(super) fn keys(self) -> Option<&'static [&'static str]> {
        self.keys
    }

    /// Where the schema says nothing, an object there may: the first one that says what it is.
    pub(super) fn or_of<'a>(self, mut nodes: impl Iterator<Item = &'a Node>) -> Self {
        if self.of != UNKNOWN {
            return self;
        }
        let found = nodes.find_map(|node| {
            let text = |field| node.field(field).map(Node::as_text).filter(|text| !text.is_empty());
            of_kind(text("apiVersion")?, text("kind")?)
        });
        found.map_or(self, |of| Self { of, keys: None })
    }
}

/// The kinds of which kustomize has a schema, by the versions of their API; lists are left out.
const BUILT_IN: [(&str, &str); 39] = [
    (
        "v1",
        "Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod \
         PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount",
    ),
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiregistration.k8s.io/v1beta1", "APIService"),
    ("apps/v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
    ("authentication.k8s.io/v1", "TokenRequest TokenReview"),
    ("authentication.k8s.io/v1beta1", "TokenReview"),
    (
        "authorization.k8s.io/v1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    ),
    (
        "authorization.k8s.io/v1beta1",
        "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    ),
    ("autoscaling/v1", "HorizontalPodAutoscaler Scale"),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob Job"),
    ("batch/v1beta1", "CronJob"),
    ("certificates.k8s.io/v1", "CertificateSigningRequest"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"),
    ("coordination.k8s.io/v1", "Lease"),
    ("coordination.k8s.io/v1beta1", "Lease"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"),
    ("events.k8s.io/v1", "Event"),
    ("events.k8s.io/v1beta1", "Event"),
    ("extensions/v1beta1", "Ingress"),
    ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema PriorityLevelConfiguration"),
    ("networking.k8s.io/v1", "Ingress IngressClass NetworkPolicy"),
    ("networking.k8s.io/v1beta1", "Ingress IngressClass"),
    ("node.k8s.io/v1", "RuntimeClass"),
    ("node.k8s.io/v1beta1", "RuntimeClass"),
    ("policy/v1", "PodDisruptionBudget"),
    ("policy/v1beta1", "Eviction PodDisruptionBudget PodSecurityPolicy"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"),
    ("storage.k8s.io/v1", "CSIDriver CSINode StorageClass VolumeAttachment"),
    ("storage.k8s.io/v1beta1", "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment"),
];

/// Kinds without a namespace.
const CLUSTER_KINDS: [&str; 21] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ComponentStatus",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

fn is_built_in(api_version: &str, kind: &str) -> bool {
    BUILT_IN
        .iter()
        .any(|(version, kinds)| *version == api_version && kinds.split_whitespace().any(|known| known == kind))
}

/// Whether kustomize knows that objects of this kind have no namespace.
pub(super) fn is_cluster_kind(api_version: &str, kind: &str) -> bool {
    is_built_in(api_version, kind) && CLUSTER_KINDS.contains(&kind)
}

/// The type of an object, if it is built in; kinds and versions that are newer than kustomize's schema count as custom resources.
fn of_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    is_built_in(api_version, kind).then_some(match kind {
        "Pod" => "Pod",
        "PodTemplate" => "PodTemplate",
        "Service" => "Service",
        "ServiceAccount" => "ServiceAccount",
        "ReplicationController" | "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet" | "Job" => "Workload",
        "CronJob" => "CronJob",
        "CSINode" => "CSINode",
        "Node" => "Node",
        "APIService" | "Namespace" | "PersistentVolumeClaim" | "PodDisruptionBudget" => "Conditioned",
        "ComponentStatus" => "ComponentStatus",
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => "Webhooks",
        _ => "Object",
    })
}
