//! `.helmignore`: which files of a directory are no part of the chart. Archives are never filtered.
//!
//! Counterpart: `pkg/ignore` of Helm 4.3.1. Its negation is kept: a path that a `!rule` does not match is ignored at once, one that it
//! matches goes on to the next rule.
//!
//! **Invariant:** the first rule that decides, decides.

use super::Error;

/// The rules of a `.helmignore`.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Vec<Token>,
    negated: bool,
    only_directories: bool,
    /// Whether the pattern is held against the last part of the path alone.
    only_base: bool,
}

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

impl Rules {
    /// Reads a `.helmignore`. Fails on `**` and on patterns that Go's `filepath.Match` refuses.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rules = Self::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add(line)?;
        }
        Ok(rules)
    }

    /// Adds what Helm ignores in any case: files directly in `templates/` whose name begins with a dot.
    pub fn with_defaults(mut self) -> Self {
        let pattern = "templates/.".chars().map(Token::Literal).chain([Token::Any, Token::Star]).collect();
        self.rules.push(Rule { pattern, negated: false, only_directories: false, only_base: false });
        self
    }

    fn add(&mut self, line: &str) -> Result<(), Error> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err(Error::Ignore("double-star (**) syntax is not supported".to_owned()));
        }
        // Helm tries the rule on a sample with its marks still on, and Go looks only as far as the sample goes.
        check_pattern(rule)?;
        let (negated, rule) = rule.strip_prefix('!').map_or((false, rule), |rule| (true, rule));
        let (only_directories, rule) = rule.strip_suffix('/').map_or((false, rule), |rule| (true, rule));
        let (rooted, rule) = rule.strip_prefix('/').map_or((false, rule), |rule| (true, rule));
        let only_base = !rooted && !rule.contains('/');
        let pattern = tokenize(rule).ok_or_else(|| bad_pattern(rule))?;
        self.rules.push(Rule { pattern, negated, only_directories, only_base });
        Ok(())
    }

    /// Whether the path, relative to the chart and with slashes, is left out.
    pub fn ignores(&self, path: &str, is_directory: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        for rule in &self.rules {
            let applies = is_directory || !rule.only_directories;
            match (rule.negated, applies && rule.matches(path)) {
                (true, false) | (false, true) => return true,
                (true, true) | (false, false) => {}
            }
        }
        false
    }

    /// Whether a file is left out, by a rule on itself or on a directory above it.
    pub fn ignores_file(&self, path: &str) -> bool {
        let above = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        above.into_iter().any(|directory| self.ignores(directory, true)) || self.ignores(path, false)
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let subject = if self.only_base { path.rsplit('/').next().unwrap_or(path) } else { path };
        let subject: Vec<char> = subject.chars().collect();
        matches(&self.pattern, &subject)
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

fn check_pattern(rule: &str) -> Result<(), Error> {
    tokenize(rule).map(|_| ()).ok_or_else(|| bad_pattern(rule))
}

fn bad_pattern(rule: &str) -> Error {
    Error::Ignore(format!("syntax error in pattern {rule:?} of .helmignore"))
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
