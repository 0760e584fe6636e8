//! Versions and constraints against answers of Masterminds/semver 3.5.0.
//!
//! `tests/data/version/cases.jsonl` was written by a Go program that drew inputs at random and by hand, ran the real library on them
//! and recorded what it said: `loose` and `strict` parsing, `compare`, and `check` with the reasons of `Validate`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::fmt::Write as _;

use rhumb::version::{Constraints, Version};

#[derive(serde::Deserialize)]
struct Case {
    kind: String,
    a: String,
    #[serde(default)]
    b: String,
    out: String,
}

#[test]
fn answers_equal_those_of_masterminds() {
    let cases = include_str!("../data/version/cases.jsonl");
    let mut count = 0;
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        assert_eq!(answer(&case), case.out, "{} {:?} {:?}", case.kind, case.a, case.b);
        count += 1;
    }
    assert!(count > 500, "only {count} cases");
}

fn answer(case: &Case) -> String {
    match case.kind.as_str() {
        "loose" => match Version::parse(&case.a) {
            Err(error) => format!("E {error}"),
            Ok(version) => format!(
                "{}|{}|{}|{}|{}|{version}",
                version.major(),
                version.minor(),
                version.patch(),
                version.prerelease(),
                version.metadata()
            ),
        },
        "strict" => match Version::parse_strict(&case.a) {
            Err(error) => format!("E {error}"),
            Ok(version) => version.to_string(),
        },
        "compare" => {
            let order = Version::parse(&case.a).expect("a version").cmp(&Version::parse(&case.b).expect("a version"));
            (order as i8).to_string()
        }
        "check" => check(&case.a, &case.b),
        kind => panic!("unknown kind {kind}"),
    }
}

fn check(constraint: &str, version: &str) -> String {
    let constraint = match Constraints::parse(constraint) {
        Err(error) => return format!("E {error}"),
        Ok(constraint) => constraint,
    };
    let version = Version::parse(version).expect("a version");
    let verdict = constraint.validate(&version);
    assert_eq!(verdict.is_ok(), constraint.check(&version), "check and validate differ on {constraint} {version}");
    let mut answer = format!("{}|{constraint}", verdict.is_ok());
    for reason in verdict.err().unwrap_or_default() {
        write!(answer, "\n{reason}").expect("a string grows");
    }
    answer
}

#[test]
fn latest_skips_prereleases_unless_the_range_asks_for_them() {
    let versions: Vec<_> =
        ["1.0.0", "1.5.0-rc1", "1.4.2", "2.0.0", "v1.4.2+b"].map(|text| Version::parse(text).unwrap()).into();
    let latest = |constraint: &str| {
        let constraint = Constraints::parse(constraint).unwrap();
        constraint.latest(&versions, |version| version).map(Version::original)
    };
    assert_eq!(latest("*"), Some("2.0.0"));
    assert_eq!(latest("1.x"), Some("1.4.2"));
    assert_eq!(latest(">=1.0.0-0 <2.0.0"), Some("1.5.0-rc1"));
    assert_eq!(latest(">2"), None);
}

#[test]
fn increments_follow_masterminds() {
    let version = Version::parse("v1.2.3-rc.1+b").unwrap();
    assert_eq!(version.next_patch().unwrap().original(), "v1.2.3");
    assert_eq!(version.next_minor().unwrap().original(), "v1.3.0");
    assert_eq!(version.next_major().unwrap().to_string(), "2.0.0");
    assert_eq!(version.with_prerelease("beta").unwrap().original(), "v1.2.3-beta+b");
    assert_eq!(version.with_metadata("").unwrap().original(), "v1.2.3-rc.1");
    let full = Version::parse("1.2.18446744073709551615").unwrap();
    assert_eq!(full.next_patch().unwrap_err().to_string(), "patch version increment would overflow uint64");
}
