//! What can go wrong with a release record.
//!
//! **Invariant:** never carries the content of a record, which holds secrets.

use thiserror::Error;

/// Why a release record could not be read or written, or a release name is refused.
#[derive(Debug, Error)]
pub enum Error {
    /// The user's values cannot be written as YAML.
    #[error("cannot write the release's values as YAML")]
    Values(#[source] crate::goyaml::Error),
    /// The text in the Secret is not base64.
    #[error("cannot decode release record {secret}: not base64")]
    Base64 {
        /// The name of the Secret.
        secret: String,
        /// Where the text goes wrong.
        source: base64::DecodeError,
    },
    /// The bytes in the Secret do not decompress.
    #[error("cannot decompress release record {secret}")]
    Gzip {
        /// The name of the Secret.
        secret: String,
        /// What the decompressor met.
        source: std::io::Error,
    },
    /// The record would take too much memory.
    #[error("release record {secret} is larger than {limit} bytes when decompressed")]
    TooLarge {
        /// The name of the Secret.
        secret: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The document in the Secret is not a release.
    #[error("cannot read release record {secret}: {place}")]
    Document {
        /// The name of the Secret.
        secret: String,
        /// Where and of what class the fault is; the content is left out.
        place: String,
    },
    /// The record could not be written as JSON.
    #[error("cannot write release record {secret}")]
    Encode {
        /// The name of the Secret.
        secret: String,
        /// What the encoder met.
        source: std::io::Error,
    },
    /// The record does not fit into a Secret, even without the chart's own files.
    #[error(
        "release record {secret} takes {size} bytes, and a Secret holds at most {limit}: make the chart's manifests or values smaller"
    )]
    DoesNotFit {
        /// The name of the Secret.
        secret: String,
        /// The size in bytes without the chart's files.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The release name is not one that Helm allows.
    #[error(
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    )]
    Name {
        /// The refused name.
        name: String,
    },
    /// The text is not a time.
    #[error("{text:?} is not a time in RFC 3339 form")]
    Time {
        /// The refused text.
        text: String,
    },
}
