//! Base 64, base 32 and checksums.
//!
//! Counterpart: Go's `encoding/base64`, `encoding/base32`, `crypto/sha*` and `hash/adler32` behind sprig 3.3.0. What cannot be decoded
//! gives the text of the error instead.
//!
//! **Invariant:** decoding ignores line ends and reports the byte at which Go gives up.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use sha2::{Sha256, Sha512};

use super::args::{STRING, bytes, string};
use crate::gotemplate::Function;
use crate::value::Signature;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The functions that encode and digest.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let text = Signature::fixed(STRING);
    vec![
        Function::pure("b64enc", text, |args| string(STANDARD.encode(bytes(args, 0)))),
        Function::pure("b64dec", text, |args| string(decode_base64(bytes(args, 0)).unwrap_or_else(String::into_bytes))),
        Function::pure("b32enc", text, |args| string(encode_base32(bytes(args, 0)))),
        Function::pure("b32dec", text, |args| string(decode_base32(bytes(args, 0)).unwrap_or_else(String::into_bytes))),
        Function::pure("sha1sum", text, |args| string(hexadecimal(&Sha1::digest(bytes(args, 0))))),
        Function::pure("sha256sum", text, |args| string(hexadecimal(&Sha256::digest(bytes(args, 0))))),
        Function::pure("sha512sum", text, |args| string(hexadecimal(&Sha512::digest(bytes(args, 0))))),
        Function::pure("adler32sum", text, |args| string(adler32(bytes(args, 0)).to_string())),
    ]
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn adler32(data: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (mut sum, mut sums) = (1, 0);
    for byte in data {
        sum = (sum + u32::from(*byte)) % PRIME;
        sums = (sums + sum) % PRIME;
    }
    sums << 16 | sum
}

/// `base64.StdEncoding.DecodeString`.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, String> {
    let fail = |position: usize| Err(format!("illegal base64 data at input byte {position}"));
    let is_line_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text.iter().enumerate().filter(|(_, byte)| !is_line_end(**byte));
    let (mut bits, mut digits) = (0_u32, 0_u32);
    while let Some((position, byte)) = rest.next() {
        if let Some(digit) = base64_digit(*byte) {
            bits = bits << 6 | digit;
            digits += 1;
            if digits == 4 {
                out.extend_from_slice(bits.to_be_bytes().get(1..).unwrap_or_default());
                (bits, digits) = (0, 0);
            }
            continue;
        }
        if *byte != b'=' || digits < 2 {
            return fail(position);
        }
        if digits == 2 {
            match rest.next() {
                None => return fail(text.len()),
                Some((_, b'=')) => {}
                // Go points at the byte before the one that should have been padding.
                Some((position, _)) => return fail(position.saturating_sub(1)),
            }
        }
        let bytes = (bits << (6 * (4 - digits))).to_be_bytes();
        out.extend_from_slice(bytes.get(1..digits as usize).unwrap_or_default());
        return match rest.next() {
            Some((position, _)) => fail(position),
            None => Ok(out),
        };
    }
    // Go reports the start of what is left over.
    if digits == 0 { Ok(out) } else { fail(text.len() - digits as usize) }
}

fn base64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

fn encode_base32(data: &[u8]) -> String {
    let mut out = String::with_capacity(data.len().div_ceil(5) * 8);
    for chunk in data.chunks(5) {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let digit = (bits >> (35 - 5 * place)) & 31;
            let letter = BASE32.get(digit as usize).copied().unwrap_or_default();
            out.push(if place < digits { char::from(letter) } else { '=' });
        }
    }
    out
}

/// `base32.StdEncoding.DecodeString`.
fn decode_base32(text: &[u8]) -> Result<Vec<u8>, String> {
    let fail = |position: usize| Err(format!("illegal base32 data at input byte {position}"));
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    for (number, quantum) in text.chunks(8).enumerate() {
        let start = number * 8;
        let mut bits = 0_u64;
        let mut digits = 0;
        for (place, byte) in quantum.iter().enumerate() {
            let position = start + place;
            let left = text.len() - position - 1;
            if *byte == b'=' && place >= 2 && left < 8 {
                if left + place < 7 {
                    return fail(text.len());
                }
                let tail = text.get(position + 1..).unwrap_or_default();
                if let Some(bad) = tail.iter().take(7 - place).position(|byte| *byte != b'=') {
                    return fail(position + bad);
                }
                if matches!(place, 3 | 6) {
                    return fail(position);
                }
                break;
            }
            match BASE32.iter().position(|letter| letter == byte) {
                Some(digit) => bits = bits << 5 | digit as u64,
                None => return fail(position),
            }
            digits = place + 1;
        }
        if digits == quantum.len() && digits < 8 {
            return fail(start);
        }
        bits <<= 5 * (8 - digits);
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(3..3 + digits * 5 / 8).unwrap_or_default());
        if digits < 8 {
            break;
        }
    }
    Ok(out)
}
