//! The order of keys: numbers inside them by value, letters after everything else.
//!
//! Counterpart: `sorter.go` of go-yaml v2.4 and v3.0. Their relation is not a total order for some sets of keys (`v1`, `v1beta1`, `v2`,
//! `v10`), for which Go's result is random; here it is always the same one.
//!
//! **Invariant:** the result depends on the keys alone, not on the order they come in.

use super::style::Dialect;
use crate::value::category::{is_digit, is_letter};

/// Sorts entries by their keys. Entries must come in byte order.
pub(super) fn sort<T>(entries: Vec<T>, dialect: Dialect, key: impl Fn(&T) -> &str) -> Vec<T> {
    let less = |left: &T, right: &T| is_less(key(left), key(right), dialect);
    if entries.windows(2).all(|pair| matches!(pair, [left, right] if !less(right, left))) {
        return entries;
    }
    merge_sort(entries, &less)
}

/// A merge sort, because the standard one may panic on a relation that is not an order.
fn merge_sort<T>(mut entries: Vec<T>, less: &impl Fn(&T, &T) -> bool) -> Vec<T> {
    if entries.len() < 2 {
        return entries;
    }
    let right = entries.split_off(entries.len() / 2);
    let mut left = merge_sort(entries, less).into_iter().peekable();
    let mut right = merge_sort(right, less).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if less(b, a) { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

fn is_less(left: &str, right: &str, dialect: Dialect) -> bool {
    let same = left.bytes().zip(right.bytes()).take_while(|(a, b)| a == b).count();
    let mut start = same;
    while !left.is_char_boundary(start) || !right.is_char_boundary(start) {
        start -= 1;
    }
    let (common, left) = left.split_at(start);
    let right = right.get(start..).unwrap_or_default();
    let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else { return left.len() < right.len() };

    match (is_letter(a), is_letter(b)) {
        (true, true) => return a < b,
        (false, false) => {}
        (a_is_letter, b_is_letter) => {
            let after_digit = dialect == Dialect::V3 && common.ends_with(is_digit);
            return if after_digit { a_is_letter } else { b_is_letter };
        }
    }
    // Zeros in front of a number are weighed only if no other digit came before them.
    let zeros = a == '0' || b == '0';
    let inside = zeros && common.chars().rev().take_while(|c| is_digit(*c)).any(|c| c != '0');
    let (a_number, a_len) = leading_number(left, inside);
    let (b_number, b_len) = leading_number(right, inside);
    if a_number != b_number {
        return a_number < b_number;
    }
    if a_len != b_len {
        return a_len < b_len;
    }
    a < b
}

/// The number that a text begins with, and how many digits it has. `inside` puts a one before it.
fn leading_number(text: &str, inside: bool) -> (i64, usize) {
    let mut number = i64::from(inside);
    let mut len = 0;
    for digit in text.chars().take_while(|character| is_digit(*character)) {
        // Go takes any digit for one of ASCII, however far from it.
        number = number.wrapping_mul(10).wrapping_add(i64::from(u32::from(digit)) - i64::from(b'0'));
        len += 1;
    }
    (number, len)
}
