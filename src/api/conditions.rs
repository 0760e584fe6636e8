//! Condition types and reasons, in one list, and look-ups in a list of conditions.
//!
//! In go conditions of metav1's shape, out come constants and the condition asked for.
//! The words equal Flux's (helm-controller 1.6, source-controller 1.9); dashboards and alerts match on them.
//! Invariant: no module spells a condition type or reason itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// Types of conditions.
pub mod condition_type {
    /// Summary: the object is as it was asked for.
    pub const READY: &str = "Ready";
    /// Work goes on; removed when done.
    pub const RECONCILING: &str = "Reconciling";
    /// Nothing more happens until an input changes; removed otherwise.
    pub const STALLED: &str = "Stalled";
    /// Result of the last release action.
    pub const RELEASED: &str = "Released";
    /// Result of the last test run.
    pub const TEST_SUCCESS: &str = "TestSuccess";
    /// Result of the last remediation.
    pub const REMEDIATED: &str = "Remediated";
    /// The cluster differs from the release.
    pub const DRIFTED: &str = "Drifted";
    /// The newest revision's record was too large for a Secret and was stored with less of the chart. Not one of Flux's.
    pub const RECORD_SLIMMED: &str = "RecordSlimmed";
    /// A source could not be fetched.
    pub const FETCH_FAILED: &str = "FetchFailed";
    /// A source has something newer than its artifact.
    pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
    /// A source's artifact is at hand.
    pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
    /// A source's artifact could not be kept.
    pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
    /// A chart could not be built from its source.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// A source that is included by another cannot be had.
    pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
    /// A source's signature was checked.
    pub const SOURCE_VERIFIED: &str = "SourceVerified";
}

/// Values of a condition's status.
pub mod condition_status {
    /// It holds.
    pub const TRUE: &str = "True";
    /// It does not hold.
    pub const FALSE: &str = "False";
    /// Not known yet.
    pub const UNKNOWN: &str = "Unknown";
}

/// Reasons of conditions; those of results are reasons of events as well.
pub mod reason {
    /// General success.
    pub const SUCCEEDED: &str = "Succeeded";
    /// General failure.
    pub const FAILED: &str = "Failed";
    /// Work goes on.
    pub const PROGRESSING: &str = "Progressing";
    /// Work goes on after a failure.
    pub const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
    /// The object is suspended.
    pub const SUSPENDED: &str = "Suspended";

    /// An install went well.
    pub const INSTALL_SUCCEEDED: &str = "InstallSucceeded";
    /// An install failed.
    pub const INSTALL_FAILED: &str = "InstallFailed";
    /// An upgrade went well.
    pub const UPGRADE_SUCCEEDED: &str = "UpgradeSucceeded";
    /// An upgrade failed.
    pub const UPGRADE_FAILED: &str = "UpgradeFailed";
    /// A rollback went well.
    pub const ROLLBACK_SUCCEEDED: &str = "RollbackSucceeded";
    /// A rollback failed.
    pub const ROLLBACK_FAILED: &str = "RollbackFailed";
    /// An uninstall went well.
    pub const UNINSTALL_SUCCEEDED: &str = "UninstallSucceeded";
    /// An uninstall failed.
    pub const UNINSTALL_FAILED: &str = "UninstallFailed";
    /// A release was found pending and unlocked.
    pub const PENDING_RELEASE: &str = "PendingRelease";
    /// Tests are still to run.
    pub const AWAITING_TESTS: &str = "AwaitingTests";
    /// Tests went well.
    pub const TEST_SUCCEEDED: &str = "TestSucceeded";
    /// A test failed.
    pub const TEST_FAILED: &str = "TestFailed";
    /// The cluster differs from the release.
    pub const DRIFT_DETECTED: &str = "DriftDetected";
    /// A release record would not fit into a Secret as it is.
    pub const RECORD_TOO_LARGE: &str = "RecordTooLarge";
    /// Others change what was corrected again and again, so it is left for a while.
    pub const DRIFT_CONTESTED: &str = "DriftContested";
    /// The cluster equals the release.
    pub const NO_DRIFT_DETECTED: &str = "NoDriftDetected";
    /// Event: drift was put right.
    pub const DRIFT_CORRECTED: &str = "DriftCorrected";
    /// Event: drift could not be put right.
    pub const DRIFT_CORRECTION_FAILED: &str = "DriftCorrectionFailed";

    /// No retry is left.
    pub const RETRIES_EXCEEDED: &str = "RetriesExceeded";
    /// No earlier revision to roll back to.
    pub const MISSING_ROLLBACK_TARGET: &str = "MissingRollbackTarget";
    /// A CEL expression of the spec is wrong.
    pub const INVALID_CEL_EXPRESSION: &str = "InvalidCELExpression";
    /// A reference into another namespace is forbidden.
    pub const ACCESS_DENIED: &str = "AccessDenied";
    /// A field of the spec is wrong in a way that the schema cannot express.
    pub const INVALID_SPEC: &str = "InvalidSpec";

    /// A dependency is not ready.
    pub const DEPENDENCY_NOT_READY: &str = "DependencyNotReady";
    /// The chart could not be fetched.
    pub const ARTIFACT_FAILED: &str = "ArtifactFailed";
    /// The chart source is not ready.
    pub const SOURCE_NOT_READY: &str = "SourceNotReady";
    /// Values could not be composed.
    pub const VALUES_ERROR: &str = "ValuesError";
    /// The chart's version disagrees with its source.
    pub const CHART_MUTATE_ERROR: &str = "ChartMutateError";
    /// The target cluster cannot be reached.
    pub const REST_CLIENT_ERROR: &str = "RESTClientError";
    /// The wait machinery cannot be set up.
    pub const RESOURCE_MANAGER_ERROR: &str = "ResourceManagerError";
    /// The action configuration is refused.
    pub const FACTORY_ERROR: &str = "FactoryError";
    /// The configuration of the target cluster is refused.
    pub const CONFIG_FACTORY_ERROR: &str = "ConfigFactoryErr";
    /// The state of the release could not be found out.
    pub const STATE_ERROR: &str = "StateError";
    /// Any other error of a reconcile.
    pub const RECONCILE_ERROR: &str = "ReconcileError";
    /// A wait was given up for a newer revision.
    pub const HEALTH_CHECK_CANCELED: &str = "HealthCheckCanceled";
    /// Event: the inventory could not be built.
    pub const INVENTORY_BUILD_FAILED: &str = "InventoryBuildFailed";
    /// Event: a namespace could not be looked up.
    pub const NAMESPACE_CHECK_SKIPPED: &str = "NamespaceCheckSkipped";
    /// Event: an oddity of the manifest was accepted.
    pub const SPEC_WARNING: &str = "SpecWarning";

    /// Event: a HelmChart was created for a release.
    pub const HELM_CHART_CREATED: &str = "HelmChartCreated";
    /// Event: the HelmChart of a release was changed.
    pub const HELM_CHART_CONFIGURED: &str = "HelmChartConfigured";
    /// Event: the HelmChart of a release was deleted.
    pub const HELM_CHART_DELETED: &str = "HelmChartDeleted";
    /// Event: the HelmChart of a release could not be written.
    pub const HELM_CHART_SYNC_ERROR: &str = "HelmChartSyncErr";

    /// A source's URL is wrong.
    pub const URL_INVALID: &str = "URLInvalid";
    /// A source refuses the credentials, or they are incomplete.
    pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    /// A repository's index could not be read.
    pub const INDEXATION_FAILED: &str = "IndexationFailed";
    /// A source offers a new revision.
    pub const NEW_REVISION: &str = "NewRevision";
    /// Event: a new artifact is at hand.
    pub const NEW_ARTIFACT: &str = "NewArtifact";
    /// Event: the artifact is still current.
    pub const ARTIFACT_UP_TO_DATE: &str = "ArtifactUpToDate";
    /// A HelmChart's source does not exist or cannot be read.
    pub const SOURCE_UNAVAILABLE: &str = "SourceUnavailable";
    /// A HelmChart's source has no artifact yet.
    pub const NO_SOURCE_ARTIFACT: &str = "NoSourceArtifact";
    /// A HelmChart's chart name or version is wrong or not to be had.
    pub const INVALID_CHART_REFERENCE: &str = "InvalidChartReference";
    /// A chart could not be downloaded.
    pub const CHART_PULL_ERROR: &str = "ChartPullError";
    /// A chart was downloaded.
    pub const CHART_PULL_SUCCEEDED: &str = "ChartPullSucceeded";
    /// A chart was packaged.
    pub const CHART_PACKAGE_SUCCEEDED: &str = "ChartPackageSucceeded";
    /// A chart could not be packaged.
    pub const CHART_PACKAGE_ERROR: &str = "ChartPackageError";
    /// A chart's values files could not be merged.
    pub const VALUES_FILES_ERROR: &str = "ValuesFilesError";
    /// A chart's dependencies could not be had.
    pub const DEPENDENCY_BUILD_ERROR: &str = "DependencyBuildError";
    /// A chart's metadata could not be changed.
    pub const METADATA_PATCH_ERROR: &str = "MetadataPatchError";
    /// A chart's signature could not be checked.
    pub const CHART_VERIFICATION_ERROR: &str = "ChartVerificationError";
    /// A signature does not match.
    pub const VERIFICATION_ERROR: &str = "VerificationError";
    /// The signature of a commit does not match.
    pub const INVALID_COMMIT_SIGNATURE: &str = "InvalidCommitSignature";
    /// The signature of a tag does not match.
    pub const INVALID_TAG_SIGNATURE: &str = "InvalidTagSignature";
    /// A tag has no signature.
    pub const INVALID_GIT_OBJECT: &str = "InvalidGitObject";
    /// A tag's signature is to be checked where no tag is asked for.
    pub const INVALID_VERIFICATION_MODE: &str = "InvalidVerificationMode";
    /// A HelmChart's source is of a kind that holds no charts.
    pub const UNSUPPORTED_SOURCE_KIND: &str = "UnsupportedSourceKind";
    /// The field needs a feature that is off or does not exist here.
    pub const FEATURE_GATE_DISABLED: &str = "FeatureGateDisabled";
    /// An OCI artifact could not be pulled.
    pub const OCI_PULL_FAILED: &str = "OCIArtifactPullFailed";
    /// The layer of an OCI artifact could not be used.
    pub const OCI_LAYER_OPERATION_FAILED: &str = "OCIArtifactLayerOperationFailed";
    /// A tag or reference could not be resolved.
    pub const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
    /// A Git repository could not be read.
    pub const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
    /// The provider of a source and its Secret do not fit together.
    pub const INVALID_PROVIDER_CONFIGURATION: &str = "InvalidProviderConfiguration";
    /// What is included by a source is not there.
    pub const NOT_FOUND: &str = "NotFound";
    /// What is included by a source has no artifact.
    pub const NO_ARTIFACT: &str = "NoArtifact";
    /// A Git repository has no commit.
    pub const EMPTY_GIT_REPOSITORY: &str = "EmptyGitRepository";
    /// A directory could not be made.
    pub const DIRECTORY_CREATION_FAILED: &str = "DirectoryCreationFailed";
    /// An archive could not be written.
    pub const ARCHIVE_OPERATION_FAILED: &str = "ArchiveOperationFailed";
    /// The kind of an error is not known.
    pub const UNKNOWN: &str = "Unknown";
}

/// The condition of a type, if there.
pub fn find<'a>(conditions: &'a [Condition], condition_type: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == condition_type)
}

/// Whether the condition of a type is there with status True.
pub fn is_true(conditions: &[Condition], condition_type: &str) -> bool {
    find(conditions, condition_type).is_some_and(|condition| condition.status == condition_status::TRUE)
}

/// Whether the condition of a type is there with status False.
pub fn is_false(conditions: &[Condition], condition_type: &str) -> bool {
    find(conditions, condition_type).is_some_and(|condition| condition.status == condition_status::FALSE)
}
