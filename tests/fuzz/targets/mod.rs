//! What is fuzzed: functions that take any bytes and must come back, whatever they are.
//!
//! The programs of `tests/fuzz` hand them what libFuzzer finds; `tests/pure/fuzz.rs` a few thousand inputs by a seed.
//!
//! **Invariant:** a target panics only for a fault in the engine, and needs no more than a few seconds and some hundred MiB.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target tells by a panic what is wrong")]

mod charts;
mod templates;
mod yaml;

/// A target: any bytes in, nothing out.
pub(crate) type Target = fn(&[u8]);

/// All targets by name.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("template_parse", templates::parse),
    ("template_lex", templates::lex),
    ("template_execute", templates::execute),
    ("yaml_read", yaml::read),
    ("yaml_round_trip", yaml::round_trip),
    ("json_read", yaml::read_json),
    ("chart_archive", charts::archive),
    ("chart_files", charts::files),
    ("values_merge", charts::values),
    ("set_values", charts::set),
    ("versions", charts::versions),
];

/// Runs a target by its name.
#[allow(dead_code, reason = "the programs use it, the test goes through the table")]
pub(crate) fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(data);
}
