//! Changes of a text: pieces put in, taken out, moved, and lines doubled, dropped or indented anew.

use super::text::{ATOMS, PIECES};
use crate::harness::random::Random;

/// The text with some changes. What comes out need not be UTF-8.
pub(super) fn mutate(random: &mut Random, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let some = if random.below(3) == 0 { 1 + random.below(5) } else { 1 };
    for _ in 0..some {
        let at = random.below(bytes.len() + 1);
        match random.below(4) {
            0 => change_line(random, &mut bytes, at),
            1 => change_byte(random, &mut bytes, at),
            _ => change_piece(random, &mut bytes, at),
        }
    }
    bytes
}

fn change_piece(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    match random.below(6) {
        0 | 1 => drop(bytes.splice(at..at, random.pick(PIECES).bytes())),
        2 => {
            let end = bytes.len().min(at + 1 + random.below(3));
            bytes.drain(at..end);
        }
        3 if at < bytes.len() => drop(bytes.splice(at..=at, random.pick(PIECES).bytes())),
        4 => {
            let end = bytes.len().min(at + random.below(20));
            let part = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        _ => drop(bytes.splice(at..at, random.pick(ATOMS).bytes())),
    }
}

fn change_byte(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    if at == bytes.len() {
        return;
    }
    match random.below(12) {
        0 => bytes[at] = random.below(256) as u8,
        1 | 2 => bytes.truncate(at),
        _ => bytes[at] = random.below(128) as u8,
    }
}

fn change_line(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |position| at + position + 1);
    match random.below(5) {
        0 => drop(bytes.splice(start..start, random.pick(&[" ", "  ", "\t", "    "]).bytes())),
        1 if bytes.get(start) == Some(&b' ') => drop(bytes.remove(start)),
        2 => drop(bytes.drain(start..end)),
        3 => {
            let line = bytes[start..end].to_vec();
            bytes.splice(start..start, line);
        }
        _ if bytes[start..end].ends_with(b"\n") => {
            let fresh = random.pick(&["\r\n", "\u{85}", "\n ", "\r"]);
            bytes.splice(end - 1..end, fresh.bytes());
        }
        _ => {}
    }
}
