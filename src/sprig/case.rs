//! Snake, kebab and Pascal case.
//!
//! Counterpart: `convert.go` of xstrings 1.5.0. A text is cut into words of one sort; then the sorts decide where separators go.
//!
//! **Invariant:** only capitals and separators change; everything else comes out as it went in.

use super::unicode::{is_number, is_punct, is_upper, runes, to_lower, to_upper};
use super::words::is_alphabet;

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
    letters: &'a [char],
}

/// Snake or kebab case, by separator.
pub(super) fn separated(text: &[u8], separator: char) -> String {
    let letters = runes(text);
    let mut writer = Writer { words: words(&letters), next: 0, separator, out: String::with_capacity(text.len() + 8) };
    writer.run();
    writer.out
}

struct Writer<'a> {
    words: Vec<Word<'a>>,
    next: usize,
    separator: char,
    out: String,
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

    /// Writes the next word in lower case and goes on.
    fn write(&mut self) {
        let Some(word) = self.words.get(self.next) else { return };
        let separator = self.separator;
        self.out.extend(word.letters.iter().map(|letter| match word.sort {
            Sort::Connector => separator,
            Sort::Capital if is_upper(*letter) => to_lower(*letter),
            _ => *letter,
        }));
        self.next += 1;
    }

    /// Separates from the next word, unless that is there already or there is none.
    fn separate(&mut self) {
        if !matches!(self.sort(), None | Some(Sort::Connector | Sort::Punctuation)) {
            self.out.push(self.separator);
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
                self.out.push(self.separator);
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

fn words(letters: &[char]) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = letters;
    while let Some(&first) = rest.first() {
        // Invalid bytes go with the letter that follows them.
        let sort = sort_of(rest.iter().copied().find(|letter| *letter != REPLACEMENT).unwrap_or(first));
        let length = match sort {
            Sort::Capital => capital_length(rest),
            Sort::Connector => run(rest, is_connector),
            Sort::Punctuation => run(rest, is_punct),
            Sort::Alphabet => run(rest, is_small),
            Sort::Number => run(rest, is_number),
            Sort::Other => run(rest, |letter| {
                !is_connector(letter) && !is_alphabet(letter) && !is_number(letter) && !is_punct(letter)
            }),
        };
        let (letters, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, &[]));
        words.push(Word { sort, letters });
        rest = after;
    }
    words
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

/// Several capitals are one word, but the last goes with the small letters after it; one capital takes its small letters.
fn capital_length(letters: &[char]) -> usize {
    let capitals = run(letters, is_upper);
    let small_follows = letters.get(capitals).is_some_and(|letter| is_alphabet(*letter));
    match (capitals, small_follows) {
        (1, true) => 1 + run(letters.get(1..).unwrap_or_default(), is_small),
        (_, true) => capitals - 1,
        (_, false) => capitals,
    }
}

fn run(letters: &[char], belongs: impl Fn(char) -> bool) -> usize {
    letters.iter().take_while(|letter| **letter == REPLACEMENT || belongs(**letter)).count()
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
