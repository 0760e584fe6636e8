//! Why a reconcile could not get to its end, and what that means for the next try.
//!
//! **Invariant:** every error has a reason for the Ready condition and a class that decides the requeue.

use crate::api::conditions::reason;
use crate::readiness::ExpressionError;
use crate::{action, api, chart, cluster, source, storage};

/// What an error means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing helps until an input changes.
    Terminal,
    /// Something else has to become ready; a watch tells.
    Waiting,
    /// Trying again may help.
    Transient,
}

/// Why a reconcile could not get to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of the spec is wrong in a way that the schema cannot express.
    #[error(transparent)]
    Spec(#[from] api::Error),
    /// A field that this version cannot honour, where going on without would do the wrong thing.
    #[error("{field} is not supported by this version: {why}")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// What would go wrong.
        why: &'static str,
    },
    /// The kubeconfig of another cluster cannot be used.
    #[error("{message}")]
    KubeConfig {
        /// Which Secret, and what is wrong with it; never its content.
        message: String,
    },
    /// There is no Secret with the kubeconfig of another cluster.
    #[error("{secret} not found")]
    KubeConfigMissing {
        /// Which Secret.
        secret: String,
    },
    /// An expression that is not CEL, or asks for what is not there.
    #[error("{field}: {source}")]
    Expression {
        /// The field.
        field: String,
        /// What is wrong.
        source: ExpressionError,
    },
    /// A range where only an exact version will do.
    #[error("{field}: {version:?} is not an exact version: {why}")]
    UnpinnedVersion {
        /// The field.
        field: &'static str,
        /// What it says.
        version: String,
        /// Which rule asks for an exact version.
        why: &'static str,
    },
    /// A reference into another namespace that is forbidden.
    #[error("can't access '{kind}/{namespace}/{name}', cross-namespace references have been blocked")]
    AccessDenied {
        /// The kind of what is referred to.
        kind: &'static str,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The chart source has nothing to offer yet.
    #[error("{0}")]
    SourceNotReady(String),
    /// The chart source is new or was changed just now, and its first answer is on its way.
    #[error("{0}")]
    SourcePending(String),
    /// The chart cannot be had.
    #[error("{what}: {source}")]
    Artifact {
        /// Which chart, from where.
        what: String,
        /// Why.
        source: source::Error,
    },
    /// The chart's version disagrees with its source.
    #[error("{0}")]
    ChartMutate(String),
    /// A release that this one depends on is not ready.
    #[error("dependency '{namespace}/{name}' is not ready{why}")]
    DependencyNotReady {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What is known of it, after a colon; empty if nothing is.
        why: String,
    },
    /// Values could not be composed.
    #[error("{message}")]
    Values {
        /// Which reference, and what is wrong with it; never its content.
        message: String,
    },
    /// The chart's values or dependencies do not work out.
    #[error(transparent)]
    Chart(#[from] chart::Error),
    /// The API server refused something, or did not answer.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The release records cannot be read.
    #[error("Could not determine release state: {0}")]
    State(#[from] storage::Error),
    /// An action failed outside of the record.
    #[error(transparent)]
    Action(#[from] action::Error),
    /// The HelmRelease or one of its companions could not be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// Kind, namespace and name.
        what: String,
        /// What the API server says.
        source: Box<kube::Error>,
    },
    /// An object that a release refers to could not be read.
    #[error("cannot read {what}: {source}")]
    Read {
        /// Kind, namespace and name.
        what: String,
        /// What the API server says.
        source: Box<kube::Error>,
    },
    /// A drift ignore rule is wrong.
    #[error(transparent)]
    IgnoreRule(#[from] crate::diff::IgnoreError),
    /// No client can be made for `--events-addr`.
    #[error("cannot send events to --events-addr: {0}")]
    Notifier(reqwest::Error),
    /// The lease was lost; another process leads now.
    #[error("the lease was lost: another process may lead now")]
    LeaseLost,
}

impl Error {
    pub(super) fn write(what: String, source: kube::Error) -> Self {
        Self::Write { what, source: Box::new(source) }
    }

    /// The reason in the Ready condition, events and metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Spec(_) | Self::IgnoreRule(_) | Self::Unsupported { .. } => reason::INVALID_SPEC,
            Self::Expression { .. } => reason::INVALID_CEL_EXPRESSION,
            Self::UnpinnedVersion { .. } => reason::INVALID_CHART_REFERENCE,
            Self::AccessDenied { .. } => reason::ACCESS_DENIED,
            Self::SourceNotReady(_) | Self::SourcePending(_) => reason::SOURCE_NOT_READY,
            Self::Artifact { .. } => reason::ARTIFACT_FAILED,
            Self::ChartMutate(_) => reason::CHART_MUTATE_ERROR,
            Self::DependencyNotReady { .. } => reason::DEPENDENCY_NOT_READY,
            Self::Values { .. } => reason::VALUES_ERROR,
            Self::State(_) => reason::STATE_ERROR,
            Self::Cluster(_) | Self::KubeConfig { .. } | Self::KubeConfigMissing { .. } | Self::Read { .. } => {
                reason::REST_CLIENT_ERROR
            }
            Self::Chart(_) | Self::Action(_) | Self::Write { .. } | Self::Notifier(_) | Self::LeaseLost => {
                reason::RECONCILE_ERROR
            }
        }
    }

    /// What the error means for the next try.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Spec(_)
            | Self::IgnoreRule(_)
            | Self::Unsupported { .. }
            | Self::Expression { .. }
            | Self::UnpinnedVersion { .. }
            | Self::AccessDenied { .. } => Class::Terminal,
            Self::SourceNotReady(_) | Self::SourcePending(_) | Self::DependencyNotReady { .. } => Class::Waiting,
            Self::Artifact { .. }
            | Self::ChartMutate(_)
            | Self::Values { .. }
            | Self::Chart(_)
            | Self::Cluster(_)
            | Self::KubeConfig { .. }
            | Self::KubeConfigMissing { .. }
            | Self::State(_)
            | Self::Action(_)
            | Self::Write { .. }
            | Self::Read { .. }
            | Self::Notifier(_)
            | Self::LeaseLost => Class::Transient,
        }
    }
}
