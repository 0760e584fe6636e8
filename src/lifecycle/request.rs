//! Requests that users put on a HelmRelease as annotations: reconcile now, force one release action, reset the counters.
//!
//! The protocol is Flux's: a token in `reconcile.fluxcd.io/requestedAt` asks for a reconcile; `forceAt` and `resetAt` count only with the
//! same token. A token is handled once, which `status.lastHandled*` records.
//!
//! **Invariant:** a token that was handled never acts again.

use crate::api::conditions::{condition_type, is_true};
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

    /// Whether its status says that all is done: its generation is dealt with and ready, and nothing is asked that was not handled.
    pub fn is_at_rest(&self) -> bool {
        let Some(status) = &self.status else { return false };
        let requested = self.token(REQUESTED_AT_ANNOTATION);
        self.metadata.deletion_timestamp.is_none()
            && status.observed_generation == self.metadata.generation
            && is_true(&status.conditions, condition_type::READY)
            && requested.is_none_or(|token| status.last_handled_reconcile_at.as_deref() == Some(token))
            && self.requests() == Requests::default()
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A release that is at rest, with this laid over it.
    fn release(change: &Value) -> HelmRelease {
        let mut object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "web", "generation": 2, "annotations": {REQUESTED_AT_ANNOTATION: "a"}},
            "spec": {"interval": "1m"},
            "status": {
                "observedGeneration": 2,
                "lastHandledReconcileAt": "a",
                "conditions": [{"type": "Ready", "status": "True", "reason": "InstallSucceeded", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            },
        });
        json_patch::merge(&mut object, change);
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_release_is_at_rest_only_while_nothing_is_asked_of_it() {
        assert!(release(&json!({})).is_at_rest());
        for change in [
            json!({"status": null}),
            json!({"metadata": {"generation": 3}}),
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: "b"}}}),
            json!({"metadata": {"annotations": {RESET_AT_ANNOTATION: "a"}}}),
            json!({"status": {"conditions": []}}),
        ] {
            assert!(!release(&change).is_at_rest(), "{change}");
        }
    }
}
