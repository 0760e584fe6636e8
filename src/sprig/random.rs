//! Random texts, numbers and identifiers.
//!
//! Counterpart: goutils 1.1.1, xstrings 1.5.0 and google/uuid as sprig 3.3.0 calls them. Every choice is uniform.
//!
//! **Invariant:** all randomness comes from [`Ambient::fill_random`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Ambient;
use super::args::{self, INT, NONE, STRING, bytes, fail, int, string};
use super::unicode::runes;
use crate::gotemplate::{Call, Function};
use crate::value::{CallResult, Signature, Type, Value};

/// The functions that answer differently each time.
pub(super) fn functions<H: Ambient>() -> Vec<Function<H>> {
    let count = Signature::fixed(INT);
    vec![
        Function::hosted("randAlphaNum", count, |call, args| letters(call, int(args, 0), u8::is_ascii_alphanumeric)),
        Function::hosted("randAlpha", count, |call, args| letters(call, int(args, 0), u8::is_ascii_alphabetic)),
        Function::hosted("randAscii", count, |call, args| {
            letters(call, int(args, 0), |letter| matches!(letter, b' '..=b'~'))
        }),
        Function::hosted("randNumeric", count, |call, args| letters(call, int(args, 0), u8::is_ascii_digit)),
        Function::hosted("randBytes", count, |call, args| {
            let Ok(count) = usize::try_from(int(args, 0)) else {
                return fail("runtime error: makeslice: len out of range");
            };
            if count > args::MAX_BYTES / 2 {
                return args::too_long();
            }
            let mut buffer = vec![0; count];
            call.host().fill_random(&mut buffer);
            string(STANDARD.encode(buffer))
        }),
        Function::hosted("randInt", Signature::fixed(&[Type::Int, Type::Int]), |call, args| {
            let (least, end) = (int(args, 0), int(args, 1));
            match u64::try_from(end.wrapping_sub(least)) {
                Ok(span) if span > 0 => Ok(Value::int(least.wrapping_add(below(call.host(), span) as i64))),
                _ => fail("invalid argument to Intn"),
            }
        }),
        Function::hosted("shuffle", Signature::fixed(STRING), |call, args| {
            let mut letters = runes(bytes(args, 0));
            for last in (1..letters.len()).rev() {
                letters.swap(last, below(call.host(), last as u64 + 1) as usize);
            }
            string(letters.into_iter().collect::<String>())
        }),
        Function::hosted("uuidv4", Signature::fixed(NONE), |call, _| string(uuid(call.host()))),
    ]
}

/// A number below a bound, each equally likely.
fn below(ambient: &impl Ambient, bound: u64) -> u64 {
    // Numbers beyond the last whole multiple of the bound would favour the small ones.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let mut buffer = [0; 8];
        ambient.fill_random(&mut buffer);
        let number = u64::from_le_bytes(buffer);
        if number < limit {
            return number % bound;
        }
    }
}

/// A text of that many letters; a negative count gives none, as goutils' error is dropped.
fn letters<H: Ambient>(call: &Call<'_, H>, count: i64, wanted: fn(&u8) -> bool) -> CallResult {
    let count = usize::try_from(count).unwrap_or(0);
    if count > args::MAX_BYTES {
        return args::too_long();
    }
    let alphabet: Vec<u8> = (0..=127).filter(wanted).collect();
    string(choose(call.host(), &alphabet, count))
}

fn choose(ambient: &impl Ambient, alphabet: &[u8], count: usize) -> Vec<u8> {
    let usable = 256 - 256 % alphabet.len().max(1);
    let mut out = Vec::with_capacity(count);
    let mut buffer = [0; 256];
    while out.len() < count {
        ambient.fill_random(&mut buffer);
        let fitting = buffer.iter().filter(|byte| usize::from(**byte) < usable);
        let chosen = fitting.filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len())).copied();
        out.extend(chosen.take(count - out.len()));
    }
    out
}

/// A random UUID: version 4 of RFC 9562.
fn uuid(ambient: &impl Ambient) -> String {
    let mut buffer = [0; 16];
    ambient.fill_random(&mut buffer);
    let bits = u128::from_be_bytes(buffer) & !(0xf << 76) | 4 << 76;
    let bits = bits & !(0b11 << 62) | 0b10 << 62;
    let digits = format!("{bits:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
