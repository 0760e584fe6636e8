//! The table of limits in `.github/SECURITY.md` holds every constant `MAX_…` of the source, with its value and what its comment says.
//!
//! With `RHUMB_UPDATE=1` in the environment the table is written anew.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = ".github/SECURITY.md";
const BEGIN: &str = "<!-- limits: generated from the constants -->\n";
const END: &str = "<!-- end of limits -->\n";

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// A constant of the source.
struct Limit {
    file: String,
    name: String,
    value: String,
    comment: String,
}

/// The limits of one file; values may be expressions over other limits of the same file.
fn limits_of(file: &str, text: &str) -> Vec<Limit> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut known = HashMap::new();
    let mut limits = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, definition)) = line.split_once("const MAX_") else { continue };
        let Some((name, rest)) = definition.split_once(": ") else { continue };
        let Some((kind, expression)) = rest.trim_end_matches(';').split_once(" = ") else { continue };
        let comments = lines[..at].iter().rev().take_while(|line| line.starts_with("///"));
        let mut comment: Vec<&str> = comments.map(|line| line.trim_start_matches('/').trim()).collect();
        comment.reverse();
        let name = format!("MAX_{name}");
        let number = evaluate(expression, &known);
        if let Some(number) = number {
            known.insert(name.clone(), number);
        }
        let value = number.map_or_else(|| expression.to_owned(), |number| shown(number, kind, &comment.join(" ")));
        let comment = comment.join(" ").replace('|', "\\|");
        let comment = comment.split_once(": ").map_or(comment.as_str(), |(first, _)| first);
        limits.push(Limit { file: file.to_owned(), name, value, comment: comment.trim_end_matches('.').to_owned() });
    }
    limits
}

/// The value of products, shifts and quotients of numbers and known names.
fn evaluate(expression: &str, known: &HashMap<String, u64>) -> Option<u64> {
    if let Some(seconds) = expression.strip_prefix("Duration::from_secs(") {
        return evaluate(seconds.trim_end_matches(')'), known);
    }
    if expression == "i64::MAX as u64" {
        return u64::try_from(i64::MAX).ok();
    }
    let number = |text: &str| {
        let text = text.trim();
        known.get(text).copied().or_else(|| text.replace('_', "").parse().ok())
    };
    if let Some((left, right)) = expression.split_once(" << ") {
        return Some(number(left)? << number(right)?);
    }
    if let Some((left, right)) = expression.split_once(" / ") {
        return Some(number(left)? / number(right)?);
    }
    expression.split(" * ").try_fold(1, |product, factor| Some(product * number(factor)?))
}

fn shown(number: u64, kind: &str, comment: &str) -> String {
    if kind == "Duration" {
        return format!("{number} s");
    }
    if comment.contains("byte") || comment.contains("Byte") {
        for (unit, size) in [("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if number >= size && number.is_multiple_of(size) {
                return format!("{} {unit}", number / size);
            }
        }
        return format!("{number} bytes");
    }
    number.to_string()
}

fn limits() -> Vec<Limit> {
    let mut files = Vec::new();
    files_below(&crate::project::root().join("src"), &mut files);
    let mut limits = Vec::new();
    for file in files {
        let name = file.strip_prefix(crate::project::root()).unwrap().to_str().unwrap().to_owned();
        limits.extend(limits_of(&name, &fs::read_to_string(&file).unwrap()));
    }
    limits
}

fn table() -> String {
    let rows = limits().into_iter().map(|limit| {
        let Limit { file, name, value, comment } = limit;
        format!("| {comment} | {value} | `{name}` in [{file}](../{file}) |\n")
    });
    format!("| limit | value | constant |\n|---|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn the_table_of_limits_is_current() {
    let path = crate::project::root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap_or_else(|| panic!("{PAGE} has no place for the limits"));
    let (found, after) = rest.split_once(END).unwrap_or_else(|| panic!("{PAGE} has no end of the limits"));
    let expected = table();
    if std::env::var_os("RHUMB_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert!(found == expected, "the limits in {PAGE} are old; run the test again with RHUMB_UPDATE=1");
    }
}

#[test]
fn every_limit_says_what_it_bounds() {
    let limits = limits();
    assert!(limits.len() > 70, "only {} limits", limits.len());
    for limit in limits {
        let is_number = limit.value.starts_with(|letter: char| letter.is_ascii_digit());
        assert!(is_number, "{} {}: {} is no number", limit.file, limit.name, limit.value);
        assert!(!limit.comment.is_empty(), "{} {} has no comment", limit.file, limit.name);
    }
}
