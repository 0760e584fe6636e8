//! A real Prometheus scrapes the operator: it understands every metric, and the chart's alerts fire on what happens in a cluster.
//!
//! The rules are those of the chart; only the time that each condition has to last is shortened.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::scene::{Scene, hello_spec};
use crate::support::cluster::documents;
use crate::support::prometheus::Prometheus;
use crate::support::release::has_condition;

/// How long an alert may take once its cause is there: a scrape, an evaluation, a busy machine.
const ALERT: Duration = Duration::from_secs(60);

/// The chart's alerts, with conditions that need to last for a second only.
fn impatient_rules() -> Result<Value> {
    let path = crate::project::root().join("charts/rhumb/alerts.yaml");
    let mut rules = documents(&std::fs::read_to_string(path)?)?.remove(0);
    for rule in rules["groups"][0]["rules"].as_array_mut().context("no rules")? {
        rule["for"] = json!("1s");
    }
    Ok(rules)
}

#[tokio::test]
async fn alerts_fire_when_a_release_fails_stalls_and_drifts() -> Result<()> {
    let scene = Scene::start("alerts").await?;
    let target = scene.metrics_address()?;
    let Some(prometheus) = Prometheus::start(&target, "rhumb-system", &impatient_rules()?).await? else {
        eprintln!("skipped: Prometheus is not installed");
        return Ok(());
    };
    scene.apply_release("fine", &hello_spec("1.0.0")).await?;
    scene.ready("fine", "1.0.0").await?;

    let mut failing = hello_spec("1.0.0");
    failing["timeout"] = json!("2s");
    failing["values"] = json!({"podLabels": {"rhumb.test/pod": "unready"}});
    scene.apply_release("failing", &failing).await?;
    let missing =
        json!({"chart": {"spec": {"chart": "absent", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}});
    scene.apply_release("missing", &missing).await?;
    let mut drifting = hello_spec("1.0.0");
    drifting["driftDetection"] = json!({"mode": "warn"});
    scene.apply_release("drifting", &drifting).await?;
    scene.ready("drifting", "1.0.0").await?;
    scene.services().delete("drifting-hello", &kube::api::DeleteParams::default()).await?;
    scene.release_is("drifting", "drifted", |release| has_condition(release, "Drifted", "True")).await?;

    let told = |alert: &'static str, name: &'static str| {
        let (prometheus, scene) = (&prometheus, &scene);
        async move { prometheus.fires(alert, name, ALERT).await.with_context(|| scene.operator_log()) }
    };
    let annotations = told("HelmReleaseNotReady", "missing").await?;
    let summary = annotations["summary"].as_str().unwrap_or_default();
    ensure!(summary.contains(&format!("{}/missing", scene.namespace)), "the namespace is the release's own: {summary}");
    told("HelmReleaseDrifted", "drifting").await?;
    told("HelmReleaseNotReady", "failing").await?;
    told("HelmReleaseStalled", "failing").await?;
    told("HelmReleaseRetriesExhausted", "failing").await?;

    let targets = prometheus.ask("targets").await?;
    let scraped = &targets["activeTargets"][0];
    assert_eq!((&scraped["health"], &scraped["lastError"]), (&json!("up"), &json!("")));
    let alerts = prometheus.ask("alerts").await?;
    let about_fine =
        alerts["alerts"].as_array().into_iter().flatten().filter(|it| it["labels"]["name"] == "fine").count();
    assert_eq!(about_fine, 0, "{alerts}");
    assert_eq!(alert_names(&alerts, "critical"), [""; 0], "{alerts}");

    // Each metric that the operator tells has arrived.
    let known = prometheus.ask("label/__name__/values").await?;
    let known: Vec<&str> = known.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for line in scene.metrics().await?.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        ensure!(known.contains(&name), "{name} is told, but Prometheus does not have it");
    }
    Ok(())
}

fn alert_names(alerts: &Value, severity: &str) -> Vec<String> {
    let all = alerts["alerts"].as_array().into_iter().flatten();
    let of_severity = all.filter(|alert| alert["labels"]["severity"] == severity && alert["state"] == "firing");
    of_severity.map(|alert| alert["labels"]["alertname"].to_string()).collect()
}

#[tokio::test]
async fn the_size_of_a_record_is_told_as_the_server_counts_it() -> Result<()> {
    let scene = Scene::start("sizes").await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let series = format!("rhumb_release_storage_bytes{{name=\"web\",namespace=\"{}\"}}", scene.namespace);
    let metrics = scene.metrics().await?;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series)).context("no bytes are told")?;
    let bytes: usize = line.trim().parse()?;
    let secrets: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(scene.client.clone(), &scene.namespace);
    let secret = secrets.get("sh.helm.release.v1.web.v1").await?;
    let stored = secret.data.unwrap_or_default().values().map(|value| value.0.len()).sum::<usize>();
    ensure!(bytes.abs_diff(stored) <= 3, "told {bytes}, stored {stored}");
    Ok(())
}
