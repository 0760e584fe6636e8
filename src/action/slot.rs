//! A place among the releases that are worked on at once, given up while waiting.
//!
//! Who comes back from waiting goes before who has not begun: otherwise the first of a thousand new releases would be done only
//! after the last of them has begun.
//!
//! When the program stops, places are given to nobody any more: who works goes on until it is done or has to wait, and who waits stays
//! where it is, for the next leader to take over.
//!
//! **Invariant:** waiting never holds a place, so a thousand releases that wait do not keep one from being worked on.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// The places (`--concurrent`).
#[derive(Clone, Debug)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Told when a place comes back after the places were closed.
    returned: Notify,
}

/// Who waits for a place, in the order in which they get one.
#[derive(Debug)]
struct Queue {
    total: usize,
    free: usize,
    closed: bool,
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
        let (returning, new) = (VecDeque::new(), VecDeque::new());
        let queue = Queue { total: count, free: count, closed: false, returning, new };
        Self(Arc::new(Shared { queue: Mutex::new(queue), returned: Notify::new() }))
    }

    /// Gives places to nobody any more, and waits until all that are held have come back.
    pub async fn close(&self) {
        self.queue().closed = true;
        loop {
            let returned = self.0.returned.notified();
            {
                let queue = self.queue();
                if queue.free == queue.total {
                    return;
                }
            }
            returned.await;
        }
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
            if queue.free > 0 && !queue.closed {
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
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        if queue.closed {
            queue.free += 1;
            drop(queue);
            self.0.0.returned.notify_waiters();
            return;
        }
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
    async fn closed_places_come_back_when_who_works_is_done_or_waits_and_go_to_nobody() {
        let slots = Slots::new(2);
        let (works, waits) = (slots.take().await, slots.take().await);
        let (done, told) = oneshot::channel::<()>();
        let waiting = tokio::spawn(async move { waits.idle(told).await });
        while slots.queue().free == 0 {
            tokio::task::yield_now().await;
        }
        let closed = tokio::spawn({
            let slots = slots.clone();
            async move { slots.close().await }
        });
        while !slots.queue().closed {
            tokio::task::yield_now().await;
        }
        assert!(done.send(()).is_ok());
        while slots.queue().returning.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(!closed.is_finished(), "one works still");
        drop(works);
        closed.await.unwrap();
        assert!(!waiting.is_finished(), "who waits does not go on");
        waiting.abort();
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
