//! A reconcile at work: its place among the others, and what ends its waits early when the release is wanted otherwise meanwhile.
//!
//! Triggers that come while a reconcile runs wake the release again once it is over. That can be a long wait, so each is also told here; the
//! reconcile's sentinel looks whether the new state of affairs makes the wait pointless: another spec, deletion, another chart, other values.
//!
//! Counterpart: the feature `CancelHealthCheckOnNewRevision` of Flux's helm-controller 1.6, which ends a wait on any trigger.
//!
//! **Invariant:** a trigger that changes nothing ends no wait.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube_runtime::reflector::ObjectRef;
use tokio::sync::Notify;

use super::chart::find_chart;
use super::context::{Context, identity};
use super::prerequisites::Inputs;
use super::values;
use crate::action::{Interrupt, Slot};
use crate::api::HelmRelease;
use crate::release::config_digest;

/// The object whose change woke a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trigger {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

type Key = (String, String);

/// The reconciles under way that can be told of triggers.
#[derive(Clone, Debug, Default)]
pub(super) struct Engagements(Arc<Mutex<HashMap<Key, Arc<Mailbox>>>>);

/// Triggers that a reconcile has not looked at yet.
#[derive(Debug, Default)]
struct Mailbox {
    triggers: Mutex<VecDeque<Trigger>>,
    news: Notify,
}

impl Mailbox {
    fn triggers(&self) -> MutexGuard<'_, VecDeque<Trigger>> {
        self.triggers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> Trigger {
        loop {
            let news = self.news.notified();
            if let Some(trigger) = self.triggers().pop_front() {
                return trigger;
            }
            news.await;
        }
    }
}

impl Engagements {
    /// A reconcile of a release begins; there is never more than one at a time.
    pub(super) fn begin(&self, release: &HelmRelease, slot: Slot) -> Engagement {
        let (namespace, name) = identity(release);
        let key = (namespace.to_owned(), name.to_owned());
        let mailbox = Arc::<Mailbox>::default();
        self.all().insert(key.clone(), Arc::clone(&mailbox));
        Engagement { slot, interrupt: Interrupt::new(), all: self.clone(), key, mailbox }
    }

    /// Tells the reconcile of a release, if one is under way, what would wake it.
    pub(super) fn tell(&self, namespace: &str, name: &str, trigger: &Trigger) {
        let mailbox = self.all().get(&(namespace.to_owned(), name.to_owned())).cloned();
        let Some(mailbox) = mailbox else { return };
        let mut triggers = mailbox.triggers();
        if !triggers.contains(trigger) {
            triggers.push_back(trigger.clone());
        }
        drop(triggers);
        mailbox.news.notify_one();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Arc<Mailbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reconcile under way; it can be told of triggers until it is dropped.
pub(super) struct Engagement {
    pub(super) slot: Slot,
    pub(super) interrupt: Interrupt,
    all: Engagements,
    key: Key,
    mailbox: Arc<Mailbox>,
}

impl Drop for Engagement {
    fn drop(&mut self) {
        self.all.all().remove(&self.key);
    }
}

impl Engagement {
    /// Calls off the waits of a reconcile that began with this release and, unless it only uninstalls, these inputs, as soon as they are
    /// out of date. Never ends, so that it can run beside the work.
    pub(super) async fn keep_watch(&self, release: &HelmRelease, inputs: Option<&Inputs>, ctx: &Context) -> Infallible {
        loop {
            let trigger = self.mailbox.next().await;
            if !ctx.config.calls_off_waits {
                continue;
            }
            match self.is_outdated(release, inputs, &trigger, ctx).await {
                Outdated::No => {}
                Outdated::Changed => self.interrupt.call_off_waits(trigger.to_string()),
                Outdated::Deleted => self.interrupt.call_off_all(trigger.to_string()),
            }
        }
    }

    async fn is_outdated(
        &self,
        release: &HelmRelease,
        inputs: Option<&Inputs>,
        trigger: &Trigger,
        ctx: &Context,
    ) -> Outdated {
        match (trigger.kind, inputs) {
            ("HelmRelease", _) => spec_is_outdated(release, ctx),
            (_, None) => Outdated::No,
            ("ConfigMap" | "Secret", Some(inputs)) => {
                let digest = match values::compose(release, ctx).await {
                    Ok(values) => config_digest(&values).ok(),
                    // Values that are wrong now stop the next reconcile, not this one.
                    Err(_) => None,
                };
                Outdated::when(digest.is_some_and(|digest| digest != inputs.desired.config_digest))
            }
            (_, Some(inputs)) => {
                let found = find_chart(release, ctx).await;
                Outdated::when(found.is_ok_and(|found| found.facts != inputs.desired.chart))
            }
        }
    }
}

/// Whether what a reconcile works on is still what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outdated {
    No,
    Changed,
    Deleted,
}

impl Outdated {
    fn when(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::No }
    }
}

/// Whether the object has another spec, or a request to force or reset, or is to go.
fn spec_is_outdated(release: &HelmRelease, ctx: &Context) -> Outdated {
    let (namespace, name) = identity(release);
    let Some(now) = ctx.releases.get(&ObjectRef::new(name).within(namespace)) else { return Outdated::Deleted };
    let is_going = |release: &HelmRelease| release.metadata.deletion_timestamp.is_some();
    if now.metadata.uid != release.metadata.uid || is_going(&now) && !is_going(release) {
        return Outdated::Deleted;
    }
    // The store may lag behind the object that the reconcile began with.
    Outdated::when(now.metadata.generation > release.metadata.generation || now.asks_more_than(release))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Slots;

    fn release(name: &str) -> HelmRelease {
        let object = serde_json::json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "ns"},
            "spec": {"interval": "1m"},
        });
        serde_json::from_value(object).unwrap()
    }

    fn trigger(kind: &'static str) -> Trigger {
        Trigger { kind, namespace: "ns".to_owned(), name: "a".to_owned() }
    }

    #[tokio::test]
    async fn a_reconcile_hears_of_each_trigger_once_and_only_of_its_own() {
        let all = Engagements::default();
        let slots = Slots::new(2);
        let web = all.begin(&release("web"), slots.take().await);
        all.tell("ns", "web", &trigger("Secret"));
        all.tell("ns", "other", &trigger("Secret"));
        all.tell("ns", "web", &trigger("Secret"));
        all.tell("ns", "web", &trigger("HelmChart"));
        assert_eq!(web.mailbox.next().await, trigger("Secret"));
        assert_eq!(web.mailbox.next().await, trigger("HelmChart"));
        assert!(web.mailbox.triggers().is_empty());
        drop(web);
        assert!(all.all().is_empty());
    }
}
