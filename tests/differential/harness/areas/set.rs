//! The expressions of `--set` and its variants, on values that are there or not.

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

pub(super) fn draw(random: &mut Random) -> Json {
    let some = 1 + random.below(2);
    let steps: Vec<_> = (0..some).map(|_| step(random)).collect();
    let base = match random.below(4) {
        0 => {
            json!({"a": {"b": [1, {"c": "x"}, null], "c": 1.5}, "b": [[1, 2], [3]], "l": ["x", "y"], "n": null, "s": "t"})
        }
        1 => json!({"a": "text", "b": {"a": {"b": 1}}, "l": [{"a": 1}, {"b": 2}]}),
        _ => json!({}),
    };
    json!({"op": "set", "base": base, "steps": steps})
}

fn step(random: &mut Random) -> Json {
    let flag = random.pick(&["--set", "--set", "--set", "--set-string", "--set-json", "--set-literal", "--set-file"]);
    let some = 1 + random.below(3) * random.below(2);
    let settings: Vec<_> = (0..some).map(|_| setting(random, flag)).collect();
    let mut text = settings.join(",");
    while random.percent(15) {
        let mut letters: Vec<char> = text.chars().collect();
        let position = random.below(letters.len() + 1);
        let fresh = *random.pick(&[
            &',',
            &'=',
            &'.',
            &'[',
            &']',
            &'{',
            &'}',
            &'\\',
            &' ',
            &'"',
            &'0',
            &'-',
            &'é',
            &'\n',
            &'n',
            &'\u{1f600}',
        ]);
        match random.below(3) {
            0 if position < letters.len() => {
                letters.remove(position);
            }
            1 if position < letters.len() => letters[position] = fresh,
            _ => letters.insert(position, fresh),
        }
        text = letters.into_iter().collect();
    }
    json!([flag, text])
}

fn setting(random: &mut Random, flag: &str) -> String {
    let value = if flag == "--set-json" { json_value(random) } else { value(random, 0) };
    format!("{}={value}", key(random))
}

fn key(random: &mut Random) -> String {
    let some = 1 + random.below(3);
    let mut parts = Vec::new();
    for _ in 0..some {
        let name = random.of("set keys");
        let mut part = name.to_owned();
        while random.percent(25) {
            let index = random.of("set indexes");
            part.extend(["[", index, "]"]);
        }
        parts.push(part);
    }
    parts.join(".")
}

fn value(random: &mut Random, depth: usize) -> String {
    if depth < 2 && random.percent(20) {
        let some = random.below(4);
        let items: Vec<_> = (0..some).map(|_| value(random, depth + 1)).collect();
        return format!("{{{}}}", items.join(","));
    }
    random.of("set values").to_owned()
}

fn json_value(random: &mut Random) -> String {
    random.of("set json").to_owned()
}
