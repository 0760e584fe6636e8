//! The engine against Helm's own code, on requests drawn at random from fixed seeds: a short run of the example `differential`.

use std::collections::BTreeSet;

use anyhow::Result;
use rhumb::render::function_names;
use serde_json::json;

use crate::harness::{Area, Oracle, compare, drawn_functions, read_kept, search};
use crate::support::programs;

/// Functions that make keys and certificates, which take seconds.
const SLOW: [&str; 6] =
    ["genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey"];

fn oracle() -> Result<Oracle> {
    Oracle::start(&programs::oracle()?)
}

/// How many cases of each area are drawn here; the command draws as many as it is told.
fn cases(area: Area) -> usize {
    match area {
        Area::Templates | Area::Functions | Area::Versions => 4_000,
        Area::Set => 2_000,
        Area::Values | Area::Yaml | Area::PostRender => 500,
    }
}

#[test]
fn functions_are_those_of_helm() -> Result<()> {
    let answers = oracle()?.ask(&[json!({"op": "funcs"})])?;
    let names: BTreeSet<&str> =
        answers[0]["names"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    assert_eq!(function_names().into_iter().collect::<BTreeSet<_>>(), names);
    let drawn: BTreeSet<&str> = drawn_functions().chain(SLOW).collect();
    assert_eq!(drawn, names, "every function is drawn");
    Ok(())
}

#[test]
fn drawn_requests_are_answered_as_helm_answers_them() -> Result<()> {
    let mut oracle = oracle()?;
    let mut differences = Vec::new();
    for area in Area::ALL {
        let mut tell = |difference| differences.push(format!("{}: {difference}", area.name()));
        search(&mut oracle, area, 1, 0..cases(area), 5, &mut tell)?;
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

#[test]
fn kept_answers_are_still_those_of_helm() -> Result<()> {
    let kept = [
        include_str!("../data/differential/templates.jsonl"),
        include_str!("../data/differential/toml.jsonl"),
        include_str!("../data/differential/charts.jsonl"),
        include_str!("../data/differential/postrender.jsonl"),
    ];
    let requests: Vec<_> = kept.iter().flat_map(|lines| lines.lines()).map(|line| read_kept(line).0).collect();
    let differences = compare(&mut oracle()?, &requests)?;
    let shown: String = differences.iter().map(|(_, difference)| difference.to_string()).collect();
    assert!(differences.is_empty(), "{shown}");
    Ok(())
}
