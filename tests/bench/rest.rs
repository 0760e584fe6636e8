//! What releases cost once they are Ready: idle processor time, how soon drift is put right, and a restart.
//!
//! In: a fleet at rest. Out: times and requests. Never changes a HelmRelease.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::measure;
use crate::releases;
use crate::support::operator::{Operator, OperatorOptions};

/// How long the operator is watched doing nothing.
const IDLE: Duration = Duration::from_secs(30);
/// How many releases are made to drift, one after the other.
const DRIFTS: usize = 40;
/// How often a restarted operator is asked how far it is.
const ASKED: Duration = Duration::from_millis(100);
/// How long anything here may take.
const DEADLINE: Duration = Duration::from_secs(120);

/// The share of a processor that the operator takes while nothing happens, in percent.
pub(crate) async fn idle_percent(operator: &Operator) -> Result<f64> {
    let before = measure::processor_time(operator.id())?;
    sleep(IDLE).await;
    let spent = measure::processor_time(operator.id())?.saturating_sub(before);
    Ok(100.0 * spent.as_secs_f64() / IDLE.as_secs_f64())
}

/// Scales Deployments all over the fleet, one at a time, and gives the times until they were put right, the shortest first.
pub(crate) async fn repairs(client: &Client, namespace: &str, count: usize) -> Result<Vec<Duration>> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let drifts = DRIFTS.min(count);
    let mut took = Vec::new();
    for at in 0..drifts {
        let name = releases::name(at * count / drifts);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut changes = std::pin::pin!(watcher(api.clone(), config).applied_objects());
        changes.try_next().await?.context("the watch ended")?;
        let patch = Patch::Merge(json!({"spec": {"replicas": 1}}));
        let changed = api.patch(&name, &PatchParams::default(), &patch).await?.metadata.generation;
        let began = Instant::now();
        let repaired = async {
            while let Some(deployment) = changes.try_next().await? {
                let replicas = deployment.spec.and_then(|spec| spec.replicas);
                if deployment.metadata.generation > changed && replicas == Some(0) {
                    return Ok(());
                }
            }
            anyhow::bail!("the watch ended")
        };
        timeout(DEADLINE, repaired).await.with_context(|| format!("{name} was not put right"))??;
        took.push(began.elapsed());
    }
    took.sort();
    Ok(took)
}

/// Starts an operator on releases at rest, and gives it with the time until it has looked at all of them.
pub(crate) async fn start(options: &OperatorOptions, count: usize) -> Result<(Operator, Duration)> {
    let began = Instant::now();
    let operator = Operator::start(options).await?;
    while reconciled(&operator.metrics().await?) < count {
        anyhow::ensure!(began.elapsed() < DEADLINE, "the operator has not looked at all releases");
        sleep(ASKED).await;
    }
    Ok((operator, began.elapsed()))
}

/// How many reconciles of HelmReleases have ended well, as the metrics say.
fn reconciled(metrics: &str) -> usize {
    let of_releases = metrics.lines().filter(|line| {
        line.starts_with("controller_runtime_reconcile_total{")
            && line.contains("controller=\"helmrelease\"")
            && !line.contains("result=\"error\"")
    });
    of_releases.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}
