//! Documents as charts write them: mostly in block style, with comments, and texts in quotes or without.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::harness::random::Random;

/// Texts that mean something else to one reader of YAML than to another.
const ODD: [&str; 10] = ["yes", "no", "on", "off", "y", "n", "null", "true", "false", "~"];

/// A text that begins with this is written as it is, without quotes.
pub(super) const PLAIN: char = '\u{e000}';

/// A document of a manifest.
pub(super) fn document(random: &mut Random, object: &Json) -> String {
    if random.percent(45) {
        return flow(object);
    }
    let mut out = String::new();
    if random.percent(20) {
        out.push_str("# Source\n");
    }
    block(random, object, 0, &mut out);
    if random.percent(6) {
        out.push_str(
            "base: &base\n  a: \"1\"\n  b: &item [x, 2]\nlike: *base\nmore:\n  <<: *base\n  a: yes\n  c: *item\n",
        );
    }
    if random.percent(2) { out.replace('\n', "\r\n") } else { out }
}

/// The text of a patch.
pub(super) fn patch(random: &mut Random, patch: &Json) -> String {
    match random.below(10) {
        // Operations in JSON must be JSON.
        0..4 if patch.is_array() => without_marks(patch).to_string(),
        0..4 => flow(patch),
        4 if patch.is_object() => format!("---\n{}\n---\n# nothing\n", flow(patch)),
        _ => {
            let mut out = String::new();
            block(random, patch, 0, &mut out);
            out
        }
    }
}

fn without_marks(value: &Json) -> Json {
    match value {
        Json::String(text) => text.trim_start_matches(PLAIN).into(),
        Json::Array(items) => items.iter().map(without_marks).collect(),
        Json::Object(fields) => {
            fields.iter().map(|(key, value)| (key.trim_start_matches(PLAIN).to_owned(), without_marks(value))).collect()
        }
        other => other.clone(),
    }
}

/// In one line, as JSON for the most part.
fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => text.strip_prefix(PLAIN).map_or_else(|| value.to_string(), str::to_owned),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(",")),
        Json::Object(fields) => {
            let pair = |(key, value): (&String, &Json)| format!("{}: {}", flow(&key.as_str().into()), flow(value));
            format!("{{{}}}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
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
        Json::Null if random.percent(30) => {
            out.push('\n');
            return;
        }
        // Lines at the end of a document are not the document's own.
        Json::String(text)
            if text.contains('\n')
                && text.trim_end() != ""
                && !text.ends_with("\n\n")
                && !text.starts_with([' ', '\n']) =>
        {
            let is_folded = !text.contains("  ") && random.percent(20);
            let _ =
                writeln!(out, " {}{}", if is_folded { '>' } else { '|' }, if text.ends_with('\n') { "" } else { "-" });
            let lines = text.trim_end_matches('\n').replace('\n', if is_folded { "\n\n" } else { "\n" });
            for line in lines.split('\n') {
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
        let _ = writeln!(out, " {}", flow(value));
        return;
    }
    out.push('\n');
    block(random, value, indent, out);
}

fn scalar(random: &mut Random, value: &Json) -> String {
    match value {
        Json::Null => random.pick(&["null", "~"]).to_owned(),
        Json::String(text) if text.starts_with(PLAIN) => text.trim_start_matches(PLAIN).to_owned(),
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
