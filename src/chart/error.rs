//! Why a chart cannot be loaded or its values not be made.
//!
//! **Invariant:** no value that a user gave is printed, but for schema messages, which name the offending value as Helm does.

/// A failure of loading or preparing a chart; the words after Helm's own, where Helm has any.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no gzip stream.
    #[error("stream does not appear to be a valid chart file (details: gzip: invalid header)")]
    NotGzip,
    /// The archive is broken.
    #[error("unable to load chart archive: {0}")]
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
    /// There is no Chart.yaml in an archive.
    #[error("unable to detect chart version, no Chart.yaml found")]
    Undetected,
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
    #[error("error unpacking subchart {name} in {parent}: {}", nested(.cause))]
    Subchart {
        /// The folder or file in `charts/`.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// Why; told by the message, and so no source of its own.
        cause: Box<Error>,
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
    /// The chart is of an API version that Helm does not have.
    #[error("unsupported chart version")]
    UnsupportedVersion,
    /// The chart is of an API version that Helm reads and does not render.
    #[error("invalid chart apiVersion")]
    InvalidVersion,
    /// Subcharts cannot be chosen, or their values not be imported.
    #[error("chart dependencies processing failed: {0}")]
    Dependencies(Box<Error>),
    /// The values for a subchart are not a table.
    #[error("type mismatch on {name}: {}", without_value(.value))]
    TypeMismatch {
        /// The subchart.
        name: String,
        /// The value, as Go's `%t` prints it; Helm shows it, the message here does not.
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

/// What Go prints for a misfit of `%t`, without the value.
fn without_value(text: &str) -> String {
    match text.split_once('=') {
        _ if text.starts_with('[') => "%!t([]interface {})".to_owned(),
        Some((kind, _)) => format!("{kind})"),
        None => text.to_owned(),
    }
}

/// An error of a packed subchart, which Helm tells without what it says of a chart's own archive.
fn nested(error: &Error) -> String {
    match error {
        Error::NotGzip => "gzip: invalid header".to_owned(),
        Error::Archive(message) => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn messages_do_not_tell_values() {
        for (value, expected) in [
            ("%!t(string=a=secret)", "%!t(string)"),
            ("[%!t(string=secret)]", "%!t([]interface {})"),
            ("%!t(<nil>)", "%!t(<nil>)"),
            ("false", "false"),
        ] {
            let error = Error::TypeMismatch { name: "db".to_owned(), value: value.to_owned() };
            assert_eq!(error.to_string(), format!("type mismatch on db: {expected}"));
        }
    }
}
