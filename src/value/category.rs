//! The categories of letters, as Go's `unicode` package tells them (Go 1.26, Unicode 15.0).
//!
//! **Invariant:** ASCII is told without any table.

use std::sync::OnceLock;

use regex::Regex;

/// `unicode.IsUpper`: the category Lu.
pub fn is_upper(rune: char) -> bool {
    if rune.is_ascii() { rune.is_ascii_uppercase() } else { in_category(Category::Upper, rune) }
}

/// `unicode.IsLower`: the category Ll.
pub fn is_lower(rune: char) -> bool {
    if rune.is_ascii() { rune.is_ascii_lowercase() } else { in_category(Category::Lower, rune) }
}

/// `unicode.IsTitle`: the category Lt.
pub fn is_title(rune: char) -> bool {
    !rune.is_ascii() && in_category(Category::Title, rune)
}

/// `unicode.IsLetter`: the category L.
pub fn is_letter(rune: char) -> bool {
    if rune.is_ascii() { rune.is_ascii_alphabetic() } else { in_category(Category::Letter, rune) }
}

/// `unicode.IsNumber`: the category N.
pub fn is_number(rune: char) -> bool {
    if rune.is_ascii() { rune.is_ascii_digit() } else { in_category(Category::Number, rune) }
}

/// `unicode.IsDigit`: the category Nd.
pub fn is_digit(rune: char) -> bool {
    if rune.is_ascii() { rune.is_ascii_digit() } else { in_category(Category::Digit, rune) }
}

/// `unicode.IsPunct`: the category P.
pub fn is_punct(rune: char) -> bool {
    in_category(Category::Punctuation, rune)
}

/// Whether the letter is in Unicode 15.0 already; to Go, later ones are of no category and have no other case.
pub fn is_known(rune: char) -> bool {
    rune.is_ascii() || in_category(Category::Known, rune)
}

#[derive(Clone, Copy)]
enum Category {
    Upper,
    Lower,
    Title,
    Letter,
    Number,
    Digit,
    Punctuation,
    Known,
}

fn in_category(category: Category, rune: char) -> bool {
    static TABLES: [OnceLock<Option<Regex>>; 8] = [const { OnceLock::new() }; 8];
    let (slot, pattern) = match category {
        Category::Upper => (&TABLES[0], r"[\p{Lu}&&\p{age:15.0}]"),
        Category::Lower => (&TABLES[1], r"[\p{Ll}&&\p{age:15.0}]"),
        Category::Title => (&TABLES[2], r"[\p{Lt}&&\p{age:15.0}]"),
        Category::Letter => (&TABLES[3], r"[\p{L}&&\p{age:15.0}]"),
        Category::Number => (&TABLES[4], r"[\p{N}&&\p{age:15.0}]"),
        Category::Digit => (&TABLES[5], r"[\p{Nd}&&\p{age:15.0}]"),
        Category::Punctuation => (&TABLES[6], r"[\p{P}&&\p{age:15.0}]"),
        Category::Known => (&TABLES[7], r"\p{age:15.0}"),
    };
    let table = slot.get_or_init(|| Regex::new(pattern).ok());
    table.as_ref().is_some_and(|table| table.is_match(rune.encode_utf8(&mut [0; 4])))
}
