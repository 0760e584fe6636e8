//! Why a chart, an index or an artifact cannot be had, and what that means for the next try.
//!
//! **Invariant:** texts name the place and the thing asked for, and never hold a password, token or key; URLs come without user parts.

use crate::api::conditions::reason;
use crate::chart;

/// What an error means for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing helps until the source, the reference or the repository's content changes.
    Terminal,
    /// Trying again may help.
    Transient,
}

/// What was being done when the error came; Flux words the reason of a failure by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The index of a repository was fetched.
    Index,
    /// A chart was fetched for a HelmChart.
    Chart,
    /// An OCI artifact was fetched.
    Artifact,
    /// A Git repository was fetched.
    Git,
}

/// A part of the work of making a chart from the files of a source, as Flux's source-controller 1.9 names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildStage {
    /// The version is given its build metadata.
    Metadata,
    /// What the chart depends on is got together.
    Dependencies,
    /// The chart is loaded.
    Package,
}

impl std::fmt::Display for BuildStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Metadata => "chart metadata patch error",
            Self::Dependencies => "dependency build error",
            Self::Package => "chart package error",
        })
    }
}

/// Why something of a source cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The URL of a source is none, or of a scheme that does not fit.
    #[error("invalid URL '{url}': {message}")]
    InvalidUrl {
        /// The URL without credentials.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// A Secret does not have what is needed, or holds something that cannot be read.
    #[error("secret '{secret}': {message}")]
    Secret {
        /// Namespace and name.
        secret: String,
        /// What is missing or wrong; never the content.
        message: String,
    },
    /// The server does not accept the credentials, or wants some.
    #[error("{server} refuses access to {url}: {message}")]
    Unauthorized {
        /// The host.
        server: String,
        /// The URL without credentials, or the registry's repository.
        url: String,
        /// The answer, and which credentials were sent.
        message: String,
    },
    /// The server answered with something else than success.
    #[error("failed to fetch {url} : {status}")]
    Status {
        /// The URL without credentials.
        url: String,
        /// The code and its words.
        status: String,
    },
    /// The server could not be talked to.
    #[error("failed to fetch {url}: {message}")]
    Request {
        /// The URL without credentials.
        url: String,
        /// What went wrong.
        message: String,
    },
    /// The address may not be connected to.
    #[error("failed to fetch {url}: {message}")]
    Denied {
        /// The URL without credentials.
        url: String,
        /// Which address, and by which rule.
        message: String,
    },
    /// The artifact is not signed by any of the keys that are trusted.
    #[error("failed to verify the signature using provider 'cosign': {reference}: {message}")]
    Verification {
        /// Registry, repository and digest.
        reference: String,
        /// What was found.
        message: String,
    },
    /// The answer is larger than is accepted.
    #[error("{what} at {url} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What was fetched.
        what: &'static str,
        /// The URL without credentials.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The index cannot be read.
    #[error("failed to load Helm repository index from {url}: {message}")]
    Index {
        /// The URL of the index without credentials.
        url: String,
        /// Why.
        message: String,
    },
    /// The name or the version asked for is wrong in itself.
    #[error("invalid chart reference: {message}")]
    InvalidReference {
        /// What is wrong.
        message: String,
    },
    /// The repository has no such chart or version.
    #[error("no '{chart}' chart with version matching '{version}' found in {place}{hint}")]
    NotFound {
        /// The chart's name.
        chart: String,
        /// The version or range asked for.
        version: String,
        /// The repository's URL without credentials.
        place: String,
        /// What there is instead, after a colon; may be empty.
        hint: String,
        /// Whether the place is a registry, which Flux asks again, other than an index.
        in_registry: bool,
    },
    /// The bytes are not those that were announced.
    #[error("digest of {what} does not match: expected {expected}, got {actual}")]
    DigestMismatch {
        /// What was fetched from where.
        what: String,
        /// The digest that was announced.
        expected: String,
        /// The digest of the bytes.
        actual: String,
    },
    /// The archive is no chart.
    #[error("chart archive {what}: {message}")]
    Chart {
        /// What was fetched from where.
        what: String,
        /// Why, in the words of the chart loader.
        message: String,
    },
    /// The registry could not be talked to, or has no such artifact.
    #[error("{reference}: {message}")]
    Registry {
        /// Registry, repository and tag or digest.
        reference: String,
        /// What went wrong.
        message: String,
    },
    /// The artifact has no layer that could be a chart.
    #[error("{reference}: {message}")]
    Layer {
        /// Registry, repository and tag or digest.
        reference: String,
        /// What was looked for, and what there is.
        message: String,
    },
    /// A values file of the chart cannot be merged.
    #[error("chart '{chart}': values file '{file}': {message}")]
    ValuesFile {
        /// The chart's name.
        chart: String,
        /// The file's path.
        file: String,
        /// Why.
        message: String,
    },
    /// An object that was needed is not there, or could not be read.
    #[error("{object}: {message}")]
    Object {
        /// Kind, namespace and name.
        object: String,
        /// What is wrong with it.
        message: String,
    },
    /// A Git repository could not be fetched, or has no such commit.
    #[error("failed to checkout and determine revision: unable to clone '{url}': {message}")]
    Git {
        /// The URL without credentials.
        url: String,
        /// What went wrong.
        message: String,
    },
    /// A GitHub App gets no token.
    #[error("failed to configure authentication options: GitHub App {app}: {message}")]
    GitHubApp {
        /// The app's number.
        app: u64,
        /// What went wrong; never a key or token.
        message: String,
    },
    /// The provider of a source and the rest of its spec, or its Secret, do not fit together.
    #[error("{message}")]
    Provider {
        /// What does not fit.
        message: String,
        /// Whether the spec alone can put it right.
        is_spec: bool,
    },
    /// A Git repository has no commit at all.
    #[error("git repository is empty")]
    EmptyGitRepository,
    /// A chart could not be made from the files of a source.
    #[error("{stage}: {message}")]
    Build {
        /// Which part of the work failed.
        stage: BuildStage,
        /// What went wrong.
        message: String,
    },
    /// The source asks for something that this version does not do.
    #[error("{what} is not supported by this version")]
    Unsupported {
        /// The field and its value.
        what: String,
    },
}

impl Error {
    /// The reason in conditions and events, as Flux's source-controller 1.9 words it.
    pub fn reason(&self, step: Step) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => reason::URL_INVALID,
            Self::Unauthorized { .. } if step == Step::Git => reason::GIT_OPERATION_FAILED,
            Self::Secret { .. } | Self::Unauthorized { .. } | Self::GitHubApp { .. } => reason::AUTHENTICATION_FAILED,
            Self::Provider { .. } => reason::INVALID_PROVIDER_CONFIGURATION,
            Self::EmptyGitRepository => reason::EMPTY_GIT_REPOSITORY,
            Self::Build { stage, .. } => match stage {
                BuildStage::Metadata => reason::METADATA_PATCH_ERROR,
                BuildStage::Dependencies => reason::DEPENDENCY_BUILD_ERROR,
                BuildStage::Package => reason::CHART_PACKAGE_ERROR,
            },
            Self::Index { .. } if step == Step::Index => reason::INDEXATION_FAILED,
            Self::InvalidReference { .. } | Self::NotFound { in_registry: false, .. } => {
                reason::INVALID_CHART_REFERENCE
            }
            Self::ValuesFile { .. } => reason::VALUES_FILES_ERROR,
            Self::Verification { .. } if step == Step::Chart => reason::CHART_VERIFICATION_ERROR,
            Self::Verification { .. } => reason::VERIFICATION_ERROR,
            Self::Layer { .. } if step == Step::Artifact => reason::OCI_LAYER_OPERATION_FAILED,
            Self::Object { .. } if step == Step::Chart => reason::SOURCE_UNAVAILABLE,
            Self::Unsupported { .. } => reason::FEATURE_GATE_DISABLED,
            Self::Status { .. }
            | Self::Request { .. }
            | Self::Denied { .. }
            | Self::TooLarge { .. }
            | Self::Index { .. }
            | Self::NotFound { .. }
            | Self::DigestMismatch { .. }
            | Self::Chart { .. }
            | Self::Registry { .. }
            | Self::Object { .. }
            | Self::Git { .. }
            | Self::Layer { .. } => match step {
                Step::Index => reason::FAILED,
                Step::Chart => reason::CHART_PULL_ERROR,
                Step::Artifact => reason::OCI_PULL_FAILED,
                Step::Git => reason::GIT_OPERATION_FAILED,
            },
        }
    }

    /// What the error means for the next try.
    pub fn class(&self) -> Class {
        match self {
            Self::InvalidUrl { .. }
            | Self::InvalidReference { .. }
            | Self::NotFound { in_registry: false, .. }
            | Self::ValuesFile { .. }
            | Self::Build { stage: BuildStage::Metadata, .. }
            | Self::Provider { is_spec: true, .. }
            | Self::Unsupported { .. } => Class::Terminal,
            Self::Secret { .. }
            | Self::Unauthorized { .. }
            | Self::Status { .. }
            | Self::Request { .. }
            | Self::Denied { .. }
            | Self::Verification { .. }
            | Self::TooLarge { .. }
            | Self::Index { .. }
            | Self::NotFound { .. }
            | Self::DigestMismatch { .. }
            | Self::Chart { .. }
            | Self::Registry { .. }
            | Self::Object { .. }
            | Self::Git { .. }
            | Self::GitHubApp { .. }
            | Self::Provider { .. }
            | Self::EmptyGitRepository
            | Self::Build { .. }
            | Self::Layer { .. } => Class::Transient,
        }
    }

    /// An archive that the chart loader refuses.
    pub(super) fn chart(what: impl Into<String>, source: &chart::Error) -> Self {
        Self::Chart { what: what.into(), message: source.to_string() }
    }
}
