//! Documents as charts write them: mostly in block style, with comments, and texts in quotes or without.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::harness::random::Random;

/// Texts that mean something else to one reader of YAML than to another.
const ODD: [&str; 10] = ["yes", "no", "on", "off", "y", "n", "null", "true", "false", "~"];

/// A document of a manifest.
pub(super) fn document(random: &mut Random, object: &Json) -> String {
    if random.percent(60) {
        return object.to_string();
    }
    let mut out = String::new();
    if random.percent(20) {
        out.push_str("# Source\n");
    }
    block(random, object, 0, &mut out);
    out
}

/// The text of a patch.
pub(super) fn patch(random: &mut Random, patch: &Json) -> String {
    if random.percent(60) {
        return patch.to_string();
    }
    let mut out = String::new();
    block(random, patch, 0, &mut out);
    out
}

/// Every line of it ends.
fn block(random: &mut Random, value: &Json, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                if random.percent(4) {
                    let _ = writeln!(out, "{space}# note: \"x");
                }
                let _ = write!(out, "{space}{}:", scalar(random, &key.as_str().into()));
                inner(random, value, indent + 2, out);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{space}-");
                inner(random, item, indent + 2, out);
            }
        }
        _ => {
            let _ = writeln!(out, "{space}{}", scalar(random, value));
        }
    }
}

fn inner(random: &mut Random, value: &Json, indent: usize, out: &mut String) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {}
        Json::Array(items) if !items.is_empty() => {}
        // Lines at the end of a document are not the document's own.
        Json::String(text) if text.ends_with('\n') && !text.ends_with("\n\n") && !text.starts_with([' ', '\n']) => {
            out.push_str(" |\n");
            for line in text.trim_end_matches('\n').split('\n') {
                let _ = writeln!(out, "{}{line}", " ".repeat(indent));
            }
            return;
        }
        value => {
            let comment = if random.percent(4) { " # note" } else { "" };
            let _ = writeln!(out, " {}{comment}", scalar(random, value));
            return;
        }
    }
    if random.percent(6) {
        let _ = writeln!(out, " {value}");
        return;
    }
    out.push('\n');
    block(random, value, indent, out);
}

fn scalar(random: &mut Random, value: &Json) -> String {
    match value {
        Json::Null => random.pick(&["null", "~"]).to_owned(),
        Json::String(text) => {
            let is_plain = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._- ".contains(letter))
                && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && !text.ends_with(' ')
                && !ODD.contains(&text.as_str());
            let is_single = text.chars().all(|letter| (' '..='~').contains(&letter));
            match random.below(3) {
                0 if is_single => format!("'{}'", text.replace('\'', "''")),
                1 | 0 if is_plain => text.clone(),
                _ => value.to_string(),
            }
        }
        other => other.to_string(),
    }
}
