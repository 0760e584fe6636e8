//! Why a chart cannot be loaded or its values not be made.
//!
//! **Invariant:** no value that a user gave is printed, but for schema messages, which name the offending value as Helm does.

/// A failure of loading or preparing a chart; the words after Helm's own, where Helm has any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no gzip stream, or a broken one.
    #[error("chart archive is not readable as gzip and tar: {0}")]
    Archive(String),
    /// The archive has no files.
    #[error("no files in chart archive")]
    Empty,
    /// An entry's path leaves the chart, or is not one.
    #[error("{0}")]
    Path(String),
    /// A limit on the archive was passed.
    #[error("{0}")]
    Limit(String),
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    MissingMetadata,
    /// A file of the chart cannot be decoded.
    #[error("cannot load {file}: {message}")]
    File {
        /// The file's path in the chart.
        file: String,
        /// Why.
        message: String,
    },
    /// Chart.yaml says something that is not allowed.
    #[error("validation: {0}")]
    Validation(String),
    /// A subchart failed.
    #[error("error unpacking subchart {name} in {parent}: {source}")]
    Subchart {
        /// The folder or file in `charts/`.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// Why.
        source: Box<Error>,
    },
    /// `.helmignore` has a rule that cannot be read.
    #[error("{0}")]
    Ignore(String),
    /// A values document cannot be read.
    #[error("{0}")]
    Values(String),
    /// A `--set` expression cannot be read.
    #[error("{0}")]
    Set(String),
    /// The values for a subchart are not a table.
    #[error("type mismatch on {name}: {value}")]
    TypeMismatch {
        /// The subchart.
        name: String,
        /// The value, as Go's `%t` prints it.
        value: String,
    },
    /// The values do not fit the chart's schemas.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// The chart wants another Kubernetes version.
    #[error("chart requires kubeVersion: {required} which is incompatible with Kubernetes {actual}")]
    KubeVersion {
        /// The constraint in Chart.yaml.
        required: String,
        /// The cluster's version.
        actual: String,
    },
    /// The chart is not of a type that can be installed.
    #[error("{0} charts are not installable")]
    NotInstallable(String),
}
