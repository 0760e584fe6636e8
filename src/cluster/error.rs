//! What can go wrong between us and the API server, and whether trying again may help.
//!
//! **Invariant:** an error names the object it is about, and never holds the object's content.

use std::fmt;

use super::ObjectReference;

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The server or the network failed, or somebody else was faster; the same request may succeed later.
    Transient,
    /// The same request will fail until an input, a permission or the cluster changes.
    Terminal,
}

/// What was being done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Read.
    Get,
    /// Listed.
    List,
    /// Created.
    Create,
    /// Applied or patched.
    Patch,
    /// Replaced.
    Replace,
    /// Deleted.
    Delete,
    /// Compared by a dry run.
    DryRun,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::DryRun => "dry run of",
        })
    }
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldConflict {
    /// The manager, such as `kubectl-edit`.
    pub manager: String,
    /// The field, such as `.spec.replicas`.
    pub field: String,
}

/// One request that the API server refused or never answered.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was tried.
    pub operation: Operation,
    /// On which object.
    pub object: ObjectReference,
    /// HTTP status of the answer; 0 when there was none.
    pub code: u16,
    /// Kubernetes' reason word, such as `Invalid`; empty when there was no answer.
    pub reason: String,
    /// The server's message.
    pub message: String,
    /// Fields that the server named, such as `spec.selector`.
    pub fields: Vec<String>,
    /// Fields that other managers own, where that is why an apply was refused.
    pub conflicts: Vec<FieldConflict>,
}

impl Failure {
    /// Whether the server refuses a change of a field that cannot change.
    pub fn is_immutable_field(&self) -> bool {
        self.code == 422 && (self.message.contains("field is immutable") || self.message.contains("are forbidden"))
    }

    /// Whether trying again can help.
    pub fn class(&self) -> Class {
        if self.is_schema_violation() {
            return Class::Terminal;
        }
        match self.code {
            400 | 403 | 405 | 406 | 413 | 415 | 422 | 501 if !self.passes_by_itself() => Class::Terminal,
            // A namespace or kind that is not there may come; a token may be renewed.
            _ => Class::Transient,
        }
    }

    /// Whether the server, the way to it, or a race with somebody else is at fault, rather than what was asked for. A webhook that does not
    /// answer is part of what a cluster is set up to ask, as Flux has it.
    pub fn is_fault(&self) -> bool {
        let told =
            matches!(self.code, 0 | 429 | 500 | 502 | 503 | 504) || self.code == 409 && self.conflicts.is_empty();
        told && !self.is_schema_violation() && !self.passes_by_itself()
    }

    /// Whether it is unknown if the request was carried out.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.code, 0 | 500 | 502 | 504)
    }

    /// Whether the object does not fit its kind. Server-side apply answers that with status 500 (Kubernetes 1.36).
    pub fn is_schema_violation(&self) -> bool {
        let marks = ["failed to create typed patch object", "failed to convert new object", "strict decoding error"];
        marks.iter().any(|mark| self.message.contains(mark))
    }

    /// A namespace on its way out, a full quota and a webhook that does not answer also come as client errors.
    fn passes_by_itself(&self) -> bool {
        ["failed calling webhook", "failed to call webhook", "being terminated", "exceeded quota"]
            .iter()
            .any(|mark| self.message.contains(mark))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot {} {}: {}", self.operation, self.object, self.message)
    }
}

/// Everything that can go wrong in this module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable configuration for a connection.
    #[error("cannot connect to the cluster: {message}")]
    Configuration {
        /// What is wrong with it, without credentials.
        message: String,
    },
    /// The server did not tell what it serves.
    #[error("cannot discover the cluster's APIs")]
    Discovery(#[source] Box<kube::Error>),
    /// A namespace could not be created.
    #[error("cannot create namespace {name}: {source}")]
    Namespace {
        /// The namespace.
        name: String,
        /// What the server says.
        source: Box<kube::Error>,
    },
    /// The server does not serve a kind (Helm's words).
    #[error(
        "resource mapping not found for name: \"{name}\" namespace: \"{namespace}\": no matches for kind \"{kind}\" in version \
         \"{api_version}\"; ensure CRDs are installed first"
    )]
    NoMatch {
        /// `group/version`.
        api_version: String,
        /// The kind.
        kind: String,
        /// The object's namespace, empty when none.
        namespace: String,
        /// The object's name.
        name: String,
    },
    /// A document of the manifest is no Kubernetes object.
    #[error("object {position} of the manifest is invalid: {message}")]
    InvalidObject {
        /// Position in the manifest, from 0.
        position: usize,
        /// What is missing.
        message: String,
    },
    /// Requests failed; each object's failure is told apart.
    #[error("{}", join(.0))]
    Requests(Vec<Failure>),
    /// An object exists and belongs to somebody else (Helm's words).
    #[error("{object} exists and cannot be imported into the current release: invalid ownership metadata; {message}")]
    Ownership {
        /// The object.
        object: Box<ObjectReference>,
        /// Which label or annotation is wrong.
        message: String,
    },
    /// A CustomResourceDefinition was refused by the server's own controllers.
    #[error("{object} cannot be established: {message}")]
    NotEstablished {
        /// The definition.
        object: Box<ObjectReference>,
        /// Why.
        message: String,
    },
    /// The wait was called off, or the operator is stopping.
    #[error("cancelled")]
    Cancelled,
    /// Time ran out.
    #[error("timed out waiting for {what}")]
    Timeout {
        /// What was awaited.
        what: String,
    },
}

fn join(failures: &[Failure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// Whether the server, the way to it, or a race with somebody else is at fault in every part of the failure.
    pub fn is_fault(&self) -> bool {
        match self {
            Self::Requests(failures) => failures.iter().all(Failure::is_fault),
            Self::Discovery(_) => true,
            _ => false,
        }
    }

    /// Whether trying again can help. Several failures are terminal only if all are.
    pub fn class(&self) -> Class {
        match self {
            Self::Configuration { .. }
            | Self::NoMatch { .. }
            | Self::InvalidObject { .. }
            | Self::Ownership { .. }
            | Self::NotEstablished { .. } => Class::Terminal,
            Self::Requests(failures) => failures.iter().map(Failure::class).min().unwrap_or(Class::Transient),
            Self::Discovery(_) | Self::Namespace { .. } | Self::Cancelled | Self::Timeout { .. } => Class::Transient,
        }
    }

    /// The failures of single requests, empty for other errors.
    pub fn failures(&self) -> &[Failure] {
        match self {
            Self::Requests(failures) => failures,
            _ => &[],
        }
    }
}
