//! YAML documents, and values to be written as YAML.

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

pub(super) fn draw(random: &mut Random) -> Json {
    match random.below(10) {
        0..=5 => json!({"op": "yaml-read", "strict": random.percent(20), "text": document(random)}),
        6 => json!({"op": "yaml-values", "text": document(random)}),
        7..=8 => json!({"op": "yaml-write", "value": value(random, 0)}),
        _ => json!({"op": "yaml-pretty", "value": value(random, 0)}),
    }
}

fn document(random: &mut Random) -> String {
    let mut text = String::new();
    if random.percent(10) {
        text.push_str(random.pick(&["---\n", "%YAML 1.1\n---\n", "# c\n", "\u{feff}", "--- ", "...\n"]));
    }
    block(random, &mut text, 0);
    if random.percent(8) {
        text.push_str(random.pick(&["\n---\nx: 1\n", "...\n", "\n# end", "---"]));
    }
    while random.percent(18) {
        let mut letters: Vec<char> = text.chars().collect();
        let position = random.below(letters.len() + 1);
        let fresh = random.of("yaml damage");
        match random.below(3) {
            0 if position < letters.len() => {
                letters.remove(position);
            }
            1 if position < letters.len() => {
                letters.splice(position..=position, fresh.chars());
            }
            _ => {
                letters.splice(position..position, fresh.chars());
            }
        }
        text = letters.into_iter().collect();
    }
    text
}

fn block(random: &mut Random, text: &mut String, depth: usize) {
    let margin = "  ".repeat(depth);
    let some = 1 + random.below(3);
    match random.below(6) {
        0..=2 => {
            for _ in 0..some {
                text.push_str(&margin);
                text.push_str(&key(random));
                text.push(':');
                inside(random, text, depth);
            }
        }
        3..=4 => {
            for _ in 0..some {
                text.push_str(&margin);
                text.push('-');
                inside(random, text, depth);
            }
        }
        _ => {
            text.push_str(&margin);
            text.push_str(&scalar(random, depth));
            text.push('\n');
        }
    }
}

fn inside(random: &mut Random, text: &mut String, depth: usize) {
    if random.percent(10) {
        text.push_str(random.pick(&[" &a", " &b", " !!str", " !!int", " !x", " !!map", " !!binary", " !!float"]));
    }
    if depth < 3 && random.percent(35) {
        text.push('\n');
        block(random, text, depth + 1);
    } else {
        text.push(' ');
        text.push_str(&scalar(random, depth));
        text.push_str(random.pick(&["\n", "\n", "\n", " # c\n", "\n\n", " \n"]));
    }
}

fn key(random: &mut Random) -> String {
    random.of("yaml keys").to_owned()
}

fn scalar(random: &mut Random, depth: usize) -> String {
    if random.percent(12) {
        let margin = "  ".repeat(depth + 1);
        let mut text = random.of("yaml headers").to_owned();
        let some = 1 + random.below(4);
        for _ in 0..some {
            text.push('\n');
            text.push_str(&margin);
            text.push_str(random.of("yaml lines"));
        }
        return text;
    }
    random.of("yaml scalars").to_owned()
}

fn value(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth > 3 { 6 } else { 9 }) {
        0..=3 => text(random).into(),
        4 => random
            .pick(&[
                &json!(1),
                &json!(-1),
                &json!(1.5),
                &json!(1e21),
                &json!(1e-7),
                &json!(1_000_000.0),
                &json!(123_456_789_012_i64),
                &json!(0.1),
            ])
            .clone(),
        5 => random.pick(&[&Json::Null, &json!(true), &json!(false), &json!([]), &json!({})]).clone(),
        6..=7 => {
            let some = random.below(4);
            let entries = (0..some).map(|_| (text(random), value(random, depth + 1)));
            Json::Object(entries.collect())
        }
        _ => {
            let some = random.below(4);
            (0..some).map(|_| value(random, depth + 1)).collect()
        }
    }
}

fn text(random: &mut Random) -> String {
    if random.percent(40) {
        return scalar(random, 0);
    }
    let some = 1 + random.below(6);
    let pieces = (0..some).map(|_| random.of("yaml pieces"));
    pieces.collect()
}
