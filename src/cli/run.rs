//! `rhumb run`: the operator itself.
//!
//! Flags and environment are named as Flux's helm-controller 1.6 names them; flags of Flux that rhumb has no need of are accepted and
//! said to be without effect.
//!
//! **Invariant:** a flag that is understood differently from Flux's has another name.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio_util::sync::CancellationToken;

use super::gates::{self, Gates};
use crate::admin::{self, Readiness};
use crate::api;
use crate::api::helm_release::DriftMode;
use crate::controller::{self, Config, KubeConfigTrust, LeaseTimes, Sources};
use crate::source::Egress;
use crate::telemetry::{Encoding, Metrics, SpanListener, install_logging};

/// Flags of `rhumb run`.
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Run {
    /// Releases that are worked on at once; waiting for readiness does not count
    #[arg(long, default_value_t = 4)]
    concurrent: usize,
    /// Watch all namespaces; without, only the one that the operator runs in
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    watch_all_namespaces: bool,
    /// Label selector of the objects to reconcile, for sharding
    #[arg(long, default_value = "")]
    watch_label_selector: String,
    /// Label selector of the ConfigMaps and Secrets whose change triggers the releases that use them
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled")]
    watch_configs_label_selector: String,
    /// Namespace that the operator runs in
    #[arg(long, env = "RUNTIME_NAMESPACE", default_value = "flux-system")]
    runtime_namespace: String,
    /// Refuse references to sources in other namespaces
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true", require_equals = true)]
    no_cross_namespace_refs: bool,
    /// ServiceAccount to act as where a HelmRelease names none
    #[arg(long, default_value = "")]
    default_service_account: String,
    /// ServiceAccount whose token goes to another cluster where the ConfigMap of a kubeConfig.configMapRef names none
    #[arg(long, default_value = "")]
    default_kubeconfig_service_account: String,
    /// Time before a dependency or source that is not ready is looked at again, should no watch tell first
    #[arg(long, default_value = "30s", value_parser = duration)]
    requeue_dependency: Duration,
    /// Shortest back-off after an error
    #[arg(long, default_value = "750ms", value_parser = duration)]
    min_retry_delay: Duration,
    /// Longest back-off after an error
    #[arg(long, default_value = "15m", value_parser = duration)]
    max_retry_delay: Duration,
    /// How much intervals vary, in percent
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=100))]
    interval_jitter_percentage: u8,
    /// How long actions may go on after the operator is told to stop, until each is done or has to wait; what waits is handed over at once
    #[arg(long, default_value = "600s", value_parser = duration)]
    graceful_shutdown_timeout: Duration,
    /// Drift mode of releases that state none
    #[arg(long, value_enum, default_value_t = Drift::Enabled)]
    default_drift_mode: Drift,
    /// Revisions kept of releases that state none; 0 keeps all
    #[arg(long, default_value_t = 10)]
    default_max_history: i64,
    /// Refuse charts that are not asked for by an exact version or digest
    #[arg(long)]
    require_pinned_versions: bool,
    /// Who reconciles the chart sources
    #[arg(long, value_enum, default_value_t = SourcesFlag::Own)]
    sources: SourcesFlag,
    /// Addresses that sources are not fetched from: link-local, loopback, private, and ranges such as 10.1.0.0/16; none if empty
    #[arg(long, default_value = "link-local", value_parser = Egress::denying)]
    source_egress_deny: Egress,
    /// Field manager of applied objects
    #[arg(long, default_value = api::metadata::FIELD_MANAGER)]
    field_manager: String,
    /// Let kubeconfigs of releases run programs for their credentials
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true", require_equals = true)]
    insecure_kubeconfig_exec: bool,
    /// Let kubeconfigs of releases turn off certificate checks
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true", require_equals = true)]
    insecure_kubeconfig_tls: bool,
    /// Elect a leader among several processes
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, default_value_t = false, default_missing_value = "true", require_equals = true)]
    enable_leader_election: bool,
    /// How long other processes wait after the leader's last renewal before they take over
    #[arg(long, default_value = "35s", value_parser = duration)]
    leader_election_lease_duration: Duration,
    /// How long the leader may fail to renew before it stops; shorter than the lease
    #[arg(long, default_value = "30s", value_parser = duration)]
    leader_election_renew_deadline: Duration,
    /// How often the leader renews and others look
    #[arg(long, default_value = "5s", value_parser = duration)]
    leader_election_retry_period: Duration,
    /// Give the lease up when the operator stops, so that another need not wait for its end
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    leader_election_release_on_cancel: bool,
    /// URL of a notification-controller that events are posted to; none if empty
    #[arg(long, default_value = "", value_parser = events_address)]
    events_addr: EventsAddress,
    /// Metrics of each release and source; without, sums over all of them only
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    metrics_per_object: bool,
    /// Address of /metrics
    #[arg(long, default_value = ":8080")]
    metrics_addr: String,
    /// Address of /healthz and /readyz
    #[arg(long, default_value = ":9440")]
    health_addr: String,
    /// Log level: trace, debug, info or error, or a filter as in RUST_LOG
    #[arg(long, default_value = "info")]
    log_level: String,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t = Encoding::Json)]
    log_encoding: Encoding,
    /// URL of an OpenTelemetry collector that traces are sent to by OTLP over HTTP, if the program was built with that; none if empty
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "")]
    otlp_endpoint: String,
    /// Feature gates of Flux, such as AdditiveCELDependencyCheck=true; a warning names those without effect
    #[arg(long, default_value = "", value_parser = Gates::parse)]
    feature_gates: Gates,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

/// Flags of Flux's helm-controller that rhumb accepts and has no need of.
#[derive(Args, Debug)]
struct WithoutEffect {
    #[arg(long, hide = true)]
    kube_api_qps: Option<f64>,
    #[arg(long, hide = true)]
    kube_api_burst: Option<i64>,
    #[arg(long, hide = true)]
    http_retry: Option<u32>,
    #[arg(long, hide = true)]
    oom_watch_memory_threshold: Option<u8>,
    #[arg(long, hide = true)]
    oom_watch_interval: Option<String>,
    #[arg(long, hide = true)]
    oom_watch_max_memory_path: Option<String>,
    #[arg(long, hide = true)]
    oom_watch_current_memory_path: Option<String>,
    #[arg(long, hide = true)]
    token_cache_max_size: Option<i64>,
    #[arg(long, hide = true)]
    token_cache_max_duration: Option<String>,
    #[arg(long, hide = true)]
    http_timeout: Option<String>,
    #[arg(long, hide = true)]
    override_manager: Vec<String>,
    #[arg(long, hide = true)]
    snapshot_digest_algo: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Drift {
    Enabled,
    Warn,
    Disabled,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SourcesFlag {
    Own,
    External,
}

/// Where events are posted to, if anywhere.
#[derive(Clone, Debug)]
struct EventsAddress(Option<reqwest::Url>);

fn events_address(text: &str) -> Result<EventsAddress, String> {
    if text.is_empty() {
        return Ok(EventsAddress(None));
    }
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    Ok(EventsAddress(Some(url)))
}

fn duration(text: &str) -> Result<Duration, api::Error> {
    text.parse::<api::Duration>().map(api::Duration::as_std)
}

impl Run {
    /// Runs the operator until a signal stops it.
    pub(super) fn execute(self) -> anyhow::Result<()> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
        #[cfg(feature = "otel")]
        if !self.otlp_endpoint.is_empty() {
            let (traces, listener) = super::otlp::Traces::start(&self.otlp_endpoint, runtime.handle())?;
            let result = self.execute_on(&runtime, Some(listener));
            traces.close();
            return result;
        }
        self.execute_on(&runtime, None)
    }

    fn execute_on(self, runtime: &tokio::runtime::Runtime, listener: Option<SpanListener>) -> anyhow::Result<()> {
        install_logging(&self.log_level, self.log_encoding, listener)?;
        self.check_lease_times()?;
        if cfg!(not(feature = "otel")) && !self.otlp_endpoint.is_empty() {
            tracing::warn!("--otlp-endpoint has no effect: the program was built without the feature otel");
        }
        self.without_effect.report();
        for gate in self.feature_gates.without_effect() {
            tracing::warn!(gate, "the feature gate is accepted for compatibility and has no effect");
        }
        runtime.block_on(Box::pin(self.serve()))
    }

    async fn serve(self) -> anyhow::Result<()> {
        let metrics = Arc::new(Metrics::new(self.metrics_per_object));
        let readiness = Readiness::default();
        let stop = CancellationToken::new();
        let probes = admin::listen("--health-addr", &self.health_addr).await?;
        let exposition = admin::listen("--metrics-addr", &self.metrics_addr).await?;
        tokio::spawn(admin::serve_probes(probes, readiness.clone(), stop.clone().cancelled_owned()));
        tokio::spawn(admin::serve_metrics(exposition, Arc::clone(&metrics), stop.clone().cancelled_owned()));
        tokio::spawn(stop_on_signal(stop.clone())?);
        Box::pin(controller::run(self.config(), metrics, readiness, stop)).await?;
        Ok(())
    }

    fn lease_times(&self) -> LeaseTimes {
        LeaseTimes {
            duration: self.leader_election_lease_duration,
            renew_deadline: self.leader_election_renew_deadline,
            retry_period: self.leader_election_retry_period,
            release_on_cancel: self.leader_election_release_on_cancel,
        }
    }

    /// The rules of client-go, without which two processes could lead at once.
    fn check_lease_times(&self) -> anyhow::Result<()> {
        let times = self.lease_times();
        anyhow::ensure!(
            times.renew_deadline < times.duration,
            "--leader-election-renew-deadline ({:?}) must be shorter than --leader-election-lease-duration ({:?})",
            times.renew_deadline,
            times.duration
        );
        anyhow::ensure!(
            times.retry_period.mul_f64(1.2) < times.renew_deadline,
            "--leader-election-retry-period ({:?}) must be shorter than --leader-election-renew-deadline ({:?}) by a fifth",
            times.retry_period,
            times.renew_deadline
        );
        anyhow::ensure!(
            times.duration.subsec_nanos() == 0 && !times.retry_period.is_zero(),
            "--leader-election-lease-duration is told to others in whole seconds, and --leader-election-retry-period must not be 0"
        );
        Ok(())
    }

    fn config(&self) -> Config {
        Config {
            concurrent: self.concurrent.max(1),
            watch_namespace: (!self.watch_all_namespaces).then(|| self.runtime_namespace.clone()),
            watch_label_selector: given(&self.watch_label_selector),
            watch_configs_label_selector: (!self.feature_gates.is_open(gates::DISABLE_CONFIG_WATCHERS, false))
                .then(|| self.watch_configs_label_selector.clone()),
            additive_ready_expressions: self.feature_gates.is_open(gates::ADDITIVE_CEL_DEPENDENCY_CHECK, false),
            calls_off_waits: self.feature_gates.is_open(gates::CANCEL_HEALTH_CHECK_ON_NEW_REVISION, true),
            runtime_namespace: self.runtime_namespace.clone(),
            no_cross_namespace_refs: self.no_cross_namespace_refs,
            default_service_account: given(&self.default_service_account),
            default_kubeconfig_service_account: given(&self.default_kubeconfig_service_account),
            requeue_dependency: self.requeue_dependency,
            min_retry_delay: self.min_retry_delay,
            max_retry_delay: self.max_retry_delay,
            interval_jitter_percentage: self.interval_jitter_percentage,
            graceful_shutdown_timeout: self.graceful_shutdown_timeout,
            default_drift_mode: match self.default_drift_mode {
                Drift::Enabled => DriftMode::Enabled,
                Drift::Warn => DriftMode::Warn,
                Drift::Disabled => DriftMode::Disabled,
            },
            default_max_history: self.default_max_history,
            require_pinned_versions: self.require_pinned_versions,
            sources: match self.sources {
                SourcesFlag::Own => Sources::Own,
                SourcesFlag::External => Sources::External,
            },
            source_egress: self.source_egress_deny.clone(),
            field_manager: self.field_manager.clone(),
            kubeconfigs: KubeConfigTrust {
                exec: self.insecure_kubeconfig_exec,
                insecure_tls: self.insecure_kubeconfig_tls,
            },
            events_address: self.events_addr.0.clone(),
            leader_election: self.enable_leader_election.then(|| self.lease_times()),
        }
    }
}

impl WithoutEffect {
    fn report(&self) {
        let given = [
            ("--kube-api-qps", self.kube_api_qps.is_some()),
            ("--kube-api-burst", self.kube_api_burst.is_some()),
            ("--http-retry", self.http_retry.is_some()),
            ("--oom-watch-memory-threshold", self.oom_watch_memory_threshold.is_some()),
            ("--oom-watch-interval", self.oom_watch_interval.is_some()),
            ("--oom-watch-max-memory-path", self.oom_watch_max_memory_path.is_some()),
            ("--oom-watch-current-memory-path", self.oom_watch_current_memory_path.is_some()),
            ("--token-cache-max-size", self.token_cache_max_size.is_some()),
            ("--token-cache-max-duration", self.token_cache_max_duration.is_some()),
            ("--http-timeout", self.http_timeout.is_some()),
            ("--override-manager", !self.override_manager.is_empty()),
            ("--snapshot-digest-algo", self.snapshot_digest_algo.is_some()),
        ];
        for (flag, _) in given.into_iter().filter(|(_, given)| *given) {
            tracing::warn!(flag, "the flag is accepted for compatibility and has no effect");
        }
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Waits for SIGINT or SIGTERM, then tells the program to stop.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: running actions may end first");
        stop.cancel();
    })
}
