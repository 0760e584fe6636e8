//! The scanner: text into tokens, with block structure from indentation and keys found in hindsight.
//!
//! Counterpart: go-yaml v2.4 `scannerc.go`. A scalar borrows from the text where it can. Columns are counted but offsets are not,
//! because a simple key cannot span lines.
//!
//! **Invariant:** never gives a token while a later `:` could still make it a key.

mod block;
mod buffer;
mod position;
mod property;
mod quoted;
mod scalar;

use std::borrow::Cow;
use std::collections::VecDeque;

use super::error::ReadError;
use super::input::Input;
use buffer::Buffer;
use position::Mark;

/// The deepest nesting of flow collections and of indentation (go-yaml v2.4).
const MAX_LEVELS: usize = 10_000;
/// How many characters a key without `?` may have before its `:`.
const MAX_SIMPLE_KEY: usize = 1024;

/// What a token is.
#[derive(Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    StreamEnd,
    VersionDirective { major: u8, minor: u8 },
    TagDirective(Box<TagDirective>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag(Box<Tag>),
    Scalar { text: Cow<'a, str>, plain: bool },
}

/// A `%TAG` directive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TagDirective {
    pub(super) handle: String,
    pub(super) prefix: String,
}

/// A tag as written: `!handle!suffix`, or `!<suffix>` with an empty handle.
#[derive(Debug, PartialEq)]
pub(super) struct Tag {
    pub(super) handle: String,
    pub(super) suffix: String,
}

/// A token and the line it starts on, counted from zero.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) line: usize,
    /// The flow level at which this token may turn out to be a key.
    key_level: Option<usize>,
}

/// A token that becomes a key if a `:` follows.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token_number: usize,
    mark: Mark,
}

/// Reads tokens from text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    fault: Option<&'static str>,
    /// Followed only where it matters: in a text with byte order marks.
    buffer: Option<Buffer>,
    pos: usize,
    mark: Mark,
    tokens: VecDeque<Token<'a>>,
    tokens_parsed: usize,
    /// How many tokens will have been taken with the first one that waits, if that one is known to be certain.
    certain: usize,
    stream_ended: bool,
    flow_level: usize,
    /// The column of the current block, -1 outside of any.
    indent: isize,
    indents: Vec<isize>,
    simple_key_allowed: bool,
    /// One for each flow level, and one for block context.
    simple_keys: Vec<SimpleKey>,
}

impl<'a> Scanner<'a> {
    /// A scanner over checked text. Why that ends early is reported when reading comes there.
    pub(super) fn new(input: &'a Input<'_>) -> Self {
        let text = &*input.text;
        Self {
            text,
            bytes: text.as_bytes(),
            fault: input.fault,
            buffer: input.marks.map(|first_block| Buffer::new(text, first_block)),
            pos: 0,
            mark: Mark::default(),
            tokens: VecDeque::new(),
            tokens_parsed: 0,
            certain: 0,
            stream_ended: false,
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
        }
    }

    /// How many bytes of text there are in all.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The next token, left where it is. After the end of the stream it is the end again.
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, ReadError> {
        self.fill()?;
        self.tokens.front().ok_or_else(|| ReadError::input("unknown problem parsing YAML content"))
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, ReadError> {
        self.fill()?;
        self.tokens_parsed += 1;
        self.tokens.pop_front().ok_or_else(|| ReadError::input("unknown problem parsing YAML content"))
    }

    /// Fetches tokens until the first one is certain.
    fn fill(&mut self) -> Result<(), ReadError> {
        if self.certain == self.tokens_parsed + 1 {
            return Ok(());
        }
        while !self.is_first_certain()? {
            self.fetch()?;
        }
        self.certain = self.tokens_parsed + 1;
        Ok(())
    }

    /// Whether a token waits that no later `:` makes a key.
    fn is_first_certain(&self) -> Result<bool, ReadError> {
        let Some(head) = self.tokens.front() else { return Ok(false) };
        match head.key_level.and_then(|level| self.simple_keys.get(level)) {
            Some(key) if key.token_number == self.tokens_parsed => Ok(!self.is_valid(key)?),
            _ => Ok(true),
        }
    }

    /// Whether a `:` here would make this a key; an error if the key is required and can be none any more.
    fn is_valid(&self, key: &SimpleKey) -> Result<bool, ReadError> {
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < self.mark.line || key.mark.column + MAX_SIMPLE_KEY < self.mark.column {
            if key.required {
                return Err(self.error("could not find expected ':'"));
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Scans one token, or more where block structure begins or ends.
    fn fetch(&mut self) -> Result<(), ReadError> {
        if self.stream_ended {
            self.push(TokenKind::StreamEnd, self.mark);
            return Ok(());
        }
        self.skip_to_token()?;
        let column = self.mark.column as isize;
        self.unroll_indent(column);
        self.look(4)?;

        let (byte, next) = (self.byte(0), self.byte(1));
        if byte == 0 && self.pos >= self.bytes.len() {
            return self.fetch_stream_end();
        }
        if self.mark.column == 0 {
            if byte == b'%' {
                return self.fetch_directive();
            }
            if let Some(kind) = self.document_indicator() {
                return self.fetch_document_indicator(kind);
            }
        }
        let in_flow = self.flow_level > 0;
        match byte {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.is_blank_or_end(1) => self.fetch_block_entry(),
            b'?' if in_flow || self.is_blank_or_end(1) => self.fetch_key(),
            b':' if in_flow || self.is_blank_or_end(1) => self.fetch_value(),
            b'*' => self.fetch_anchor(true),
            b'&' => self.fetch_anchor(false),
            b'!' => self.fetch_tag(),
            b'|' if !in_flow => self.fetch_block_scalar(true),
            b'>' if !in_flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_quoted(true),
            b'"' => self.fetch_quoted(false),
            b'-' if next != b' ' && next != b'\t' => self.fetch_plain(),
            b'?' | b':' if !in_flow => self.fetch_plain(),
            b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' => {
                Err(self.error("found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    fn push(&mut self, kind: TokenKind<'a>, mark: Mark) {
        self.tokens.push_back(Token { kind, line: mark.line, key_level: None });
    }

    /// Puts a token before the one with this number, or at the end if that one has been taken.
    fn insert(&mut self, number: usize, kind: TokenKind<'a>, mark: Mark) {
        let len = self.tokens.len();
        let at = number.checked_sub(self.tokens_parsed).map_or(len, |at| at.min(len));
        self.tokens.insert(at, Token { kind, line: mark.line, key_level: None });
    }

    /// Puts a token that may turn out to be a key.
    fn push_possible_key(&mut self, kind: TokenKind<'a>, mark: Mark, level: usize) {
        self.tokens.push_back(Token { kind, line: mark.line, key_level: Some(level) });
    }

    fn next_number(&self) -> usize {
        self.tokens_parsed + self.tokens.len()
    }

    fn key_level(&self) -> usize {
        self.simple_keys.len().saturating_sub(1)
    }

    /// Notes that the token about to be scanned may be a key.
    fn save_simple_key(&mut self) -> Result<(), ReadError> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let required = self.flow_level == 0 && self.indent == self.mark.column as isize;
        let key = SimpleKey { possible: true, required, token_number: self.next_number(), mark: self.mark };
        self.remove_simple_key()?;
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    /// Gives up on the key noted at this flow level.
    fn remove_simple_key(&mut self) -> Result<(), ReadError> {
        let missing = self.simple_keys.last().is_some_and(|key| key.possible && key.required);
        if missing {
            return Err(self.error("could not find expected ':'"));
        }
        if let Some(last) = self.simple_keys.last_mut() {
            last.possible = false;
        }
        Ok(())
    }

    /// Opens a block collection if the column is further right than the current one.
    fn roll_indent(&mut self, mark: Mark, number: Option<usize>, kind: TokenKind<'a>) -> Result<(), ReadError> {
        let column = mark.column as isize;
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_LEVELS {
            return Err(self.error(format!("exceeded max depth of {MAX_LEVELS}")));
        }
        let number = number.unwrap_or_else(|| self.next_number());
        self.insert(number, kind, mark);
        Ok(())
    }

    /// Closes the block collections that are further right than the column.
    fn unroll_indent(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(TokenKind::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), ReadError> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.stream_ended = true;
        self.push(TokenKind::StreamEnd, self.mark);
        Ok(())
    }

    /// The document indicator that stands here at the start of a line.
    fn document_indicator(&self) -> Option<TokenKind<'a>> {
        let kind = match self.bytes.get(self.pos..self.pos + 3)? {
            b"---" => TokenKind::DocumentStart,
            b"..." => TokenKind::DocumentEnd,
            _ => return None,
        };
        self.is_blank_or_end(3).then_some(kind)
    }

    fn fetch_document_indicator(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(kind, self.mark);
        self.advance(3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.save_simple_key()?;
        let (level, token_number) = (self.key_level(), self.next_number());
        self.push_possible_key(kind, self.mark, level);
        self.simple_keys.push(SimpleKey { token_number, mark: self.mark, ..SimpleKey::default() });
        self.flow_level += 1;
        if self.flow_level > MAX_LEVELS {
            return Err(self.error(format!("exceeded max depth of {MAX_LEVELS}")));
        }
        self.simple_key_allowed = true;
        self.advance(1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            // go-yaml thereby forgets that an empty collection may be a key.
            let opened = self.simple_keys.pop().and_then(|key| key.token_number.checked_sub(self.tokens_parsed));
            if let Some(token) = opened.and_then(|at| self.tokens.get_mut(at)) {
                token.key_level = None;
            }
        }
        self.simple_key_allowed = false;
        self.push(kind, self.mark);
        self.advance(1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push(TokenKind::FlowEntry, self.mark);
        self.advance(1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), ReadError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, TokenKind::BlockSequenceStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push(TokenKind::BlockEntry, self.mark);
        self.advance(1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), ReadError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.mark, None, TokenKind::BlockMappingStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.push(TokenKind::Key, self.mark);
        self.advance(1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), ReadError> {
        let key = self.simple_keys.last().copied().unwrap_or_default();
        if self.is_valid(&key)? {
            self.insert(key.token_number, TokenKind::Key, key.mark);
            self.roll_indent(key.mark, Some(key.token_number), TokenKind::BlockMappingStart)?;
            if let Some(last) = self.simple_keys.last_mut() {
                last.possible = false;
            }
            self.simple_key_allowed = false;
        } else {
            // go-yaml forgets a stale key here without asking for it.
            if let Some(last) = self.simple_keys.last_mut() {
                last.possible = false;
            }
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.mark, None, TokenKind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.push(TokenKind::Value, self.mark);
        self.advance(1);
        Ok(())
    }

    /// Scans a token that may be a key, after which no key may start.
    fn fetch_possible_key(
        &mut self,
        scan: impl FnOnce(&mut Self) -> Result<TokenKind<'a>, ReadError>,
    ) -> Result<(), ReadError> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let (mark, level) = (self.mark, self.key_level());
        let kind = scan(self)?;
        self.push_possible_key(kind, mark, level);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), ReadError> {
        self.fetch_possible_key(|scanner| scanner.scan_anchor(alias))
    }

    fn fetch_tag(&mut self) -> Result<(), ReadError> {
        self.fetch_possible_key(Self::scan_tag)
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), ReadError> {
        self.fetch_possible_key(|scanner| scanner.scan_quoted(single))
    }

    fn fetch_plain(&mut self) -> Result<(), ReadError> {
        self.fetch_possible_key(Self::scan_plain)
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), ReadError> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let mark = self.mark;
        let kind = self.scan_block_scalar(literal)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), ReadError> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let kind = self.scan_directive()?;
        self.push(kind, mark);
        Ok(())
    }
}
