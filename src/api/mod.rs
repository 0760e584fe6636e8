//! What users write and read: the types of the custom resources, their defaults and their definitions.
//!
//! In goes JSON from the API server, out come typed objects ([`HelmRelease`], [`HelmRepository`], [`HelmChart`],
//! [`OciRepository`], [`GitRepository`], [`Bucket`], [`ExternalArtifact`]) and the CustomResourceDefinitions made from the same types.
//! All served versions of a kind share one schema, the union of every version's fields, so conversion is None.
//! Invariant: whatever the API server has accepted can be read; what is wrong with it is said later, by name.

pub mod action;
pub mod bucket;
pub mod chart;
pub mod conditions;
mod crd;
pub mod defaults;
pub mod duration;
mod error;
pub mod external_artifact;
pub mod git_repository;
pub mod helm_chart;
pub mod helm_release;
pub mod helm_repository;
pub mod metadata;
pub mod oci_repository;
pub mod post_renderer;
mod schema;
pub mod source;
pub mod status;
mod warnings;

pub use bucket::Bucket;
pub use chart::{ChartRequest, InlineChart};
pub use crd::{crd_file_name, crd_yaml, crds, crds_yaml};
pub use duration::Duration;
pub use error::Error;
pub use external_artifact::ExternalArtifact;
pub use git_repository::GitRepository;
pub use helm_chart::HelmChart;
pub use helm_release::{HelmRelease, HelmReleaseSpec};
pub use helm_repository::HelmRepository;
pub use oci_repository::OciRepository;
pub use status::{HelmReleaseStatus, Snapshot};
