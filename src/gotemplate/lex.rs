//! Text to tokens.
//!
//! Counterpart of `text/template/parse/lex.go` (Go 1.26), with fixed delimiters and without tokens for comments. Text need not
//! be UTF-8; bytes that are not count as U+FFFD inside actions.
//!
//! **Invariant:** every byte of the text belongs to one token, to a comment or to trimmed space, and positions never go back.

use crate::value::category::{is_digit, is_letter};
use crate::value::{is_print, quote};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// The lexer gave up; its message says why.
    Error,
    Bool,
    /// A printable ASCII character that has no meaning of its own, such as a comma.
    Char,
    CharConstant,
    /// `1+2i`.
    Complex,
    /// `=`.
    Assign,
    /// `:=`.
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    /// The cursor: Go counts it as a keyword.
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl TokenKind {
    fn is_keyword(self) -> bool {
        use TokenKind as T;
        matches!(
            self,
            T::Dot
                | T::Nil
                | T::Block
                | T::Break
                | T::Continue
                | T::Define
                | T::Else
                | T::End
                | T::If
                | T::Range
                | T::Template
                | T::With
        )
    }
}

/// A token: what it is and where. Fits into two registers; texts are shorter than 4 GiB, to which the parser sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    start: u32,
    end: u32,
}

impl Token {
    /// A token before the first.
    pub(super) const NONE: Self = Self { kind: TokenKind::Eof, start: u32::MAX, end: u32::MAX };

    fn new(kind: TokenKind, start: usize, end: usize) -> Self {
        Self { kind, start: start as u32, end: end as u32 }
    }

    /// The position of the first byte.
    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    /// The position behind the last byte.
    pub(super) fn end(self) -> usize {
        self.end as usize
    }
}

/// The scanner of one text.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    position: usize,
    start: usize,
    parentheses: usize,
    inside_action: bool,
    break_is_keyword: bool,
    continue_is_keyword: bool,
    message: String,
}

impl<'t> Lexer<'t> {
    /// Scans a text. `break` and `continue` are no keywords where functions have these names.
    pub(super) fn new(text: &'t [u8], break_is_keyword: bool, continue_is_keyword: bool) -> Self {
        Self {
            text,
            position: 0,
            start: 0,
            parentheses: 0,
            inside_action: false,
            break_is_keyword,
            continue_is_keyword,
            message: String::new(),
        }
    }

    /// The bytes of a token.
    pub(super) fn bytes(&self, token: Token) -> &'t [u8] {
        self.text.get(token.start()..token.end()).unwrap_or_default()
    }

    /// The line on which a token starts, from 1; 0 before the first token.
    pub(super) fn line(&self, token: Token) -> usize {
        self.text.get(..token.start()).map_or(0, |before| 1 + count_newlines(before))
    }

    /// The token as errors name it.
    pub(super) fn describe(&self, token: Token) -> String {
        let bytes = self.bytes(token);
        match token.kind {
            TokenKind::Eof => "EOF".to_owned(),
            TokenKind::Error => self.message.clone(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(bytes)),
            _ if bytes.len() > 10 => format!("{}...", quote(first_runes(bytes, 10))),
            _ => quote(bytes),
        }
    }

    /// The next token; after the end, the end again.
    pub(super) fn next_token(&mut self) -> Token {
        if self.inside_action { self.lex_inside_action() } else { self.lex_text() }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        rune_at(self.text, self.position).map(|(rune, _)| rune)
    }

    fn next(&mut self) -> Option<char> {
        let (rune, width) = rune_at(self.text, self.position)?;
        self.position += width;
        Some(rune)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|rune| valid.contains(rune));
        if accepted {
            self.position += 1;
        }
        accepted
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn ignore(&mut self) {
        self.start = self.position;
    }

    fn emit(&mut self, kind: TokenKind) -> Token {
        let token = Token::new(kind, self.start, self.position);
        self.start = self.position;
        token
    }

    fn fail(&mut self, message: impl Into<String>) -> Token {
        self.message = message.into();
        let token = Token::new(TokenKind::Error, self.start, self.start);
        self.position = self.text.len();
        self.start = self.position;
        token
    }

    fn lex_text(&mut self) -> Token {
        loop {
            let Some(offset) = find_pair(self.rest(), *b"{{") else {
                self.position = self.text.len();
                let kind = if self.position > self.start { TokenKind::Text } else { TokenKind::Eof };
                return self.emit(kind);
            };
            let delim = self.position + offset;
            self.position = delim;
            let after = self.text.get(delim + 2..).unwrap_or_default();
            if has_left_trim_marker(after) {
                let text = self.text.get(self.start..delim).unwrap_or_default();
                self.position -= text.iter().rev().take_while(|byte| is_space_byte(**byte)).count();
            }
            let text = (self.position > self.start).then(|| self.emit(TokenKind::Text));
            self.position = delim;
            self.ignore();
            if let Some(text) = text {
                return text;
            }
            if let Some(token) = self.lex_left_delim() {
                return token;
            }
        }
    }

    /// Scans the left delimiter, or a whole comment, which gives no token.
    fn lex_left_delim(&mut self) -> Option<Token> {
        self.position += 2;
        let marker = if has_left_trim_marker(self.rest()) { 2 } else { 0 };
        if self.rest().get(marker..).unwrap_or_default().starts_with(b"/*") {
            self.position += marker;
            self.ignore();
            return self.lex_comment();
        }
        let token = self.emit(TokenKind::LeftDelim);
        self.inside_action = true;
        self.position += marker;
        self.ignore();
        self.parentheses = 0;
        Some(token)
    }

    fn lex_comment(&mut self) -> Option<Token> {
        self.position += 2;
        let Some(offset) = find_pair(self.rest(), *b"*/") else {
            return Some(self.fail("unclosed comment"));
        };
        self.position += offset + 2;
        let Some(trims) = self.at_right_delim() else {
            return Some(self.fail("comment ends before closing delimiter"));
        };
        self.position += if trims { 4 } else { 2 };
        if trims {
            self.skip_spaces();
        }
        self.ignore();
        None
    }

    /// Whether a right delimiter is next, and if so, whether it trims.
    fn at_right_delim(&self) -> Option<bool> {
        match self.rest() {
            [b'}', b'}', ..] => Some(false),
            rest => is_trimming_delim(rest).then_some(true),
        }
    }

    fn lex_right_delim(&mut self, trims: bool) -> Token {
        if trims {
            self.position += 2;
            self.ignore();
        }
        self.position += 2;
        let token = self.emit(TokenKind::RightDelim);
        if trims {
            self.skip_spaces();
            self.ignore();
        }
        self.inside_action = false;
        token
    }

    fn skip_spaces(&mut self) {
        self.position += self.rest().iter().take_while(|byte| is_space_byte(**byte)).count();
    }

    fn lex_inside_action(&mut self) -> Token {
        let Some(&first) = self.rest().first() else {
            return self.fail("unclosed action");
        };
        if IS_OF_NAME[usize::from(first)] && !first.is_ascii_digit() {
            return self.lex_identifier();
        }
        if let Some(trims) = self.at_right_delim() {
            if self.parentheses == 0 {
                return self.lex_right_delim(trims);
            }
            return self.fail("unclosed left paren");
        }
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => self.lex_space(),
            b'.' if self.rest().get(1).is_some_and(|byte| !byte.is_ascii_digit()) => {
                self.position += 1;
                self.lex_field_or_variable(TokenKind::Field)
            }
            b'.' | b'+' | b'-' | b'0'..=b'9' => self.lex_number(),
            _ => match self.next() {
                Some(rune) if !is_alphanumeric(rune) => self.lex_symbol(rune),
                _ => self.lex_identifier(),
            },
        }
    }

    /// Scans what starts with a symbol, which is past.
    fn lex_symbol(&mut self, rune: char) -> Token {
        match rune {
            '=' => self.emit(TokenKind::Assign),
            ':' if self.next() == Some('=') => self.emit(TokenKind::Declare),
            ':' => self.fail("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.lex_quote(b'"', TokenKind::String, "unterminated quoted string"),
            '\'' => self.lex_quote(b'\'', TokenKind::CharConstant, "unterminated character constant"),
            '`' => self.lex_raw_quote(),
            '$' if self.at_terminator() => self.emit(TokenKind::Variable),
            '$' => self.lex_field_or_variable(TokenKind::Variable),
            '(' => {
                self.parentheses += 1;
                self.emit(TokenKind::LeftParen)
            }
            ')' => match self.parentheses.checked_sub(1) {
                Some(parentheses) => {
                    self.parentheses = parentheses;
                    self.emit(TokenKind::RightParen)
                }
                None => self.fail("unexpected right paren"),
            },
            '!'..='~' => self.emit(TokenKind::Char),
            _ => self.fail(format!("unrecognized character in action: {}", describe_rune(rune))),
        }
    }

    /// Scans a run of spaces, of which the last may belong to a trimming delimiter.
    fn lex_space(&mut self) -> Token {
        self.skip_spaces();
        let last = self.position - 1;
        if is_trimming_delim(self.text.get(last..).unwrap_or_default()) {
            self.position = last;
            if self.position == self.start {
                return self.lex_right_delim(true);
            }
        }
        self.emit(TokenKind::Space)
    }

    fn lex_identifier(&mut self) -> Token {
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.fail_bad_character();
        }
        let word = self.text.get(self.start..self.position).unwrap_or_default();
        let kind = match word {
            b"block" => TokenKind::Block,
            b"break" if self.break_is_keyword => TokenKind::Break,
            b"continue" if self.continue_is_keyword => TokenKind::Continue,
            b"define" => TokenKind::Define,
            b"else" => TokenKind::Else,
            b"end" => TokenKind::End,
            b"if" => TokenKind::If,
            b"range" => TokenKind::Range,
            b"nil" => TokenKind::Nil,
            b"template" => TokenKind::Template,
            b"with" => TokenKind::With,
            b"true" | b"false" => TokenKind::Bool,
            _ => TokenKind::Identifier,
        };
        self.emit(kind)
    }

    /// Scans a field or variable, of which the first character is past.
    fn lex_field_or_variable(&mut self, kind: TokenKind) -> Token {
        if self.at_terminator() {
            return self.emit(if kind == TokenKind::Field { TokenKind::Dot } else { kind });
        }
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.fail_bad_character();
        }
        self.emit(kind)
    }

    fn skip_alphanumeric(&mut self) {
        loop {
            self.position += self.rest().iter().take_while(|byte| IS_OF_NAME[usize::from(**byte)]).count();
            let is_over = self.rest().first().is_none_or(u8::is_ascii);
            if is_over || !self.peek().is_some_and(is_alphanumeric) {
                return;
            }
            self.next();
        }
    }

    fn fail_bad_character(&mut self) -> Token {
        let rune = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.fail(format!("bad character {}", describe_rune(rune)))
    }

    /// Whether a name may end here.
    fn at_terminator(&self) -> bool {
        matches!(
            self.rest(),
            [] | [b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(', ..] | [b'}', b'}', ..]
        )
    }

    fn lex_quote(&mut self, delimiter: u8, kind: TokenKind, unterminated: &str) -> Token {
        loop {
            let Some(offset) = memchr::memchr3(delimiter, b'\\', b'\n', self.rest()) else {
                self.position = self.text.len();
                return self.fail(unterminated);
            };
            self.position += offset;
            match self.next() {
                Some('\n') => return self.fail(unterminated),
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.fail(unterminated);
                    }
                }
                _ => return self.emit(kind),
            }
        }
    }

    fn lex_raw_quote(&mut self) -> Token {
        match memchr::memchr(b'`', self.rest()) {
            Some(offset) => {
                self.position += offset + 1;
                self.emit(TokenKind::RawString)
            }
            None => self.fail("unterminated raw quoted string"),
        }
    }

    /// Scans what looks like a number; the parser checks that it is one.
    fn lex_number(&mut self) -> Token {
        if !self.scan_number() {
            return self.fail_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.emit(TokenKind::Number);
        }
        if !self.scan_number() || self.text.get(self.position - 1) != Some(&b'i') {
            return self.fail_number();
        }
        self.emit(TokenKind::Complex)
    }

    fn fail_number(&mut self) -> Token {
        let text = quote(self.text.get(self.start..self.position).unwrap_or_default());
        self.fail(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEXADECIMAL: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEXADECIMAL;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits {
            DECIMAL => "eE",
            HEXADECIMAL => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// The bytes of ASCII that names are of.
const IS_OF_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Where two bytes stand together; quick where the first of them is rare.
fn find_pair(text: &[u8], [first, second]: [u8; 2]) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = from + memchr::memchr(first, text.get(from..)?)?;
        if text.get(found + 1) == Some(&second) {
            return Some(found);
        }
        from = found + 1;
    }
}

fn is_space_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn has_left_trim_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space_byte(*space))
}

fn is_trimming_delim(text: &[u8]) -> bool {
    matches!(text, [space, b'-', b'}', b'}', ..] if is_space_byte(*space))
}

/// Letters, decimal digits and the underscore, as `unicode.IsLetter` and `unicode.IsDigit` have them.
fn is_alphanumeric(rune: char) -> bool {
    rune == '_' || is_letter(rune) || is_digit(rune)
}

/// The number of newlines in a text.
pub(super) fn count_newlines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// The character at a position and its width; U+FFFD for a byte that is not UTF-8.
#[inline]
pub(super) fn rune_at(text: &[u8], position: usize) -> Option<(char, usize)> {
    match text.get(position) {
        Some(byte) if byte.is_ascii() => Some((char::from(*byte), 1)),
        _ => long_rune_at(text, position),
    }
}

fn long_rune_at(text: &[u8], position: usize) -> Option<(char, usize)> {
    let rest = text.get(position..)?;
    let chunk = rest.get(..rest.len().min(4))?.utf8_chunks().next()?;
    match chunk.valid().chars().next() {
        Some(rune) => Some((rune, rune.len_utf8())),
        None => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

fn first_runes(text: &[u8], count: usize) -> &[u8] {
    let mut end = 0;
    for _ in 0..count {
        end += rune_at(text, end).map_or(0, |(_, width)| width);
    }
    text.get(..end).unwrap_or(text)
}

/// A character as `%#U` prints it.
fn describe_rune(rune: char) -> String {
    let code = u32::from(rune);
    if is_print(rune) { format!("U+{code:04X} '{rune}'") } else { format!("U+{code:04X}") }
}
