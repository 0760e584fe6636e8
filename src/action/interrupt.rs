//! Calls off what an action waits for, when the release is wanted otherwise meanwhile.
//!
//! **Invariant:** only waits end early; what is being applied, stored or deleted is finished.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Ends the waits of one action early, and knows on whose account.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    all: CancellationToken,
    waits: CancellationToken,
    by: Arc<OnceLock<String>>,
}

impl Interrupt {
    /// Nothing has been called off.
    pub fn new() -> Self {
        let all = CancellationToken::new();
        let waits = all.child_token();
        Self { all, waits, by: Arc::default() }
    }

    /// Calls off waits for objects, tests and hooks that have not begun to run; a hook that runs may be a migration, which is better left to
    /// end.
    pub fn call_off_waits(&self, by: String) {
        // Who comes second only says the same again.
        let _ = self.by.set(by);
        self.waits.cancel();
    }

    /// Calls off every wait, as when the release is to go.
    pub fn call_off_all(&self, by: String) {
        let _ = self.by.set(by);
        self.all.cancel();
    }

    /// On whose account waits were called off, as `<kind>/<namespace>/<name>`.
    pub fn by(&self) -> Option<&str> {
        self.by.get().map(String::as_str)
    }

    /// Cancelled when waits are called off.
    pub(super) fn waits(&self) -> CancellationToken {
        self.waits.clone()
    }

    /// Cancelled when everything is called off.
    pub(super) fn all(&self) -> CancellationToken {
        self.all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_run_are_called_off_only_with_everything_else() {
        let interrupt = Interrupt::new();
        interrupt.call_off_waits("HelmRelease/ns/web".to_owned());
        assert!(interrupt.waits().is_cancelled() && !interrupt.all().is_cancelled());
        interrupt.call_off_all("HelmRelease/ns/other".to_owned());
        assert!(interrupt.all().is_cancelled());
        assert_eq!(interrupt.by(), Some("HelmRelease/ns/web"));
    }

    #[test]
    fn calling_off_everything_calls_off_waits_too() {
        let interrupt = Interrupt::new();
        interrupt.call_off_all("HelmRelease/ns/web".to_owned());
        assert!(interrupt.waits().is_cancelled());
    }
}
