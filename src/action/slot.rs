//! A place among the releases that are worked on at once, given up while waiting.
//!
//! **Invariant:** waiting never holds a place, so a thousand releases that wait do not keep one from being worked on.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places (`--concurrent`).
#[derive(Clone, Debug)]
pub struct Slots(Arc<Semaphore>);

impl Slots {
    /// This many places.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    /// Waits for a place.
    pub async fn take(&self) -> Slot {
        let slot = Slot { slots: self.clone(), permit: Arc::default() };
        slot.resume().await;
        slot
    }
}

/// A place; given back when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Slot {
    slots: Slots,
    permit: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Slot {
    /// Awaits something without holding the place.
    pub async fn idle<F: Future>(&self, future: F) -> F::Output {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
        let output = future.await;
        self.resume().await;
        output
    }

    async fn resume(&self) {
        // The semaphore is never closed, so there is always a permit in the end.
        if let Ok(permit) = Arc::clone(&self.slots.0).acquire_owned().await {
            *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_gives_the_place_to_another() {
        let slots = Slots::new(1);
        let first = slots.take().await;
        let (done, waits) = tokio::sync::oneshot::channel::<()>();
        let waiting = tokio::spawn(async move { first.idle(waits).await });
        let second = slots.take().await;
        assert!(done.send(()).is_ok());
        drop(second);
        assert!(waiting.await.is_ok_and(|received| received.is_ok()));
    }
}
