//! Leader election: one writer at a time, by a Lease, with the rules of client-go.
//!
//! A holder renews its Lease; others watch whether it changes and take it when it has not for its whole duration, measured by their own
//! clock, so that clocks need not agree. Whoever cannot renew in time stops before anybody else may take over.
//!
//! **Invariant:** `lead` returns, and its work is dropped, before the Lease that it held can belong to another.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio_util::sync::CancellationToken;

/// How the Lease is held; the times are Flux's defaults.
#[derive(Clone, Debug)]
pub(super) struct Election {
    /// The Lease's name.
    pub(super) name: String,
    /// The Lease's namespace.
    pub(super) namespace: String,
    /// Who this process is; unique among all that compete.
    pub(super) identity: String,
    /// How long others wait after the last renewal before they take over.
    pub(super) duration: Duration,
    /// How long renewing may fail before the holder stops.
    pub(super) renew_deadline: Duration,
    /// How often the holder renews and others look.
    pub(super) retry_period: Duration,
}

impl Election {
    /// An election with Flux's times: 35 s, 30 s, 5 s.
    pub(super) fn new(name: String, namespace: String, identity: String) -> Self {
        Self {
            name,
            namespace,
            identity,
            duration: Duration::from_secs(35),
            renew_deadline: Duration::from_secs(30),
            retry_period: Duration::from_secs(5),
        }
    }

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
        let Some(held) = self.acquire(&leases, stop).await else { return false };
        tracing::info!(lease = %self.name, identity = %self.identity, "became leader");
        let lost = {
            tokio::pin!(work);
            tokio::select! {
                () = &mut work => false,
                () = self.keep(&leases, held) => true,
            }
        };
        if lost {
            tracing::error!(lease = %self.name, "lost the lease: stopping at once");
        } else {
            self.release(&leases).await;
        }
        lost
    }

    async fn acquire(&self, leases: &Api<Lease>, stop: &CancellationToken) -> Option<Lease> {
        let mut seen: Option<(Option<String>, Instant)> = None;
        loop {
            match self.try_acquire(leases, &mut seen).await {
                Ok(Some(lease)) => return Some(lease),
                Ok(None) => {}
                Err(error) => tracing::warn!(lease = %self.name, %error, "cannot get the lease"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.retry_period) => {}
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
            if since.elapsed() < duration.map_or(self.duration, Duration::from_secs) {
                return Ok(None);
            }
        }
        let transitions = spec.lease_transitions.unwrap_or_default() + i32::from(holder != self.identity);
        let acquired = if holder == self.identity { spec.acquire_time } else { None };
        let new = Lease { spec: Some(self.spec(transitions, acquired)), ..current };
        settled(leases.replace(&self.name, &PostParams::default(), &new).await)
    }

    /// Renews until that has failed for too long, or somebody else holds the Lease.
    async fn keep(&self, leases: &Api<Lease>, mut held: Lease) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.retry_period).await;
            let Some(left) = self.renew_deadline.checked_sub(renewed.elapsed()) else { return };
            match tokio::time::timeout(left, self.renew(leases, &held)).await {
                Ok(Ok(Some(lease))) => {
                    held = lease;
                    renewed = Instant::now();
                }
                Ok(Ok(None)) => match leases.get(&self.name).await {
                    Ok(lease)
                        if lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref())
                            == Some(&self.identity) =>
                    {
                        held = lease;
                    }
                    Ok(_) => return,
                    Err(error) => tracing::warn!(lease = %self.name, %error, "cannot read the lease"),
                },
                Ok(Err(error)) => tracing::warn!(lease = %self.name, %error, "cannot renew the lease"),
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
            tracing::warn!(lease = %self.name, %error, "cannot give the lease up; another process takes over when it runs out");
        }
    }

    fn spec(&self, transitions: i32, acquired: Option<MicroTime>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
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
