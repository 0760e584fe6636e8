//! Durations, defaults, chart requests and warnings of the API types.
//!
//! Expected durations and shortened names come from running Go 1.26 (`time.ParseDuration`, `crypto/sha256`);
//! expected defaults are those that Flux's helm-controller 1.6 documents or has in its code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing helper is a failing test")]

use rhumb::api::action::{CrdsPolicy, DeletionPropagation, RemediationStrategy, ServerSideApplyMode};
use rhumb::api::chart::ChartReferenceKind;
use rhumb::api::defaults::{HelmProfile, shorten_release_name};
use rhumb::api::helm_release::{DriftMode, WaitStrategyName};
use rhumb::api::post_renderer::PostRenderStrategy;
use rhumb::api::status::ReleaseActionName;
use rhumb::api::{ChartRequest, Duration, Error, HelmRelease, HelmRepository, OciRepository};
use serde_json::{Value, json};

#[allow(clippy::needless_pass_by_value, reason = "callers write the value in place")]
fn release(spec: Value) -> HelmRelease {
    let object = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": { "name": "redis", "namespace": "cache" },
        "spec": spec,
    });
    serde_json::from_value(object).unwrap()
}

#[test]
fn durations_read_and_print_as_in_go() {
    for (text, printed) in [
        ("0", "0s"),
        ("0s", "0s"),
        ("5m", "5m0s"),
        ("1h30m", "1h30m0s"),
        ("500ms", "500ms"),
        ("1.5s", "1.5s"),
        ("1.5h", "1h30m0s"),
        ("90s", "1m30s"),
        ("1h", "1h0m0s"),
        ("24h", "24h0m0s"),
        ("100us", "100µs"),
        ("100µs", "100µs"),
        ("7ns", "7ns"),
        ("1ms500us", "1.5ms"),
        ("0.000000001s", "1ns"),
        ("1.0000000019s", "1.000000001s"),
        (".5s", "500ms"),
        ("5.s", "5s"),
        ("1h1h", "2h0m0s"),
        ("3m0.5s", "3m0.5s"),
        ("1.123456789s", "1.123456789s"),
        ("0.1ms", "100µs"),
        ("2540400h10m10s", "2540400h10m10s"),
        ("9223372036854775807ns", "2562047h47m16.854775807s"),
    ] {
        let parsed: Duration = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.to_string(), printed, "{text}");
        assert_eq!(printed.parse(), Ok(parsed), "{printed} reads back");
        assert_eq!(serde_json::to_value(parsed).unwrap(), json!(printed));
    }
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in ["", "1", "1d", "s", ".s", ".", "1.2.3s", "1 s", "1H", "five minutes", "-5m", "+5m", "5m "] {
        assert_eq!(text.parse::<Duration>(), Err(Error::InvalidDuration { text: text.to_owned() }), "{text:?}");
    }
    for text in ["9223372036854775808ns", "999999999999h", "99999999999999999999999999999999999999999999h"] {
        assert_eq!(text.parse::<Duration>(), Err(Error::DurationTooLong { text: text.to_owned() }), "{text}");
    }
}

#[test]
fn duration_beyond_gos_range_does_not_make_an_object_unreadable() {
    assert_eq!(release(json!({ "interval": "999999999999h" })).interval(), Duration::MAX);
}

#[test]
fn computed_release_names_are_shortened_to_53_characters() {
    let long = "production-environment-namespace-a-very-long-helm-release-name";
    for (name, expected) in [
        ("redis", "redis"),
        (&"a".repeat(53), &"a".repeat(53)),
        (&"a".repeat(54), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a3f01b693925"),
        (long, "production-environment-namespace-a-very--0c5fe512dcaf"),
    ] {
        let shortened = shorten_release_name(name);
        assert_eq!(shortened, expected);
        assert!(shortened.len() <= 53);
    }
}

#[test]
fn names_and_namespaces_follow_the_target() {
    let plain = release(json!({}));
    assert_eq!((plain.release_name().as_str(), plain.release_namespace()), ("redis", "cache"));
    assert_eq!((plain.storage_namespace(), plain.helm_chart_name().as_str()), ("cache", "cache-redis"));
    let targeted = release(json!({ "targetNamespace": "prod", "install": { "createNamespace": true } }));
    assert_eq!((targeted.release_name().as_str(), targeted.release_namespace()), ("prod-redis", "prod"));
    assert_eq!(targeted.storage_namespace(), "cache", "storage stays with the object");
    assert!(targeted.creates_namespace());
    assert!(!release(json!({ "install": { "createNamespace": true } })).creates_namespace());
    let named = release(json!({ "targetNamespace": "prod", "releaseName": "r", "storageNamespace": "s" }));
    assert_eq!((named.release_name().as_str(), named.storage_namespace()), ("r", "s"));
}

#[test]
fn silent_release_has_fluxs_defaults() {
    let silent = release(json!({}));
    assert_eq!(silent.interval(), Duration::from_secs(600));
    for timeout in [
        silent.timeout(),
        silent.install_timeout(),
        silent.upgrade_timeout(),
        silent.test_timeout(),
        silent.rollback_timeout(),
        silent.uninstall_timeout(),
    ] {
        assert_eq!(timeout, Duration::from_secs(300));
    }
    assert_eq!(silent.max_history(10), 10);
    assert_eq!(silent.drift_mode(DriftMode::Warn), DriftMode::Warn, "the fleet's default");
    assert_eq!((silent.install_crds(), silent.upgrade_crds()), (CrdsPolicy::Create, CrdsPolicy::Create));
    assert_eq!(silent.deletion_propagation(), DeletionPropagation::Background);
    assert_eq!(silent.upgrade_server_side_apply(), ServerSideApplyMode::Auto);
    assert!(silent.has_persistent_client() && !silent.runs_tests() && !silent.upgrade_cleanup_on_fail());
    assert!(silent.install_waits() && silent.install_waits_for_jobs() && silent.uninstall_waits());
    let install = silent.remediation(ReleaseActionName::Install);
    assert_eq!((install.retries, install.remediate_last_failure), (0, false));
    assert!(install.is_exhausted(1) && !install.is_exhausted(0));
    assert_eq!(silent.warnings(), Vec::<String>::new());
}

#[test]
fn helm_3_profile_changes_three_defaults_and_no_given_value() {
    let silent = release(json!({}));
    assert!(silent.install_server_side_apply(HelmProfile::Helm4));
    assert!(!silent.install_server_side_apply(HelmProfile::Helm3));
    assert_eq!(silent.wait_strategy(HelmProfile::Helm4), WaitStrategyName::Poller);
    assert_eq!(silent.wait_strategy(HelmProfile::Helm3), WaitStrategyName::Legacy);
    assert_eq!(silent.post_render_strategy(HelmProfile::Helm4), PostRenderStrategy::Combined);
    assert_eq!(silent.post_render_strategy(HelmProfile::Helm3), PostRenderStrategy::NoHooks);
    let given = release(json!({
        "install": { "serverSideApply": true }, "waitStrategy": { "name": "poller" }, "postRenderStrategy": "separate",
    }));
    assert!(given.install_server_side_apply(HelmProfile::Helm3));
    assert_eq!(given.wait_strategy(HelmProfile::Helm3), WaitStrategyName::Poller);
    assert_eq!(given.post_render_strategy(HelmProfile::Helm3), PostRenderStrategy::Separate);
}

#[test]
fn given_times_and_numbers_win() {
    let given = release(json!({
        "timeout": "1m", "install": { "timeout": "2m" }, "test": { "enable": true, "timeout": "3m" },
        "maxHistory": 0, "driftDetection": { "mode": "disabled" },
    }));
    assert_eq!(given.install_timeout(), Duration::from_secs(120));
    assert_eq!(given.upgrade_timeout(), Duration::from_secs(60), "falls back to spec.timeout");
    assert_eq!(given.test_timeout(), Duration::from_secs(180));
    assert_eq!(given.max_history(10), 0, "0 keeps all");
    assert_eq!(given.drift_mode(DriftMode::Enabled), DriftMode::Disabled);
    assert_eq!(release(json!({ "maxHistory": -1 })).max_history(10), 0);
}

#[test]
fn upgrade_remediates_the_last_failure_when_there_are_retries() {
    let last = |spec| release(spec).upgrade_remediation().remediate_last_failure;
    assert!(!last(json!({})));
    assert!(last(json!({ "upgrade": { "remediation": { "retries": 1 } } })));
    assert!(!last(json!({ "upgrade": { "remediation": { "retries": -1 } } })));
    assert!(!last(json!({ "upgrade": { "remediation": { "retries": 1, "remediateLastFailure": false } } })));
    let endless = release(json!({ "upgrade": { "remediation": { "retries": -1, "strategy": "uninstall" } } }));
    assert!(!endless.upgrade_remediation().is_exhausted(1000));
    assert_eq!(endless.upgrade_remediation().strategy, RemediationStrategy::Uninstall);
}

#[test]
fn ignored_test_failures_come_from_the_test_unless_remediation_says() {
    let spec = json!({
        "test": { "ignoreFailures": true },
        "upgrade": { "remediation": { "ignoreTestFailures": false } },
    });
    let release = release(spec);
    assert!(release.install_remediation().ignore_test_failures);
    assert!(!release.upgrade_remediation().ignore_test_failures);
}

#[test]
fn atomic_undoes_the_only_failure_and_waits() {
    let atomic = release(json!({ "atomic": true, "wait": false, "upgrade": { "disableWait": true } }));
    assert!(atomic.install_remediation().remediate_last_failure);
    assert!(atomic.upgrade_remediation().remediate_last_failure);
    assert_eq!(atomic.upgrade_remediation().strategy, RemediationStrategy::Rollback);
    assert!(atomic.install_waits() && atomic.upgrade_waits());
    assert_eq!(atomic.retry_interval(ReleaseActionName::Install, true), None);
    assert_eq!(
        atomic.warnings(),
        [
            "spec.wait: false has no effect, because spec.atomic waits",
            "spec.upgrade.disableWait has no effect, because spec.atomic waits",
        ]
    );
}

#[test]
fn wait_false_switches_readiness_waits_off_but_not_the_uninstalls() {
    let release = release(json!({ "wait": false }));
    assert!(!release.install_waits() && !release.upgrade_waits_for_jobs() && !release.rollback_waits());
    assert!(release.uninstall_waits());
}

#[test]
fn retry_strategy_has_an_interval_and_yields_to_what_is_given() {
    let action = ReleaseActionName::Upgrade;
    assert_eq!(release(json!({})).retry_interval(action, false), None);
    assert_eq!(release(json!({})).retry_interval(action, true), Some(Duration::from_secs(300)));
    let retry = release(json!({ "upgrade": { "strategy": { "name": "RetryOnFailure", "retryInterval": "30s" } } }));
    assert_eq!(retry.retry_interval(action, false), Some(Duration::from_secs(30)));
    let remediate = release(json!({ "upgrade": { "strategy": { "name": "RemediateOnFailure" } } }));
    assert_eq!(remediate.retry_interval(action, true), None);
}

#[test]
fn misplaced_and_old_fields_count_and_are_warned_of() {
    let odd = release(json!({
        "chart": { "spec": {
            "chart": "./charts/x", "version": "1.x", "valuesFile": "a.yaml", "valuesFiles": ["b.yaml"],
            "sourceRef": { "kind": "GitRepository", "name": "monorepo" },
        } },
        "install": { "skipCRDs": true },
        "upgrade": { "remediation": { "cleanupOnFail": true } },
    }));
    assert_eq!(odd.install_crds(), CrdsPolicy::Skip);
    assert!(odd.upgrade_cleanup_on_fail());
    assert_eq!(odd.spec.chart.as_ref().unwrap().spec.as_ref().unwrap().all_values_files(), ["a.yaml", "b.yaml"]);
    assert_eq!(
        odd.warnings(),
        [
            "spec.chart.spec.version has no effect for a source of kind GitRepository",
            "spec.chart.spec.valuesFile is an old form of valuesFiles",
            "spec.install.skipCRDs is read as spec.install.crds: Skip",
            "spec.upgrade.remediation.cleanupOnFail is read as spec.upgrade.cleanupOnFail",
        ]
    );
}

#[test]
fn chart_request_takes_exactly_one_form() {
    let template =
        json!({ "spec": { "chart": "redis", "sourceRef": { "kind": "HelmRepository", "name": "bitnami" } } });
    let reference = json!({ "kind": "OCIRepository", "name": "redis" });
    let inline = json!({ "repo": "oci://registry.example.test/charts", "name": "redis", "version": "1.0.0" });
    match release(json!({ "chart": template })).chart_request() {
        Ok(ChartRequest::Template(found)) => {
            assert_eq!((found.spec.chart.as_str(), found.spec.version.as_str()), ("redis", "*"));
            assert_eq!(found.spec.source_ref.namespace_or("cache"), "cache");
        }
        other => panic!("{other:?}"),
    }
    match release(json!({ "chartRef": reference })).chart_request() {
        Ok(ChartRequest::Reference(found)) => assert_eq!(found.kind, ChartReferenceKind::OciRepository),
        other => panic!("{other:?}"),
    }
    match release(json!({ "chart": inline })).chart_request() {
        Ok(ChartRequest::Inline(found)) => assert!(found.is_oci()),
        other => panic!("{other:?}"),
    }
    let mut mixed = template.clone();
    mixed["version"] = json!("1.0.0");
    for (spec, error) in [
        (json!({}), Error::ChartMissing),
        (json!({ "chart": {} }), Error::ChartMissing),
        (json!({ "chart": template, "chartRef": reference }), Error::ChartAndChartRef),
        (json!({ "chart": mixed }), Error::ChartFormsMixed),
        (json!({ "chart": { "repo": "https://a", "name": "b" } }), Error::InlineChartIncomplete { field: "version" }),
        (
            json!({ "chart": { "repo": "ftp://a", "name": "b", "version": "1.0.0" } }),
            Error::InlineChartScheme { repo: "ftp://a".to_owned() },
        ),
    ] {
        assert_eq!(release(spec).chart_request(), Err(error));
    }
}

#[test]
fn unset_fields_are_not_written() {
    let written = serde_json::to_value(release(json!({ "chartRef": { "kind": "HelmChart", "name": "x" } }))).unwrap();
    assert_eq!(written["spec"], json!({ "chartRef": { "kind": "HelmChart", "name": "x" } }));
    assert_eq!(written.get("status"), None);
}

#[test]
fn source_defaults_are_those_of_the_schema() {
    let oci: OciRepository = serde_json::from_value(json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": { "name": "x" },
        "spec": { "url": "oci://registry.example.test/x", "interval": "10m" },
    }))
    .unwrap();
    assert_eq!(oci.spec.timeout, Duration::from_secs(60));
    let repository: HelmRepository = serde_json::from_value(json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": { "name": "x" },
        "spec": { "url": "oci://registry.example.test/x" },
    }))
    .unwrap();
    assert!(!repository.spec.is_oci(), "the type is not guessed from the URL");
}
