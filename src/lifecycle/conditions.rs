//! Editing a list of conditions by the rules of metav1: one a type, transition time only when the status changes.
//!
//! **Invariant:** setting a condition to what it already is changes nothing, so an unchanged status compares equal.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::conditions::{condition_status, condition_type, find, reason};

/// The longest message that the API server takes in a condition, in bytes.
const MAX_MESSAGE_BYTES: usize = 32_768;

/// A list of conditions being edited for one generation at one moment.
pub struct Conditions<'a> {
    list: &'a mut Vec<Condition>,
    generation: i64,
    now: Timestamp,
}

impl<'a> Conditions<'a> {
    /// Begins editing.
    pub fn edit(list: &'a mut Vec<Condition>, generation: i64, now: Timestamp) -> Self {
        Self { list, generation, now }
    }

    /// Sets a condition to True, False or Unknown.
    pub fn set(&mut self, condition_type: &str, status: &str, reason: &str, message: &str) {
        let message = bounded(message);
        let new = Condition {
            type_: condition_type.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: Some(self.generation),
            last_transition_time: Time(self.now),
        };
        match self.list.iter_mut().find(|kept| kept.type_ == condition_type) {
            None => self.list.push(new),
            Some(kept) => {
                let last_transition_time = if kept.status == new.status {
                    kept.last_transition_time.clone()
                } else {
                    new.last_transition_time.clone()
                };
                *kept = Condition { last_transition_time, ..new };
            }
        }
    }

    /// Removes a condition.
    pub fn remove(&mut self, condition_type: &str) {
        self.list.retain(|kept| kept.type_ != condition_type);
    }

    /// The condition of a type.
    pub fn get(&self, condition_type: &str) -> Option<&Condition> {
        find(self.list, condition_type)
    }

    /// Says that work goes on; what had stalled no longer has.
    pub fn reconciling(&mut self, reason: &str, message: &str) {
        self.set(condition_type::RECONCILING, condition_status::TRUE, reason, message);
        self.remove(condition_type::STALLED);
    }

    /// Says that nothing will happen until an input changes.
    pub fn stalled(&mut self, reason: &str, message: &str) {
        self.set(condition_type::STALLED, condition_status::TRUE, reason, message);
        self.remove(condition_type::RECONCILING);
    }

    /// Says that the object is not ready.
    pub fn not_ready(&mut self, reason: &str, message: &str) {
        self.set(condition_type::READY, condition_status::FALSE, reason, message);
    }

    /// Says that work goes on and will be tried again, for the reason that Ready gives.
    pub fn retrying(&mut self) {
        let message = self.get(condition_type::READY).map(|ready| ready.message.clone()).unwrap_or_default();
        self.reconciling(reason::PROGRESSING_WITH_RETRY, &message);
    }
}

/// The message, cut at a character if it is longer than a condition may be.
fn bounded(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}
