//! Requests that users put on a HelmRelease as annotations: reconcile now, force one release action, reset the counters.
//!
//! The protocol is Flux's: a token in `reconcile.fluxcd.io/requestedAt` asks for a reconcile; `forceAt` and `resetAt` count only with the
//! same token. A token is handled once, which `status.lastHandled*` records.
//!
//! **Invariant:** a token that was handled never acts again.

use crate::api::metadata::{FORCE_AT_ANNOTATION, REQUESTED_AT_ANNOTATION, RESET_AT_ANNOTATION};
use crate::api::{HelmRelease, HelmReleaseStatus};

/// The requests on a HelmRelease that have not been handled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// One install or upgrade is wanted, whatever the state.
    pub forced: bool,
    /// The failure counters are to be reset.
    pub reset: bool,
}

impl HelmRelease {
    /// The requests that wait to be handled.
    pub fn requests(&self) -> Requests {
        let status = self.status.as_ref();
        let requested = self.token(REQUESTED_AT_ANNOTATION);
        let waits = |annotation, handled: Option<&String>| {
            let token = self.token(annotation);
            token.is_some() && token == requested && token != handled.map(String::as_str)
        };
        Requests {
            forced: waits(FORCE_AT_ANNOTATION, status.and_then(|status| status.last_handled_force_at.as_ref())),
            reset: waits(RESET_AT_ANNOTATION, status.and_then(|status| status.last_handled_reset_at.as_ref())),
        }
    }

    /// Whether a request to force or to reset is on this object that was not on an earlier state of it.
    pub fn asks_more_than(&self, earlier: &Self) -> bool {
        let new = |annotation| self.token(annotation).is_some() && self.token(annotation) != earlier.token(annotation);
        let asks = self.requests();
        asks.forced && new(FORCE_AT_ANNOTATION) || asks.reset && new(RESET_AT_ANNOTATION)
    }

    fn token(&self, annotation: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(annotation).map(String::as_str).filter(|token| !token.is_empty())
    }
}

/// Notes every token on the object as handled.
pub fn handle_tokens(status: &mut HelmReleaseStatus, release: &HelmRelease) {
    for (annotation, handled) in [
        (REQUESTED_AT_ANNOTATION, &mut status.last_handled_reconcile_at),
        (FORCE_AT_ANNOTATION, &mut status.last_handled_force_at),
        (RESET_AT_ANNOTATION, &mut status.last_handled_reset_at),
    ] {
        if let Some(token) = release.token(annotation) {
            *handled = Some(token.to_owned());
        }
    }
}
