//! The decision core of a release: facts in, one decision out, and afterwards the outcome in, new status and events out.
//!
//! ```text
//! Desired + Observation ──▶ state ──▶ decide ──▶ Decision ──▶ (somebody acts) ──▶ Outcome ──▶ record ──▶ status, events
//! ```
//!
//! One action a turn: facts are gathered anew after each, until the decision is to stop. States, the choice of the action and the
//! conditions follow Flux's helm-controller 1.6.
//!
//! **Invariant:** nothing here acts, waits or reads the clock; the same input always gives the same decision.

mod conditions;
mod decide;
mod desired;
mod history;
mod observation;
mod record;
mod remediation;
mod report;
mod request;
mod state;
mod summary;

pub use conditions::Conditions;
pub use decide::{ActionType, Decision, FOREIGN_ACTION_GRACE, ReleaseAction, Turn, decide};
pub use desired::{ChartFacts, Desired, InputDigests, Strategy};
pub use history::Previous;
pub use observation::{Contest, DriftFacts, Observation, ReleaseFacts, cut_short_action};
pub use record::{Event, EventType, Failure, Outcome, Write, attempt, begin, finish, record, refuse};
pub use request::{Requests, handle_tokens};
pub use state::{ReleaseState, determine_state};
