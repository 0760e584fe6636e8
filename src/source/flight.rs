//! One flight for the same errand: whoever asks for what is being fetched already waits for that fetch.
//!
//! **Invariant:** a result is shared only by those who asked while it was on its way; nothing is kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use super::Error;

type Flight<T> = Shared<BoxFuture<'static, Result<T, Error>>>;

/// Errands on their way.
pub(super) struct Flights<K, T> {
    errands: Mutex<HashMap<K, (u64, Flight<T>)>>,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { errands: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Flights<K, T> {
    /// The result of the errand under way for the key, else of a new one.
    pub(super) async fn join<F>(&self, key: K, errand: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (number, flight) = {
            let mut errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
            // A flight that nobody waited out is never taken up again: its deadlines ran on without it.
            let known = errands.get(&key);
            if let Some((number, flight)) =
                known.filter(|(_, flight)| flight.strong_count().is_some_and(|count| count > 1))
            {
                (*number, flight.clone())
            } else {
                let number = known.map_or(0, |(number, _)| number.wrapping_add(1));
                let flight = errand().boxed().shared();
                errands.insert(key.clone(), (number, flight.clone()));
                (number, flight)
            }
        };
        let result = flight.await;
        let mut errands = self.errands.lock().unwrap_or_else(PoisonError::into_inner);
        if errands.get(&key).is_some_and(|(current, _)| *current == number) {
            errands.remove(&key);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_at_once_share_a_flight_and_later_ones_start_anew() {
        let flights = Flights::<&str, usize>::default();
        let started = Arc::new(AtomicUsize::new(0));
        let errand = || {
            let started = Arc::clone(&started);
            async move {
                let number = started.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(number)
            }
        };
        let (first, second) = tokio::join!(flights.join("a", errand), flights.join("a", errand));
        assert_eq!((first.unwrap(), second.unwrap()), (0, 0));
        assert_eq!(flights.join("a", errand).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_abandoned_flight_is_not_taken_up() {
        let flights = Flights::<&str, usize>::default();
        {
            let mut abandoned = Box::pin(flights.join("a", std::future::pending));
            assert!(futures::poll!(&mut abandoned).is_pending());
        }
        assert_eq!(flights.join("a", || async { Ok(2) }).await.unwrap(), 2);
    }
}
