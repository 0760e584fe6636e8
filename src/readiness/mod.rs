//! Is this object ready? The rules of kstatus, as Helm 4.3 and Flux wait by them.
//!
//! In: one object as the API server returned it, and what is being waited for. Out: a kstatus word with the reason a person needs.
//! Counterpart: `sigs.k8s.io/cli-utils/pkg/kstatus/status`, with Helm's own readers for Jobs, hooks and paused Deployments.
//!
//! **Invariant:** decides on the object alone; never reads a clock, so a rule about time takes the time as an argument.

mod condition;
mod expression;
mod legacy;
mod pod;
mod rules;
mod sets;
mod workload;

use std::fmt;

use serde_json::Value;

pub use expression::{
    Expression, ExpressionError, HealthCheckSource, HealthChecks, MAX_EXPRESSION_BYTES, MAX_EXPRESSION_DEPTH,
    MAX_EXPRESSION_OPERATORS,
};
pub use pod::{is_running, waiting_reason};

/// How far an object is, in kstatus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The object has reached what its specification asks for.
    Current,
    /// The object is on its way.
    InProgress,
    /// The object will not get there without a change.
    Failed,
    /// The object is being deleted.
    Terminating,
    /// There is no such object.
    NotFound,
    /// The object cannot be judged.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Current => "Current",
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
            Self::Unknown => "Unknown",
        })
    }
}

/// The verdict on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// How far the object is.
    pub state: State,
    /// Why, in words for a person; never the content of a Secret.
    pub message: String,
}

impl Readiness {
    /// A verdict with its reason.
    pub fn new(state: State, message: impl Into<String>) -> Self {
        Self { state, message: message.into() }
    }

    /// The verdict on an object that does not exist.
    pub fn not_found() -> Self {
        Self::new(State::NotFound, "not found")
    }

    /// Whether nothing is left to wait for.
    pub fn is_current(&self) -> bool {
        self.state == State::Current
    }
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The objects of a release.
    Release {
        /// Jobs must complete; without it a Job that has started is ready (`--wait-for-jobs`).
        wait_for_jobs: bool,
    },
    /// The objects of a release, judged as Helm 3 did (`waitStrategy: legacy`).
    Legacy {
        /// Jobs must complete; without it they are not waited for.
        wait_for_jobs: bool,
    },
    /// The objects of a hook: only Jobs and Pods are awaited, and they must complete.
    Hook,
}

/// Judges an object by the rules of its kind.
pub fn readiness(object: &Value, purpose: Purpose) -> Readiness {
    match purpose {
        Purpose::Legacy { wait_for_jobs } => legacy::judge(object, wait_for_jobs),
        Purpose::Release { .. } | Purpose::Hook => rules::judge(object, purpose),
    }
}
