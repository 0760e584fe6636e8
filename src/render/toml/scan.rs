//! The letters of a TOML text, with the position that errors name.
//!
//! Counterpart: the lowest part of `lex.go` in BurntSushi/toml 1.6.0. Which line an error names near the end of a line or of the text
//! follows its habits: some errors count the line before.
//!
//! **Invariant:** every letter that is given is valid UTF-8 and no control letter but tabs and line breaks; the end is [`END`].

use super::read::Failure;

/// What stands for the end of the text; no text can have it.
pub(super) const END: char = '\0';

/// A text and a place in it.
pub(super) struct Scanner<'t> {
    input: &'t [u8],
    pub(super) position: usize,
    /// The line of the position, from 1; the library counts down to 0 and below in places.
    pub(super) line: i64,
    at_end: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(input: &'t [u8]) -> Self {
        Self { input, position: 0, line: 1, at_end: false }
    }

    /// The next letter, which is passed.
    pub(super) fn next(&mut self) -> Result<char, Failure> {
        let rest = self.input.get(self.position..).unwrap_or_default();
        let Some(&byte) = rest.first() else {
            self.at_end = true;
            return Ok(END);
        };
        if byte == b'\n' {
            self.line += 1;
        }
        let head = rest.get(..rest.len().min(4)).unwrap_or_default();
        let valid = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let Some(letter) = valid.chars().next() else {
            return Err(Failure::new(self.line, format!("invalid UTF-8 byte: {byte:#04x}")));
        };
        let is_lone_return = letter == '\r' && rest.get(1) != Some(&b'\n');
        if is_lone_return || (letter.is_ascii_control() && !matches!(letter, '\t' | '\r' | '\n')) {
            let code = u32::from(letter);
            let message = format!("TOML files cannot contain control characters: '{code:#04x}'");
            return Err(Failure::new(self.line, message));
        }
        self.position += letter.len_utf8();
        Ok(letter)
    }

    /// Goes back before the letter that was passed last.
    pub(super) fn back(&mut self) {
        if self.at_end {
            self.at_end = false;
            return;
        }
        let before = self.input.get(..self.position).unwrap_or_default();
        let start = before.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0);
        self.position = start;
        if self.input.get(start) == Some(&b'\n') {
            self.line -= 1;
        }
    }

    /// The next letter, which is not passed.
    pub(super) fn peek(&mut self) -> Result<char, Failure> {
        let letter = self.next()?;
        self.back();
        Ok(letter)
    }

    /// Passes the letter if it comes next.
    pub(super) fn accept(&mut self, wanted: char) -> Result<bool, Failure> {
        if self.next()? == wanted {
            return Ok(true);
        }
        self.back();
        Ok(false)
    }

    /// Passes letters as long as they are such.
    pub(super) fn skip(&mut self, is_such: impl Fn(char) -> bool) -> Result<(), Failure> {
        while is_such(self.next()?) {}
        self.back();
        Ok(())
    }

    /// Passes spaces and tabs.
    pub(super) fn skip_blanks(&mut self) -> Result<(), Failure> {
        self.skip(is_blank)
    }

    /// The text from a start to here.
    pub(super) fn since(&self, start: usize) -> String {
        self.between(start, self.position)
    }

    /// The text between two places, which has been passed.
    pub(super) fn between(&self, start: usize, end: usize) -> String {
        String::from_utf8_lossy(self.input.get(start..end).unwrap_or_default()).into_owned()
    }

    /// An error here; at the end, after a line break, it names the line before.
    pub(super) fn error(&self, message: impl Into<String>) -> Failure {
        let after_break = self.position > 0 && self.input.get(self.position - 1) == Some(&b'\n');
        Failure::new(if self.at_end && after_break { self.line - 1 } else { self.line }, message)
    }

    /// An error here; at the end it names the line before, whatever was there.
    pub(super) fn error_in_text(&self, message: impl Into<String>) -> Failure {
        Failure::new(if self.at_end { self.line - 1 } else { self.line }, message)
    }
}

/// A space or a tab.
pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | ' ')
}

/// Part of a line break.
pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}
