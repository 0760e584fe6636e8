//! Loading of charts against Helm 4.3.1, and against archives that mean harm.
//!
//! `tests/data/charts/load.jsonl` was written by a Go program that gave each list of files to `LoadFiles` of helm.sh/helm/v4 v4.3.1 and
//! recorded the chart or the error. The words for bad archives follow `pkg/chart/loader/archive` of that version where it has any.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rhumb::chart::{Chart, Error, File, MAX_CHART_SIZE, MAX_DEPTH};
use serde::Deserialize;
use serde_json::Value as Json;

const METADATA: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";

#[derive(Deserialize)]
struct Case {
    files: Option<Vec<(String, String)>>,
    #[serde(default)]
    chart: Json,
    #[serde(default)]
    err: String,
}

#[test]
fn files_load_as_in_helm() {
    let mut failures = Vec::new();
    let lines = include_str!("../data/charts/load.jsonl").lines();
    assert!(lines.clone().count() > 90);
    for line in lines {
        let case: Case = serde_json::from_str(line).unwrap();
        let files = case.files.unwrap_or_default();
        let loaded = Chart::from_files(files.iter().map(|(name, text)| File::new(name, text.as_bytes())).collect());
        let (found, wanted) = match loaded {
            Ok(chart) => (describe(&chart).to_string(), case.chart.to_string()),
            Err(error) => (error.to_string(), case.err.clone()),
        };
        if found != wanted {
            failures.push(format!("{files:?}\n  found  {found}\n  wanted {wanted}{}", case.err));
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn malformed_text_is_told_by_the_file_that_has_it() {
    for (name, content, problem) in [
        ("Chart.yaml", b"name: a\xFF\n".as_slice(), "invalid leading UTF-8 octet"),
        ("Chart.lock", b"digest: \xC3(\n", "invalid trailing UTF-8 octet"),
        ("values.yaml", b"a: \xE2x\n", "invalid trailing UTF-8 octet"),
        ("values.yaml", b"a: \x01\n", "control characters are not allowed"),
    ] {
        let files = [("Chart.yaml", METADATA.as_bytes()), (name, content)];
        let files = files.iter().filter(|(other, data)| *other != name || *data == content);
        let error = Chart::from_files(files.map(|(name, data)| File::new(*name, *data)).collect()).unwrap_err();
        let document = if name == "values.yaml" { "cannot unmarshal yaml document: " } else { "" };
        let expected = format!("cannot load {name}: {document}error converting YAML to JSON: yaml: {problem}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn documents_of_values_are_read_one_after_the_other() {
    let message = |text: &[u8]| {
        let files = vec![File::new("Chart.yaml", METADATA.as_bytes()), File::new("values.yaml", text)];
        Chart::from_files(files).unwrap_err().to_string()
    };
    assert_eq!(
        message(b"1\n---\na: b\n--- c\n"),
        "cannot load values.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot \
         unmarshal number into Go value of type map[string]interface {}"
    );
    assert_eq!(
        message(b"a: b\n--- c\n---\n1\n"),
        "cannot load values.yaml: error reading yaml document: invalid Yaml document separator: c"
    );
    assert_eq!(
        message(b"a: {~: [x]}\n"),
        "cannot load values.yaml: cannot unmarshal yaml document: error converting YAML to JSON: unsupported map key of type: \
         %!s(<nil>), key: <nil>, value: []interface {}{\"x\"}"
    );
}

fn describe(chart: &Chart) -> Json {
    let mut stored = serde_json::to_value(chart).unwrap();
    let names = |files: &[File]| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
    let mut description = serde_json::json!({
        "metadata": stored["metadata"].take(),
        "templates": names(&chart.templates),
        "files": names(&chart.files),
        "charts": chart.dependencies.iter().map(describe).collect::<Vec<_>>(),
        "schema": chart.schema.as_deref().map(String::from_utf8_lossy).unwrap_or_default(),
    });
    for part in ["lock", "values"] {
        if !stored[part].is_null() {
            description[part] = stored[part].take();
        }
    }
    description
}

/// A gzipped tar of entries, each with a path as it stands, a kind and contents.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, data) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(data.len() as u64);
        header.set_mtime(1_700_000_000);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn regular<'a>(path: &'a str, data: &'a [u8]) -> (&'a str, tar::EntryType, &'a [u8]) {
    (path, tar::EntryType::Regular, data)
}

fn failure(bytes: &[u8]) -> String {
    Chart::from_archive(bytes).unwrap_err().to_string()
}

#[test]
fn archives_load_with_times_and_without_byte_order_marks() {
    let bytes = archive(&[
        ("app", tar::EntryType::Directory, b""),
        regular("app/Chart.yaml", b"\xEF\xBB\xBFapiVersion: v2\nname: app\nversion: 1.0.0\n"),
        regular("app/templates/a.yaml", b"a: 1"),
        regular("other-folder/b.txt", b"b"),
    ]);
    let chart = Chart::from_archive(&bytes).unwrap();
    assert_eq!(chart.name(), "app");
    assert_eq!(chart.templates[0].name, "templates/a.yaml");
    assert_eq!(chart.files[0].name, "b.txt");
    assert_eq!(chart.modified.unwrap().to_string(), "2023-11-14T22:13:20Z");
    let stored = serde_json::to_value(&chart).unwrap();
    assert_eq!(stored["templates"][0]["data"], "YTogMQ==");
    assert_eq!(stored["templates"][0]["modtime"], "2023-11-14T22:13:20Z");
    assert_eq!(stored["schemamodtime"], "0001-01-01T00:00:00Z");
    let read: Chart = serde_json::from_value(stored).unwrap();
    assert_eq!(read.templates, chart.templates);
    assert_eq!(read.metadata, chart.metadata);
}

#[test]
fn nested_archives_become_subcharts() {
    let inner = archive(&[regular("db/Chart.yaml", b"apiVersion: v2\nname: db\nversion: 2.0.0\n")]);
    let outer = archive(&[regular("app/Chart.yaml", METADATA.as_bytes()), regular("app/charts/db-2.0.0.tgz", &inner)]);
    let chart = Chart::from_archive(&outer).unwrap();
    let mut paths = Vec::new();
    chart.walk(&mut |path, _| paths.push(path.to_owned()));
    assert_eq!(paths, ["app", "app/charts/db"]);
}

#[test]
fn paths_that_leave_the_chart_are_refused() {
    for (path, message) in [
        ("app/../../etc/passwd", "chart illegally references parent directory"),
        ("app//etc/passwd", "chart illegally contains absolute paths"),
        ("app\\..\\..\\x", "chart illegally references parent directory"),
        ("app/c:/x", "chart contains illegally named files"),
        ("Chart.yaml", "chart illegally contains content outside the base directory: \"Chart.yaml\""),
    ] {
        assert_eq!(failure(&archive(&[regular(path, b"x")])), message, "{path}");
    }
}

#[test]
fn links_are_not_followed() {
    let chart = Chart::from_archive(&archive(&[
        regular("app/Chart.yaml", METADATA.as_bytes()),
        ("app/templates/secret.yaml", tar::EntryType::Symlink, b""),
        ("app/templates/hard.yaml", tar::EntryType::Link, b""),
    ]))
    .unwrap();
    assert!(chart.templates.iter().all(|file| file.data.is_empty()));
    assert_eq!(chart.warnings.len(), 2);
    assert!(chart.warnings[0].contains("templates/secret.yaml is a link"));
}

#[test]
fn broken_archives_are_told_apart() {
    let whole = archive(&[regular("app/Chart.yaml", METADATA.as_bytes()), regular("app/x", &noise(20_000))]);
    let truncated = &whole[..whole.len() / 2];
    assert!(failure(truncated).contains("unexpected EOF"), "{}", failure(truncated));
    let no_gzip = "stream does not appear to be a valid chart file (details: gzip: invalid header)";
    assert_eq!(failure(b"PK\x03\x04 is no gzip"), no_gzip);
    assert_eq!(failure(b"PK\x03\x04"), "unable to load chart archive: unexpected EOF");
    assert_eq!(failure(b""), "unable to load chart archive: EOF");
    let old = archive(&[regular("app/Chart.yaml", b"apiVersion: v4\nname: app\nversion: 1.0.0\n")]);
    assert_eq!(failure(&old), "unsupported chart version");
    assert_eq!(failure(&archive(&[regular("app/x", b"")])), "unable to detect chart version, no Chart.yaml found");
    assert_eq!(failure(&archive(&[])), "no files in chart archive");
}

/// Bytes that do not compress well.
fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_with({
        let mut state = 1;
        move || step(&mut state).unwrap()
    })
    .take(length)
    .collect()
}

#[test]
fn a_size_claimed_by_a_header_is_not_believed() {
    for claimed in [MAX_CHART_SIZE + 1, u64::from(u32::MAX), 8_589_934_591] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = tar::Header::new_ustar();
        header.set_path("app/bomb").unwrap();
        header.set_size(claimed);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        let too_large = format!("decompressed chart is larger than the maximum size {MAX_CHART_SIZE}");
        assert_eq!(failure(&encoder.finish().unwrap()), too_large);
    }
}

#[test]
fn charts_may_not_be_nested_without_end() {
    let mut bytes = archive(&[regular("app/Chart.yaml", METADATA.as_bytes())]);
    for _ in 0..=MAX_DEPTH {
        bytes = archive(&[regular("app/Chart.yaml", METADATA.as_bytes()), regular("app/charts/x.tgz", &bytes)]);
    }
    let error = Chart::from_archive(&bytes).unwrap_err();
    assert!(error.to_string().contains("nested deeper than the maximum of 32"), "{error}");
    let path = format!("{}Chart.yaml", "charts/a/".repeat(MAX_DEPTH + 1));
    let mut files = vec![File::new("Chart.yaml", METADATA.as_bytes()), File::new(path.clone(), METADATA.as_bytes())];
    for (end, _) in path.match_indices("charts/") {
        files.push(File::new(format!("{}Chart.yaml", &path[..end]), METADATA.as_bytes()));
    }
    let error = Chart::from_files(files).unwrap_err();
    assert!(error.to_string().contains("nested deeper than the maximum of 32"), "{error}");
}

#[test]
fn directories_follow_their_ignore_file_and_archives_do_not() {
    let files = vec![
        File::new("templates/b.yaml", &b"b"[..]),
        File::new("templates/a.yaml", &b"a"[..]),
        File::new("templates/.swp", &b"s"[..]),
        File::new("docs/x.md", &b"x"[..]),
        File::new("Chart.yaml", METADATA.as_bytes()),
        File::new(".helmignore", &b"docs/\n"[..]),
    ];
    let chart = Chart::from_directory(files.clone()).unwrap();
    let names: Vec<_> = chart.templates.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["templates/a.yaml", "templates/b.yaml"]);
    assert_eq!(chart.files.len(), 1);
    assert_eq!(Chart::from_files(files).unwrap().files.len(), 2);
}

#[test]
fn kubernetes_versions_are_checked_as_in_helm() {
    let chart = |constraint: &str| {
        let metadata = format!("{METADATA}kubeVersion: {constraint:?}\n");
        Chart::from_files(vec![File::new("Chart.yaml", metadata.as_bytes())]).unwrap()
    };
    assert!(chart(">=1.25.0-0").check_kube_version("v1.30.2-gke.1").is_ok());
    let error = chart(">=1.25.0").check_kube_version("v1.30.2-gke.1").unwrap_err();
    assert!(matches!(error, Error::KubeVersion { .. }));
    assert_eq!(
        error.to_string(),
        "chart requires kubeVersion: >=1.25.0 which is incompatible with Kubernetes v1.30.2-gke.1"
    );
}
