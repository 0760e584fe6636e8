//! What is in go-yaml's buffer, because of one of its faults: wherever a line begins, it skips a character if there is a byte order mark
//! at the start of the buffer, not at the start of the line.
//!
//! **Invariant:** the buffer never ends before the place that was looked at last, but for the end of the text.

use crate::goyaml::input::{BLOCK, MARK, block_end};

use super::position::char_count;

/// The part of a text that go-yaml has read and not yet thrown away.
#[derive(Debug)]
pub(super) struct Buffer {
    start: usize,
    end: usize,
    /// Whether a NUL follows the text.
    is_closed: bool,
}

impl Buffer {
    /// A buffer that has read the first block of a text.
    pub(super) fn new(text: &str, first_block: usize) -> Self {
        Self { start: 0, end: block_end(text, 0, first_block).min(text.len()), is_closed: false }
    }

    /// Whether there is a mark at the start.
    pub(super) fn begins_with_mark(&self, text: &str) -> bool {
        text.as_bytes().get(self.start..).is_some_and(|rest| rest.starts_with(MARK))
    }

    /// Reads on until so many characters are there. What is before them is thrown away if more must be read.
    pub(super) fn look(&mut self, text: &str, pos: usize, count: usize) {
        let unread = |end: usize| char_count(text.as_bytes().get(pos..end).unwrap_or_default());
        let closed = usize::from(self.is_closed);
        if unread(self.end) + closed >= count {
            return;
        }
        self.start = pos;
        while unread(self.end) < count && self.end < text.len() {
            self.end = block_end(text, self.end, BLOCK).min(text.len());
        }
        self.is_closed |= unread(self.end) < count;
    }
}
