//! `fmt.Sprintf` (Go 1.26): verbs, flags, width, precision and argument indexes.
//!
//! Counterpart of `fmt/print.go`. Addresses (`%p`) are not printed, as they would differ between runs.
//!
//! **Invariant:** never fails and always ends; mistakes are written into the text, as in Go.

mod format;
mod numbers;

use crate::value::{Bytes, IntType, Kind, MAX_DEPTH, Object, Text, Value, complex_parts, print};

use super::lex::rune_at;
use format::Flags;

/// Widths and precisions from arguments are refused beyond this; those in the format as soon as more digits follow.
const MAX_NUMBER: usize = 1_000_000;
/// No text gets longer than about this many bytes.
const MAX_PRINTED: usize = 128 << 20;

/// What `fmt.Sprintf` gives.
pub fn sprintf(format: &[u8], arguments: &[Value]) -> Text {
    let mut printer = Printer { out: Vec::with_capacity(format.len() + 16), flags: Flags::default(), erroring: false };
    printer.print(format, arguments);
    Text::from(printer.out)
}

/// The output and the flags of the current verb.
struct Printer {
    out: Vec<u8>,
    flags: Flags,
    /// Whether a bad verb is being reported, so that the value is printed without its methods.
    erroring: bool,
}

/// Where reading of the format and the arguments has got to.
struct Cursor<'f> {
    format: &'f [u8],
    position: usize,
    arguments: &'f [Value],
    argument: usize,
    /// Whether an argument index was used anywhere.
    reordered: bool,
    /// Whether the argument index of this verb is right.
    good_index: bool,
    /// Whether an argument index was just read.
    after_index: bool,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.position).copied()
    }

    /// Reads `[n]`, if it is next.
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.position + 1..).unwrap_or_default();
        let (number, width) = match rest.iter().position(|&byte| byte == b']') {
            Some(length) => (parse_whole(rest.get(..length).unwrap_or_default()), length + 2),
            None => (None, 1),
        };
        self.position += width;
        self.after_index = number.is_some();
        match number.and_then(|number| number.checked_sub(1)).filter(|&index| index < self.arguments.len()) {
            Some(index) => {
                self.argument = index;
                self.after_index = true;
            }
            None => self.good_index = false,
        }
    }

    /// Reads a number, if it is next. Too large a number swallows the rest of the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let rest = self.format.get(self.position..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        let number = parse_whole(rest.get(..length).unwrap_or_default());
        self.position = if number.is_some() { self.position + length } else { self.format.len() };
        number
    }

    /// Takes an integer argument for `*`.
    fn star(&mut self) -> Option<i64> {
        self.position += 1;
        let argument = self.arguments.get(self.argument)?;
        self.argument += 1;
        let number = match argument {
            Value::Int(_, number) => *number,
            Value::Uint(_, number) => i64::try_from(*number).ok()?,
            _ => return None,
        };
        (number.unsigned_abs() <= MAX_NUMBER as u64).then_some(number)
    }
}

/// A whole text as a number that is not too large.
fn parse_whole(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(digits).ok()?.parse::<usize>().ok()?;
    (number / 10 <= MAX_NUMBER).then_some(number)
}

impl Printer {
    fn print(&mut self, format: &[u8], arguments: &[Value]) {
        let mut cursor = Cursor {
            format,
            position: 0,
            arguments,
            argument: 0,
            reordered: false,
            good_index: true,
            after_index: false,
        };
        while let Some(rest) = cursor.format.get(cursor.position..).filter(|rest| !rest.is_empty()) {
            let length = rest.iter().position(|&byte| byte == b'%').unwrap_or(rest.len());
            self.out.extend_from_slice(rest.get(..length).unwrap_or_default());
            cursor.position += length;
            if cursor.peek().is_none() {
                break;
            }
            cursor.position += 1;
            if !self.directive(&mut cursor) {
                break;
            }
        }
        if !cursor.reordered {
            self.extra(arguments.get(cursor.argument..).unwrap_or_default());
        }
    }

    /// Prints one verb; false at the end of the format.
    fn directive(&mut self, cursor: &mut Cursor<'_>) -> bool {
        self.flags = Flags::default();
        cursor.good_index = true;
        cursor.after_index = false;
        while let Some(byte) = cursor.peek() {
            match byte {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            cursor.position += 1;
        }
        cursor.index();
        self.width(cursor);
        self.precision(cursor);
        if !cursor.after_index {
            cursor.index();
        }
        let Some((verb, width)) = rune_at(cursor.format, cursor.position) else {
            self.out.extend_from_slice(b"%!(NOVERB)");
            return false;
        };
        cursor.position += width;
        if verb == '%' {
            self.out.push(b'%');
        } else if !cursor.good_index {
            self.complain(verb, "(BADINDEX)");
        } else if let Some(argument) = cursor.arguments.get(cursor.argument) {
            cursor.argument += 1;
            if matches!(verb, 'v' | 'w') {
                self.flags.go_syntax = std::mem::take(&mut self.flags.sharp);
                self.flags.field_names = std::mem::take(&mut self.flags.plus);
            }
            self.argument(argument, verb);
        } else {
            self.complain(verb, "(MISSING)");
        }
        true
    }

    fn width(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.peek() != Some(b'*') {
            self.flags.width = cursor.number();
            if cursor.after_index && self.flags.width.is_some() {
                cursor.good_index = false;
            }
            return;
        }
        match cursor.star() {
            Some(width) => {
                if width < 0 {
                    self.flags.minus = true;
                    self.flags.zero = false;
                }
                self.flags.width = usize::try_from(width.unsigned_abs()).ok();
            }
            None => self.out.extend_from_slice(b"%!(BADWIDTH)"),
        }
        cursor.after_index = false;
    }

    fn precision(&mut self, cursor: &mut Cursor<'_>) {
        // A point at the very end is taken for a verb.
        if cursor.peek() != Some(b'.') || cursor.position + 1 >= cursor.format.len() {
            return;
        }
        cursor.position += 1;
        if cursor.after_index {
            cursor.good_index = false;
        }
        cursor.index();
        if cursor.peek() != Some(b'*') {
            self.flags.precision = Some(cursor.number().unwrap_or(0));
            return;
        }
        self.flags.precision = cursor.star().and_then(|precision| usize::try_from(precision).ok());
        if self.flags.precision.is_none() {
            self.out.extend_from_slice(b"%!(BADPREC)");
        }
        cursor.after_index = false;
    }

    fn complain(&mut self, verb: char, what: &str) {
        self.out.extend_from_slice(format!("%!{verb}{what}").as_bytes());
    }

    fn extra(&mut self, arguments: &[Value]) {
        if arguments.is_empty() {
            return;
        }
        self.flags = Flags::default();
        self.out.extend_from_slice(b"%!(EXTRA ");
        for (position, argument) in arguments.iter().enumerate() {
            if position > 0 {
                self.out.extend_from_slice(b", ");
            }
            if !matches!(argument, Value::Nil) {
                self.out.extend_from_slice(argument.type_name().as_bytes());
                self.out.push(b'=');
            }
            self.argument(argument, 'v');
        }
        self.out.push(b')');
    }

    /// Reports a verb that the value does not have.
    fn bad_verb(&mut self, value: &Value, verb: char) {
        let outer = std::mem::replace(&mut self.erroring, true);
        self.complain(verb, "(");
        if matches!(value, Value::Nil) {
            self.out.extend_from_slice(b"<nil>");
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            self.argument(value, 'v');
        }
        self.out.push(b')');
        self.erroring = outer;
    }

    fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.text(value.type_name().as_bytes()),
            // It wraps errors, and only in `Errorf`.
            (Value::List(_) | Value::Map(_) | Value::Object(_), 'w') if !self.erroring => self.bad_verb(value, verb),
            _ => self.value(value, verb, 0),
        }
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_DEPTH || self.out.len() > MAX_PRINTED {
            return;
        }
        match value {
            Value::Nil if self.flags.go_syntax => self.out.extend_from_slice(b"interface {}(nil)"),
            Value::Nil => self.out.extend_from_slice(b"<nil>"),
            Value::Bool(truth) if matches!(verb, 't' | 'v') => self.pad(if *truth { b"true" } else { b"false" }),
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(int_type, number) => self.int_value(value, *int_type, *number, verb),
            Value::Uint(_, number) => {
                if !self.integer(*number, false, verb) {
                    self.bad_verb(value, verb);
                }
            }
            Value::Float(number) => {
                if !self.float(*number, verb) {
                    self.bad_verb(value, verb);
                }
            }
            Value::String(text) => {
                if !self.string(text.as_bytes(), verb) {
                    self.bad_verb(value, verb);
                }
            }
            Value::Bytes(bytes) => self.bytes(bytes, verb, depth),
            Value::List(list) => {
                self.open(value, b"[");
                self.items(list.iter(), |printer, item| printer.value(item, verb, depth + 1));
                self.close(b"]");
            }
            Value::Map(map) => {
                self.open(value, b"map[");
                self.items(map.snapshot().iter(), |printer, (key, item)| {
                    printer.value(&Value::String(key.clone()), verb, depth + 1);
                    printer.out.push(b':');
                    printer.value(item, verb, depth + 1);
                });
                self.close(b"]");
            }
            Value::Object(object) => self.object(value, object.as_ref(), verb, depth),
        }
    }

    fn int_value(&mut self, value: &Value, int_type: IntType, number: i64, verb: char) {
        let has_method = !self.erroring && !self.flags.go_syntax && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q');
        let done = match print::int_text(int_type, number).filter(|_| has_method) {
            Some(text) => self.string(text.as_bytes(), verb),
            None => self.integer(number as u64, true, verb),
        };
        if !done {
            self.bad_verb(value, verb);
        }
    }

    fn bytes(&mut self, bytes: &Bytes, verb: char, depth: usize) {
        match verb {
            's' | 'x' | 'X' | 'q' => {
                self.string(bytes, verb);
            }
            'v' | 'd' if self.flags.go_syntax => {
                self.out.extend_from_slice(if depth == 0 { b"[]byte" } else { b"[]uint8" });
                if bytes.is_nil() {
                    return self.out.extend_from_slice(b"(nil)");
                }
                self.out.push(b'{');
                self.items(bytes.iter(), |printer, byte| {
                    printer.out.extend_from_slice(format!("{byte:#x}").as_bytes());
                });
                self.out.push(b'}');
            }
            _ => {
                self.out.push(b'[');
                self.items(bytes.iter(), |printer, byte| {
                    let byte = Value::Uint(crate::value::UintType::Uint8, u64::from(*byte));
                    printer.value(&byte, verb, depth + 1);
                });
                self.out.push(b']');
            }
        }
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char, depth: usize) {
        let has_method = !self.erroring && !self.flags.go_syntax && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q');
        if let Some(parts) = complex_parts(object) {
            return self.complex(value, parts, verb);
        }
        if let Some(Value::Object(copy)) = object.copied() {
            return self.object(value, copy.as_ref(), verb, depth);
        }
        if let Some(text) = object.go_text().filter(|_| self.flags.go_syntax) {
            self.out.extend_from_slice(text.as_bytes());
            return;
        }
        if let Some(text) = object.text().filter(|_| has_method) {
            self.string(text.as_bytes(), verb);
            return;
        }
        if let Some(underlying) = object.underlying() {
            return self.value(&underlying, verb, depth);
        }
        if object.kind() == Kind::Ptr {
            if depth > 0 {
                return self.address(value, verb);
            }
            self.out.push(b'&');
        }
        if self.flags.go_syntax {
            self.out.extend_from_slice(value.type_name().trim_start_matches('*').as_bytes());
        }
        self.out.push(b'{');
        let names = self.flags.field_names || self.flags.go_syntax;
        self.items(object.fields().iter(), |printer, (name, field)| {
            if names {
                printer.out.extend_from_slice(name.as_bytes());
                printer.out.push(b':');
            }
            printer.value(field, verb, depth + 1);
        });
        self.out.push(b'}');
    }

    fn complex(&mut self, value: &Value, (real, imaginary): (f64, f64), verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        self.out.push(b'(');
        self.float(real, verb);
        // The imaginary part always has a sign.
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(imaginary, verb);
        self.flags.plus = plus;
        self.out.extend_from_slice(b"i)");
    }

    /// A pointer within another value.
    fn address(&mut self, value: &Value, verb: char) {
        match verb {
            'v' if self.flags.go_syntax => {
                self.out.extend_from_slice(format!("({})(", value.type_name()).as_bytes());
                self.out.extend_from_slice(print::ADDRESS);
                self.out.push(b')');
            }
            'v' => self.out.extend_from_slice(print::ADDRESS),
            _ => self.bad_verb(value, verb),
        }
    }

    fn open(&mut self, value: &Value, bracket: &[u8]) {
        if self.flags.go_syntax {
            self.out.extend_from_slice(value.type_name().as_bytes());
            // Only a nil list or map has this in place of braces.
            self.out.extend_from_slice(if value.is_nil() { b"(nil)" } else { b"{" });
        } else {
            self.out.extend_from_slice(bracket);
        }
        self.flags.closes_nil = self.flags.go_syntax && value.is_nil();
    }

    fn close(&mut self, bracket: &[u8]) {
        if self.flags.go_syntax {
            let is_nil = std::mem::take(&mut self.flags.closes_nil);
            self.out.extend_from_slice(if is_nil { b"" } else { b"}" });
        } else {
            self.out.extend_from_slice(bracket);
        }
    }

    fn items<T>(&mut self, items: impl Iterator<Item = T>, mut print: impl FnMut(&mut Self, T)) {
        for (position, item) in items.enumerate() {
            if self.out.len() > MAX_PRINTED {
                return;
            }
            if position > 0 {
                self.out.extend_from_slice(if self.flags.go_syntax { b", " } else { b" " });
            }
            print(self, item);
        }
    }
}
