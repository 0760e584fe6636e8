//! Keeps a process that leads no more from writing.
//!
//! A process can be paused for longer than its lease, by its node or a debugger, and find itself awake in the middle of its work while
//! another has taken over. Before it can notice, its tasks would write. So every write asks here first, and the answer rests on the clock
//! alone. What was handed to a connection before the pause is out of reach; such a write is one that the server would have taken in time,
//! and records of releases are written with the version that they replace.
//!
//! **Invariant:** no request but a read is sent after the time up to which the lease was last known to be held.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Method, Request};

/// Until when this process may write; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Fence {
    /// Milliseconds since the program's first look at the clock; none where nothing is fenced.
    open_until: Option<Arc<AtomicU64>>,
}

/// A write was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process does not hold the lease any more, so it writes nothing")]
pub struct Fenced;

impl Fence {
    /// A fence that nothing passes before [`Fence::open_until`].
    pub fn closed() -> Self {
        Self { open_until: Some(Arc::default()) }
    }

    /// Lets writes pass up to this moment.
    pub fn open_until(&self, moment: Instant) {
        if let Some(open_until) = &self.open_until {
            open_until.store(millis(moment), Ordering::Release);
        }
    }

    /// Lets nothing pass any more.
    pub fn close(&self) {
        if let Some(open_until) = &self.open_until {
            open_until.store(0, Ordering::Release);
        }
    }

    fn lets_pass(&self, moment: Instant) -> bool {
        self.open_until.as_ref().is_none_or(|open_until| millis(moment) < open_until.load(Ordering::Acquire))
    }

    /// Lets a request pass, or not.
    pub(super) fn check<B>(&self, request: Request<B>) -> Result<Request<B>, Fenced> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if reads || self.lets_pass(Instant::now()) { Ok(request) } else { Err(Fenced) }
    }
}

/// The monotonic clock as a number.
fn millis(moment: Instant) -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    // A second of slack, for a moment that was taken just before the first look.
    let origin = *ORIGIN.get_or_init(Instant::now);
    u64::try_from((moment + Duration::from_secs(1)).saturating_duration_since(origin).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method) -> Request<()> {
        Request::builder().method(method).body(()).unwrap()
    }

    #[test]
    fn writes_pass_only_while_the_fence_is_open_and_reads_always() {
        let fence = Fence::closed();
        let passes = |method: Method| fence.clone().check(request(method)).is_ok();
        assert!(passes(Method::GET) && !passes(Method::PATCH));
        fence.open_until(Instant::now() + Duration::from_secs(60));
        assert!([Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().all(passes));
        fence.open_until(Instant::now());
        assert!(!passes(Method::DELETE));
        fence.open_until(Instant::now() + Duration::from_secs(60));
        fence.close();
        assert!(!passes(Method::POST) && passes(Method::GET));
        assert_eq!(Fence::closed().check(request(Method::PUT)).unwrap_err(), Fenced);
        assert!(Fence::default().check(request(Method::PUT)).is_ok(), "where nobody is elected, nothing is fenced");
    }
}
