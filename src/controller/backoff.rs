//! Back-off after failures, an object at a time: doubling from the shortest to the longest delay, as controller-runtime does.
//!
//! **Invariant:** success forgets every failure before it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures in a row, by object.
#[derive(Debug)]
pub(super) struct Backoff {
    shortest: Duration,
    longest: Duration,
    failures: Mutex<HashMap<(String, String), u32>>,
}

impl Backoff {
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, failures: Mutex::default() }
    }

    /// The delay after one more failure.
    pub(super) fn failed(&self, namespace: &str, name: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry((namespace.to_owned(), name.to_owned())).or_default();
        let delay = self.shortest.saturating_mul(2u32.saturating_pow(*count)).min(self.longest);
        *count = count.saturating_add(1);
        delay
    }

    /// Forgets the failures of an object.
    pub(super) fn reset(&self, namespace: &str, name: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&(namespace.to_owned(), name.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_start_again_after_success() {
        let backoff = Backoff::new(Duration::from_millis(750), Duration::from_secs(4));
        let next = || backoff.failed("ns", "name").as_millis();
        assert_eq!([next(), next(), next(), next(), next()], [750, 1500, 3000, 4000, 4000]);
        assert_eq!(backoff.failed("ns", "other").as_millis(), 750);
        backoff.reset("ns", "name");
        assert_eq!(next(), 750);
    }
}
