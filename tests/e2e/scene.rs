//! What a test of a release starts from: a namespace, chart sources with the example chart, an operator of its own, helm.
//!
//! Each operator watches its own namespace only, so that tests run side by side. Never shared between tests.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::support::chart_server::ChartServer;
use crate::support::cluster::{Cluster, apply, install_crds, wait_for};
use crate::support::helm::Helm;
use crate::support::operator::{Operator, OperatorOptions};
use crate::support::process::temporary_folder;
use crate::support::release;

/// How long anything that should happen may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The annotation by which a user asks for a reconcile.
const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";

/// The ground of one test.
pub(crate) struct Scene {
    pub(crate) cluster: &'static Cluster,
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) helm: Helm,
    pub(crate) charts: TempDir,
    pub(crate) repository: ChartServer,
    operator: Option<Operator>,
}

impl Scene {
    /// Prepares everything and starts the operator.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let mut scene = Self::prepare(name).await?;
        scene.start_operator().await?;
        Ok(scene)
    }

    /// Prepares a namespace with a HelmRepository `charts` that has `hello` in versions 1.0.0 and 1.1.0.
    pub(crate) async fn prepare(name: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let client = cluster.client().await?;
        installed_crds(&client).await?;
        let namespace = cluster.namespace(&client, name).await?;
        let helm = Helm::on(cluster.kubeconfig())?;
        let charts = temporary_folder("rhumb-charts-")?;
        for version in ["1.0.0", "1.1.0"] {
            helm.package(&hello(), version, charts.path())?;
        }
        let repository = ChartServer::start(charts.path())?;
        let scene = Self { cluster, client, namespace, helm, charts, repository, operator: None };
        let url = scene.repository.url();
        scene.apply_source("HelmRepository", "charts", &json!({"url": url, "interval": "10m"})).await?;
        Ok(scene)
    }

    /// How the operator is started: it watches the scene's namespace only.
    pub(crate) fn operator_options(&self) -> OperatorOptions {
        OperatorOptions {
            program: PathBuf::from(env!("CARGO_BIN_EXE_rhumb")),
            kubeconfig: self.cluster.operator_kubeconfig().to_owned(),
            namespace: self.namespace.clone(),
            flags: vec!["--watch-all-namespaces=false".to_owned()],
            authorities: None,
        }
    }

    /// Starts the operator, again after [`Self::kill_operator`].
    pub(crate) async fn start_operator(&mut self) -> Result<()> {
        let options = self.operator_options();
        self.start_operator_with(&options).await
    }

    /// Starts the operator with options of choice.
    pub(crate) async fn start_operator_with(&mut self, options: &OperatorOptions) -> Result<()> {
        self.operator = Some(Operator::start(options).await?);
        Ok(())
    }

    /// The names of what the operator keeps in its folder for temporary files.
    pub(crate) fn temporary_files(&self) -> Result<Vec<String>> {
        self.operator.as_ref().context("no operator runs")?.temporary_files()
    }

    /// Ends the operator as `kill -9` does.
    pub(crate) fn kill_operator(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.kill();
        }
    }

    /// Ends the operator as a kubelet does; it has to end by itself, and well.
    pub(crate) fn stop_operator(&mut self) -> Result<()> {
        let mut operator = self.operator.take().context("no operator runs")?;
        let status = operator.stop().context("the operator did not end by itself")?;
        ensure!(status.success(), "the operator ended with {status}");
        Ok(())
    }

    /// Applies a source object.
    pub(crate) async fn apply_source(&self, kind: &str, name: &str, spec: &Value) -> Result<()> {
        self.apply("source.toolkit.fluxcd.io/v1", kind, name, spec).await
    }

    /// Applies a HelmRelease with this spec; an interval that no test waits for is added.
    pub(crate) async fn apply_release(&self, name: &str, spec: &Value) -> Result<()> {
        let mut spec = spec.clone();
        spec["interval"] = json!("1h");
        self.apply("helm.toolkit.fluxcd.io/v2", "HelmRelease", name, &spec).await
    }

    async fn apply(&self, api_version: &str, kind: &str, name: &str, spec: &Value) -> Result<()> {
        let metadata = json!({"name": name, "namespace": self.namespace});
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
        apply(&self.client, &object).await?;
        Ok(())
    }

    /// The HelmReleases of the namespace.
    pub(crate) fn releases(&self) -> Api<DynamicObject> {
        release::in_namespace(&self.client, &self.namespace)
    }

    /// The Services of the namespace.
    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until a HelmRelease is settled at its newest generation and is as `met` says.
    pub(crate) async fn release_is(
        &self,
        name: &str,
        what: &str,
        met: impl Fn(&DynamicObject) -> bool,
    ) -> Result<DynamicObject> {
        let waited =
            wait_for(&self.releases(), name, SOON, what, |found| release::is_settled(found) && met(found)).await;
        waited.with_context(|| self.operator_log())
    }

    /// Waits until a HelmRelease is ready with this version of its chart.
    pub(crate) async fn ready(&self, name: &str, version: &str) -> Result<DynamicObject> {
        self.release_is(name, &format!("ready at {version}"), |found| release::is_ready_at(found, version)).await
    }

    /// Asks for a reconcile with this token.
    pub(crate) async fn reconcile_soon(&self, name: &str, token: &str) -> Result<()> {
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: token}}});
        self.releases().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Asks for a reconcile with this token and waits until it is handled.
    pub(crate) async fn reconcile(&self, name: &str, token: &str) -> Result<DynamicObject> {
        self.reconcile_soon(name, token).await?;
        self.release_is(name, "reconciled on request", |release| {
            release.data["status"]["lastHandledReconcileAt"] == token
        })
        .await
    }

    /// The revisions as helm has them.
    pub(crate) fn history(&self, release: &str) -> Result<Vec<String>> {
        self.helm.history(&self.namespace, release)
    }

    /// The operator's process.
    pub(crate) fn operator_process(&self) -> Result<u32> {
        Ok(self.operator.as_ref().context("no operator runs")?.id())
    }

    /// The operator's metrics in Prometheus' text format.
    pub(crate) async fn metrics(&self) -> Result<String> {
        self.operator.as_ref().context("no operator runs")?.metrics().await
    }

    /// The host and port of the operator's metrics.
    pub(crate) fn metrics_address(&self) -> Result<String> {
        Ok(self.operator.as_ref().context("no operator runs")?.metrics_address().to_owned())
    }

    /// Where the operator's log is.
    pub(crate) fn operator_log_path(&self) -> Result<PathBuf> {
        Ok(self.operator.as_ref().context("no operator runs")?.log().to_owned())
    }

    /// Why a test failed is usually in here.
    pub(crate) fn operator_log(&self) -> String {
        let tail = self.operator.as_ref().map(|operator| operator.log_tail(60));
        format!("the operator's log ends with:\n{}", tail.unwrap_or_default())
    }
}

/// Installs the CRDs unless a test of this process has.
pub(crate) async fn installed_crds(client: &Client) -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_try_init(|| install_crds(client)).await?;
    Ok(())
}

/// The folder of the example chart.
pub(crate) fn hello() -> PathBuf {
    crate::project::root().join("examples/charts/hello")
}

/// A spec that takes the example chart from the scene's repository.
pub(crate) fn hello_spec(version: &str) -> Value {
    let source = json!({"kind": "HelmRepository", "name": "charts"});
    json!({
        "timeout": "30s",
        "chart": {"spec": {"chart": "hello", "version": version, "sourceRef": source}},
    })
}
