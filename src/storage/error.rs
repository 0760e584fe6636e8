//! What can go wrong with release records in a cluster.
//!
//! **Invariant:** never carries the content of a record.

use crate::cluster::{Class, Failure};

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such revision.
    #[error("release record {secret} not found")]
    NotFound {
        /// The name of the Secret.
        secret: String,
    },
    /// Somebody else has just written the same revision.
    #[error("another operation (install/upgrade/rollback) is in progress: release record {secret} already exists")]
    AlreadyExists {
        /// The name of the Secret.
        secret: String,
    },
    /// Somebody else has written the record since it was read.
    #[error("release record {secret} was changed by somebody else")]
    Changed {
        /// The name of the Secret.
        secret: String,
    },
    /// The record cannot be encoded or decoded.
    #[error(transparent)]
    Record(#[from] crate::release::Error),
    /// The API server refused.
    #[error("{0}")]
    Request(Box<Failure>),
}

impl Error {
    /// Whether trying again can help.
    pub fn class(&self) -> Class {
        match self {
            Self::NotFound { .. } | Self::AlreadyExists { .. } | Self::Changed { .. } => Class::Transient,
            Self::Record(_) => Class::Terminal,
            Self::Request(failure) => failure.class(),
        }
    }
}
