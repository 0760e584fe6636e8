//! Which scalar styles a text allows.
//!
//! Counterpart: `yaml_emitter_analyze_scalar` in `emitterc.go` of go-yaml v2.4 and v3.0.
//!
//! **Invariant:** never allows a style that would read back as another text.

/// The styles that a text allows.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Analysis {
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    pub(super) literal: bool,
    pub(super) multiline: bool,
}

/// Whether YAML has this character for a line break.
pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether go-yaml writes this character as it is.
pub(super) fn is_printable(character: char) -> bool {
    match character {
        '\n' | ' '..='~' => true,
        '\u{FEFF}' => false,
        _ => ('\u{A0}'..='\u{FFFD}').contains(&character),
    }
}

/// Whether a text has line breaks.
pub(super) fn is_multiline(text: &str) -> bool {
    text.contains(is_break)
}

/// Finds the styles for a text. `literal_tabs` is the difference between the versions.
pub(super) fn analyze(text: &str, literal_tabs: bool) -> Analysis {
    let Some(first) = text.chars().next() else {
        return Analysis { plain: true, single_quoted: true, literal: false, multiline: false };
    };
    let last = text.chars().next_back().unwrap_or(first);
    let (mut indicators, mut special, mut tabs, mut multiline) = (false, false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut after_space, mut after_break, mut after_blank) = (false, false, true);

    let mut characters = text.chars().peekable();
    let mut at_start = true;
    while let Some(character) = characters.next() {
        let before_blank = characters.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        indicators |= match character {
            '#' => after_blank,
            ':' => before_blank,
            '?' | '-' => at_start && before_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => at_start,
            _ => false,
        };
        if character == '\t' {
            tabs = true;
        } else if !is_printable(character) {
            special = true;
        }
        let (space, line_break) = (character == ' ', is_break(character));
        break_space |= space && after_break;
        space_break |= line_break && after_space;
        multiline |= line_break;
        after_space = space;
        after_break = line_break;
        after_blank = space || line_break || matches!(character, '\t' | '\0');
        at_start = false;
    }
    special |= tabs && !literal_tabs;
    let marker = text.starts_with("---") || text.starts_with("...");
    let edges = [first, last].into_iter().any(|edge| edge == ' ' || is_break(edge));

    Analysis {
        plain: !(marker || indicators || edges || multiline || space_break || special || tabs),
        single_quoted: !(break_space || space_break || special || tabs),
        literal: !(last == ' ' || space_break || special),
        multiline,
    }
}
