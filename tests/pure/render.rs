//! Small charts in tests/data/render against what helm 4.3.1 makes of them.
//!
//! Each folder holds a chart and either `expected.yaml`, the standard output of
//! `helm template rel CHART -n demo --include-crds --kube-version 1.33.0` (time zone UTC), or `expected.err`, its standard error.

use std::fs;
use std::path::{Path, PathBuf};

use rhumb::chart::{Chart, File, Values, prepare};
use rhumb::render::{
    Ambient, Capabilities, KubeVersion, NoCluster, RenderOptions, Rendered, join_documents, on_large_stack, render,
};

struct FixedAmbient;

impl Ambient for FixedAmbient {
    fn now(&self) -> i128 {
        0
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }

    fn resolve_host(&self, _: &str) -> Option<String> {
        Some("192.0.2.1".to_owned())
    }
}

fn files_below(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files_below(&path, &format!("{name}/"), files);
        } else {
            files.push(File::new(name, fs::read(&path).unwrap()));
        }
    }
}

fn options() -> RenderOptions {
    let kube_version = KubeVersion::parse("1.33.0").unwrap();
    RenderOptions {
        name: "rel".into(),
        namespace: "demo".into(),
        capabilities: Capabilities { kube_version, ..Capabilities::default() },
        ..RenderOptions::default()
    }
}

fn render_with(chart: &Chart, options: &RenderOptions) -> Result<Rendered, String> {
    on_large_stack(|| {
        let prepared = prepare(chart, &Values::new(), false).map_err(|error| error.to_string())?;
        render(&prepared, options, &NoCluster, &FixedAmbient).map_err(|error| error.to_string())
    })
    .unwrap()
}

fn printed(rendered: &Rendered) -> String {
    let hooks = rendered.hooks.iter().map(|hook| (hook.path.as_str(), hook.manifest.as_str()));
    format!("{}\n{}", rendered.manifest().trim(), join_documents(hooks))
}

fn cases() -> Vec<PathBuf> {
    let folder = crate::project::root().join("tests/data/render");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn load(case: &Path) -> Chart {
    let mut files = Vec::new();
    files_below(&case.join("chart"), "", &mut files);
    Chart::from_directory(files).unwrap()
}

#[test]
fn charts_render_as_helm_renders_them() {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases() {
        let Ok(expected) = fs::read_to_string(case.join("expected.yaml")) else { continue };
        count += 1;
        let printed = render_with(&load(&case), &options()).map(|rendered| printed(&rendered));
        if printed.as_deref() != Ok(expected.as_str()) {
            failures.push(format!("{}\nexpected:\n{expected}\nprinted:\n{printed:?}", case.display()));
        }
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn failures_carry_helm_s_text() {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases() {
        let Ok(expected) = fs::read_to_string(case.join("expected.err")) else { continue };
        count += 1;
        let expected = expected.trim_start_matches("Error: ");
        let expected = expected.strip_suffix('\n').unwrap_or(expected);
        let expected = expected.trim_end_matches("\n\nUse --debug flag to render out invalid YAML").to_owned();
        let error = render_with(&load(&case), &options()).map(|rendered| printed(&rendered)).unwrap_err();
        if error != expected {
            failures.push(format!("{}\nexpected:\n{expected}\nreceived:\n{error}", case.display()));
        }
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn chart(templates: &[(&str, &str)]) -> Chart {
    let mut files = vec![File::new("Chart.yaml", *b"apiVersion: v2\nname: c\nversion: 0.1.0\n")];
    files.extend(templates.iter().map(|(name, text)| File::new(format!("templates/{name}"), text.as_bytes().to_vec())));
    Chart::from_files(files).unwrap()
}

#[test]
fn endless_inclusion_ends_at_helm_s_limit() {
    let chart = chart(&[("a.yaml", "{{ define \"loop\" }}{{ include \"loop\" . }}{{ end }}{{ include \"loop\" . }}")]);
    let error = render_with(&chart, &options()).unwrap_err();
    assert_eq!(error.matches("error calling include").count(), 1002);
    assert!(error.ends_with("rendering template has a nested reference name: loop: unable to execute template"));
}

#[test]
fn notes_leave_the_manifest() {
    let chart = chart(&[("NOTES.txt", "for {{ .Release.Name }}"), ("sub/NOTES.txt", "not these"), ("a.yaml", "a: 1")]);
    let rendered = render_with(&chart, &options()).unwrap();
    assert_eq!(rendered.notes, "for rel");
    assert_eq!(rendered.manifest(), "---\n# Source: c/templates/a.yaml\na: 1\n");
}

#[test]
fn cached_templates_render_the_same_and_a_changed_chart_anew() {
    let options = options();
    let first = chart(&[("a.yaml", "a: {{ .Release.Revision }}")]);
    let once = render_with(&first, &options).unwrap();
    assert_eq!(render_with(&first, &options).unwrap(), once);
    let changed = chart(&[("a.yaml", "b: {{ .Release.Revision }}")]);
    assert_eq!(render_with(&changed, &options).unwrap().manifest(), "---\n# Source: c/templates/a.yaml\nb: 1\n");
}

#[test]
fn host_names_are_looked_up_only_where_allowed() {
    let chart = chart(&[("a.yaml", "a: \"{{ getHostByName \"example.org\" }}\"")]);
    let text = |options: &RenderOptions| render_with(&chart, options).unwrap().documents[0].text.clone();
    assert_eq!(text(&options()), "a: \"\"");
    assert_eq!(text(&RenderOptions { enable_dns: true, ..options() }), "a: \"192.0.2.1\"");
}

#[test]
fn functions_are_those_of_helm() {
    // Written by the oracle's operation `funcs`.
    let expected: Vec<String> = serde_json::from_str(include_str!("../data/differential/functions.json")).unwrap();
    assert_eq!(rhumb::render::function_names(), expected);
}
