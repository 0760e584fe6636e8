//! The short way against the full rules.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::{Wanted, read};
use crate::goyaml::decode::Decoder;
use crate::goyaml::first_document;

/// What the full rules read.
fn by_the_rules(text: &str, wanted: Wanted<'_>) -> Result<Value, String> {
    let read = first_document(text.as_bytes(), |document| {
        let mut decoder = Decoder::new(document, false);
        if wanted.keeps_floats {
            decoder = decoder.keeping_floats();
        }
        match wanted.only {
            Some(keys) => decoder.only(keys).decode(),
            None => decoder.decode(),
        }
    });
    read.map_err(|error| error.to_string())
}

/// Compares in all ways of reading; tells whether the short way could be taken.
fn is_read_alike(text: &str) -> bool {
    let only: &[&str] = &["a", "kind", "metadata"];
    let ways = [
        Wanted::default(),
        Wanted { keeps_floats: true, ..Wanted::default() },
        Wanted { only: Some(only), ..Wanted::default() },
        Wanted { only: Some(&[]), ..Wanted::default() },
    ];
    let mut is_taken = false;
    for wanted in ways {
        if let Some(value) = read(text.as_bytes(), wanted) {
            is_taken = true;
            assert_eq!(Ok(value), by_the_rules(text, wanted), "{text}");
        }
    }
    is_taken
}

#[test]
fn what_people_write_is_read_the_short_way() {
    for text in [
        "---\na: 1\nb:\n  c: [x, \"y\"]\n  d: {}\n# comment\ne:\n- f: g\n  h: |\n    one\n\n      two\n  i: 'it''s'\n",
        "a: long\n  text\n\n  goes on\nb: \"quoted \\\"text\\\"\n  too\"\nc:\n  - - d\n    - e\n  -\n    f: ~\n",
        "a: 0x1F\n\"b\": 1.0\n1: -2\nyes: no\nc: 2024-01-02 # a date\nd:\n",
        "a:\n  {}\nb:\n  text\n goes on\nc: \"one \\\n  \\ two\\n\\\n\n  x\"\nd: |2-\n   x\n  y\n",
        "a: [1, -2.50, 0x1F, _x, /y, [z, 'q'], {}]\nb: { }\nc: [ ]\nd: {e: 1, \"f\": {g: h-i}, j: [k]} # l\n",
        "a: :8080\nb:\n- ::1\nc: \u{ff0c}\n",
        "a: >\n  one\n  two\n\n  three\n    deep\n   er\n  four\n\n\n  five\nb: >-\n\n  x\n\nc: |+\n  y\n\nd: >+\n\n\ne: |+\nf: 1\n",
        "# nothing but this\n",
        "",
        "a: é\nb: >-\n  folded\nmetadata:\n  name: x",
    ] {
        assert!(is_read_alike(text), "{text}");
    }
}

#[test]
fn what_is_unusual_or_wrong_is_left_to_the_full_rules() {
    let odd = [
        "a: &x 1",
        "a: *x",
        "a: !t 1",
        "a: b: c",
        "a:\n  b: 1\n c: 2",
        "a: \"\\q\"",
        "a: \"b\\/c\"",
        "---  \n",
        "a: \"b\nc: d",
        "a: [b",
        "a\tb: 1",
        "? a",
        "a: 1\n---\nb: 2",
        "a: .nan",
        "null: 1",
        "a: @b",
        "\u{feff}a: 1",
        "a: \u{2028}",
        "<<: {}",
        "a: - b",
        "a: \"b\" c",
        "a: 1\n...\n",
        "a: 'b'#c",
        "a: [b, ]",
        "a: {b}",
        "a: {b: c, d}",
        "a: {b:c}",
        "a: {null: c}",
        "a: [-]",
        "a: :",
        "a: [b c: d]",
        "a: 18446744073709551615\n18446744073709551615: 1",
    ];
    for text in odd {
        assert!(!is_read_alike(text), "{text}");
    }
}

/// Lines that mean something else under each other.
const LINES: &[&str] = &[
    "a:",
    "a: 1",
    "b: text",
    "- x",
    "- k: v",
    "- - y",
    "-",
    "# c",
    "a: |",
    "b: |-",
    "c: >-",
    "- |",
    "d: |+",
    "more text",
    "\"q\": 'x'",
    "c: \"a\\n\"",
    "d: \"open",
    "close\"",
    "e: [a, \"b\"]",
    "f: {}",
    "g: .inf",
    "h: foo # c",
    "'i': ~",
    "- \"a\": b",
    "---",
    "...",
    "",
    "   ",
    "j: a: b",
    "k: - x",
    "l: 2001-01-01",
    "m: \"\\x41\"",
    "null: 1",
    "1: 2",
    "yes: no",
    "- [x]",
    "n: é",
    "o: 'it''s'",
    "p: 'open",
    "it''s'",
    "q: a #b",
    "r: # none",
    "- # none",
    "s: 1.0",
    "t: \"\\\\\"",
    "u: --x",
    "v: -",
    "w: \" x  ",
    "- z:",
    "a: []",
    "x: []#",
    "x: \"y\" # z",
    "key: http://x",
    "http://y",
    "text:",
    "text: ",
    "- text # c",
    "metadata:",
    "kind: A",
    "\\",
    "y: \"\\",
    "z: 1e999",
    "a: { }",
    "b: {a: 1, b: [x, 2.5], a: {c: d}}",
    "c: >",
    "d: >+",
    "- >-",
    "- |2+",
    "e: :80",
    "- ::1",
    "f: {x}",
    "g: [1, -2, 0x1F, _a, 1e3, 1_000, 012, +1, .5, 1e999, ~]",
    "h: {a: b} c",
    "- {k: v, \"w\": 'x'}",
    "i: [a: b]",
    "j: [[a], [b, []]]",
    "k: {yes: no, 1: 2, 1.5: 3}",
    "l: [2001-01-01, ..., --, a-]",
    "\u{ff1a}: \u{fe0f}",
    "m: [a",
    "   b]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_short_way_reads_what_the_full_rules_read(
        lines in vec((0_usize..6, prop::sample::select(LINES)), 1..9),
        ends in prop::bool::ANY,
    ) {
        let lines: Vec<String> = lines.iter().map(|(indent, line)| format!("{}{line}", " ".repeat(*indent))).collect();
        let end = if ends { "\n" } else { "" };
        is_read_alike(&(lines.join("\n") + end));
    }
}
