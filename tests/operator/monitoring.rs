//! The metrics, and the dashboards and alerts of the chart that rest on them.
//!
//! The alerts are played through by Prometheus' own promtool where it is installed (Debian: package `prometheus`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::process::Command;
use std::time::Duration;

use rhumb::telemetry::{
    Metrics, NotificationResult, ReconcileResult, ReleaseFacts, ReleaseState, ResourceInfo, UnderWay,
};
use serde_json::Value;

/// What metrics of the project begin with.
const PREFIXES: [&str; 8] = [
    "controller_runtime_",
    "gotk_",
    "leader_election_",
    "planton_",
    "process_",
    "rest_client_",
    "rhumb_",
    "workqueue_",
];

fn read(relative: &str) -> String {
    fs::read_to_string(crate::project::root().join(relative)).unwrap()
}

/// Tells of everything that can be told: one release, with an action under way, and one source.
fn tell_all(metrics: &Metrics) -> UnderWay {
    let took = Duration::from_millis(20);
    for (controller, kind, name) in
        [("helmrelease", "HelmRelease", "web"), ("helmrepository", "HelmRepository", "charts")]
    {
        metrics.set_max_workers(controller, 4);
        metrics.reconcile_taken(controller, metrics.reconcile_queued(controller));
        metrics.reconcile_started(controller, "apps", name);
        metrics.reconcile_ended(controller, kind, "apps", name, took, ReconcileResult::TerminalError);
        metrics.reconcile_taken(controller, metrics.reconcile_queued(controller));
        metrics.reconcile_started(controller, "apps", name);
        metrics.reconcile_ended(controller, kind, "apps", name, took, ReconcileResult::Requeue);
        let info = ResourceInfo { ready: "False".into(), ..ResourceInfo::default() };
        metrics.set_object(kind, "apps", name, &info);
    }
    let facts = ReleaseFacts { release: "web".into(), ..ReleaseFacts::default() };
    metrics.set_release("apps", "web", &facts, ReleaseState::Failed);
    metrics.set_storage_bytes("apps", "web", 4096);
    metrics.source_checked("HelmRepository", "apps", "charts", Duration::from_secs(600), 1.0);
    metrics.cache_asked("apps", "apps-web", true);
    metrics.action_ended("install", took, false);
    metrics.chart_loaded(took);
    metrics.chart_rendered(took);
    metrics.notification_ended(NotificationResult::Sent);
    metrics.set_leader("helm-controller-leader-election", true);
    metrics.requests().answered("GET", "10.0.0.1:443", Some(200));
    metrics.action_started("apps", "web", 300.0)
}

/// The lines of the text that are samples: series and value.
fn samples(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs =
        lines.map(|line| line.rsplit_once(' ').map(|(series, value)| (series.to_owned(), value.to_owned())).unwrap());
    let mut samples = BTreeMap::new();
    for (series, value) in pairs {
        assert!(samples.insert(series.clone(), value).is_none(), "{series} is told twice");
    }
    samples
}

fn names(text: &str) -> BTreeSet<String> {
    samples(text).keys().map(|series| series.split('{').next().unwrap_or_default().to_owned()).collect()
}

fn emitted() -> BTreeSet<String> {
    let metrics = Metrics::default();
    let _under_way = tell_all(&metrics);
    names(&metrics.encode().unwrap())
}

/// The names in a text that look like metrics of the project.
fn mentioned(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter)).filter(|word| PREFIXES.iter().any(|it| word.starts_with(it)));
    words.map(str::to_owned).collect()
}

fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if ["expr", "query"].contains(&key.as_str()) => found.push(text.clone()),
                    _ => expressions(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn dashboards_and_alerts_ask_for_metrics_that_there_are() {
    let emitted = emitted();
    let mut asked = BTreeSet::new();
    for file in ["dashboards/releases.json", "dashboards/operator.json", "alerts.yaml"] {
        let value: Value = serde_yaml::from_str(&read(&format!("charts/rhumb/{file}"))).unwrap();
        let mut found = Vec::new();
        expressions(&value, &mut found);
        assert!(found.len() > 10, "{file}: {found:?}");
        for name in found.iter().flat_map(|expression| mentioned(expression)) {
            assert!(emitted.contains(&name), "{file} asks for {name}, which the operator does not tell");
            asked.insert(name);
        }
    }
    assert!(asked.len() > 25, "{asked:?}");
}

#[test]
fn the_table_of_metrics_is_complete() {
    let page = read("deploy/README.md");
    let (_, section) = page.split_once("\n## Metrics and alerts").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<String> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let family = |name: &str| {
        let ends = ["_bucket", "_sum", "_count"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let emitted: BTreeSet<String> = emitted().iter().map(|name| family(name)).collect();
    assert_eq!(documented, emitted);
}

#[test]
fn the_text_is_one_that_prometheus_reads() {
    let metrics = Metrics::default();
    let _under_way = tell_all(&metrics);
    let text = metrics.encode().unwrap();
    assert!(text.ends_with("# EOF\n"));
    let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let families: BTreeSet<&str> = types.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(families.len(), types.len(), "a family is told of once");
    for (series, value) in samples(&text) {
        let name = series.split('{').next().unwrap_or_default();
        let is_known = families.iter().any(|family| name.starts_with(family));
        assert!(is_known && value.parse::<f64>().is_ok(), "{series} {value}");
        let labels = series.strip_prefix(name).unwrap_or_default();
        assert!(labels.is_empty() || labels.starts_with('{') && labels.ends_with("\"}"), "{series}");
    }
}

#[test]
fn sums_alone_name_no_object() {
    let metrics = Metrics::new(false);
    let _under_way = tell_all(&metrics);
    let text = metrics.encode().unwrap();
    for series in samples(&text).keys() {
        assert!(!series.contains("apps") && !series.contains("web\"") && !series.contains("charts\""), "{series}");
    }
    assert_eq!(samples(&text).get("rhumb_releases{state=\"failed\"}").map(String::as_str), Some("1"));
}

#[test]
fn what_is_gone_is_told_of_no_more() {
    let metrics = Metrics::default();
    drop(tell_all(&metrics));
    metrics.forget("HelmRelease", "apps", "web");
    metrics.forget("HelmRepository", "apps", "charts");
    metrics.forget("HelmChart", "apps", "apps-web");
    let text = metrics.encode().unwrap();
    let left: Vec<String> = samples(&text).into_keys().filter(|series| series.contains("\"apps\"")).collect();
    assert!(left.iter().all(|series| series.contains("status=\"Deleted\"")), "{left:?}");
    assert_eq!(left.len(), 3);
}

#[test]
fn work_that_waits_and_work_under_way_are_told() {
    let metrics = Metrics::default();
    let waiting = metrics.reconcile_queued("helmrelease");
    let second = metrics.reconcile_queued("helmrelease");
    let value = |name: &str| -> f64 {
        let series = format!("{name}{{name=\"helmrelease\",controller=\"helmrelease\"}}");
        samples(&metrics.encode().unwrap()).get(&series).unwrap_or_else(|| panic!("no {series}")).parse().unwrap()
    };
    assert!((value("workqueue_depth") - 2.0).abs() < f64::EPSILON);
    metrics.reconcile_taken("helmrelease", waiting);
    metrics.reconcile_started("helmrelease", "apps", "web");
    drop(second);
    assert!(value("workqueue_depth").abs() < f64::EPSILON);
    assert!(value("workqueue_longest_running_processor_seconds") > 0.0);
    metrics.reconcile_ended("helmrelease", "HelmRelease", "apps", "web", Duration::ZERO, ReconcileResult::Success);
    assert!(value("workqueue_longest_running_processor_seconds").abs() < f64::EPSILON);
}

/// Runs promtool; false where it is not installed.
fn promtool(arguments: &[&str]) -> bool {
    let output = Command::new("promtool").args(arguments).current_dir(crate::project::root()).output();
    match output {
        Ok(output) => {
            let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            assert!(output.status.success(), "promtool {}: {said}", arguments.join(" "));
            true
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Past the harness' capture, so that it is seen.
            let _ =
                writeln!(std::io::stderr(), "skipped: promtool is not installed, so the alerts are not played through");
            false
        }
        Err(error) => panic!("promtool: {error}"),
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    if promtool(&["check", "rules", "charts/rhumb/alerts.yaml"]) {
        promtool(&["test", "rules", "tests/data/monitoring/alerts_test.yaml"]);
    }
    let tested = read("tests/data/monitoring/alerts_test.yaml");
    for line in read("charts/rhumb/alerts.yaml").lines() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            assert!(tested.contains(&format!("alertname: {alert}\n")), "{alert} has no test");
        }
    }
}
