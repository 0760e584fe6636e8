//! Why an action failed, in Helm's words where Helm has them.
//!
//! **Invariant:** never holds the content of a Secret.

use crate::cluster::{self, Class, NotReady, WaitOutcome};
use crate::release::HookEvent;
use crate::{chart, render, storage};

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused something, or did not answer.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// Release records could not be read or written.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The chart's values do not fit.
    #[error(transparent)]
    Chart(#[from] chart::Error),
    /// The chart does not render.
    #[error(transparent)]
    Render(#[from] render::Error),
    /// Objects did not become ready in time.
    #[error("timeout waiting for: [{}]", list(.0))]
    NotReady(Vec<NotReady>),
    /// Objects failed for good while they were waited for.
    #[error("failed early due to stalled resources: [{}]", list(.0))]
    FailedEarly(Vec<NotReady>),
    /// The wait was called off.
    #[error("the wait was called off: something else is wanted meanwhile")]
    Cancelled,
    /// A hook failed.
    #[error("{event} hooks failed: hook {path} ({kind}/{name}): {source}")]
    Hook {
        /// The event.
        event: HookEvent,
        /// The template.
        path: String,
        /// The hook's kind.
        kind: String,
        /// The hook's name.
        name: String,
        /// Why.
        source: Box<Error>,
    },
    /// The name belongs to a release with history.
    #[error(
        "cannot reuse a name that is still in use: release {name} has history in namespace {namespace}; spec.install.replace takes it over"
    )]
    NameInUse {
        /// The release's name.
        name: String,
        /// The namespace of its records.
        namespace: String,
    },
    /// There is no revision to upgrade.
    #[error("{name:?} has no deployed releases")]
    NoDeployedRelease {
        /// The release's name.
        name: String,
    },
    /// Objects could not be deleted.
    #[error("failed to delete release {name}: {details}")]
    Delete {
        /// The release's name.
        name: String,
        /// What was refused or is still there.
        details: String,
    },
}

fn list(objects: &[NotReady]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// The error of a wait that did not end well.
    pub(super) fn of_wait(outcome: WaitOutcome) -> Result<(), Self> {
        match outcome {
            WaitOutcome::Ready => Ok(()),
            WaitOutcome::Failed(objects) => Err(Self::FailedEarly(objects)),
            WaitOutcome::TimedOut(objects) => Err(Self::NotReady(objects)),
            WaitOutcome::Cancelled => Err(Self::Cancelled),
        }
    }

    /// Whether a wait was called off, rather than anything having gone wrong.
    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled | Self::Cluster(cluster::Error::Cancelled) => true,
            Self::Hook { source, .. } => source.is_cancelled(),
            _ => false,
        }
    }

    /// Whether the cluster, rather than the release, is at fault: it did not answer, or somebody else was faster.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Cluster(error) => error.is_fault(),
            Self::Storage(storage::Error::Request(failure)) => failure.is_fault(),
            Self::Storage(error) => error.class() == Class::Transient,
            Self::Hook { source, .. } => source.is_passing(),
            _ => false,
        }
    }

    /// Whether trying again with the same input can help.
    pub fn class(&self) -> Class {
        match self {
            Self::Cluster(error) => error.class(),
            Self::Storage(error) => error.class(),
            Self::Chart(_) | Self::Render(_) | Self::NameInUse { .. } | Self::NoDeployedRelease { .. } => {
                Class::Terminal
            }
            Self::Hook { source, .. } => source.class(),
            Self::NotReady(_) | Self::FailedEarly(_) | Self::Cancelled | Self::Delete { .. } => Class::Transient,
        }
    }
}
