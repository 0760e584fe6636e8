//! Patterns of Go's `path/filepath.Match`: `*`, `?` and classes, none of which matches a slash.
//!
//! **Invariant:** a pattern that Go refuses is refused, wherever in it the fault is.

/// A pattern for paths.
#[derive(Clone, Debug)]
pub struct PathPattern(Vec<Token>);

/// A piece of a pattern of Go's `filepath.Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// Any number of letters but `/`.
    Star,
    /// One letter but `/`.
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl PathPattern {
    /// Reads a pattern; `None` if it is malformed.
    pub fn parse(pattern: &str) -> Option<Self> {
        tokenize(pattern).map(Self)
    }

    /// Whether the pattern matches the whole of a path.
    pub fn matches(&self, path: &str) -> bool {
        let subject: Vec<char> = path.chars().collect();
        matches(&self.0, &subject)
    }
}

fn matches(pattern: &[Token], subject: &[char]) -> bool {
    // The position to go back to: after the last star, one letter further each time.
    let mut retry: Option<(&[Token], &[char])> = None;
    let (mut pattern, mut subject) = (pattern, subject);
    loop {
        match (pattern, subject) {
            ([], []) => return true,
            ([Token::Star, rest @ ..], _) => {
                retry = Some((rest, subject));
                pattern = rest;
                continue;
            }
            ([token, rest @ ..], [letter, letters @ ..]) if token.admits(*letter) => {
                (pattern, subject) = (rest, letters);
                continue;
            }
            _ => {}
        }
        let Some((after_star, [skipped, left @ ..])) = retry else { return false };
        if *skipped == '/' {
            return false;
        }
        retry = Some((after_star, left));
        (pattern, subject) = (after_star, left);
    }
}

impl Token {
    fn admits(&self, letter: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == letter,
            Self::Star => false,
            Self::Any => letter != '/',
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != *negated
            }
        }
    }
}

/// Cuts a pattern; `None` if it is malformed.
fn tokenize(pattern: &str) -> Option<Vec<Token>> {
    let mut letters = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Literal(letters.next()?),
            '[' => class(&mut letters)?,
            letter => Token::Literal(letter),
        });
    }
    Some(tokens)
}

fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && letters.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let low = class_letter(letters)?;
        let high = if letters.next_if_eq(&'-').is_some() { class_letter(letters)? } else { low };
        ranges.push((low, high));
    }
}

fn class_letter(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match letters.next()? {
        '-' | ']' => None,
        '\\' => letters.next(),
        letter => Some(letter),
    }
}
