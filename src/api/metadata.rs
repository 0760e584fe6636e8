//! Names that stand in the metadata of objects: groups, finalizers, annotations and labels.
//!
//! In goes nothing, out come constants; they equal Flux's (helm-controller 1.6) and Helm's (4.3).
//! Invariant: a name is spelt here and nowhere else.

/// API group of HelmRelease; also the prefix of event annotations.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// API group of the chart sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";

/// Finalizer on HelmReleases, and on the sources of a Flux that ran before.
pub const FINALIZER: &str = "finalizers.fluxcd.io";
/// Default field manager of every write.
pub const FIELD_MANAGER: &str = "helm-controller";

/// Annotation whose change asks for a reconcile; its value is a token.
pub const REQUESTED_AT_ANNOTATION: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation that, when equal to the requestedAt token, forces one install or upgrade.
pub const FORCE_AT_ANNOTATION: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation that, when equal to the requestedAt token, sets the failure counters to zero.
pub const RESET_AT_ANNOTATION: &str = "reconcile.fluxcd.io/resetAt";

/// Label of ConfigMaps and Secrets whose edits reconcile the releases that use them.
pub const WATCH_LABEL: &str = "reconcile.fluxcd.io/watch";
/// Value of [`WATCH_LABEL`] that switches the watch on.
pub const WATCH_ENABLED: &str = "Enabled";
/// Label by which objects are spread over several controllers.
pub const SHARDING_LABEL: &str = "sharding.fluxcd.io/key";

/// Label or annotation of one object that opts it out of drift detection.
pub const DRIFT_DETECTION: &str = "helm.toolkit.fluxcd.io/driftDetection";
/// Value of [`DRIFT_DETECTION`] that opts out.
pub const DRIFT_DETECTION_DISABLED: &str = "disabled";

/// Origin label: the name of the HelmRelease that an object comes from.
pub const ORIGIN_NAME_LABEL: &str = "helm.toolkit.fluxcd.io/name";
/// Origin label: the namespace of the HelmRelease that an object comes from.
pub const ORIGIN_NAMESPACE_LABEL: &str = "helm.toolkit.fluxcd.io/namespace";

/// Prefix of object annotations that are forwarded with events.
pub const EVENT_ANNOTATION_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Event annotation with the chart version of a release.
pub const EVENT_REVISION_ANNOTATION: &str = "helm.toolkit.fluxcd.io/revision";
/// Event annotation with the digest of a release's values.
pub const EVENT_TOKEN_ANNOTATION: &str = "helm.toolkit.fluxcd.io/token";
/// Event annotation with the app version of a chart.
pub const EVENT_APP_VERSION_ANNOTATION: &str = "helm.toolkit.fluxcd.io/app-version";
/// Event annotation with the digest of an OCI chart.
pub const EVENT_OCI_DIGEST_ANNOTATION: &str = "helm.toolkit.fluxcd.io/oci-digest";
/// Event annotation with the revision of a source's artifact.
pub const SOURCE_REVISION_ANNOTATION: &str = "source.toolkit.fluxcd.io/revision";
/// Event annotation with the digest of a source's artifact.
pub const SOURCE_DIGEST_ANNOTATION: &str = "source.toolkit.fluxcd.io/digest";

/// Helm's ownership label.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY_LABEL`].
pub const MANAGED_BY_HELM: &str = "Helm";
/// Helm's ownership annotation with the release name.
pub const RELEASE_NAME_ANNOTATION: &str = "meta.helm.sh/release-name";
/// Helm's ownership annotation with the release namespace.
pub const RELEASE_NAMESPACE_ANNOTATION: &str = "meta.helm.sh/release-namespace";

/// Annotation that keeps Flux's variable substitution away from an object; on our CRDs.
pub const SUBSTITUTE_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Value of [`SUBSTITUTE_ANNOTATION`] that does so.
pub const SUBSTITUTE_DISABLED: &str = "disabled";
