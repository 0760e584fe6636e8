//! Anchors, aliases, tags and directives.
//!
//! **Invariant:** names are ASCII letters, digits, `_` and `-`, as go-yaml has them, though YAML allows more.

use super::{Scanner, Tag, TagDirective, TokenKind};
use crate::goyaml::error::ReadError;

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl<'a> Scanner<'a> {
    /// Reads a name, which may be empty.
    fn scan_name(&mut self) -> Result<&'a str, ReadError> {
        let start = self.pos;
        while is_name_byte(self.byte(0)) {
            self.advance(1);
        }
        self.look(1)?;
        Ok(self.slice(start, self.pos))
    }

    /// Skips spaces and tabs.
    pub(super) fn skip_blanks(&mut self) -> Result<(), ReadError> {
        while self.is_blank(0) {
            self.advance(1);
        }
        self.look(1)
    }

    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<TokenKind<'a>, ReadError> {
        self.advance(1);
        let name = self.scan_name()?;
        let ends = self.is_blank_or_end(0) || b"?:,]}%@`".contains(&self.byte(0));
        if name.is_empty() || !ends {
            return Err(self.error("did not find expected alphabetic or numeric character"));
        }
        Ok(if alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) })
    }

    pub(super) fn scan_tag(&mut self) -> Result<TokenKind<'a>, ReadError> {
        self.look(2)?;
        let tag = if self.byte(1) == b'<' {
            self.advance(2);
            let suffix = self.scan_tag_uri("")?;
            if self.byte(0) != b'>' {
                return Err(self.error("did not find the expected '>'"));
            }
            self.advance(1);
            Tag { handle: String::new(), suffix }
        } else {
            self.scan_short_tag()?
        };
        if !self.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        Ok(TokenKind::Tag(Box::new(tag)))
    }

    /// Reads `!suffix`, `!handle!suffix` or a lone `!`.
    fn scan_short_tag(&mut self) -> Result<Tag, ReadError> {
        let handle = self.scan_tag_handle(false)?;
        if handle.len() > 1 && handle.ends_with('!') {
            let suffix = self.scan_tag_uri("")?;
            return Ok(Tag { handle: handle.to_owned(), suffix });
        }
        let suffix = self.scan_tag_uri(handle)?;
        if suffix.is_empty() {
            return Ok(Tag { handle: String::new(), suffix: "!".to_owned() });
        }
        Ok(Tag { handle: "!".to_owned(), suffix })
    }

    fn scan_tag_handle(&mut self, directive: bool) -> Result<&'a str, ReadError> {
        let start = self.pos;
        if self.byte(0) != b'!' {
            return Err(self.error("did not find expected '!'"));
        }
        self.advance(1);
        self.scan_name()?;
        if self.byte(0) == b'!' {
            self.advance(1);
            self.look(1)?;
        } else if directive && self.pos - start != 1 {
            return Err(self.error("did not find expected '!'"));
        }
        Ok(self.slice(start, self.pos))
    }

    /// Reads the rest of a tag. `head` is what was taken for a handle and was none; its `!` is not part of the tag.
    fn scan_tag_uri(&mut self, head: &str) -> Result<String, ReadError> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut found = !head.is_empty();
        loop {
            let byte = self.byte(0);
            if byte == b'%' {
                self.scan_uri_escape(&mut uri)?;
            } else if is_name_byte(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) {
                uri.push(byte);
                self.advance(1);
                self.look(1)?;
            } else {
                break;
            }
            found = true;
        }
        if !found {
            return Err(self.error("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// Reads one character written as `%XX` octets.
    fn scan_uri_escape(&mut self, uri: &mut Vec<u8>) -> Result<(), ReadError> {
        let mut remaining = None;
        while remaining != Some(0) {
            self.look(3)?;
            let high = char::from(self.byte(1)).to_digit(16);
            let low = char::from(self.byte(2)).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.byte(0), high, low) else {
                return Err(self.error("did not find URI escaped octet"));
            };
            let octet = (high << 4 | low) as u8;
            let width = match (remaining, octet) {
                (Some(left), 0x80..=0xBF) => left,
                (Some(_), _) => return Err(self.error("found an incorrect trailing UTF-8 octet")),
                (None, 0..=0x7F) => 1,
                (None, 0xC0..=0xDF) => 2,
                (None, 0xE0..=0xEF) => 3,
                (None, 0xF0..=0xF7) => 4,
                (None, _) => return Err(self.error("found an incorrect leading UTF-8 octet")),
            };
            uri.push(octet);
            self.advance(3);
            remaining = Some(width - 1);
        }
        Ok(())
    }

    pub(super) fn scan_directive(&mut self) -> Result<TokenKind<'a>, ReadError> {
        self.advance(1);
        let name = self.scan_name()?;
        if name.is_empty() {
            return Err(self.error("could not find expected directive name"));
        }
        if !self.is_blank_or_end(0) {
            return Err(self.error("found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.scan_version()?,
            "TAG" => self.scan_tag_directive()?,
            _ => return Err(self.error("found unknown directive name")),
        };
        self.skip_rest_of_line()?;
        Ok(kind)
    }

    fn scan_version(&mut self) -> Result<TokenKind<'a>, ReadError> {
        self.skip_blanks()?;
        let major = self.scan_version_number()?;
        if self.byte(0) != b'.' {
            return Err(self.error("did not find expected digit or '.' character"));
        }
        self.advance(1);
        let minor = self.scan_version_number()?;
        Ok(TokenKind::VersionDirective { major, minor })
    }

    fn scan_version_number(&mut self) -> Result<u8, ReadError> {
        let start = self.pos;
        let mut number = 0;
        while self.byte(0).is_ascii_digit() {
            if self.pos - start == 2 {
                return Err(self.error("found extremely long version number"));
            }
            number = number * 10 + (self.byte(0) - b'0');
            self.advance(1);
            self.look(1)?;
        }
        if self.pos == start {
            return Err(self.error("did not find expected version number"));
        }
        Ok(number)
    }

    fn scan_tag_directive(&mut self) -> Result<TokenKind<'a>, ReadError> {
        self.skip_blanks()?;
        let handle = self.scan_tag_handle(true)?.to_owned();
        if !self.is_blank(0) {
            return Err(self.error("did not find expected whitespace"));
        }
        self.skip_blanks()?;
        let prefix = self.scan_tag_uri("")?;
        if !self.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        Ok(TokenKind::TagDirective(Box::new(TagDirective { handle, prefix })))
    }
}
