//! Versions and constraints.

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

pub(super) fn draw(random: &mut Random) -> Json {
    json!({"op": "version", "version": version(random), "constraint": constraint(random)})
}

/// A version, or what nearly is one.
pub(super) fn version(random: &mut Random) -> String {
    let mut text = String::new();
    if random.percent(20) {
        text.push('v');
    }
    let parts = if random.percent(75) { 3 } else { 1 + random.below(4) };
    let numbers: Vec<_> = (0..parts).map(|_| number(random)).collect();
    text.push_str(&numbers.join("."));
    if random.percent(40) {
        text.push('-');
        text.push_str(&identifiers(random));
    }
    if random.percent(20) {
        text.push('+');
        text.push_str(&identifiers(random));
    }
    mutated(random, text)
}

fn number(random: &mut Random) -> String {
    match random.below(12) {
        0 => random
            .pick(&["01", "00", "18446744073709551615", "18446744073709551616", "4294967296", "", "007"])
            .to_owned(),
        1 => random.below(1000).to_string(),
        _ => random.below(4).to_string(),
    }
}

fn identifiers(random: &mut Random) -> String {
    let choices =
        ["alpha", "beta", "rc", "1", "0", "2", "10", "01", "a-b", "x", "-", "1a", "", "99999999999999999999", "A", "é"];
    let some = 1 + random.below(3);
    (0..some).map(|_| random.pick(&choices)).collect::<Vec<_>>().join(".")
}

/// A constraint, or what nearly is one.
fn constraint(random: &mut Random) -> String {
    let groups = 1 + random.below(2) * random.below(3);
    let groups: Vec<_> = (0..groups).map(|_| group(random)).collect();
    let between = random.pick(&["||", " || ", " ||", "|| "]);
    let text = groups.join(between);
    mutated(random, text)
}

fn group(random: &mut Random) -> String {
    if random.percent(10) {
        let between = random.pick(&[" - ", "-", " -", "  -  "]);
        return format!("{}{between}{}", partial(random), partial(random));
    }
    let some = 1 + random.below(3);
    let constraints = (0..some).map(|_| {
        let operator = random.of("operators");
        let space = random.pick(&["", "", "", " ", "  "]);
        format!("{operator}{space}{}", partial(random))
    });
    let constraints: Vec<_> = constraints.collect();
    constraints.join(random.pick(&[",", ", ", " ", " , ", "  ", ",,"]))
}

/// A version with wildcards or fewer parts.
fn partial(random: &mut Random) -> String {
    if random.percent(25) {
        return version(random);
    }
    let parts = 1 + random.below(3);
    let parts: Vec<_> = (0..parts)
        .map(
            |_| if random.percent(15) { random.pick(&["x", "X", "*"]).to_owned() } else { random.below(4).to_string() },
        )
        .collect();
    let mut text = parts.join(".");
    if random.percent(15) {
        text.push('-');
        text.push_str(&identifiers(random));
    }
    if random.percent(8) {
        text.push_str("+b");
    }
    if random.percent(8) { format!("v{text}") } else { text }
}

/// The text, sometimes with a letter put in, taken out or changed.
pub(super) fn mutated(random: &mut Random, text: String) -> String {
    if !random.percent(10) {
        return text;
    }
    let mut letters: Vec<char> = text.chars().collect();
    let position = random.below(letters.len() + 1);
    let fresh = *random.pick(&[&' ', &'.', &'-', &'+', &'v', &'x', &'*', &'|', &',', &'=', &'\n', &'é', &'0', &'~']);
    match random.below(3) {
        0 if position < letters.len() => {
            letters.remove(position);
        }
        1 if position < letters.len() => letters[position] = fresh,
        _ => letters.insert(position, fresh),
    }
    letters.into_iter().collect()
}
