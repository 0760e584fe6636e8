//! A place among the releases that are worked on at once, given up while waiting.
//!
//! Who comes back from waiting goes before who has not begun: otherwise the first of a thousand new releases would be done only
//! after the last of them has begun.
//!
//! **Invariant:** waiting never holds a place, so a thousand releases that wait do not keep one from being worked on.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The places (`--concurrent`).
#[derive(Clone, Debug)]
pub struct Slots(Arc<Mutex<Queue>>);

/// Who waits for a place, in the order in which they get one.
#[derive(Debug)]
struct Queue {
    free: usize,
    /// Releases that gave their place up for a while.
    returning: VecDeque<oneshot::Sender<Place>>,
    /// Releases that have not had a place yet.
    new: VecDeque<oneshot::Sender<Place>>,
}

/// One place; given to the next in the queue when it is dropped.
#[derive(Debug)]
struct Place(Slots);

impl Slots {
    /// This many places.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: count, returning: VecDeque::new(), new: VecDeque::new() })))
    }

    /// Waits for a place.
    pub async fn take(&self) -> Slot {
        let place = self.place(|queue| &mut queue.new).await;
        Slot { slots: self.clone(), place: Arc::new(Mutex::new(place)) }
    }

    /// Waits in one of the two lines for a place.
    async fn place(&self, line: impl FnOnce(&mut Queue) -> &mut VecDeque<oneshot::Sender<Place>>) -> Option<Place> {
        let turn = {
            let mut queue = self.queue();
            if queue.free > 0 {
                queue.free -= 1;
                drop(queue);
                return Some(Place(self.clone()));
            }
            let (sender, turn) = oneshot::channel();
            line(&mut queue).push_back(sender);
            turn
        };
        // A sender is dropped only with the whole queue, which this future keeps alive.
        turn.await.ok()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        let next = loop {
            match queue.returning.pop_front().or_else(|| queue.new.pop_front()) {
                // Who has gone away meanwhile is passed over.
                Some(next) if next.is_closed() => {}
                next => break next,
            }
        };
        let Some(next) = next else {
            queue.free += 1;
            return;
        };
        drop(queue);
        // Should the next go away just now, the place comes back in the error and is dropped, which passes it on.
        drop(next.send(Place(self.0.clone())));
    }
}

/// A place; given back when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Slot {
    slots: Slots,
    place: Arc<Mutex<Option<Place>>>,
}

impl Slot {
    /// Awaits something without holding the place.
    pub async fn idle<F: Future>(&self, future: F) -> F::Output {
        drop(self.held().take());
        let output = future.await;
        let place = self.slots.place(|queue| &mut queue.returning).await;
        *self.held() = place;
        output
    }

    fn held(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_gives_the_place_to_another() {
        let slots = Slots::new(1);
        let first = slots.take().await;
        let (done, waits) = oneshot::channel::<()>();
        let waiting = tokio::spawn(async move { first.idle(waits).await });
        let second = slots.take().await;
        assert!(done.send(()).is_ok());
        drop(second);
        assert!(waiting.await.is_ok_and(|received| received.is_ok()));
    }

    #[tokio::test]
    async fn who_comes_back_goes_before_who_is_new() {
        let slots = Slots::new(1);
        let first = slots.take().await;
        let (order, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (done, waits) = oneshot::channel::<()>();
        let told = order.clone();
        let returning = tokio::spawn(async move {
            let received = first.idle(waits).await;
            told.send("returning").is_ok() && received.is_ok()
        });
        let second = slots.take().await;
        let new = {
            let (slots, told) = (slots.clone(), order.clone());
            tokio::spawn(async move {
                let _slot = slots.take().await;
                told.send("new").is_ok()
            })
        };
        while slots.queue().new.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(done.send(()).is_ok());
        while slots.queue().returning.is_empty() {
            tokio::task::yield_now().await;
        }
        drop(second);
        assert!(returning.await.unwrap() && new.await.unwrap());
        assert_eq!((seen.recv().await, seen.recv().await), (Some("returning"), Some("new")));
    }

    #[tokio::test]
    async fn who_goes_away_loses_no_place() {
        let slots = Slots::new(1);
        let first = slots.take().await;
        let gone = tokio::spawn({
            let slots = slots.clone();
            async move { drop(slots.take().await) }
        });
        while slots.queue().new.is_empty() {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        drop(first);
        assert_eq!(slots.queue().free, 1);
        drop(slots.take().await);
    }
}
