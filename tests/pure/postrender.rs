//! Post-rendering. What single objects come to is from kustomize api 0.21.1 (tests/data/postrender), strategies and common metadata from
//! the documentation of helm-controller 1.6 and Helm 4.3.1.

use std::collections::BTreeMap;

use rhumb::render::postrender::{Patch, PatchContent, PostRenderStrategy, PostRenderer, PostRendering, Target};
use rhumb::render::{Error, KindOrder, Rendered, Sorted, manifest_objects, sort_files};
use serde_json::{Value, json};

use crate::harness::renderer;

const CASES: &str = include_str!("../data/postrender/kustomize.yaml");

fn rendered(files: &[(&str, &str)]) -> Rendered {
    let files: BTreeMap<String, String> = files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    let Sorted { hooks, documents } = sort_files(&files, KindOrder::Install).unwrap();
    Rendered { documents, hooks, ..Rendered::default() }
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn rendering(specs: &[Value]) -> PostRendering {
    PostRendering { renderers: specs.iter().map(renderer).collect(), ..PostRendering::default() }
}

#[test]
fn objects_come_out_as_kustomize_makes_them() {
    let cases: Value = serde_yaml::from_str(CASES).unwrap();
    let before = rendered(&[("c/templates/all.yaml", cases["objects"].as_str().unwrap())]);
    let old = manifest_objects(&before.manifest()).unwrap();
    let mut wrong = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let specs = case["renderers"].as_array().unwrap();
        let result = rendering(specs).apply(before.clone());
        let is_right = match &result {
            Err(error) => case.get("fails").is_some() && matches!(error, Error::PostRender { group: "files", .. }),
            Ok(after) => {
                let new = manifest_objects(&after.manifest()).unwrap();
                let changed: Vec<&Value> = new.iter().filter(|object| !old.contains(object)).collect();
                let expected: Vec<&Value> = list(case, "changed").collect();
                case.get("fails").is_none()
                    && changed.len() == expected.len()
                    && expected.iter().all(|object| changed.contains(object))
                    && case["deleted"] == old.len() - new.len()
            }
        };
        if !is_right {
            let shown = result.map(|after| after.manifest());
            wrong.push(format!("{}: {shown:#?}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const SERVICE: &str = "# mine\nkind:   Service\napiVersion: v1\nmetadata: {name: s, labels: {a: old}}\n";
const CONFIG: &str = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: s}\n";
const HOOK: &str = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: s, annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: '2'}}\n";

fn chart() -> Rendered {
    rendered(&[("c/templates/a.yaml", SERVICE), ("c/templates/b.yaml", CONFIG), ("c/templates/h.yaml", HOOK)])
}

fn labelled(strategy: PostRenderStrategy) -> Rendered {
    let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
    PostRendering { labels, strategy, ..PostRendering::default() }.apply(chart()).unwrap()
}

#[test]
fn without_anything_to_do_nothing_changes() {
    assert!(PostRendering::default().is_empty());
    assert_eq!(PostRendering::default().apply(chart()).unwrap(), chart());
}

#[test]
fn common_metadata_wins_and_is_written_as_sigs_yaml_does() {
    let after = labelled(PostRenderStrategy::Combined);
    assert_eq!(
        after.manifest(),
        "---\n# Source: c/templates/b.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    a: \"1\"\n  name: s\n\n\
         ---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  labels:\n    a: \"1\"\n  name: s\n\n"
    );
}

#[test]
fn common_metadata_stays_out_of_pod_templates() {
    let pod =
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {name: d}\nspec: {template: {metadata: {labels: {x: z}}}}\n";
    let annotations = BTreeMap::from([("note".to_owned(), "n".to_owned())]);
    let rendering = PostRendering { annotations, ..PostRendering::default() };
    let after = rendering.apply(rendered(&[("c/templates/d.yaml", pod)])).unwrap();
    let objects = manifest_objects(&after.manifest()).unwrap();
    assert_eq!(objects[0]["metadata"], json!({"name": "d", "annotations": {"note": "n"}}));
    assert_eq!(objects[0]["spec"]["template"]["metadata"], json!({"labels": {"x": "z"}}));
}

#[test]
fn hooks_pass_unless_the_strategy_leaves_them_out() {
    for strategy in [PostRenderStrategy::Combined, PostRenderStrategy::Separate] {
        let hook = labelled(strategy).hooks.remove(0);
        assert!(hook.manifest.contains("    a: \"1\"\n"), "{}", hook.manifest);
        assert_eq!((hook.name.as_str(), hook.weight, hook.path.as_str()), ("s", 2, "c/templates/h.yaml"));
    }
    let after = labelled(PostRenderStrategy::NoHooks);
    assert_eq!(after.hooks, chart().hooks);
    assert_ne!(after.documents, chart().documents);
}

#[test]
fn a_name_in_hooks_and_documents_is_ambiguous_only_if_they_pass_together() {
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {k: v}\n";
    let with = |strategy| {
        let rendering = PostRendering { strategy, ..rendering(&[json!({"patches": [{"patch": patch}]})]) };
        rendering.apply(chart())
    };
    let error = with(PostRenderStrategy::Combined).unwrap_err().to_string();
    assert!(
        error.contains("patch 0: ") && error.contains("multiple matches for Id ConfigMap.v1.[noGrp]/s.[noNs]"),
        "{error}"
    );
    assert!(with(PostRenderStrategy::Separate).unwrap().hooks[0].manifest.contains("k: v"));
    assert!(with(PostRenderStrategy::NoHooks).unwrap().documents[0].text.contains("k: v"));
}

#[test]
fn documents_that_a_patch_spares_keep_their_text() {
    let patch = json!({"patches": [{"target": {"kind": "ConfigMap"}, "patch": "- {op: add, path: /data, value: {}}"}]});
    let after = rendering(&[patch]).apply(chart()).unwrap();
    assert!(after.documents.iter().any(|document| document.text == SERVICE));
}

#[test]
fn annotations_of_hooks_make_hooks() {
    let patch = "- {op: add, path: /metadata/annotations, value: {helm.sh/hook: test}}";
    let patch = json!({"patches": [{"target": {"kind": "Service"}, "patch": patch}]});
    let after = rendering(&[patch]).apply(chart()).unwrap();
    assert_eq!(after.hooks.iter().map(|hook| hook.kind.as_str()).collect::<Vec<_>>(), ["ConfigMap", "Service"]);
    assert_eq!(after.documents.len(), 1);
}

#[test]
fn items_of_a_list_are_patched_one_by_one() {
    let items =
        "apiVersion: v1\nkind: List\nitems:\n- {kind: A, metadata: {name: a}}\n- {kind: B, metadata: {name: b}}\n";
    let patch = json!({"patches": [{"target": {"kind": "B"}, "patch": "- {op: add, path: /x, value: 1}"}]});
    let after = rendering(&[patch]).apply(rendered(&[("c/templates/l.yaml", items)])).unwrap();
    let objects = manifest_objects(&after.manifest()).unwrap();
    assert_eq!(
        objects,
        [json!({"kind": "A", "metadata": {"name": "a"}}), json!({"kind": "B", "metadata": {"name": "b"}, "x": 1})]
    );
}

#[test]
fn inline_patches_work_as_their_texts_do() {
    let merge = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "NodePort"}});
    let operations = json!([{"op": "add", "path": "/spec/x", "value": 1}]);
    let target = Target { kind: "Service".into(), ..Target::default() };
    let patches = vec![
        Patch { content: PatchContent::Object(merge), target: None },
        Patch { content: PatchContent::Operations(operations), target: Some(target) },
    ];
    let rendering = PostRendering {
        renderers: vec![PostRenderer { patches, ..PostRenderer::default() }],
        ..PostRendering::default()
    };
    let objects = manifest_objects(&rendering.apply(chart()).unwrap().manifest()).unwrap();
    assert_eq!(objects[1]["spec"], json!({"type": "NodePort", "x": 1}));
}

#[test]
fn errors_name_patch_object_and_path_but_no_value() {
    let secret = rendered(&[(
        "c/templates/s.yaml",
        "kind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {k: hidden}\n",
    )]);
    for (patch, expected) in [
        (
            "- {op: test, path: /stringData/k, value: guess}",
            "error while running post render on files: post-renderer 0 of the release: patch 0: Secret.v1.[noGrp]/s.[noNs]: \
             operation 0: test operation does not apply to \"/stringData/k\": test failed",
        ),
        (
            "{kind: Any, metadata: {name: x}, stringData: {k: [guess]}}",
            "error while running post render on files: post-renderer 0 of the release: patch 0: Secret.v1.[noGrp]/s.[noNs]: \
             stringData.k: is a scalar and the patch has a list",
        ),
    ] {
        let patch = json!({"patches": [{"target": {"kind": "Secret"}, "patch": patch}]});
        assert_eq!(rendering(&[patch]).apply(secret.clone()).unwrap_err().to_string(), expected);
    }
}

// What kustomize 0.21.1 does: it is of no use to anyone, but nothing else is what a release had before.
#[test]
fn an_element_without_its_key_empties_the_list() {
    let pod = rendered(&[(
        "c/templates/p.yaml",
        "kind: Pod\napiVersion: v1\nmetadata: {name: p}\nspec: {containers: [{name: a}]}\n",
    )]);
    let patch = "{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: [{image: x}]}}";
    let after = rendering(&[json!({"patches": [{"patch": patch}]})]).apply(pod).unwrap();
    assert_eq!(manifest_objects(&after.manifest()).unwrap()[0]["spec"], json!({"containers": []}));
}

#[test]
fn further_directives_of_the_api_server_stay_in_the_object() {
    let pod = "kind: Pod\napiVersion: v1\nmetadata: {name: p, finalizers: [a, b]}\nspec:\n  \
               volumes: [{name: v, emptyDir: {}}]\n  containers: [{name: a, image: x, args: [y]}]\n";
    let patch = "kind: Pod\napiVersion: v1\nmetadata: {name: p, $deleteFromPrimitiveList/finalizers: [a]}\nspec:\n  \
                 $setElementOrder/volumes: [{name: v}]\n  volumes: [{$retainKeys: [name, configMap], name: v, configMap: {name: c}}]\n  \
                 containers: [{name: a, $patch: replace, image: z}]\n";
    let after =
        rendering(&[json!({"patches": [{"patch": patch}]})]).apply(rendered(&[("c/templates/p.yaml", pod)])).unwrap();
    let object = manifest_objects(&after.manifest()).unwrap().remove(0);
    assert_eq!(object["metadata"]["finalizers"], json!(["a", "b"]));
    assert_eq!(object["metadata"]["$deleteFromPrimitiveList/finalizers"], json!(["a"]));
    let volume = json!({"$retainKeys": ["name", "configMap"], "name": "v", "configMap": {"name": "c"}, "emptyDir": {}});
    let expected = json!({
        "$setElementOrder/volumes": [{"name": "v"}],
        "volumes": [volume],
        "containers": [{"name": "a", "image": "x", "args": ["y"]}],
    });
    assert_eq!(object["spec"], expected);
}

// These two are where rhumb is not kustomize, by COMPATIBILITY.md.
#[test]
fn objects_without_a_name_and_several_of_one_name_pass() {
    let text = "kind: Job\napiVersion: batch/v1\nmetadata: {generateName: j-}\n---\n\
                kind: A\napiVersion: v1\nmetadata: {name: a}\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n";
    let patch = |operation: &str| json!({"patches": [{"target": {"kind": "."}, "patch": operation}]});
    let all = json!({"patches": [{"target": {}, "patch": "- {op: add, path: /x, value: 1}"}]});
    let after = rendering(&[all]).apply(rendered(&[("c/templates/a.yaml", text)])).unwrap();
    assert!(manifest_objects(&after.manifest()).unwrap().iter().all(|object| object["x"] == 1));
    let two = "kind: A\napiVersion: v1\nmetadata: {name: a}\n---\nkind: A\napiVersion: v1\nmetadata: {name: b}\n";
    for (operation, expected) in [
        (
            "- {op: replace, path: /metadata/name, value: a}",
            "may not add resource with an already registered id: A.v1.[noGrp]/a.[noNs]",
        ),
        ("- {op: remove, path: /metadata/name}", "missing metadata.name in object A.v1.[noGrp]/[noName].[noNs]"),
    ] {
        let error =
            rendering(&[patch(operation)]).apply(rendered(&[("c/templates/a.yaml", two)])).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }
}

#[test]
fn a_null_that_was_copied_passes_for_null_and_a_letter_that_go_escapes_for_itself() {
    let object = "kind: A\napiVersion: v1\nmetadata: {name: a}\nx: a<b\n";
    let operations = r#"[{"op":"add","path":"/y","value":null},{"op":"copy","from":"/y","path":"/z"},
        {"op":"test","path":"/z","value":null},{"op":"test","path":"/x","value":"a<b"}]"#;
    let patch = json!({"patches": [{"target": {"kind": "A"}, "patch": operations}]});
    let after = rendering(&[patch]).apply(rendered(&[("c/templates/a.yaml", object)])).unwrap();
    assert_eq!(manifest_objects(&after.manifest()).unwrap()[0]["z"], Value::Null);
}
