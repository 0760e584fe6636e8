//! Go's regular expressions in the syntax of the `regex` crate.
//!
//! Both are automata that give the leftmost-first match, so only the syntax differs: classes such as `\d` and `\b` are ASCII in Go,
//! `{` may be a literal, a class may hold `[`, `&&` and `--` as letters, repetitions go to 1000 and do not stack.
//!
//! Counterpart: `regexp/syntax/parse.go` (Go 1.26) with the flags of `regexp.Compile`; error texts are Go's.
//!
//! **Invariant:** every letter that is meant literally is escaped in what comes out, so nothing else can be read into it.

use std::fmt::Write as _;

/// Counts that `{n,m}` may have.
const MAX_REPEAT: i64 = 1_000;

/// Groups within groups.
const MAX_DEPTH: usize = 1_000;

/// A pattern as the `regex` crate reads it.
pub(super) struct Translated {
    /// The pattern, with groups without names.
    pub(super) pattern: String,
    /// The names of the groups, that of the whole match (empty) first.
    pub(super) names: Vec<String>,
}

type Parsed<T> = Result<T, String>;

/// Translates a pattern, or tells what Go has against it.
pub(super) fn translate(pattern: &str) -> Parsed<Translated> {
    let mut parser = Parser {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        names: vec![String::new()],
        times: 1,
        most_times: vec![1],
        delayed: String::new(),
        swaps_lazy: false,
    };
    parser.run(pattern)?;
    Ok(Translated { pattern: parser.out, names: parser.names })
}

fn error<T>(what: &str, part: &str) -> Parsed<T> {
    Err(format!("error parsing regexp: {what}: `{part}`"))
}

struct Parser<'a> {
    rest: &'a str,
    out: String,
    names: Vec<String>,
    /// How often the last item repeats within itself.
    times: i64,
    /// The most of that among all items of each open group, that of the whole pattern first.
    most_times: Vec<i64>,
    /// Flags that are not written yet: to RE2, a repetition after them is one of what stands before them.
    delayed: String,
    /// Whether they turn lazy repetitions into greedy ones and the other way round.
    swaps_lazy: bool,
}

/// The part of `from` before `rest`, which is its end.
fn before<'a>(from: &'a str, rest: &str) -> &'a str {
    from.get(..from.len() - rest.len()).unwrap_or_default()
}

impl<'a> Parser<'a> {
    fn run(&mut self, pattern: &str) -> Parsed<()> {
        // Whether something stands before that can be repeated.
        let mut operand = false;
        let mut last_repeat: Option<&str> = None;
        while let Some(letter) = self.rest.chars().next() {
            let start = self.rest;
            let repeat = last_repeat.take();
            if !(matches!(letter, '*' | '+' | '?' | '(') || letter == '{' && counts(start).is_some()) {
                self.write_delayed();
            }
            match letter {
                '(' => {
                    let opened = self.group()?;
                    self.most_times.extend(opened.then_some(1));
                    operand = operand && !opened;
                    if self.most_times.len() > MAX_DEPTH + 1 {
                        return error("expression nests too deeply", pattern);
                    }
                }
                ')' if self.most_times.len() == 1 => return error("unexpected )", pattern),
                ')' => {
                    operand = true;
                    self.copy(1);
                    let times = self.most_times.pop().unwrap_or(1);
                    self.repeats(times);
                }
                '|' => {
                    operand = false;
                    self.copy(1);
                }
                '*' | '+' | '?' => {
                    self.copy(1);
                    self.check_repeat(start, operand, repeat)?;
                    last_repeat = Some(start);
                }
                '{' => {
                    if let Some(bounds) = counts(start) {
                        self.counted(start, bounds)?;
                        self.check_repeat(start, operand, repeat)?;
                        last_repeat = Some(start);
                        self.repeats(self.times.saturating_mul(bounds.1.unwrap_or(bounds.0.max(1))));
                        if self.times > MAX_REPEAT {
                            return error("invalid repeat count", before(start, self.rest));
                        }
                    } else {
                        self.literal('{');
                        self.skip(1);
                        operand = true;
                        self.times = 1;
                    }
                }
                _ => {
                    self.atom(letter)?;
                    operand = true;
                    self.times = 1;
                }
            }
        }
        if self.most_times.len() > 1 { error("missing closing )", pattern) } else { Ok(()) }
    }

    fn write_delayed(&mut self) {
        self.out.push_str(&self.delayed);
        self.delayed.clear();
        self.swaps_lazy = false;
    }

    /// Notes how often the last item of the innermost open group repeats.
    fn repeats(&mut self, times: i64) {
        self.times = times;
        if let Some(most) = self.most_times.last_mut() {
            *most = times.max(*most);
        }
    }

    /// Takes `{n}`, `{n,}` or `{n,m}`.
    fn counted(&mut self, start: &'a str, (least, most, rest): (i64, Option<i64>, &'a str)) -> Parsed<()> {
        let written = before(start, rest);
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
            return error("invalid repeat count", written);
        }
        self.out.push_str(written);
        self.rest = rest;
        Ok(())
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn copy(&mut self, length: usize) {
        self.out.push_str(self.rest.get(..length).unwrap_or_default());
        self.skip(length);
    }

    fn literal(&mut self, letter: char) {
        push_literal(&mut self.out, letter);
    }

    /// Takes the mark of a lazy repetition and judges the repetition; operators do not stack.
    fn check_repeat(&mut self, start: &str, operand: bool, last_repeat: Option<&str>) -> Parsed<()> {
        let is_lazy = self.rest.starts_with('?');
        self.skip(usize::from(is_lazy));
        if is_lazy != self.swaps_lazy {
            self.out.push('?');
        }
        if let Some(last) = last_repeat {
            return error("invalid nested repetition operator", before(last, self.rest));
        }
        if !operand {
            return error("missing argument to repetition operator", before(start, self.rest));
        }
        Ok(())
    }

    fn atom(&mut self, letter: char) -> Parsed<()> {
        match letter {
            '^' | '$' | '.' => self.copy(1),
            '[' => self.class()?,
            '\\' => self.escape()?,
            _ => {
                self.literal(letter);
                self.skip(letter.len_utf8());
            }
        }
        Ok(())
    }

    /// A group or flags; tells whether a group was opened.
    fn group(&mut self) -> Parsed<bool> {
        let start = self.rest;
        let Some(flags) = start.strip_prefix("(?") else {
            self.write_delayed();
            self.names.push(String::new());
            self.copy(1);
            return Ok(true);
        };
        let named = start.strip_prefix("(?P<").or_else(|| start.strip_prefix("(?<"));
        if let Some(named) = named {
            let Some((name, rest)) = named.split_once('>') else { return error("invalid named capture", start) };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return error("invalid named capture", before(start, rest));
            }
            self.write_delayed();
            self.names.push(name.to_owned());
            self.out.push('(');
            self.rest = rest;
            return Ok(true);
        }
        self.flags(start, flags)
    }

    fn flags(&mut self, start: &'a str, flags: &'a str) -> Parsed<bool> {
        let (mut on, mut off) = (String::new(), String::new());
        let (mut negative, mut seen) = (false, false);
        let mut rest = flags;
        while let Some(letter) = rest.chars().next() {
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            match letter {
                'i' | 'm' | 's' | 'U' => {
                    let set = if negative { &mut off } else { &mut on };
                    if !set.contains(letter) {
                        set.push(letter);
                    }
                    seen = true;
                }
                '-' if !negative => (negative, seen) = (true, false),
                ':' | ')' if !negative || seen => {
                    on.retain(|flag| !off.contains(flag));
                    let minus = if off.is_empty() { "" } else { "-" };
                    // Flags that change nothing are no flags for the other side.
                    if letter == ':' {
                        self.write_delayed();
                        let _ = write!(self.out, "(?{on}{minus}{off}:");
                    } else if !on.is_empty() || !off.is_empty() {
                        let _ = write!(self.delayed, "(?{on}{minus}{off})");
                        self.swaps_lazy |= on.contains('U');
                    }
                    self.rest = rest;
                    return Ok(letter == ':');
                }
                _ => break,
            }
        }
        error("invalid or unsupported Perl syntax", before(start, rest))
    }

    /// What begins with a backslash outside of a class.
    fn escape(&mut self) -> Parsed<()> {
        let mut letters = self.rest.chars().skip(1);
        match letters.next() {
            Some('A' | 'z') => self.copy(2),
            Some(boundary @ ('b' | 'B')) => {
                let _ = write!(self.out, "(?-u:\\{boundary})");
                self.skip(2);
            }
            Some('Q') => {
                self.skip(2);
                let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                self.rest = rest;
                quoted.chars().for_each(|letter| self.literal(letter));
            }
            Some(class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => {
                self.out.push_str(perl_class(class));
                self.skip(2);
            }
            Some('p' | 'P') => self.unicode_class()?,
            _ => {
                let letter = self.escaped_letter()?;
                self.literal(letter);
            }
        }
        Ok(())
    }

    /// `\p{Greek}`, `\pL`, `\P{^Lu}`.
    fn unicode_class(&mut self) -> Parsed<()> {
        let start = self.rest;
        let mut negative = start.starts_with("\\P");
        self.skip(2);
        let name = match self.rest.chars().next() {
            None => return error("invalid character class range", start),
            Some('{') => {
                let Some((name, rest)) = self.rest.get(1..).and_then(|rest| rest.split_once('}')) else {
                    return error("invalid character class range", start);
                };
                self.rest = rest;
                name
            }
            Some(letter) => {
                let name = self.rest.get(..letter.len_utf8()).unwrap_or_default();
                self.skip(letter.len_utf8());
                name
            }
        };
        let name = match name.strip_prefix('^') {
            Some(name) => {
                negative = !negative;
                name
            }
            None => name,
        };
        let known = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.starts_with(|letter: char| letter.is_ascii_uppercase());
        let class = format!("\\{}{{{name}}}", if negative { 'P' } else { 'p' });
        if !known || regex::Regex::new(&class).is_err() {
            return error("invalid character class range", before(start, self.rest));
        }
        self.out.push_str(&class);
        Ok(())
    }

    /// One letter written as an escape.
    fn escaped_letter(&mut self) -> Parsed<char> {
        let start = self.rest;
        self.skip(1);
        let Some(letter) = self.rest.chars().next() else {
            return error("trailing backslash at end of expression", "");
        };
        self.skip(letter.len_utf8());
        let named = match letter {
            'a' => Some('\x07'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            'x' => self.hexadecimal(),
            '0' => self.octal(letter),
            // One digit would be a back reference.
            '1'..='7' if self.rest.starts_with(|next: char| next.is_digit(8)) => self.octal(letter),
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Some(letter),
            _ => None,
        };
        match named {
            Some(letter) => Ok(letter),
            None => error("invalid escape sequence", before(start, self.rest)),
        }
    }

    fn octal(&mut self, first: char) -> Option<char> {
        let mut code = first.to_digit(8)?;
        for _ in 0..2 {
            let Some(digit) = self.rest.chars().next().and_then(|next| next.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.skip(1);
        }
        char::from_u32(code)
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let braced = self.rest.strip_prefix('{');
        let digits = match braced {
            Some(rest) => rest.split_once('}').map(|(digits, _)| digits),
            None => self.rest.get(..2),
        };
        match digits {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                self.skip(digits.len() + if braced.is_some() { 2 } else { 0 });
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)
            }
            _ => {
                // Go has read on to the first letter that does not fit.
                let read = self.rest.chars().enumerate().take_while(|(position, letter)| match braced {
                    Some(_) => letter.is_ascii_hexdigit() || *position == 0,
                    None => *position == 0 && letter.is_ascii_hexdigit(),
                });
                let length: usize = read.map(|(_, letter)| letter.len_utf8()).sum();
                let next = self.rest.get(length..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                self.skip(length + next);
                None
            }
        }
    }

    /// `[...]`.
    fn class(&mut self) -> Parsed<()> {
        let start = self.rest;
        self.skip(1);
        self.out.push('[');
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        loop {
            if self.rest.starts_with(']') && !first {
                self.copy(1);
                return Ok(());
            }
            first = false;
            self.class_item(start)?;
        }
    }

    fn class_item(&mut self, class: &str) -> Parsed<()> {
        if let Some(inside) = self.rest.strip_prefix("[:")
            && let Some((name, rest)) = inside.split_once(":]")
        {
            if !is_posix_class(name.strip_prefix('^').unwrap_or(name)) {
                return error("invalid character class range", before(self.rest, rest));
            }
            let _ = write!(self.out, "[:{name}:]");
            self.rest = rest;
            return Ok(());
        }
        match self.rest.as_bytes() {
            [b'\\', b'p' | b'P', ..] => return self.unicode_class(),
            [b'\\', letter @ (b'd' | b'D' | b's' | b'S' | b'w' | b'W'), ..] => {
                self.out.push_str(perl_class(char::from(*letter)));
                self.skip(2);
                return Ok(());
            }
            _ => {}
        }
        let start = self.rest;
        let low = self.class_letter(class)?;
        let mut high = low;
        if matches!(self.rest.as_bytes(), [b'-', next, ..] if *next != b']') {
            self.skip(1);
            high = self.class_letter(class)?;
            if high < low {
                return error("invalid character class range", before(start, self.rest));
            }
        }
        self.literal(low);
        if high != low {
            self.out.push('-');
            self.literal(high);
        }
        Ok(())
    }

    fn class_letter(&mut self, class: &str) -> Parsed<char> {
        match self.rest.chars().next() {
            None => error("missing closing ]", class),
            Some('\\') => self.escaped_letter(),
            Some(letter) => {
                self.skip(letter.len_utf8());
                Ok(letter)
            }
        }
    }
}

/// A letter that stands for itself, inside a class and outside.
fn push_literal(out: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() || !letter.is_ascii() {
        out.push(letter);
    } else {
        let _ = write!(out, "\\x{:02x}", u32::from(letter));
    }
}

/// The bounds of `{n}`, `{n,}` or `{n,m}` and what follows; nothing if it is none of these and so a literal.
fn counts(text: &str) -> Option<(i64, Option<i64>, &str)> {
    let (inside, rest) = text.strip_prefix('{')?.split_once('}')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (plain && (digits.len() == 1 || !digits.starts_with('0'))).then(|| digits.parse().unwrap_or(i64::MAX))
    };
    match inside.split_once(',') {
        None => number(inside).map(|count| (count, Some(count), rest)),
        Some((least, "")) => number(least).map(|least| (least, None, rest)),
        Some((least, most)) => Some((number(least)?, Some(number(most)?), rest)),
    }
}

fn perl_class(letter: char) -> &'static str {
    match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[\\t\\n\\x0c\\r\\x20]",
        'S' => "[^\\t\\n\\x0c\\r\\x20]",
        'w' => "[0-9A-Za-z_]",
        _ => "[^0-9A-Za-z_]",
    }
}

fn is_posix_class(name: &str) -> bool {
    matches!(
        name,
        "alnum"
            | "alpha"
            | "ascii"
            | "blank"
            | "cntrl"
            | "digit"
            | "graph"
            | "lower"
            | "print"
            | "punct"
            | "space"
            | "upper"
            | "word"
            | "xdigit"
    )
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn classes_are_ascii_and_letters_literal() {
        for (pattern, expected) in [
            (r"\d+\s", r"[0-9]+[\t\n\x0c\r\x20]"),
            (r"a{,2}b{", r"a\x7b\x2c2\x7db\x7b"),
            (r"[\w-.]", r"[[0-9A-Za-z_]\x2d\x2e]"),
            (r"[[a&&b]", r"[\x5ba\x26\x26b]"),
            (r"(?P<year>\d{4})", r"([0-9]{4})"),
            (r"\Qa.b\E+", r"a\x2eb+"),
            (r"\pL\P{^Greek}", r"\p{L}\p{Greek}"),
        ] {
            assert_eq!(translate(pattern).ok().map(|translated| translated.pattern).as_deref(), Some(expected));
        }
    }
}
