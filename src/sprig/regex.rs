//! Regular expressions.
//!
//! Counterpart: `regex.go` of sprig 3.3.0 over Go's `regexp`; the syntax is translated in `re2`.
//!
//! **Invariant:** what compiled patterns may take in memory is bounded, whatever charts ask for.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex_automata::meta::{Config, Regex};
use regex_automata::util::captures::Captures;
use regex_automata::{Input, Span, util::syntax};

use super::args::{self, STRING, STRING2, STRING3, bytes, int, string, text};
use super::re2;
use crate::gotemplate::Function;
use crate::value::category::{is_digit, is_letter};
use crate::value::{CallError, CallResult, ElementType, List, Signature, Type, Value, json, quote};

/// Bytes that a compiled pattern may take.
const MAX_COMPILED: usize = 16 << 20;

/// Bytes that a compiled pattern may take which is kept for all threads; those of real charts take far less.
const MAX_SHARED: usize = 64 << 10;

/// Bytes that a search with a pattern may take for its states.
const MAX_SEARCH: usize = 512 << 10;

/// Compiled patterns that are kept for all threads, since each render has a thread of its own.
const SHARED: usize = 128;

/// Compiled patterns that a thread keeps: those that are too large to be shared.
const CACHED: usize = 16;

struct Pattern {
    regex: Regex,
    names: Vec<String>,
}

type Patterns = BTreeMap<String, Arc<Pattern>>;

static PATTERNS: Mutex<Patterns> = Mutex::new(BTreeMap::new());

thread_local! {
    static LARGE: RefCell<Patterns> = const { RefCell::new(BTreeMap::new()) };
}

const SUBJECT_COUNT: &[Type] = &[Type::String, Type::String, Type::Int];

/// The functions on regular expressions.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let two = Signature::fixed(STRING2);
    let three = Signature::fixed(STRING3);
    let counted = Signature::fixed(SUBJECT_COUNT);
    vec![
        Function::pure("regexMatch", two, |args| {
            let pattern = compile(args, false).ok();
            Ok(Value::Bool(pattern.is_some_and(|pattern| pattern.regex.is_match(&*Subject::new(bytes(args, 1)).text))))
        }),
        Function::pure("mustRegexMatch", two, |args| {
            Ok(Value::Bool(compile(args, false)?.regex.is_match(&*Subject::new(bytes(args, 1)).text)))
        }),
        Function::pure("regexFind", two, |args| find(args, true)),
        Function::pure("mustRegexFind", two, |args| find(args, false)),
        Function::pure("regexFindAll", counted, |args| find_all(args, true)),
        Function::pure("mustRegexFindAll", counted, |args| find_all(args, false)),
        Function::pure("regexReplaceAll", three, |args| replace(args, true, expand)),
        Function::pure("mustRegexReplaceAll", three, |args| replace(args, false, expand)),
        Function::pure("regexReplaceAllLiteral", three, |args| replace(args, true, literal)),
        Function::pure("mustRegexReplaceAllLiteral", three, |args| replace(args, false, literal)),
        Function::pure("regexSplit", counted, |args| split(args, true)),
        Function::pure("mustRegexSplit", counted, |args| split(args, false)),
        Function::pure("regexQuoteMeta", Signature::fixed(STRING), |args| string(quote_meta(bytes(args, 0)))),
    ]
}

/// Compiles the pattern in the first argument. Where sprig uses `MustCompile`, the error names the pattern once more.
fn compile(args: &[Value], panics: bool) -> Result<Arc<Pattern>, CallError> {
    let source = text(args, 0);
    if let Some(pattern) = find_compiled(&source) {
        return Ok(pattern);
    }
    let is_text = std::str::from_utf8(bytes(args, 0)).is_ok();
    let compiled = if is_text {
        compile_new(&source)
    } else {
        let whole = bytes(args, 0);
        let valid = whole.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
        let rest = json::valid_utf8(whole.get(valid..).unwrap_or_default());
        Err(format!("error parsing regexp: invalid UTF-8: `{rest}`"))
    };
    compiled.map_err(|message| {
        if !panics {
            return CallError::new(message);
        }
        if !is_text {
            return CallError::new(format!("regexp: Compile({}): {message}", quote(bytes(args, 0))));
        }
        let is_plain = !source.contains(|letter: char| letter == '`' || (letter.is_control() && letter != '\t'));
        let quoted = if is_plain { format!("`{source}`") } else { quote(source.as_bytes()) };
        CallError::new(format!("regexp: Compile({quoted}): {message}"))
    })
}

/// Why Go's `regexp` refuses a pattern; nothing if it takes it.
pub fn regex_fault(pattern: &str) -> Option<String> {
    GoRegex::new(pattern).err()
}

/// A regular expression as Go's `regexp` understands it.
pub struct GoRegex(Arc<Pattern>);

impl GoRegex {
    /// Compiles a pattern; the error is Go's.
    pub fn new(pattern: &str) -> Result<Self, String> {
        find_compiled(pattern).map_or_else(|| compile_new(pattern), Ok).map(Self)
    }

    /// Whether the pattern is found in a text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.regex.is_match(text)
    }
}

fn find_compiled(source: &str) -> Option<Arc<Pattern>> {
    let shared = PATTERNS.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
    shared.or_else(|| LARGE.with_borrow(|patterns| patterns.get(source).cloned()))
}

fn compile_new(source: &str) -> Result<Arc<Pattern>, String> {
    let translated = re2::translate(source)?;
    let build = |size| {
        // Full automata make long searches faster, but building them takes longer than all searches of a chart.
        let config = Config::new().utf8_empty(false).dfa(false).onepass(false);
        let config = config.nfa_size_limit(Some(size)).hybrid_cache_capacity(MAX_SEARCH);
        let syntax = syntax::Config::new().utf8(false).nest_limit(4_000);
        Regex::builder().configure(config).syntax(syntax).build(&translated.pattern)
    };
    let keep = |patterns: &mut Patterns, most: usize, regex: Regex| {
        if patterns.len() >= most {
            patterns.clear();
        }
        let pattern = Arc::new(Pattern { regex, names: translated.names.clone() });
        patterns.insert(source.to_owned(), Arc::clone(&pattern));
        pattern
    };
    if let Ok(regex) = build(MAX_SHARED) {
        return Ok(keep(&mut PATTERNS.lock().unwrap_or_else(PoisonError::into_inner), SHARED, regex));
    }
    match build(MAX_COMPILED) {
        Ok(regex) => Ok(LARGE.with_borrow_mut(|patterns| keep(patterns, CACHED, regex))),
        Err(_) => Err(format!("error parsing regexp: expression too large: `{source}`")),
    }
}

/// A text to search. Go takes each byte that is no UTF-8 for the letter U+FFFD.
struct Subject<'t> {
    bytes: &'t [u8],
    text: Cow<'t, [u8]>,
    /// Where each byte of the text is in the bytes, if they differ.
    places: Vec<usize>,
}

impl<'t> Subject<'t> {
    fn new(bytes: &'t [u8]) -> Self {
        if std::str::from_utf8(bytes).is_ok() {
            return Self { bytes, text: Cow::Borrowed(bytes), places: Vec::new() };
        }
        let (mut text, mut places): (Vec<u8>, Vec<usize>) = (Vec::new(), Vec::new());
        for chunk in bytes.utf8_chunks() {
            let start = places.last().map_or(0, |last| last + 1);
            text.extend_from_slice(chunk.valid().as_bytes());
            places.extend(start..start + chunk.valid().len());
            for place in (start + chunk.valid().len()..).take(chunk.invalid().len()) {
                text.extend_from_slice("\u{fffd}".as_bytes());
                places.extend([place; 3]);
            }
        }
        places.push(bytes.len());
        Self { bytes, text: Cow::Owned(text), places }
    }

    /// The bytes of a stretch of the text.
    fn original(&self, start: usize, end: usize) -> &'t [u8] {
        let place = |position: usize| self.places.get(position).copied().unwrap_or(position);
        self.bytes.get(place(start)..place(end)).unwrap_or_default()
    }

    fn matched(&self, found: Span) -> &'t [u8] {
        self.original(found.start, found.end)
    }

    fn len(&self) -> usize {
        self.text.len()
    }
}

/// All matches in order, as Go finds them: an empty one never directly after another, nor within a letter.
fn each_match(pattern: &Pattern, subject: &[u8], limit: usize) -> Vec<Span> {
    let mut found = Vec::new();
    let mut position = 0;
    let mut last_end = None;
    while position <= subject.len() && found.len() < limit {
        let Some(next) = pattern.regex.search(&Input::new(subject).range(position..)) else { break };
        let next = next.span();
        if next.is_empty() && !is_boundary(subject, next.start) {
            position = next.start + 1;
            continue;
        }
        if !next.is_empty() || last_end != Some(next.end) {
            found.push(next);
        }
        last_end = Some(next.end);
        position = if next.end > position { next.end } else { position + 1 };
    }
    found
}

/// Whether no letter is cut here.
fn is_boundary(subject: &[u8], position: usize) -> bool {
    subject.get(position).is_none_or(|byte| byte & 0xc0 != 0x80)
}

fn find(args: &[Value], panics: bool) -> CallResult {
    let pattern = compile(args, panics)?;
    let subject = Subject::new(bytes(args, 1));
    string(pattern.regex.find(&*subject.text).map_or(&[][..], |found| subject.matched(found.span())))
}

fn find_all(args: &[Value], panics: bool) -> CallResult {
    let pattern = compile(args, panics)?;
    let subject = Subject::new(bytes(args, 1));
    let found = each_match(&pattern, &subject.text, usize::try_from(int(args, 2)).unwrap_or(usize::MAX));
    if found.is_empty() {
        return Ok(Value::List(List::nil(ElementType::String)));
    }
    Ok(Value::strings(found.into_iter().map(|found| subject.matched(found))))
}

type Replacer = fn(&mut Vec<u8>, &Pattern, &Captures, &Subject<'_>, &[u8]);

fn replace(args: &[Value], panics: bool, append: Replacer) -> CallResult {
    let pattern = compile(args, panics)?;
    let (subject, replacement) = (Subject::new(bytes(args, 1)), bytes(args, 2));
    let mut out = Vec::with_capacity(subject.len());
    let mut done = 0;
    let mut captures = pattern.regex.create_captures();
    for found in each_match(&pattern, &subject.text, usize::MAX) {
        pattern.regex.search_captures(&Input::new(&*subject.text).range(found.start..), &mut captures);
        if !captures.is_match() {
            continue;
        }
        out.extend_from_slice(subject.original(done, found.start));
        append(&mut out, &pattern, &captures, &subject, replacement);
        done = found.end;
        if out.len() > args::MAX_BYTES {
            return args::too_long();
        }
    }
    out.extend_from_slice(subject.original(done, subject.len()));
    string(out)
}

fn literal(out: &mut Vec<u8>, _: &Pattern, _: &Captures, _: &Subject<'_>, replacement: &[u8]) {
    out.extend_from_slice(replacement);
}

/// Appends the replacement with `$1`, `${1}`, `$name` filled in. A name takes all letters it can: `$1W` is the group `1W`.
fn expand(out: &mut Vec<u8>, pattern: &Pattern, captures: &Captures, subject: &Subject<'_>, replacement: &[u8]) {
    let mut rest = replacement;
    while let Some(dollar) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(rest.get(..dollar).unwrap_or_default());
        rest = rest.get(dollar + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = after;
            continue;
        }
        match reference(rest) {
            Some((name, after)) => {
                if let Some(group) = group(pattern, captures, name) {
                    out.extend_from_slice(subject.matched(group));
                }
                rest = after;
            }
            None => out.push(b'$'),
        }
    }
    out.extend_from_slice(rest);
}

/// The name that a reference begins with, and what follows it.
fn reference(text: &[u8]) -> Option<(&str, &[u8])> {
    let braced = text.strip_prefix(b"{");
    let body = braced.unwrap_or(text);
    let valid = body.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let length = valid.find(|letter| !is_letter(letter) && !is_digit(letter) && letter != '_').unwrap_or(valid.len());
    let name = valid.get(..length).filter(|name| !name.is_empty())?;
    let after = body.get(length..)?;
    Some((name, if braced.is_some() { after.strip_prefix(b"}")? } else { after }))
}

fn group(pattern: &Pattern, captures: &Captures, name: &str) -> Option<Span> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0')) {
        captures.get_group(name.parse().ok()?)
    } else {
        // Names may repeat; the first group that took part counts.
        let mut groups = pattern.names.iter().enumerate().filter(|(_, known)| *known == name);
        groups.find_map(|(position, _)| captures.get_group(position))
    }
}

fn split(args: &[Value], panics: bool) -> CallResult {
    let pattern = compile(args, panics)?;
    let (subject, count) = (Subject::new(bytes(args, 1)), int(args, 2));
    if count == 0 {
        return Ok(Value::List(List::nil(ElementType::String)));
    }
    if subject.len() == 0 && !bytes(args, 0).is_empty() {
        return Ok(Value::strings([""]));
    }
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parts: Vec<&[u8]> = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in each_match(&pattern, &subject.text, limit) {
        if parts.len() + 1 == limit {
            break;
        }
        end = found.start;
        if found.end != 0 {
            parts.push(subject.original(start, end));
        }
        start = found.end;
    }
    if end != subject.len() {
        parts.push(subject.original(start, subject.len()));
    }
    Ok(Value::strings(parts))
}

fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}
