//! Calls of every function with arguments that fit and that do not.

use serde_json::Value as Json;

use super::hints::{Hint, hints};
use super::world::{anything_large, render};
use crate::harness::random::Random;

/// Functions that take time or memory by a number: large ones would tell nothing but that.
const BY_NUMBER: &[&str] = &[
    "repeat",
    "until",
    "untilStep",
    "seq",
    "indent",
    "nindent",
    "randAlpha",
    "randAlphaNum",
    "randAscii",
    "randNumeric",
    "randBytes",
    "printf",
    "wrap",
    "wrapWith",
];

/// Functions too slow to be called often.
const SLOW: &[&str] = &["derivePassword", "bcrypt", "htpasswd", "genPrivateKey"];

pub(super) fn draw(random: &mut Random) -> Json {
    let hint = steady_or_not(random);
    let call = call(random, hint);
    match hint.shown {
        Some(shown) => render(&shown.replace("{}", &call)),
        None => render(&shown(random, &call)),
    }
}

/// A function, seldom a slow one.
fn steady_or_not(random: &mut Random) -> &'static Hint {
    loop {
        let hint = &hints()[random.below(hints().len())];
        if !SLOW.contains(&hint.name) || random.percent(2) {
            return hint;
        }
    }
}

/// A function whose result tells neither time nor chance.
pub(super) fn steady(random: &mut Random) -> &'static Hint {
    loop {
        let hint = steady_or_not(random);
        if hint.shown.is_none() {
            return hint;
        }
    }
}

/// A call somewhere in a template, its result shown in one way or another.
fn shown(random: &mut Random, call: &str) -> String {
    match random.below(16) {
        0..=5 => format!("{{{{ {call} }}}}"),
        6 => format!("{{{{ {call} | toJson }}}}"),
        7 => format!("{{{{ printf \"%T %v\" ({call}) ({call}) }}}}"),
        8 => format!("{{{{ typeOf ({call}) }}}}"),
        9 => format!("{{{{ {call} | quote }}}}"),
        10 => format!("{{{{ $x := {call} }}}}{{{{ kindOf $x }}}}: {{{{ $x }}}}"),
        11 => format!("{{{{ range $k, $v := {call} }}}}[{{{{ $k }}}}={{{{ $v }}}}]{{{{ else }}}}none{{{{ end }}}}"),
        12 => format!("{{{{ with {call} }}}}{{{{ . }}}}{{{{ else }}}}none{{{{ end }}}}"),
        13 => format!("{{{{ if {call} }}}}yes{{{{ else }}}}no{{{{ end }}}}"),
        14 => format!("{{{{ {call} | toYaml }}}}"),
        _ => format!("a:\n  {{{{- ({call}) | printf \"%v\" | nindent 2 }}}}"),
    }
}

/// A call of a function: mostly with the arguments it wants.
pub(super) fn call(random: &mut Random, hint: &Hint) -> String {
    let Hint { name, arguments: wanted, .. } = *hint;
    let letters: Vec<char> = wanted.chars().collect();
    let mut arguments = Vec::new();
    for (position, letter) in letters.iter().enumerate() {
        let some = match (letter, letters.get(position + 1)) {
            ('+', _) => random.below(3),
            _ => 1,
        };
        let letter = if *letter == '+' { letters[position - 1] } else { *letter };
        for _ in 0..some {
            arguments.push(argument(random, letter, name));
        }
    }
    match random.below(if wanted.contains('t') { 200 } else { 40 }) {
        0 => {
            arguments.pop();
        }
        1 => arguments.push(argument(random, 'a', name)),
        2 if arguments.len() > 1 && !wanted.contains('t') => arguments.swap(0, 1),
        _ => {}
    }
    // The last argument often comes by a pipe.
    if !arguments.is_empty() && random.percent(25) {
        let last = arguments.pop().unwrap_or_default();
        return format!("{last} | {name} {}", arguments.join(" "));
    }
    format!("{name} {}", arguments.join(" ")).trim_end().to_owned()
}

fn argument(random: &mut Random, letter: char, name: &str) -> String {
    let tame = BY_NUMBER.contains(&name);
    let letter = match random.below(100) {
        // Other times tell what the clock shows, other slices what Go's lists have room for.
        _ if matches!(letter, 't' | 'A' | 'M') => letter,
        0..=8 if !tame => return anything_large(random),
        0..=3 => *random.pick(&[&'s', &'i', &'b', &'0', &'l', &'m']),
        4..=12 if letter == 'i' && !tame => 'L',
        _ => letter,
    };
    let pool = match letter {
        'i' => "ints",
        'L' => "large",
        'f' => "floats",
        'n' => return number(random, tame),
        's' => "texts",
        'N' => "numeric texts",
        'b' => "bools",
        '0' => "nils",
        'l' => "lists",
        'm' => "maps",
        'o' => "objects",
        't' => "times",
        'a' if tame => random.pick(&["ints", "floats", "texts", "lists", "maps", "nils", "bools"]),
        'a' => return anything_large(random),
        other => return random.of(&format!("letter {other}")).to_owned(),
    };
    random.of(pool).to_owned()
}

fn number(random: &mut Random, tame: bool) -> String {
    let pool = match random.below(10) {
        5..=6 => "floats",
        7 => "numeric texts",
        8 if !tame => "large",
        _ => "ints",
    };
    random.of(pool).to_owned()
}
