//! Comparison, ignore rules and summaries. Expected results follow Kubernetes' API conventions (omitempty, list keys of server-side
//! apply) and Flux's drift rules.

use serde_json::{Value, json};

use super::*;

fn deployment(spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "apps"}, "spec": spec})
}

fn pointers(desired: &Value, live: &Value) -> Vec<String> {
    compare(desired, live).into_iter().map(|change| change.pointer).collect()
}

#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "cases are literals")]
fn check(desired: Value, live: Value, expected: &[&str]) {
    assert_eq!(pointers(&deployment(&desired), &deployment(&live)), expected);
}

#[test]
fn fields_of_others_never_drift() {
    check(json!({"paused": true}), json!({"paused": true, "replicas": 3, "strategy": {"type": "Recreate"}}), &[]);
}

#[test]
fn changed_and_removed_fields_drift() {
    check(
        json!({"replicas": 3, "a": {"b~/c": "x"}}),
        json!({"replicas": 1, "a": {}}),
        &["/spec/a/b~0~1c", "/spec/replicas"],
    );
}

#[test]
fn empty_values_of_built_in_kinds_may_be_left_out() {
    check(json!({"paused": false, "minReadySeconds": 0, "a": "", "b": [], "c": {"d": null}}), json!({}), &[]);
    let custom =
        |spec| json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    assert_eq!(pointers(&custom(json!({"on": false, "x": {}})), &custom(json!({}))), ["/spec/on"]);
}

#[test]
fn empty_entries_of_maps_are_kept_by_the_server() {
    let config = |data| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data});
    assert_eq!(pointers(&config(json!({"a": ""})), &config(json!({}))), ["/data/a"]);
}

#[test]
fn quantities_compare_by_value_only_where_quantities_are() {
    let resources = |cpu: Value| json!({"resources": {"limits": {"cpu": cpu}}});
    check(resources(json!("1000m")), resources(json!("1")), &[]);
    check(resources(json!(1)), resources(json!("1")), &[]);
    check(json!({"x": "1000m"}), json!({"x": "1"}), &["/spec/x"]);
}

#[test]
fn lists_with_a_key_compare_by_it() {
    let desired = json!({"containers": [{"name": "web", "image": "a:1", "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]});
    let live = |image: &str, b: &str| {
        json!({"containers": [{"name": "proxy", "image": "injected"}, {"name": "web", "image": image,
            "ports": [{"containerPort": 81, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP"}],
            "env": [{"name": "B", "value": b}, {"name": "A", "value": "1"}]}]})
    };
    check(desired.clone(), live("a:1", "2"), &[]);
    check(desired, live("a:2", "3"), &["/spec/containers/0/env/1/value", "/spec/containers/0/image"]);
}

#[test]
fn lists_without_a_key_compare_by_position_and_length() {
    check(json!({"args": ["a", "b"]}), json!({"args": ["a", "c"]}), &["/spec/args/1"]);
    check(json!({"args": ["a"]}), json!({"args": ["a", "b"]}), &["/spec/args"]);
}

#[test]
fn labels_and_annotations_of_the_manifest_count() {
    let object = |labels: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "labels": labels, "uid": "1"}});
    assert_eq!(pointers(&object(json!({"a": "1"})), &object(json!({"a": "1", "b": "2"}))), [""; 0]);
    assert_eq!(pointers(&object(json!({"a": "1"})), &object(json!({"b": "2"}))), ["/metadata/labels/a"]);
}

#[test]
fn compacted_live_object_compares_like_the_whole_one() {
    let long = "x".repeat(MAX_TEXT + 1);
    let config =
        |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": text}});
    let mut live = config(&long);
    compact(&mut live);
    assert_eq!(pointers(&config(&long), &live), [""; 0]);
    assert_eq!(pointers(&config(&long.replace('x', "y")), &live), ["/data/a"]);
}

#[test]
fn summary_masks_secrets_and_names_fields() {
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "apps"}, "data": {"p": value}});
    let drift = |desired: &Value, live: &Value| ObjectDrift {
        object: ObjectReference::of(desired).unwrap(),
        change: Change::Changed(compare(desired, live)),
    };
    assert_eq!(drift(&secret("YQ=="), &secret("Yg==")).to_string(), "Secret/apps/key changed (/data/p)");
    let shown = drift(
        &deployment(&json!({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 10})),
        &deployment(&json!({"a": 2, "c": "x"})),
    );
    let Change::Changed(mut changes) = shown.change else { panic!("nothing differs") };
    changes[0].manager = Some("kubectl-edit".to_owned());
    let shown = ObjectDrift { change: Change::Changed(changes), ..shown };
    assert_eq!(
        shown.to_string(),
        "Deployment/apps/web changed (/spec/a: 1 → 2 by kubectl-edit, /spec/b removed, /spec/c: 3 → x, /spec/d removed, /spec/e removed, \
         /spec/f removed, /spec/g removed, /spec/h removed and 2 more)"
    );
    let missing = ObjectDrift { change: Change::Missing, ..shown };
    assert_eq!(missing.to_string(), "Deployment/apps/web removed");
}

#[test]
fn ignore_rules_take_out_pointers_of_selected_objects() {
    let desired = deployment(&json!({"replicas": 3, "paused": true}));
    let live = deployment(&json!({"replicas": 1, "paused": false}));
    let left = |rule: IgnoreRule| {
        let rules = IgnoreRules::new(&[rule]).unwrap();
        let changes = rules.retain(&desired, compare(&desired, &live));
        changes.into_iter().map(|change| change.pointer).collect::<Vec<_>>()
    };
    let rule = |path: &str, kind: Option<&str>| IgnoreRule {
        paths: vec![path.into()],
        target: kind.map(|kind| Selector { kind: Some(kind.into()), ..Selector::default() }),
    };
    assert_eq!(left(rule("/spec/replicas", None)), ["/spec/paused"]);
    assert_eq!(left(rule("/spec/replicas", Some("Deploy.*|StatefulSet"))), ["/spec/paused"]);
    assert_eq!(left(rule("/spec/replicas", Some("Deploy"))), ["/spec/paused", "/spec/replicas"]);
    assert_eq!(left(rule("/spec/rep", None)), ["/spec/paused", "/spec/replicas"]);
    assert_eq!(left(rule("", None)), [""; 0]);
}

#[test]
fn invalid_ignore_rules_are_refused() {
    let target = Some(Selector { name: Some("(".into()), ..Selector::default() });
    let error = IgnoreRules::new(&[IgnoreRule { paths: Vec::new(), target }]).unwrap_err();
    assert_eq!(error.to_string(), "invalid name \"(\" in a drift ignore rule");
}
