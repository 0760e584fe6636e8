//! Traces of reconciles, as a collector gets them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kube::api::DynamicObject;
use serde_json::json;

use crate::scene::{Scene, hello_spec};
use crate::support::cluster::apply;
use crate::support::collector::{Collector, Span};
use crate::support::process::free_ports;
use crate::support::release::has_condition;

/// Stands in a Secret, in values and in what is applied; 24 bytes, so that its base64 is the same within a longer text.
const PLANTED: &str = "planted-secret-value-042";

/// The trace of the reconcile that has a span of this name, of a release.
fn trace_with(spans: &[Span], release: &str, name: &str) -> Result<Vec<Span>> {
    let roots = spans.iter().filter(|span| span.parent.is_empty() && span.attributes["name"] == release);
    let of_root = |root: &Span| spans.iter().filter(|span| span.trace == root.trace).cloned().collect::<Vec<_>>();
    let mut traces = roots.map(of_root);
    traces
        .find(|trace| trace.iter().any(|span| span.name == name))
        .with_context(|| format!("no trace with {name}: {spans:#?}"))
}

/// The name of a span behind those that it is inside of.
fn path(trace: &[Span], span: &Span) -> String {
    match trace.iter().find(|outer| outer.id == span.parent) {
        Some(outer) => format!("{}/{}", path(trace, outer), span.name),
        None => span.name.clone(),
    }
}

#[tokio::test]
async fn a_trace_tells_the_phases_of_an_install_and_no_value() -> Result<()> {
    let collector = Collector::start()?;
    let mut scene = Scene::prepare("traces").await?;
    let mut options = scene.operator_options();
    options.flags.push(format!("--otlp-endpoint={}/", collector.url()));
    scene.start_operator_with(&options).await?;
    let values = json!({"podLabels": {"planted": PLANTED}}).to_string();
    let metadata = json!({"name": "values", "namespace": scene.namespace});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"values.yaml": values}});
    apply(&scene.client, &secret).await?;
    let mut spec = hello_spec("1.0.0");
    spec["valuesFrom"] = json!([{"kind": "Secret", "name": "values"}]);
    scene.apply_release("web", &spec).await?;
    scene.ready("web", "1.0.0").await?;
    let mut broken = spec.clone();
    // The API server refuses this, and says what it has refused.
    broken["values"] = json!({"podLabels": {"planted": format!("{PLANTED} is no label")}});
    scene.apply_release("broken", &broken).await?;
    let refused = |release: &DynamicObject| has_condition(release, "Ready", "False");
    scene.release_is("broken", "refused", refused).await?;
    // What is left is sent at the end.
    scene.stop_operator()?;

    let spans = collector.spans()?;
    let install = trace_with(&spans, "web", "install")?;
    let root = install.iter().find(|span| span.parent.is_empty()).context("no outermost span")?;
    assert_eq!((root.name.as_str(), root.service.as_str(), root.is_failed), ("reconcile", "rhumb", false));
    let told: Vec<_> = root.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        told,
        [
            ("controller", "helmrelease"),
            ("controllerGroup", "helm.toolkit.fluxcd.io"),
            ("controllerKind", "HelmRelease"),
            ("name", "web"),
            ("namespace", &scene.namespace),
        ]
    );
    let paths: Vec<String> = install.iter().map(|span| path(&install, span)).collect();
    for phase in [
        "chart",
        "values",
        "observe/storage",
        "install/fetch",
        "install/prepare/render",
        "install/status",
        "install/storage",
        "install/hooks",
        "install/apply",
        "install/wait",
        "status",
    ] {
        ensure!(paths.contains(&format!("reconcile/{phase}")), "no {phase} in {paths:?}");
    }
    ensure!(install.iter().all(|span| span.parent.is_empty() || span.attributes.is_empty()), "{install:#?}");
    let failed = trace_with(&spans, "broken", "prepare")?;
    ensure!(failed.iter().any(|span| span.name == "install" && span.is_failed), "{failed:#?}");
    let of_source = |span: &Span| span.attributes.get("controllerKind").is_some_and(|kind| kind == "HelmRepository");
    ensure!(spans.iter().any(of_source), "sources are traced as well");

    for body in collector.bodies() {
        for secret in [PLANTED.to_owned(), STANDARD_NO_PAD.encode(PLANTED)] {
            ensure!(!body.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret value was sent");
        }
    }
    Ok(())
}

#[tokio::test]
async fn nothing_waits_for_a_collector_that_is_away() -> Result<()> {
    let mut scene = Scene::prepare("traces-away").await?;
    let [port] = free_ports::<1>()?;
    let mut options = scene.operator_options();
    options.flags.push(format!("--otlp-endpoint=http://127.0.0.1:{port}"));
    scene.start_operator_with(&options).await?;
    scene.apply_release("web", &hello_spec("1.0.0")).await?;
    scene.ready("web", "1.0.0").await?;
    let log = scene.operator_log_path()?;
    let began = Instant::now();
    // The operator's folder goes with it, so its log is read beforehand through a handle of our own.
    let mut log = std::fs::File::open(log)?;
    scene.stop_operator()?;
    ensure!(began.elapsed() < Duration::from_secs(8), "it took {:?} to end", began.elapsed());
    let said = std::io::read_to_string(&mut log)?;
    let told = said.lines().filter(|line| line.contains("cannot send traces")).count();
    assert_eq!(told, 1, "{said}");
    ensure!(said.contains("onnection refused"), "it says why: {said}");
    Ok(())
}
