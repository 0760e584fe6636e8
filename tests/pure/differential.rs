//! Requests on which the engine once differed from Helm 4.3.1, with the answers of Helm's own code.
//!
//! The lines of `tests/data/differential` were written by `cargo run --example differential -- --record true ...`; addresses in memory
//! are masked, and bytes that are no UTF-8 shown as U+FFFD.

use std::fmt::Write as _;

use crate::harness::{answer, read_kept};

#[track_caller]
fn check(lines: &str) {
    let (requests, answers): (Vec<_>, Vec<_>) = lines.lines().map(read_kept).unzip();
    assert!(!requests.is_empty(), "no cases");
    let mut differences = String::new();
    for ((request, helm), found) in requests.iter().zip(&answers).zip(answer(&requests)) {
        if *helm != found {
            let _ = writeln!(differences, "{request}\n  helm  {helm}\n  rhumb {found}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn templates_give_what_helm_gave() {
    check(include_str!("../data/differential/templates.jsonl"));
}

#[test]
fn toml_is_read_as_helm_reads_it() {
    check(include_str!("../data/differential/toml.jsonl"));
}

#[test]
fn charts_give_what_helm_gave() {
    check(include_str!("../data/differential/charts.jsonl"));
}

#[test]
fn yaml_is_read_and_written_as_helm_does() {
    check(include_str!("../data/differential/yaml.jsonl"));
}

#[test]
fn post_renderers_do_what_kustomize_did() {
    check(include_str!("../data/differential/postrender.jsonl"));
}
