//! Which fields of built-in kinds hold the name of another object, as data.
//!
//! Counterpart: `namereference.go` of kustomize api 0.21.1. Parts of a path are joined by blanks.

use super::super::id::Id;

/// A kind and the places that name its objects.
pub(super) struct Referral {
    pub(super) kind: Kind,
    /// Places in a pod's spec, by the kinds of [`Self::workloads`].
    in_pods: &'static [&'static str],
    workloads: &'static [(Kind, &'static str)],
    others: &'static [(Kind, &'static str)],
}

/// Group, version and kind; an empty part stands for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

impl Kind {
    pub(super) fn is_of(self, id: &Id) -> bool {
        let fits = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        fits(self.0, &id.group) && fits(self.1, &id.version) && fits(self.2, &id.kind)
    }
}

impl Referral {
    /// The places in an object of this name.
    pub(super) fn paths<'a>(&self, id: &'a Id) -> impl Iterator<Item = Vec<&'static str>> + use<'a> {
        let (in_pods, workloads, others) = (self.in_pods, self.workloads, self.others);
        let specs = workloads.iter().filter(|(kind, _)| kind.is_of(id)).map(|(_, spec)| *spec);
        let inner = specs.flat_map(move |spec| in_pods.iter().map(move |path| (spec, *path)));
        let outer = others.iter().filter(|(kind, _)| kind.is_of(id)).map(|(_, path)| ("", *path));
        inner.chain(outer).map(|(start, path)| start.split_whitespace().chain(path.split_whitespace()).collect())
    }
}

const fn any(kind: &'static str) -> Kind {
    Kind("", "", kind)
}

const SPEC: &str = "spec template spec";
const CRON_SPEC: &str = "spec jobTemplate spec template spec";

const WORKLOADS: [(Kind, &str); 8] = [
    (Kind("", "v1", "Pod"), "spec"),
    (any("PodTemplate"), "template spec"),
    (any("Deployment"), SPEC),
    (any("ReplicaSet"), SPEC),
    (any("DaemonSet"), SPEC),
    (any("StatefulSet"), SPEC),
    (any("Job"), SPEC),
    (any("CronJob"), CRON_SPEC),
];

const CONTROLLERS: [(Kind, &str); 7] = [
    (any("Pod"), "spec"),
    (any("StatefulSet"), SPEC),
    (any("Deployment"), SPEC),
    (any("ReplicationController"), SPEC),
    (any("CronJob"), CRON_SPEC),
    (any("Job"), SPEC),
    (any("DaemonSet"), SPEC),
];

const SCALERS: [(Kind, &str); 1] = [(any("HorizontalPodAutoscaler"), "spec scaleTargetRef name")];

const fn scaled(kind: &'static str) -> Referral {
    Referral { kind: any(kind), in_pods: &[], workloads: &[], others: &SCALERS }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

const CONFIG_MAP: Referral = Referral {
    kind: Kind("", "v1", "ConfigMap"),
    in_pods: &[
        "volumes configMap name",
        "containers env valueFrom configMapKeyRef name",
        "initContainers env valueFrom configMapKeyRef name",
        "containers envFrom configMapRef name",
        "initContainers envFrom configMapRef name",
        "volumes projected sources configMap name",
    ],
    workloads: &WORKLOADS,
    others: &[
        (any("Node"), "spec configSource configMap"),
        (any("Role"), "rules resourceNames"),
        (any("ClusterRole"), "rules resourceNames"),
        (any("Ingress"), "metadata annotations nginx.ingress.kubernetes.io/fastcgi-params-configmap"),
    ],
};

const SECRET: Referral = Referral {
    kind: Kind("", "v1", "Secret"),
    in_pods: &[
        "volumes secret secretName",
        "containers env valueFrom secretKeyRef name",
        "initContainers env valueFrom secretKeyRef name",
        "containers envFrom secretRef name",
        "initContainers envFrom secretRef name",
        "imagePullSecrets name",
        "volumes projected sources secret name",
    ],
    workloads: &WORKLOADS,
    others: &[
        (any("Ingress"), "spec tls secretName"),
        (any("Ingress"), "metadata annotations ingress.kubernetes.io/auth-secret"),
        (any("Ingress"), "metadata annotations nginx.ingress.kubernetes.io/auth-secret"),
        (any("Ingress"), "metadata annotations nginx.ingress.kubernetes.io/auth-tls-secret"),
        (any("ServiceAccount"), "imagePullSecrets name"),
        (any("StorageClass"), "parameters secretName"),
        (any("StorageClass"), "parameters adminSecretName"),
        (any("StorageClass"), "parameters userSecretName"),
        (any("StorageClass"), "parameters secretRef"),
        (any("Role"), "rules resourceNames"),
        (any("ClusterRole"), "rules resourceNames"),
        (Kind("serving.knative.dev", "v1", "Service"), "spec template spec containers env valueFrom secretKeyRef name"),
        (any("PersistentVolume"), "spec azureFile secretName"),
    ],
};

const SERVICE: Referral = Referral {
    kind: Kind("", "v1", "Service"),
    in_pods: &[],
    workloads: &[],
    others: &[
        (Kind("apps", "", "StatefulSet"), "spec serviceName"),
        (any("Ingress"), "spec rules http paths backend serviceName"),
        (any("Ingress"), "spec backend serviceName"),
        (any("Ingress"), "spec rules http paths backend service name"),
        (any("Ingress"), "spec defaultBackend service name"),
        (Kind("apiregistration.k8s.io", "", "APIService"), "spec service name"),
        (Kind(ADMISSION, "", "ValidatingWebhookConfiguration"), "webhooks clientConfig service"),
        (Kind(ADMISSION, "", "MutatingWebhookConfiguration"), "webhooks clientConfig service"),
    ],
};

const ROLE: Referral = Referral {
    kind: Kind(RBAC, "", "Role"),
    in_pods: &[],
    workloads: &[],
    others: &[(Kind(RBAC, "", "RoleBinding"), "roleRef name")],
};

const CLUSTER_ROLE: Referral = Referral {
    kind: Kind(RBAC, "", "ClusterRole"),
    in_pods: &[],
    workloads: &[],
    others: &[(Kind(RBAC, "", "RoleBinding"), "roleRef name"), (Kind(RBAC, "", "ClusterRoleBinding"), "roleRef name")],
};

const SERVICE_ACCOUNT: Referral = Referral {
    kind: Kind("", "v1", "ServiceAccount"),
    in_pods: &["serviceAccountName"],
    workloads: &CONTROLLERS,
    others: &[(Kind(RBAC, "", "RoleBinding"), "subjects"), (Kind(RBAC, "", "ClusterRoleBinding"), "subjects")],
};

const VOLUME: Referral = Referral {
    kind: Kind("", "v1", "PersistentVolume"),
    in_pods: &[],
    workloads: &[],
    others: &[(any("PersistentVolumeClaim"), "spec volumeName"), (any("ClusterRole"), "rules resourceNames")],
};

const CLAIM: Referral = Referral {
    kind: Kind("", "v1", "PersistentVolumeClaim"),
    in_pods: &["volumes persistentVolumeClaim claimName"],
    workloads: &CONTROLLERS,
    others: &[],
};

const STORAGE_CLASS: Referral = Referral {
    kind: Kind("storage.k8s.io", "v1", "StorageClass"),
    in_pods: &[],
    workloads: &[],
    others: &[
        (any("PersistentVolume"), "spec storageClassName"),
        (any("PersistentVolumeClaim"), "spec storageClassName"),
        (any("StatefulSet"), "spec volumeClaimTemplates spec storageClassName"),
    ],
};

const PRIORITY_CLASS: Referral = Referral {
    kind: Kind("scheduling.k8s.io", "v1", "PriorityClass"),
    in_pods: &["priorityClassName"],
    workloads: &CONTROLLERS,
    others: &[],
};

// The group has the version in it, as there: no object is ever of it.
const INGRESS_CLASS: Referral = Referral {
    kind: Kind("networking.k8s.io/v1", "v1", "IngressClass"),
    in_pods: &[],
    workloads: &[],
    others: &[(any("Ingress"), "spec ingressClassName")],
};

const ADMISSION_POLICY: Referral = Referral {
    kind: Kind(ADMISSION, "", "ValidatingAdmissionPolicy"),
    in_pods: &[],
    workloads: &[],
    others: &[(Kind(ADMISSION, "", "ValidatingAdmissionPolicyBinding"), "spec policyName")],
};

pub(super) const REFERRALS: [Referral; 16] = [
    scaled("Deployment"),
    scaled("ReplicationController"),
    scaled("ReplicaSet"),
    scaled("StatefulSet"),
    CONFIG_MAP,
    SECRET,
    SERVICE,
    ROLE,
    CLUSTER_ROLE,
    SERVICE_ACCOUNT,
    CLAIM,
    VOLUME,
    STORAGE_CLASS,
    PRIORITY_CLASS,
    INGRESS_CLASS,
    ADMISSION_POLICY,
];
