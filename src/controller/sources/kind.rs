//! What the kinds of sources have in common, so that one driver serves them all.
//!
//! **Invariant:** a kind adds no behaviour here, only names and access to fields that all statuses have.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bucket::BucketStatus;
use crate::api::external_artifact::ExternalArtifactStatus;
use crate::api::git_repository::GitRepositoryStatus;
use crate::api::helm_chart::HelmChartStatus;
use crate::api::helm_repository::HelmRepositoryStatus;
use crate::api::oci_repository::OciRepositoryStatus;
use crate::api::source::{Artifact, SourceStatus};
use crate::api::{Bucket, ExternalArtifact, GitRepository, HelmChart, HelmRepository, OciRepository};

/// Time between checks of a HelmRepository that does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// A kind of source that is watched, whoever keeps it.
pub(super) trait Watched:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + Unpin
    + 'static
{
    /// The kind as it stands in manifests.
    const KIND: &'static str;
    /// What was found of it.
    type Status: Clone + Default + PartialEq + Serialize + Send + Sync;

    /// The status, if anything was written yet.
    fn status(&self) -> Option<&Self::Status>;
    /// The fields that all statuses have.
    fn facts(status: &Self::Status) -> Facts<'_>;
}

/// A kind of source that this program may keep itself.
pub(super) trait Source: Watched {
    /// The kind in lower case: the controller's name, and the folder of its artifacts.
    const CONTROLLER: &'static str;

    /// The fields that all statuses have, to be changed.
    fn edit(status: &mut Self::Status) -> Edit<'_>;
    /// Whether all work is stopped.
    fn is_suspended(&self) -> bool;
    /// Whether there is nothing to fetch, so that the object is left alone, as Flux 1.9 leaves HelmRepositories of type oci.
    fn is_static(&self) -> bool;
    /// Time between checks.
    fn interval(&self) -> Duration;
    /// The address, for metrics; none for a HelmChart.
    fn url(&self) -> &str;
}

/// What all statuses have.
pub(super) struct Facts<'a> {
    pub(super) observed_generation: Option<i64>,
    pub(super) conditions: &'a [Condition],
    pub(super) artifact: Option<&'a Artifact>,
}

/// What all statuses have, to be changed.
pub(super) struct Edit<'a> {
    pub(super) common: &'a mut SourceStatus,
    pub(super) artifact: &'a mut Option<Artifact>,
}

macro_rules! watched {
    ($object:ty, $status:ty, $kind:literal, $facts:expr) => {
        impl Watched for $object {
            const KIND: &'static str = $kind;
            type Status = $status;

            fn status(&self) -> Option<&Self::Status> {
                self.status.as_ref()
            }

            fn facts(status: &Self::Status) -> Facts<'_> {
                let facts: for<'a> fn(&'a Self::Status) -> (Option<i64>, &'a [Condition]) = $facts;
                let (observed_generation, conditions) = facts(status);
                Facts { observed_generation, conditions, artifact: status.artifact.as_ref() }
            }
        }
    };
    ($object:ty, $status:ty, $kind:literal) => {
        watched!($object, $status, $kind, |status| (status.common.observed_generation, &status.common.conditions));
    };
}

macro_rules! source {
    ($object:ty, $status:ty, $kind:literal, $controller:literal, $interval:expr, $url:expr, $is_static:expr) => {
        watched!($object, $status, $kind);

        impl Source for $object {
            const CONTROLLER: &'static str = $controller;

            fn edit(status: &mut Self::Status) -> Edit<'_> {
                Edit { common: &mut status.common, artifact: &mut status.artifact }
            }

            fn is_suspended(&self) -> bool {
                self.spec.suspend
            }

            fn is_static(&self) -> bool {
                let is_static: fn(&Self) -> bool = $is_static;
                is_static(self)
            }

            fn interval(&self) -> Duration {
                let interval: fn(&Self) -> Duration = $interval;
                interval(self)
            }

            fn url(&self) -> &str {
                let url: fn(&Self) -> &str = $url;
                url(self)
            }
        }
    };
}

source!(
    HelmRepository,
    HelmRepositoryStatus,
    "HelmRepository",
    "helmrepository",
    |repository| repository.spec.interval.map_or(DEFAULT_INTERVAL, crate::api::Duration::as_std),
    |repository| &repository.spec.url,
    |repository| repository.spec.is_oci()
);
source!(HelmChart, HelmChartStatus, "HelmChart", "helmchart", |chart| chart.spec.interval.as_std(), |_| "", |_| false);
source!(
    OciRepository,
    OciRepositoryStatus,
    "OCIRepository",
    "ocirepository",
    |repository| repository.spec.interval.as_std(),
    |repository| &repository.spec.url,
    |_| false
);
source!(
    GitRepository,
    GitRepositoryStatus,
    "GitRepository",
    "gitrepository",
    |repository| repository.spec.interval.as_std(),
    |repository| &repository.spec.url,
    |_| false
);

watched!(Bucket, BucketStatus, "Bucket");
// Whoever makes it says nothing of generations.
watched!(ExternalArtifact, ExternalArtifactStatus, "ExternalArtifact", |status| (None, &status.conditions));

/// The namespace and name of an object.
pub(super) fn identity(object: &impl kube::Resource) -> (&str, &str) {
    let metadata = object.meta();
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}
