//! Leader election: one writer at a time, by a Lease, with the rules of client-go.
//!
//! A holder renews its Lease; others watch whether it changes and take it when it has not for its whole duration, measured by their own
//! clock, so that clocks need not agree. Whoever cannot renew in time stops before anybody else may take over.
//!
//! A process that is paused meanwhile cannot stop in time; its [`Fence`] then holds back what it would write when it wakes up.
//!
//! **Invariant:** `lead` returns, and its work is dropped, before the Lease that it held can belong to another, or nothing is written.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio_util::sync::CancellationToken;

use crate::cluster::Fence;
use crate::telemetry::causes;

/// How a Lease is held (`--leader-election-…`); the defaults are Flux's.
#[derive(Clone, Debug)]
pub struct LeaseTimes {
    /// How long others wait after the last renewal before they take over.
    pub duration: Duration,
    /// How long renewing may fail before the holder stops.
    pub renew_deadline: Duration,
    /// How often the holder renews and others look.
    pub retry_period: Duration,
    /// Whether the Lease is given up when the program stops, so that another need not wait.
    pub release_on_cancel: bool,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(35),
            renew_deadline: Duration::from_secs(30),
            retry_period: Duration::from_secs(5),
            release_on_cancel: true,
        }
    }
}

/// A competition for a Lease.
#[derive(Clone, Debug)]
pub(super) struct Election {
    /// The Lease's name.
    pub(super) name: String,
    /// The Lease's namespace.
    pub(super) namespace: String,
    /// Who this process is; unique among all that compete.
    pub(super) identity: String,
    /// How it is held.
    pub(super) times: LeaseTimes,
    /// What holds back the writes of a process that leads no more.
    pub(super) fence: Fence,
}

impl Election {
    /// Waits for the Lease, runs the work while holding it, and gives it up afterwards.
    ///
    /// Returns whether the Lease was lost before the work ended. The work is cancelled by being dropped.
    pub(super) async fn lead(
        &self,
        client: kube::Client,
        stop: &CancellationToken,
        work: impl Future<Output = ()>,
    ) -> bool {
        let leases: Api<Lease> = Api::namespaced(client, &self.namespace);
        let Some((held, since)) = self.acquire(&leases, stop).await else { return false };
        self.fence.open_until(since + self.times.renew_deadline);
        tracing::info!(lease = %self.name, identity = %self.identity, "became leader");
        let lost = {
            tokio::pin!(work);
            tokio::select! {
                () = &mut work => false,
                () = self.keep(&leases, held, since) => true,
            }
        };
        self.fence.close();
        if lost {
            tracing::error!(lease = %self.name, "lost the lease: stopping at once");
        } else if self.times.release_on_cancel {
            self.release(&leases).await;
        }
        lost
    }

    /// The Lease, and when it was asked for.
    async fn acquire(&self, leases: &Api<Lease>, stop: &CancellationToken) -> Option<(Lease, Instant)> {
        let mut seen: Option<(Option<String>, Instant)> = None;
        loop {
            let asked = Instant::now();
            match self.try_acquire(leases, &mut seen).await {
                Ok(Some(lease)) => return Some((lease, asked)),
                Ok(None) => {}
                Err(error) => tracing::warn!(lease = %self.name, error = causes(&error), "cannot get the lease"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.times.retry_period) => {}
            }
        }
    }

    /// One attempt; `seen` is the version of somebody else's Lease and when it was first seen.
    async fn try_acquire(
        &self,
        leases: &Api<Lease>,
        seen: &mut Option<(Option<String>, Instant)>,
    ) -> kube::Result<Option<Lease>> {
        let Some(current) = leases.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let new = Lease { metadata, spec: Some(self.spec(0, None)) };
            return settled(leases.create(&PostParams::default(), &new).await);
        };
        let spec = current.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if !holder.is_empty() && holder != self.identity {
            let version = current.metadata.resource_version.clone();
            let since = match seen {
                Some((kept, since)) if *kept == version => *since,
                _ => seen.insert((version, Instant::now())).1,
            };
            let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            if since.elapsed() < duration.map_or(self.times.duration, Duration::from_secs) {
                return Ok(None);
            }
        }
        let transitions = spec.lease_transitions.unwrap_or_default() + i32::from(holder != self.identity);
        let acquired = if holder == self.identity { spec.acquire_time } else { None };
        let new = Lease { spec: Some(self.spec(transitions, acquired)), ..current };
        settled(leases.replace(&self.name, &PostParams::default(), &new).await)
    }

    /// Renews until that has failed for too long, or somebody else holds the Lease.
    ///
    /// Others count from when the server took a renewal, so this process has to count from when it asked for it.
    async fn keep(&self, leases: &Api<Lease>, mut held: Lease, since: Instant) {
        let mut renewed = since;
        loop {
            self.fence.open_until(renewed + self.times.renew_deadline);
            tokio::time::sleep(self.times.retry_period).await;
            let Some(left) = self.times.renew_deadline.checked_sub(renewed.elapsed()) else { return };
            let asked = Instant::now();
            match tokio::time::timeout(left, self.renew(leases, &held)).await {
                Ok(Ok(Some(lease))) => {
                    held = lease;
                    renewed = asked;
                }
                Ok(Ok(None)) => match leases.get(&self.name).await {
                    Ok(lease)
                        if lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref())
                            == Some(&self.identity) =>
                    {
                        held = lease;
                    }
                    Ok(_) => return,
                    Err(error) => tracing::warn!(lease = %self.name, error = causes(&error), "cannot read the lease"),
                },
                Ok(Err(error)) => tracing::warn!(lease = %self.name, error = causes(&error), "cannot renew the lease"),
                Err(_) => return,
            }
        }
    }

    async fn renew(&self, leases: &Api<Lease>, held: &Lease) -> kube::Result<Option<Lease>> {
        let spec = held.spec.clone().unwrap_or_default();
        let spec = LeaseSpec { renew_time: Some(MicroTime(Timestamp::now())), ..spec };
        let new = Lease { spec: Some(spec), ..held.clone() };
        settled(leases.replace(&self.name, &PostParams::default(), &new).await)
    }

    /// Gives the Lease up, so that another need not wait.
    async fn release(&self, leases: &Api<Lease>) {
        let given_up = async {
            let current = leases.get(&self.name).await?;
            let spec = current.spec.clone().unwrap_or_default();
            if spec.holder_identity.as_ref() != Some(&self.identity) {
                return Ok(());
            }
            let spec = LeaseSpec { holder_identity: Some(String::new()), lease_duration_seconds: Some(1), ..spec };
            leases.replace(&self.name, &PostParams::default(), &Lease { spec: Some(spec), ..current }).await.map(|_| ())
        };
        if let Err(error) = given_up.await {
            tracing::warn!(lease = %self.name, error = causes(&error), "cannot give the lease up; another process takes over when it runs out");
        }
    }

    fn spec(&self, transitions: i32, acquired: Option<MicroTime>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.times.duration.as_secs()).ok(),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

/// A write that lost against another one is no error: the next look tells more.
fn settled(result: kube::Result<Lease>) -> kube::Result<Option<Lease>> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
        Err(error) => Err(error),
    }
}
