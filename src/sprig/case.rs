//! Snake, kebab and Pascal case.
//!
//! Counterpart: `convert.go` of xstrings 1.5.0. A text is cut into words of one sort; then the sorts decide where separators go.
//!
//! **Invariant:** only capitals and separators change; everything else comes out as it went in.

use super::unicode::{first_rune, map_runes, runes, to_lower, to_upper};
use super::words::is_alphabet;
use crate::value::category::{is_number, is_punct, is_upper};

const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Number,
    /// A capital with what follows of its word.
    Capital,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

struct Word<'a> {
    sort: Sort,
    text: &'a [u8],
}

/// Snake or kebab case, by separator.
pub(super) fn separated(text: &[u8], separator: char) -> Vec<u8> {
    let mut writer = Writer { words: words(text), next: 0, separator, out: Vec::with_capacity(text.len() + 8) };
    writer.run();
    writer.out
}

struct Writer<'a> {
    words: Vec<Word<'a>>,
    next: usize,
    separator: char,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn run(&mut self) {
        while let Some(sort) = self.sort() {
            if self.next + 1 == self.words.len() {
                self.write();
                break;
            }
            self.write();
            match sort {
                Sort::Connector | Sort::Punctuation => {}
                Sort::Number => self.join_number(),
                Sort::Capital | Sort::Alphabet | Sort::Other => self.join_letters(),
            }
        }
    }

    fn sort(&self) -> Option<Sort> {
        self.words.get(self.next).map(|word| word.sort)
    }

    /// Writes the next word in lower case and goes on. Bytes that are no letters stay only where nothing changes.
    fn write(&mut self) {
        let Some(&Word { sort, text }) = self.words.get(self.next) else { return };
        match sort {
            Sort::Connector | Sort::Capital => {
                let separator = self.separator;
                let written = map_runes(text, |letter| match letter {
                    _ if is_connector(letter) => separator,
                    _ if is_upper(letter) => to_lower(letter),
                    _ => letter,
                });
                self.out.extend_from_slice(written.as_bytes());
            }
            _ => self.out.extend_from_slice(text),
        }
        self.next += 1;
    }

    fn push_separator(&mut self) {
        self.out.extend_from_slice(self.separator.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Separates from the next word, unless that is there already or there is none.
    fn separate(&mut self) {
        if !matches!(self.sort(), None | Some(Sort::Connector | Sort::Punctuation)) {
            self.push_separator();
        }
    }

    /// A number takes small letters and numbers that follow with it.
    fn join_number(&mut self) {
        while matches!(self.sort(), Some(Sort::Alphabet | Sort::Number)) {
            self.write();
        }
        self.separate();
    }

    /// A number after letters belongs to them, unless small letters follow it.
    fn join_letters(&mut self) {
        if self.sort() != Some(Sort::Number) {
            return self.separate();
        }
        match self.words.get(self.next + 1).map(|word| word.sort) {
            None => {}
            Some(Sort::Alphabet) => {
                self.push_separator();
                self.write();
                self.join_number();
            }
            Some(_) => {
                self.write();
                self.separate();
            }
        }
    }
}

fn words(text: &[u8]) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (first, size) = next_valid(rest, REPLACEMENT);
        let after = rest.get(size..).unwrap_or_default();
        let sort = sort_of(first);
        let further = match sort {
            Sort::Capital => capital_length(first, after),
            Sort::Connector => run(first, after, is_connector),
            Sort::Punctuation => run(first, after, is_punct),
            Sort::Alphabet => run(first, after, is_small),
            Sort::Number => run(first, after, is_number),
            Sort::Other => run(first, after, |letter| {
                !is_connector(letter) && !is_alphabet(letter) && !is_number(letter) && !is_punct(letter)
            }),
        };
        let (text, after) = rest.split_at_checked(size + further).unwrap_or((rest, &[]));
        words.push(Word { sort, text });
        rest = after;
    }
    words
}

/// The next letter, and how many bytes it takes with the invalid ones before it; invalid bytes at the end go with the letter before.
fn next_valid(text: &[u8], previous: char) -> (char, usize) {
    let mut size = 0;
    while let Some((letter, width)) = first_rune(text.get(size..).unwrap_or_default()) {
        size += width;
        if letter != REPLACEMENT {
            return (letter, size);
        }
    }
    (previous, size)
}

fn sort_of(letter: char) -> Sort {
    match letter {
        _ if is_connector(letter) => Sort::Connector,
        _ if is_punct(letter) => Sort::Punctuation,
        _ if is_upper(letter) => Sort::Capital,
        _ if is_alphabet(letter) => Sort::Alphabet,
        _ if is_number(letter) => Sort::Number,
        _ => Sort::Other,
    }
}

/// How many bytes belong to the capital before them: several capitals are one word, but the last goes with the small letters after it;
/// one capital takes its small letters.
fn capital_length(first: char, text: &[u8]) -> usize {
    if text.is_empty() {
        return 0;
    }
    let (mut letter, mut size) = next_valid(text, first);
    if !is_upper(letter) {
        let after = text.get(size..).unwrap_or_default();
        return if is_alphabet(letter) { size + run(letter, after, is_small) } else { 0 };
    }
    let mut length = 0;
    loop {
        let last = size;
        length += last;
        let rest = text.get(length..).unwrap_or_default();
        if rest.is_empty() {
            return length;
        }
        (letter, size) = next_valid(rest, letter);
        if !is_upper(letter) {
            return if is_alphabet(letter) { length - last } else { length };
        }
    }
}

/// How many bytes the letters take that belong together with the one before them.
fn run(first: char, text: &[u8], belongs: impl Fn(char) -> bool) -> usize {
    let (mut previous, mut length) = (first, 0);
    while let Some(rest) = text.get(length..).filter(|rest| !rest.is_empty()) {
        let (letter, size) = next_valid(rest, previous);
        if !belongs(letter) {
            break;
        }
        previous = letter;
        length += size;
    }
    length
}

fn is_connector(letter: char) -> bool {
    matches!(letter, '-' | '_') || letter.is_whitespace()
}

fn is_small(letter: char) -> bool {
    is_alphabet(letter) && !is_upper(letter)
}

/// Pascal case: `http_server` becomes `HttpServer`. Connectors at the start stay, and of several in a row all but one.
pub(super) fn pascal(text: &[u8]) -> String {
    let letters = runes(text);
    let leading = letters.iter().take_while(|letter| is_connector(**letter)).count();
    let mut out: String = letters.iter().take(leading).collect();
    let Some(&first) = letters.get(leading) else {
        // Nothing but connectors: xstrings writes the last one twice.
        out.extend(letters.last());
        return out;
    };
    let mut was_capital = is_upper(first);
    let mut previous = to_upper(first);
    for &letter in letters.iter().skip(leading + 1) {
        let mut letter = letter;
        if is_connector(previous) {
            if is_connector(letter) {
                out.push(previous);
            } else {
                was_capital = is_upper(letter);
                letter = to_upper(letter);
            }
        } else {
            was_capital = was_capital && is_upper(letter);
            if was_capital {
                letter = to_lower(letter);
            }
            out.push(previous);
        }
        previous = letter;
    }
    out.push(previous);
    out
}
