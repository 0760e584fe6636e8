//! The sprig functions against answers of sprig 3.3.0.
//!
//! `tests/data/sprig/*.jsonl` hold templates with their data and what Go 1.26 made of them: `text/template` with the option
//! `missingkey=zero` and the functions of sprig 3.3.0 (Masterminds/semver 3.5.0), in the time zone that the name of the file tells,
//! UTC by default. `names.json` are the names in sprig's function map without `env` and `expandenv`. Functions that are random in
//! Go are tested by the shape of what they give.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::cell::Cell;
use std::fmt::Write as _;

use rhumb::gotemplate::{Execution, FuncMap, TemplateSet};
use rhumb::sprig::{self, Ambient};
use rhumb::value::Value;

/// A world that stands still: its clock shows the morning of 2024-02-29, its randomness is a counter, well mixed.
struct FixedAmbient {
    time_zone: &'static str,
    state: Cell<u64>,
}

impl FixedAmbient {
    fn new(time_zone: &'static str) -> Self {
        Self { time_zone, state: Cell::new(1) }
    }
}

impl Ambient for FixedAmbient {
    fn now(&self) -> i128 {
        1_709_193_845_123_456_789
    }

    fn time_zone(&self) -> &str {
        self.time_zone
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let next = self.state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.state.set(next);
            *byte = (next >> 56) as u8;
        }
    }

    fn resolve_host(&self, host: &str) -> Option<String> {
        (host == "localhost").then(|| "127.0.0.1".to_owned())
    }
}

fn render(template: &str, data: &serde_json::Value, ambient: &FixedAmbient) -> Result<String, String> {
    let mut functions = FuncMap::default();
    functions.extend(sprig::functions::<FixedAmbient>());
    let mut set = TemplateSet::new("t");
    set.parse("t", template, &functions).map_err(|error| error.to_string())?;
    let output = Execution::new(&functions, ambient).run(&set, "t", &Value::from_json(data));
    output.map(|output| readable(&output)).map_err(|error| error.to_string())
}

/// The text with U+FFFD for each byte that is not UTF-8, as Go's JSON encoder recorded it.
fn readable(bytes: &[u8]) -> String {
    let chunks = bytes.utf8_chunks();
    chunks.flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(|_| '\u{fffd}'))).collect()
}

fn out(template: &str) -> String {
    render(template, &serde_json::Value::Null, &FixedAmbient::new("UTC")).unwrap()
}

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    #[serde(default)]
    data: serde_json::Value,
    out: Option<String>,
    err: Option<String>,
}

#[track_caller]
fn check(cases: &str, time_zone: &'static str) {
    let mut differences = String::new();
    let mut count = 0;
    for line in cases.lines() {
        let case: Case = serde_json::from_str(line).expect("a case");
        let expected = match (case.out, case.err) {
            (Some(output), None) => Ok(output),
            (None, Some(error)) => Err(error),
            _ => panic!("neither output nor error: {line}"),
        };
        let found = render(&case.template, &case.data, &FixedAmbient::new(time_zone));
        if found != expected {
            let _ = writeln!(differences, "{}\n  sprig {expected:?}\n  here  {found:?}", case.template);
        }
        count += 1;
    }
    assert!(count > 0, "no cases");
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn names_are_those_of_sprig() {
    let mut expected: Vec<String> = serde_json::from_str(include_str!("../data/sprig/names.json")).unwrap();
    expected.sort();
    let mut found: Vec<&str> = sprig::functions::<FixedAmbient>().iter().map(|function| function.name).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn strings_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/strings.jsonl"), "UTC");
}

#[test]
fn words_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/words.jsonl"), "UTC");
}

#[test]
fn lists_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/lists.jsonl"), "UTC");
}

#[test]
fn dicts_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/dicts.jsonl"), "UTC");
}

#[test]
fn merge_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/merge.jsonl"), "UTC");
}

#[test]
fn numeric_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/numeric.jsonl"), "UTC");
}

#[test]
fn cast_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/cast.jsonl"), "UTC");
}

#[test]
fn defaults_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/defaults.jsonl"), "UTC");
}

#[test]
fn regex_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/regex.jsonl"), "UTC");
}

#[test]
fn semver_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/semver.jsonl"), "UTC");
}

#[test]
fn encoding_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/encoding.jsonl"), "UTC");
}

#[test]
fn url_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/url.jsonl"), "UTC");
}

#[test]
fn paths_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/paths.jsonl"), "UTC");
}

#[test]
fn reflect_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/reflect.jsonl"), "UTC");
}

#[test]
fn date_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/date.jsonl"), "UTC");
}

#[test]
fn json_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/json.jsonl"), "UTC");
}

#[test]
fn crypto_answers_equal_those_of_sprig() {
    check(include_str!("../data/sprig/crypto.jsonl"), "UTC");
}

#[test]
fn dates_elsewhere_equal_those_of_sprig() {
    check(include_str!("../data/sprig/date_new_york.jsonl"), "America/New_York");
}

#[test]
fn keys_and_values_come_in_order() {
    assert_eq!(
        out(r#"{{ $d := dict "b" 1 "a" 2 "c" 3 }}{{ keys $d }} {{ values $d }} {{ keys $d (dict "A" 1) }}"#),
        "[a b c] [2 1 3] [a b c A]"
    );
}

#[test]
fn random_texts_have_their_length_and_letters() {
    for (template, length, wanted) in [
        ("{{ randAlphaNum 100 }}", 100, char::is_alphanumeric as fn(char) -> bool),
        ("{{ randAlpha 50 }}", 50, char::is_alphabetic),
        ("{{ randNumeric 30 }}", 30, char::is_numeric),
        ("{{ randAscii 200 }}", 200, |letter| matches!(letter, ' '..='~')),
        ("{{ randAlpha 0 }}{{ randAlpha -1 }}", 0, char::is_alphabetic),
    ] {
        let text = out(template);
        assert_eq!(text.len(), length, "{template}");
        assert!(text.chars().all(wanted), "{template}: {text}");
    }
    assert_ne!(out("{{ randAlphaNum 20 }}").get(..10), out("{{ randAlphaNum 20 }}").get(10..));
    assert_eq!(out("{{ randBytes 10 | b64dec | len }} {{ randBytes 10 | len }}"), "10 16");
}

#[test]
fn random_numbers_keep_within_bounds() {
    let numbers = out("{{ range until 200 }}{{ randInt -3 4 }} {{ end }}");
    let mut numbers: Vec<i64> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, [-3, -2, -1, 0, 1, 2, 3]);
}

#[test]
fn shuffle_keeps_the_letters() {
    let text = out(r#"{{ shuffle "abcdefghijé" }}"#);
    let mut letters: Vec<char> = text.chars().collect();
    assert_ne!(text, "abcdefghijé");
    letters.sort_unstable();
    assert_eq!(letters.into_iter().collect::<String>(), "abcdefghijé");
}

#[test]
fn uuids_are_of_version_four() {
    let found =
        out(r#"{{ regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4 }}"#);
    assert_eq!(found, "true");
}

#[test]
fn the_clock_and_the_network_are_those_of_the_host() {
    assert_eq!(out(r#"{{ now | date "2006-01-02T15:04:05" }}"#), "2024-02-29T08:04:05");
    assert_eq!(out(r#"{{ date "2006" "not a date" }} {{ htmlDate 1.5 }}"#), "2024 2024-02-29");
    assert_eq!(out("{{ ago (sub (unixEpoch now | int64) 3723) }}"), "1h2m3s");
    assert_eq!(out(r#"{{ now | date_modify "-400h" | durationRound }}"#), "16d");
    assert_eq!(out(r#"{{ getHostByName "localhost" }}|{{ getHostByName "elsewhere.invalid" }}"#), "127.0.0.1|");
}
