//! The order of kinds: what is installed before what, and what is deleted before what.
//!
//! Counterpart: `pkg/release/v1/util/kind_sorter.go` of Helm 4.3.1. API groups do not matter: any `Service` sorts as a Service.
//!
//! **Invariant:** both orders are total and stable: kinds that the table lacks come last, by name.

use std::cmp::Ordering;

/// Which way objects are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindOrder {
    /// For creating and updating.
    Install,
    /// For deleting.
    Uninstall,
}

/// Kinds in the order of installation, each with its place in the order of deletion.
const KINDS: [(&str, u8); 38] = [
    ("PriorityClass", 37),
    ("Namespace", 36),
    ("NetworkPolicy", 35),
    ("ResourceQuota", 34),
    ("LimitRange", 33),
    ("PodSecurityPolicy", 32),
    ("PodDisruptionBudget", 31),
    ("ServiceAccount", 30),
    ("Secret", 29),
    ("SecretList", 28),
    ("ConfigMap", 27),
    ("StorageClass", 26),
    ("PersistentVolume", 25),
    ("PersistentVolumeClaim", 24),
    ("CustomResourceDefinition", 23),
    ("ClusterRole", 22),
    ("ClusterRoleList", 21),
    ("ClusterRoleBinding", 20),
    ("ClusterRoleBindingList", 19),
    ("Role", 18),
    ("RoleList", 17),
    ("RoleBinding", 16),
    ("RoleBindingList", 15),
    ("Service", 5),
    ("DaemonSet", 14),
    ("Pod", 13),
    ("ReplicationController", 12),
    ("ReplicaSet", 11),
    ("Deployment", 10),
    ("HorizontalPodAutoscaler", 9),
    ("StatefulSet", 8),
    ("Job", 7),
    ("CronJob", 6),
    ("IngressClass", 4),
    ("Ingress", 3),
    ("APIService", 2),
    ("MutatingWebhookConfiguration", 1),
    ("ValidatingWebhookConfiguration", 0),
];

impl KindOrder {
    /// Compares two kinds; sort with it stably, so that objects of one kind keep their order.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match (self.place(a), self.place(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.cmp(b),
        }
    }

    fn place(self, kind: &str) -> Option<usize> {
        let (install, (_, uninstall)) = KINDS.iter().enumerate().find(|(_, (known, _))| *known == kind)?;
        Some(match self {
            Self::Install => install,
            Self::Uninstall => usize::from(*uninstall),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, KindOrder};

    fn sorted(order: KindOrder, kinds: &[&'static str]) -> Vec<&'static str> {
        let mut kinds = kinds.to_vec();
        kinds.sort_by(|a, b| order.compare(a, b));
        kinds
    }

    #[test]
    fn deletion_reverses_installation_but_for_services() {
        let mut reversed: Vec<&str> =
            KINDS.iter().rev().map(|(kind, _)| *kind).filter(|kind| *kind != "Service").collect();
        let at = reversed.iter().position(|kind| *kind == "CronJob").unwrap();
        reversed.insert(at, "Service");
        let all: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(sorted(KindOrder::Uninstall, &all), reversed);
    }

    #[test]
    fn unknown_kinds_come_last_by_name() {
        let kinds = ["Zebra", "Job", "", "Antelope", "Namespace"];
        assert_eq!(sorted(KindOrder::Install, &kinds), ["Namespace", "Job", "", "Antelope", "Zebra"]);
        assert_eq!(sorted(KindOrder::Uninstall, &kinds), ["Job", "Namespace", "", "Antelope", "Zebra"]);
    }
}
