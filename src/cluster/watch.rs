//! Running one watch as a task, and telling how it is.
//!
//! **Invariant:** a watch that fails is tried again with growing pauses until its owner is dropped or the kind is gone.

use std::fmt::Debug;
use std::pin::pin;

use futures::StreamExt as _;
use kube::{Api, Resource};
use kube_runtime::WatchStreamExt as _;
use kube_runtime::watcher::{self, watcher};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::telemetry::causes;

/// How a watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// The first list is not there yet.
    Starting,
    /// Everything that exists has been told.
    Synced,
    /// The server refuses to list or watch; it is asked again now and then.
    Refused,
    /// The server does not serve the kind any more; the watch has ended.
    Gone,
}

/// A task that ends with its owner.
pub(crate) struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches in a task and feeds every event to `sink`.
pub(crate) fn spawn_watch<K>(
    api: Api<K>,
    config: watcher::Config,
    health: watch::Sender<Health>,
    mut sink: impl FnMut(watcher::Event<K>) + Send + 'static,
) -> AbortOnDrop
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let url = api.resource_url().to_owned();
    AbortOnDrop(tokio::spawn(async move {
        let mut events = pin!(watcher(api, config).default_backoff());
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    let synced = matches!(event, watcher::Event::InitDone);
                    sink(event);
                    if synced {
                        health.send_replace(Health::Synced);
                    }
                }
                Err(error) => match refusal(&error) {
                    Some(Health::Gone) => {
                        health.send_replace(Health::Gone);
                        return;
                    }
                    Some(state) => {
                        // Said once: it is asked again for as long as somebody has a use for it.
                        if health.send_replace(state) != state {
                            tracing::warn!(%url, error = causes(&error), "watch refused");
                        }
                    }
                    None => tracing::debug!(%url, error = causes(&error), "watch interrupted"),
                },
            }
        }
    }))
}

/// What an error says about the watch as a whole; none for those that pass.
fn refusal(error: &watcher::Error) -> Option<Health> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    match status.code {
        404 | 405 => Some(Health::Gone),
        401 | 403 => Some(Health::Refused),
        _ => None,
    }
}

/// Waits until a watch is no longer starting.
pub(crate) async fn settled(mut health: watch::Receiver<Health>) -> Health {
    match health.wait_for(|health| *health != Health::Starting).await {
        Ok(health) => *health,
        // The task has ended without a word, which only its abortion does.
        Err(_) => Health::Gone,
    }
}
