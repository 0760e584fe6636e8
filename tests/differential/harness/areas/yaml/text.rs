//! Texts by chance: words, numbers in every spelling, and strings that are hard to write.

use crate::harness::random::Random;

/// Scalars that mean something to some reader of YAML, or nearly do.
pub(super) const ATOMS: &[&str] = &[
    "",
    "a",
    "b",
    "key",
    "x",
    "foo",
    "bar baz",
    "true",
    "True",
    "TRUE",
    "tRue",
    "false",
    "False",
    "FALSE",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "Yes",
    "YES",
    "yEs",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "OFF",
    "oFF",
    "null",
    "Null",
    "NULL",
    "nULL",
    "~",
    "~a",
    "<<",
    "=",
    ".",
    "..",
    "...",
    "---",
    "-",
    "--",
    "+",
    "?",
    ":",
    "::",
    "a:b",
    "a:",
    ":a",
    "-a",
    "?a",
    "- a",
    "? a",
    ": a",
    "0",
    "-0",
    "+0",
    "00",
    "1",
    "-1",
    "+1",
    "007",
    "08",
    "09",
    "0o7",
    "0o8",
    "-0o7",
    "+0o17",
    "0O7",
    "0b1",
    "0b2",
    "-0b11",
    "+0b1",
    "0B1",
    "0x1f",
    "0X1F",
    "-0x1f",
    "+0x1F",
    "0xg",
    "1_000",
    "_1",
    "1_",
    "1__0",
    "0x_1",
    "0b_1",
    "0_7",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "+9223372036854775808",
    "0xffffffffffffffff",
    "0x1ffffffffffffffff",
    "-0x8000000000000000",
    "0b1111111111111111111111111111111111111111111111111111111111111111",
    "01777777777777777777777",
    "-0b1111111111111111111111111111111111111111111111111111111111111111",
    "1.0",
    "1.",
    ".5",
    "-.5",
    "+.5",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1.5e10",
    "1e400",
    "-1e400",
    "1e-400",
    ".e3",
    "1e",
    "1.e3",
    "0.1",
    "1_0.5",
    "1.5_0",
    "._5",
    "0x1p3",
    "1e2_0",
    "1.0.0",
    "1,000",
    "100000000000000000000",
    "123456789.123456789",
    "1e21",
    "1e20",
    "1e-6",
    "1e-7",
    "9007199254740993",
    "0.30000000000000004",
    "5e-324",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "Infinity",
    "NaN",
    "inf",
    "nan",
    "+Inf",
    ".inf",
    ".Inf",
    ".INF",
    "-.inf",
    "+.inf",
    "+.Inf",
    "-.INF",
    ".iNF",
    ".nan",
    ".NaN",
    ".NAN",
    "-.nan",
    "+.nan",
    "1:20",
    "190:20:30",
    "190:20:30.15",
    "-1:20",
    "+1:2",
    "1:60",
    "1:99",
    "01:02",
    "1:2:3:4",
    "1_0:20",
    "20:30:",
    "1:2.5",
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14T21:59:43Z",
    "2001-12-14 21:59:43.10 -5",
    "2001-12-14 21:59:43",
    "2001-1-1",
    "2001-13-01",
    "2001-02-30",
    "2001-12-14T21:59:43",
    "2001-12-14T21:59:43+0500",
    "2001-12-14T21:59:43+05:00",
    "0000-01-01",
    "2001-12-14 ",
    "20011-12-14",
    "2001-12-14T1:2:3Z",
    "2001-12-14T24:00:00Z",
    "2000-02-29",
    "1900-02-29",
    "!",
    "&",
    "*",
    "!a",
    "&a",
    "*a",
    "%",
    "%a",
    "@",
    "@a",
    "`",
    "`a",
    "|",
    ">",
    "|a",
    ">a",
    "[",
    "]",
    "{",
    "}",
    ",",
    "[]",
    "{}",
    "a,b",
    "a, b",
    "a [b",
    "a]b",
    "{a",
    "a}",
    "#",
    "#a",
    "a #b",
    "a#b",
    "a # b",
    "'",
    "\"",
    "it's",
    "say \"hi\"",
    "'a'",
    "\"a\"",
    "a'",
    "a\"",
    "\\",
    "a\\b",
    "\\n",
    "é",
    "ü",
    "日本",
    "😀",
    "a😀b",
    "\u{a0}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffd}",
    "\u{fffe}",
    "\u{e000}",
    "\u{10ffff}",
    "\u{7f}",
    "\u{80}",
    "\u{9f}",
    "\u{ad}",
    "\t",
    "a\tb",
    "\ta",
    "a\t",
    "binary",
    "hello world",
    "the quick brown fox",
    "{{ .Values.x }}",
    "a-b",
    "a.b/c",
    "http://x.y:80/z?q=1#f",
    "127.0.0.1",
    "v1.2.3",
    "10Mi",
    "100m",
    "1d",
    "0s",
    "6e2",
    "12e03",
    "685230.15",
    "6.8523015e+5",
];

/// Pieces that change what a text means.
pub(super) const PIECES: &[&str] = &[
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    ":",
    ": ",
    "- ",
    "-",
    "? ",
    "?",
    "#",
    " #",
    ",",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!str ",
    "!",
    "|",
    ">",
    "|-",
    ">+",
    "|2",
    "'",
    "\"",
    "\\",
    "%",
    "@",
    "`",
    "---",
    "\n---\n",
    "...",
    "\n...\n",
    "<<",
    "<<: ",
    "~",
    "null",
    "0",
    "1",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{7f}",
    "\u{1}",
    "\u{0}",
    "é",
    "😀",
    "x",
    "%YAML 1.1\n",
    "%TAG ! !\n",
    "\u{80}",
    "\u{fffe}",
    "''",
];

pub(super) fn word(random: &mut Random) -> String {
    const ODD: &[&str] =
        &["é", "日", "😀", "-", ".", "/", "'", "\"", ":", "#", "\u{a0}", "_", "%", "{", "]", ",", "&", "\\"];
    let letters = 1 + random.below(9);
    let mut word = String::new();
    for _ in 0..letters {
        if random.below(60) == 0 {
            word.push_str(random.pick(ODD));
        } else {
            word.push(char::from(b'a' + random.below(26) as u8));
        }
    }
    word
}

/// Words with a space between each two.
pub(super) fn words(random: &mut Random, count: usize) -> String {
    let mut text = String::new();
    for position in 0..count {
        if position > 0 {
            text.push(' ');
        }
        if random.below(8) == 0 {
            text.push_str(random.pick(ATOMS));
        } else {
            text.push_str(&word(random));
        }
    }
    text
}

fn digits(random: &mut Random, set: &str, count: usize) -> String {
    let set = set.as_bytes();
    (0..count).map(|_| if random.percent(4) { '_' } else { char::from(set[random.below(set.len())]) }).collect()
}

/// A number, a time of day or a date, in the forms of YAML 1.1 and a bit beyond.
pub(super) fn number(random: &mut Random) -> String {
    const DECIMAL: &str = "0123456789";
    let sign = random.pick(&["", "", "", "-", "+"]);
    let most = if random.percent(25) { 24 } else { 6 };
    let some = 1 + random.below(most);
    match random.below(12) {
        0 => format!("{sign}0x{}", digits(random, "0123456789abcdefABCDEF", some)),
        1 => format!("{sign}0o{}", digits(random, "01234567", some)),
        2 => format!("{sign}0b{}", digits(random, "01", some * 3)),
        3 => format!("{sign}0{}", digits(random, "01234567", some)),
        4 => format!("{sign}{}.{}", digits(random, DECIMAL, some), digits(random, DECIMAL, 3)),
        5 => {
            let exponent = random.pick(&["", "+", "-"]);
            let (whole, fraction) = (digits(random, DECIMAL, some.min(4)), digits(random, DECIMAL, 3));
            format!("{sign}{whole}.{fraction}e{exponent}{}", random.below(330))
        }
        6 => {
            let exponent = random.pick(&["", "+", "-"]);
            format!("{sign}{}e{exponent}{}", digits(random, DECIMAL, some), random.below(25))
        }
        7 => format!("{sign}{}:{:02}", random.below(200), random.below(70)),
        8 => format!("{sign}{}:{}:{:02}", random.below(200), random.below(70), random.below(70)),
        9 => format!("{:04}-{:02}-{:02}", random.below(9999), random.below(14), random.below(33)),
        10 => moment(random),
        _ => format!("{sign}{}", digits(random, DECIMAL, some)),
    }
}

fn moment(random: &mut Random) -> String {
    let (year, month, day) = (random.below(9999), random.below(14), random.below(33));
    let (hour, minute, second) = (random.below(26), random.below(62), random.below(62));
    let between = random.pick(&["T", "t", " ", "  "]);
    let fraction = random.pick(&["", ".5", ",5", ".", ".123456789"]);
    let zone = random.pick(&["", "Z", "z", "+01:00", "-5", " +01:00", "-24:00", "+24:60", "+25:00"]);
    format!("{year:04}-{month}-{day}{between}{hour}:{minute:02}:{second:02}{fraction}{zone}")
}

/// A string for the writer.
pub(super) fn string(random: &mut Random) -> String {
    match random.below(10) {
        0 => random.pick(ATOMS).to_owned(),
        1 => number(random),
        2 | 3 => long(random),
        4 | 5 => lines(random),
        6 => joined(random, 6, |random| random.pick(PIECES).to_owned()),
        7 => joined(random, 4, |random| random.pick(ATOMS).to_owned() + random.pick(&["", "", " ", "\n", ":", "#"])),
        8 => joined(random, 12, character),
        _ => {
            let some = 1 + random.below(5);
            words(random, some)
        }
    }
}

fn joined(random: &mut Random, most: usize, draw: impl Fn(&mut Random) -> String) -> String {
    let some = 1 + random.below(most);
    (0..some).map(|_| draw(random)).collect()
}

/// A character from the parts of Unicode that are treated apart.
fn character(random: &mut Random) -> String {
    let code = match random.below(6) {
        0 => random.below(0x20),
        1 => 0x7f + random.below(0x30),
        2 => 0x2000 + random.below(0x100),
        3 => 0xff00 + random.below(0x100),
        4 => 0x10000 + random.below(0xfffff),
        _ => 0x20 + random.below(0x5f),
    };
    char::from_u32(code as u32).map(String::from).unwrap_or_default()
}

/// A text that has to be broken when it is written.
fn long(random: &mut Random) -> String {
    const ODD: &[&str] = &["\n", "\n\n", "\n ", " \n", "\t", "\u{2028}", "\r", "'", "\"", "\\", ": ", " #"];
    let some = 5 + random.below(60);
    let mut text = String::new();
    for _ in 0..some {
        text.push_str(&if random.below(30) == 0 { random.pick(ATOMS).to_owned() } else { word(random) });
        if random.below(3) == 0 {
            let length = random.below(60);
            text.extend(std::iter::repeat_n('x', length));
        }
        text.push_str(random.pick(&[" ", " ", " ", " ", " ", " ", "  ", "   ", "", "\u{a0}"]));
        if random.below(40) == 0 {
            text.push_str(random.pick(ODD));
        }
    }
    if random.percent(50) { text.trim_end_matches(' ').to_owned() } else { text }
}

fn lines(random: &mut Random) -> String {
    let some = 1 + random.below(6);
    let mut text = String::new();
    for _ in 0..some {
        if random.below(6) == 0 {
            text.push_str(random.pick(&[" ", "  ", "\t", "- ", "#"]));
        }
        let count = random.below(5);
        text.push_str(&words(random, count));
        if random.below(12) == 0 {
            text.push(' ');
        }
        text.push_str(random.pick(&["\n", "\n", "\n", "\n\n", "\r\n", "\u{85}", "\n\n\n", "\u{2029}"]));
    }
    if random.percent(50) { text.trim_end_matches('\n').to_owned() } else { text }
}
