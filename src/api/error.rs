//! What can be wrong with an object that the API server has accepted.
//!
//! In goes nothing, out come errors whose text a user reads in a condition.
//! Invariant: an error never carries a value from `values` or from a Secret.

use thiserror::Error as ThisError;

/// An invalid field of an API object. Each is terminal: only a change of the object can cure it.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The text is no Go duration.
    #[error("invalid duration {text:?}: write a number with a unit, such as 30s, 5m or 1h30m")]
    InvalidDuration {
        /// The text as given.
        text: String,
    },
    /// The duration is beyond what Go can hold.
    #[error("duration {text:?} is longer than 292 years")]
    DurationTooLong {
        /// The text as given.
        text: String,
    },
    /// Neither a chart nor a reference to one.
    #[error("either spec.chart or spec.chartRef must be set")]
    ChartMissing,
    /// A chart and a reference to one.
    #[error("spec.chart and spec.chartRef cannot both be set")]
    ChartAndChartRef,
    /// The short and the long form at once.
    #[error("spec.chart takes either spec, or repo, name and version, not both")]
    ChartFormsMixed,
    /// The short form lacks a field.
    #[error("spec.chart.{field} must be set when spec.chart.spec is not")]
    InlineChartIncomplete {
        /// The missing field.
        field: &'static str,
    },
    /// The short form's repository is of a scheme that is not fetched.
    #[error("spec.chart.repo {repo:?} must begin with https://, http:// or oci://")]
    InlineChartScheme {
        /// The repository as given.
        repo: String,
    },
}
