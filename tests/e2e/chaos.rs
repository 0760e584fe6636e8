//! Whatever happens to the operator or to its way to the API server: the releases reach their right end.
//!
//! A fleet of releases gets new wishes at random: to be installed, upgraded, tested, rolled back after an upgrade that fails, uninstalled.
//! Meanwhile the operator is killed, or requests go wrong. Afterwards each release must be as wished, with a history that helm reads, no
//! object lost and none left over. `RHUMB_E2E_CRASHES` is how often the operator is killed, `RHUMB_E2E_SEED` repeats a run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use serde_json::json;

use crate::scene::{Scene, hello_spec};
use crate::support::api_proxy::{ApiProxy, Faults};
use crate::support::cluster::{Cluster, wait_for, wait_gone};
use crate::support::operator::OperatorOptions;
use crate::support::random::Random;
use crate::support::release::{has_condition, is_ready_at, is_settled};

/// How often the operator is killed unless the environment says otherwise.
const CRASHES: u64 = 20;
/// The releases of a fleet.
const NAMES: [&str; 4] = ["ada", "bob", "cyd", "dan"];
/// How long a fleet may take to reach its end; back-off after an outage included.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a release is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Not there.
    Gone,
    /// Ready at this version, with its tests passed.
    Ready(&'static str),
    /// Asked to upgrade to what never gets ready, and rolled back to this version.
    RolledBack(&'static str),
}

/// Releases and what they are to be.
struct Fleet {
    scene: Scene,
    seed: u64,
    random: Random,
    wishes: BTreeMap<&'static str, Wish>,
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

impl Fleet {
    fn new(scene: Scene) -> Self {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        let seed = number("RHUMB_E2E_SEED", now);
        let wishes = NAMES.map(|name| (name, Wish::Gone)).into_iter().collect();
        Self { scene, seed, random: Random::new(seed), wishes }
    }

    /// Gives every release another wish, and asks for it.
    async fn wish(&mut self) -> Result<()> {
        for name in NAMES {
            let before = self.wishes.get(name).copied().unwrap_or(Wish::Gone);
            let after = match (before, self.random.below(4)) {
                (Wish::Ready("1.0.0"), 0 | 1) => Wish::Ready("1.1.0"),
                (Wish::Ready(_), 0 | 1) => Wish::Ready("1.0.0"),
                (Wish::Ready(version), 2) => Wish::RolledBack(version),
                (Wish::Ready(_), _) | (Wish::RolledBack(_), 3) => Wish::Gone,
                (Wish::RolledBack("1.0.0"), _) => Wish::Ready("1.1.0"),
                (Wish::RolledBack(_) | Wish::Gone, _) => Wish::Ready("1.0.0"),
            };
            self.ask(name, after).await?;
            self.wishes.insert(name, after);
        }
        Ok(())
    }

    async fn ask(&self, name: &str, wish: Wish) -> Result<()> {
        match wish {
            Wish::Gone => {
                self.scene.releases().delete(name, &DeleteParams::default()).await?;
                Ok(())
            }
            Wish::Ready(version) => {
                let mut spec = hello_spec(version);
                spec["test"] = json!({"enable": true});
                self.scene.apply_release(name, &spec).await
            }
            Wish::RolledBack(version) => {
                let mut spec = hello_spec(if version == "1.0.0" { "1.1.0" } else { "1.0.0" });
                spec["timeout"] = json!("2s");
                spec["upgrade"] = json!({"remediation": {"remediateLastFailure": true}});
                spec["rollback"] = json!({"timeout": "30s"});
                spec["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}, "migration": {"enabled": false}});
                self.scene.apply_release(name, &spec).await
            }
        }
    }

    /// Waits until every release is as wished, and looks for what is lost or left over.
    async fn reaches_its_end(&self) -> Result<()> {
        for (name, wish) in &self.wishes {
            let reached = self.release_reaches(name, *wish).await;
            reached.with_context(|| {
                let log = self.scene.operator_log();
                format!("{name} is to be {wish:?}; RHUMB_E2E_SEED={} repeats the run; {log}", self.seed)
            })?;
        }
        self.nothing_is_lost_or_left::<Deployment>().await?;
        self.nothing_is_lost_or_left::<Service>().await?;
        self.nothing_is_lost_or_left::<ConfigMap>().await
    }

    async fn release_reaches(&self, name: &str, wish: Wish) -> Result<()> {
        let releases = self.scene.releases();
        match wish {
            Wish::Gone => {
                wait_gone(&releases, name, PATIENCE).await?;
                let secrets: Api<Secret> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
                let left =
                    secrets.list_metadata(&ListParams::default().labels(&format!("owner=helm,name={name}"))).await?;
                ensure!(left.items.is_empty(), "{} records are left", left.items.len());
            }
            Wish::Ready(version) => {
                let met = |release: &DynamicObject| is_settled(release) && is_ready_at(release, version);
                wait_for(&releases, name, PATIENCE, "ready", met).await?;
                self.has_one_end(name, version)?;
            }
            Wish::RolledBack(version) => {
                let met = |release: &DynamicObject| {
                    is_settled(release)
                        && has_condition(release, "Remediated", "True")
                        && has_condition(release, "Stalled", "True")
                };
                wait_for(&releases, name, PATIENCE, "rolled back", met).await?;
                self.has_one_end(name, version)?;
            }
        }
        Ok(())
    }

    /// The last revision is deployed with this chart, and no other is deployed or pending.
    fn has_one_end(&self, name: &str, version: &str) -> Result<()> {
        let history = self.scene.history(name)?;
        let (last, before) = history.split_last().context("no revision is stored")?;
        ensure!(last.ends_with(&format!(" deployed hello-{version}")), "the last revision is another: {history:?}");
        let open = before.iter().any(|revision| revision.contains(" deployed ") || revision.contains("pending"));
        ensure!(!open, "an older revision is left open: {history:?}");
        Ok(())
    }

    async fn nothing_is_lost_or_left<K>(&self) -> Result<()>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        let marked = api.list(&ListParams::default().labels("helm.toolkit.fluxcd.io/name")).await?;
        // What waits for the garbage collector is on its way out.
        let mut found: Vec<String> =
            marked.iter().filter(|object| object.meta().deletion_timestamp.is_none()).map(K::name_any).collect();
        found.sort();
        let wanted: Vec<String> = self
            .wishes
            .iter()
            .filter(|(_, wish)| **wish != Wish::Gone)
            .map(|(name, _)| format!("{name}-hello"))
            .collect();
        ensure!(found == wanted, "{} objects: {found:?}, wanted: {wanted:?}", K::kind(&()));
        Ok(())
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_brings_every_release_to_its_end() -> Result<()> {
    let mut fleet = Fleet::new(Scene::prepare("crash").await?);
    fleet.scene.start_operator().await?;
    fleet.wish().await?;
    fleet.reaches_its_end().await?;
    for crash in 1..=number("RHUMB_E2E_CRASHES", CRASHES) {
        fleet.wish().await?;
        // Chance decides what the operator is doing, so there is nothing to watch for.
        let moment = Duration::from_millis(fleet.random.below(2500));
        tokio::time::sleep(moment).await;
        fleet.scene.kill_operator();
        fleet.scene.start_operator().await?;
        fleet.reaches_its_end().await.with_context(|| format!("killed for the {crash}. time, after {moment:?}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn faults_of_the_api_server_change_no_end() -> Result<()> {
    if Cluster::shared().await?.plane().is_none() {
        eprintln!("skipped: the proxy reads kubeconfigs of our own control plane only");
        return Ok(());
    }
    let mut fleet = Fleet::new(Scene::prepare("faults").await?);
    let proxy = ApiProxy::start(fleet.scene.cluster.operator_kubeconfig(), fleet.scene.charts.path(), None).await?;
    let mut options = OperatorOptions { kubeconfig: proxy.kubeconfig().to_owned(), ..fleet.scene.operator_options() };
    options.flags.push("--max-retry-delay=10s".to_owned());
    fleet.scene.start_operator_with(&options).await?;
    fleet.wish().await?;
    fleet.reaches_its_end().await?;
    for round in ["errors and cut watches", "more of them"] {
        proxy.play(Faults { per_mille: 100, cuts_watches: true });
        fleet.wish().await?;
        fleet.reaches_its_end().await.context(round)?;
    }
    proxy.play(Faults::default());
    fleet.wish().await?;
    // In the middle of whatever it is doing by then.
    tokio::time::sleep(Duration::from_millis(fleet.random.below(1500))).await;
    proxy.set_away(true);
    tokio::time::sleep(Duration::from_secs(30)).await;
    proxy.set_away(false);
    fleet.reaches_its_end().await.context("away for 30 s")
}
