//! Charts, values, `--set` expressions and versions.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rhumb::chart::{Chart, File, Style, Values, decode_values, merge_values, prepare, set_json_values, set_values};
use rhumb::version::{Constraints, Version};

/// A line that separates the files of a chart, or values from each other.
const SEPARATOR: &[u8] = b"\n====";

/// Loads the bytes as a chart archive: as they are if they are compressed, or else as the tar file inside.
pub(super) fn archive(data: &[u8]) {
    if data.starts_with(&[0x1F, 0x8B]) {
        load(data);
        return;
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all(data).unwrap();
    load(&packed.finish().unwrap());
}

fn load(packed: &[u8]) {
    if let Ok(chart) = Chart::from_archive(packed) {
        let _ = prepare(&chart, &Values::new(), false);
    }
}

/// Loads a chart from files: `====NAME` on a line begins one.
pub(super) fn files(data: &[u8]) {
    let mut files = Vec::new();
    for part in parts(data) {
        let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (name, content) = part.split_at(end);
        let content = content.strip_prefix(b"\n").unwrap_or(content);
        files.push(File::new(String::from_utf8_lossy(name), content));
    }
    let _ = Chart::from_files(files.clone());
    if let Ok(chart) = Chart::from_directory(files) {
        let _ = chart.check_kube_version("v1.33.0");
        let _ = chart.check_installable();
        let _ = prepare(&chart, &Values::new(), false);
    }
}

/// The parts between separators.
fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data.strip_prefix(b"====").unwrap_or(data);
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        let (part, tail) = rest.split_at(at);
        parts.push(part);
        rest = tail.get(SEPARATOR.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// Takes the parts as values of a chart, of its subchart, of a parent's dependency entry and of the user, and lays them together.
pub(super) fn values(data: &[u8]) {
    let parts = parts(data);
    let part = |position: usize| parts.get(position).copied().unwrap_or_default();
    let dependency = b"apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- name: sub\n  version: 1.0.0\n";
    let chart = Chart::from_files(vec![
        File::new("Chart.yaml", [dependency.as_slice(), part(3)].concat()),
        File::new("values.yaml", part(0)),
        File::new("charts/sub/Chart.yaml", b"apiVersion: v2\nname: sub\nversion: 1.0.0\n".as_slice()),
        File::new("charts/sub/values.yaml", part(1)),
    ]);
    let user = decode_values(part(2)).unwrap_or_default();
    if let Ok(chart) = chart {
        let _ = prepare(&chart, &user, false);
        let mut base = chart.values.as_deref().cloned().unwrap_or_default();
        let over = user.clone();
        merge_values(&mut base, over);
        for key in user.keys() {
            assert!(base.contains_key(key), "what is laid over stays");
        }
    }
}

/// Sets values by the bytes as an expression, in every style, where there are none and where there are some.
pub(super) fn set(data: &[u8]) {
    let expression = String::from_utf8_lossy(data);
    let mut read = |path: &str| if path.is_empty() { Err("no path".to_owned()) } else { Ok(path.to_owned()) };
    let filled = decode_values(b"a: {b: {c: 1}, l: [1, {x: y}]}\nl: [[1], 2]\ns: text\nn: null\n").unwrap();
    for base in [Values::new(), filled] {
        for style in [Style::Typed, Style::Text, Style::Json, Style::Literal, Style::File(&mut read)] {
            let _ = set_values(&mut base.clone(), &expression, style);
        }
        let _ = set_json_values(&mut base.clone(), &expression);
    }
}

/// Reads the first line as a version and the rest as a constraint.
pub(super) fn versions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (version, constraint) = text.split_once('\n').unwrap_or((&text, &text));
    let _ = Version::parse_strict(version);
    let _ = Version::parse_three_part(version);
    let version = Version::parse(version);
    if let Ok(version) = &version {
        let again = Version::parse(&version.to_string()).expect("a version as printed is one");
        assert_eq!(again.to_string(), version.to_string());
        let _ = (version.next_major(), version.next_minor(), version.next_patch());
        let _ = (version.with_prerelease(constraint), version.with_metadata(constraint));
    }
    if let (Ok(version), Ok(constraints)) = (version, Constraints::parse(constraint)) {
        let valid = constraints.validate(&version);
        assert_eq!(constraints.check(&version), valid.is_ok());
    }
}
