//! Puts live objects of the newest revision right.
//!
//! **Invariant:** no revision is written, no hook runs, and fields under an ignore rule stay as they are.

use std::time::Instant;

use serde_json::Value;

use super::{Error, Settings, Workbench};
use crate::diff::{IgnoreRules, ObjectDrift};
use crate::lifecycle::{Failure, Outcome, ReleaseAction};

/// Corrects the objects that were found to differ.
pub async fn correct_drift(
    bench: &Workbench,
    settings: &Settings,
    objects: &[Value],
    drifted: &[ObjectDrift],
    ignore: &IgnoreRules,
) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::of(ReleaseAction::CorrectDrift);
    outcome.drift = drifted.iter().map(ToString::to_string).collect();
    let options = bench.apply_options(settings);
    let work = async {
        let report = bench.cluster.correct(objects, drifted, &options, ignore).await?;
        report.into_result().map_err(Error::from)
    };
    let result = match tokio::time::timeout(settings.timeout, work).await {
        Ok(result) => result.map(|_| ()),
        Err(_) => Err(crate::cluster::Error::Timeout { what: "the correction of drift".to_owned() }.into()),
    };
    outcome.failure = result.err().map(|error| Failure { message: error.to_string(), is_passing: error.is_passing() });
    outcome.duration = started.elapsed();
    outcome
}
