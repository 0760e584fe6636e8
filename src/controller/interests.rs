//! Which releases each object concerns: the index behind every trigger.
//!
//! In: each HelmRelease as its watch tells of it. Out: the releases that use a source, ConfigMap or Secret, depend on another release, or
//! own a record. Looking up costs the same however many releases there are; a thousand releases that each write their status a few times
//! would otherwise be a million comparisons.
//!
//! Objects are held as digests under a random key, for there are several of them a release: should two ever share one, a release is looked at
//! for nothing.
//!
//! **Invariant:** holds just what the last known spec of each release names.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use kube_runtime::reflector::ObjectRef;

use super::context::identity;
use super::dependencies::{DependencyKey, depends_on};
use crate::api::chart::ChartReferenceKind;
use crate::api::helm_release::ValuesReferenceKind;
use crate::api::{ChartRequest, HelmRelease};

/// Why an object concerns a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The chart comes from an object of this kind.
    Source(&'static str),
    /// Values or a kubeconfig come from an object of this kind.
    Values(ValuesReferenceKind),
    /// `spec.dependsOn` names this release.
    Dependency,
    /// `spec.dependsOn` has an expression about this release.
    Expression,
    /// It is the record of the Helm release of this name.
    Record,
}

/// The digest of an object in its role.
type Concern = u64;

/// Namespace and name of a HelmRelease.
type Key = (String, String);

/// The index.
#[derive(Debug, Default)]
pub(super) struct Interests {
    hasher: RandomState,
    concerned: BTreeSet<(Concern, Arc<Key>)>,
    concerns: HashMap<Arc<Key>, Box<[Concern]>>,
}

impl Interests {
    /// Takes a release as it is now, in the place of what was known of it.
    pub(super) fn note(&mut self, release: &HelmRelease) {
        let (namespace, name) = identity(release);
        let key = (namespace.to_owned(), name.to_owned());
        let concerns = concerns_of(release, |role, namespace, name| self.concern(role, namespace, name));
        if self.concerns.get(&key).is_some_and(|known| **known == *concerns) {
            return;
        }
        self.forget(namespace, name);
        let key = Arc::new(key);
        self.concerned.extend(concerns.iter().map(|concern| (*concern, Arc::clone(&key))));
        self.concerns.insert(key, concerns.into());
    }

    /// Forgets a release.
    pub(super) fn forget(&mut self, namespace: &str, name: &str) {
        let Some((key, concerns)) = self.concerns.remove_entry(&(namespace.to_owned(), name.to_owned())) else {
            return;
        };
        for concern in concerns {
            self.concerned.remove(&(concern, Arc::clone(&key)));
        }
    }

    /// The releases that an object concerns, in order.
    pub(super) fn in_role(&self, role: Role, namespace: &str, name: &str) -> Vec<ObjectRef<HelmRelease>> {
        let concern = self.concern(role, namespace, name);
        let found = self.concerned.range((concern, Arc::default())..).take_while(|(found, _)| *found == concern);
        found.map(|(_, release)| ObjectRef::new(&release.1).within(&release.0)).collect()
    }

    fn concern(&self, role: Role, namespace: &str, name: &str) -> Concern {
        self.hasher.hash_one((role, namespace, name))
    }
}

/// All that a release names.
fn concerns_of(release: &HelmRelease, concern: impl Fn(Role, &str, &str) -> Concern) -> Vec<Concern> {
    let (own, _) = identity(release);
    let mut all = vec![concern(Role::Record, release.storage_namespace(), &release.release_name())];
    if let Some((kind, namespace, name)) = source_of(release) {
        all.push(concern(Role::Source(kind), &namespace, &name));
    }
    for reference in &release.spec.values_from {
        all.push(concern(Role::Values(reference.kind), own, &reference.name));
    }
    let kubeconfig = release.spec.kube_config.as_ref();
    if let Some(reference) = kubeconfig.and_then(|reference| reference.secret_ref.as_ref()) {
        all.push(concern(Role::Values(ValuesReferenceKind::Secret), own, &reference.name));
    }
    if let Some(reference) = kubeconfig.and_then(|reference| reference.config_map_ref.as_ref()) {
        all.push(concern(Role::Values(ValuesReferenceKind::ConfigMap), own, &reference.name));
    }
    for DependencyKey { namespace, name, by_expression } in depends_on(release) {
        all.push(concern(Role::Dependency, namespace, name));
        if by_expression {
            all.push(concern(Role::Expression, namespace, name));
        }
    }
    all
}

/// Kind, namespace and name of the object that the chart of a release comes from.
fn source_of(release: &HelmRelease) -> Option<(&'static str, String, String)> {
    let (own, _) = identity(release);
    match release.chart_request() {
        Ok(ChartRequest::Template(template)) => {
            let namespace = template.spec.source_ref.namespace_or(own).to_owned();
            Some(("HelmChart", namespace, release.helm_chart_name()))
        }
        Ok(ChartRequest::Reference(reference)) => {
            let kind = match reference.kind {
                ChartReferenceKind::HelmChart => "HelmChart",
                ChartReferenceKind::OciRepository => "OCIRepository",
                ChartReferenceKind::ExternalArtifact => "ExternalArtifact",
            };
            Some((kind, reference.namespace_or(own).to_owned(), reference.name.clone()))
        }
        Ok(ChartRequest::Inline(_)) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn release(name: &str, spec: &Value) -> HelmRelease {
        let mut object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "apps"},
            "spec": {"interval": "1m", "chartRef": {"kind": "OCIRepository", "name": "charts"}},
        });
        json_patch::merge(&mut object["spec"], spec);
        serde_json::from_value(object).unwrap()
    }

    fn names(interests: &Interests, role: Role, namespace: &str, name: &str) -> Vec<String> {
        interests.in_role(role, namespace, name).into_iter().map(|found| found.name).collect()
    }

    #[test]
    fn every_kind_of_reference_is_found_in_its_namespace_and_no_other() {
        let mut interests = Interests::default();
        interests.note(&release(
            "web",
            &json!({
                "chartRef": {"kind": "OCIRepository", "name": "charts", "namespace": "sources"},
                "valuesFrom": [{"kind": "ConfigMap", "name": "values"}, {"kind": "Secret", "name": "values"}],
                "kubeConfig": {"secretRef": {"name": "remote"}},
                "dependsOn": [{"name": "database"}, {"name": "queue", "namespace": "infra", "readyExpr": "true"}],
                "releaseName": "front",
                "storageNamespace": "records",
            }),
        ));
        for (role, namespace, name) in [
            (Role::Source("OCIRepository"), "sources", "charts"),
            (Role::Values(ValuesReferenceKind::ConfigMap), "apps", "values"),
            (Role::Values(ValuesReferenceKind::Secret), "apps", "values"),
            (Role::Values(ValuesReferenceKind::Secret), "apps", "remote"),
            (Role::Dependency, "apps", "database"),
            (Role::Dependency, "infra", "queue"),
            (Role::Expression, "infra", "queue"),
            (Role::Record, "records", "front"),
        ] {
            assert_eq!(names(&interests, role, namespace, name), ["web"], "{role:?} {namespace}/{name}");
            assert_eq!(names(&interests, role, "elsewhere", name), [""; 0], "{role:?} in another namespace");
        }
        assert_eq!(names(&interests, Role::Expression, "apps", "database"), [""; 0]);
        assert_eq!(names(&interests, Role::Values(ValuesReferenceKind::ConfigMap), "apps", "remote"), [""; 0]);
        assert_eq!(names(&interests, Role::Source("HelmChart"), "sources", "charts"), [""; 0]);
    }

    #[test]
    fn a_chart_template_concerns_by_its_helm_chart() {
        let mut interests = Interests::default();
        let chart = json!({"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}});
        interests.note(&release("web", &json!({"chartRef": null, "chart": chart})));
        assert_eq!(names(&interests, Role::Source("HelmChart"), "apps", "apps-web"), ["web"]);
    }

    #[test]
    fn a_changed_release_is_found_by_its_new_references_only_and_a_forgotten_one_by_none() {
        let mut interests = Interests::default();
        let role = Role::Values(ValuesReferenceKind::Secret);
        let values = |name: &str| json!({"valuesFrom": [{"kind": "Secret", "name": name}]});
        interests.note(&release("b", &values("old")));
        interests.note(&release("a", &values("old")));
        assert_eq!(names(&interests, role, "apps", "old"), ["a", "b"]);
        interests.note(&release("a", &values("new")));
        assert_eq!(names(&interests, role, "apps", "old"), ["b"]);
        assert_eq!(names(&interests, role, "apps", "new"), ["a"]);
        interests.forget("apps", "a");
        interests.forget("apps", "b");
        assert!(interests.concerned.is_empty() && interests.concerns.is_empty());
    }
}
