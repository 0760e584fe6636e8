//! The functions that Helm adds to sprig's: `include`, `tpl`, `required`, `fail`, `lookup`, `getHostByName`, and those of
//! [`super::encode`] and [`super::duration`].
//!
//! Counterpart: `initFunMap` in `pkg/engine/engine.go` of Helm 4.3.1. Texts given to `tpl` are parsed once a render, however often
//! they come.
//!
//! **Invariant:** templates that a `tpl` text defines are seen only from within it.

use std::cell::RefCell;
use std::collections::HashMap;

use super::lookup::Lookup;
use super::{duration, encode, trace, values};
use crate::chart::to_value;
use crate::gotemplate::{Call, Error, FuncMap, Function, ParsedFile};
use crate::sprig::{self, Ambient};
use crate::value::{CallError, CallResult, Signature, Text, Type, Value, quote};

/// How often a template may be included within itself (Helm 4.3.1).
const MAX_INCLUDES: usize = 1000;

/// The name of the root template set, and of every `tpl` text, in Helm's errors.
pub(super) const ROOT_NAME: &str = "gotpl";

/// What functions of one render can reach.
pub(super) struct Host<'r> {
    lookup: &'r dyn Lookup,
    ambient: &'r dyn Ambient,
    enable_dns: bool,
    included: RefCell<HashMap<Text, usize>>,
    parsed: RefCell<HashMap<Text, ParsedFile>>,
}

impl<'r> Host<'r> {
    pub(super) fn new(lookup: &'r dyn Lookup, ambient: &'r dyn Ambient, enable_dns: bool) -> Self {
        Self { lookup, ambient, enable_dns, included: RefCell::default(), parsed: RefCell::default() }
    }

    /// Counts an inclusion; false if the template is included within itself too often.
    fn enter(&self, name: &Text) -> bool {
        let mut included = self.included.borrow_mut();
        let depth = included.entry(name.clone()).or_default();
        let may_enter = *depth <= MAX_INCLUDES;
        *depth += usize::from(may_enter);
        may_enter
    }

    fn leave(&self, name: &Text) {
        if let Some(depth) = self.included.borrow_mut().get_mut(name) {
            *depth = depth.saturating_sub(1);
        }
    }
}

impl Ambient for Host<'_> {
    fn now(&self) -> i128 {
        self.ambient.now()
    }

    fn time_zone(&self) -> &str {
        self.ambient.time_zone()
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        self.ambient.fill_random(buffer);
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.ambient.variable(name)
    }

    fn resolve_host(&self, host: &str) -> Option<String> {
        if self.enable_dns { self.ambient.resolve_host(host) } else { None }
    }
}

/// All functions of Helm's templates: Go's own, sprig's without `env` and `expandenv`, Helm's.
pub(super) fn function_map<'r>() -> FuncMap<Host<'r>> {
    let mut map = FuncMap::default();
    map.set_map_methods(values::TYPE_NAME, values::method);
    map.extend(sprig::functions());
    map.extend(encode::functions());
    map.extend(duration::functions());
    map.extend([
        Function::hosted("include", Signature::fixed(&[Type::String, Type::Any]), include),
        Function::hosted("tpl", Signature::fixed(&[Type::String, Type::Any]), tpl),
        Function::pure("required", Signature::fixed(&[Type::String, Type::Any]), required),
        Function::pure("fail", Signature::fixed(&[Type::String]), fail),
        Function::hosted("lookup", Signature::fixed(&[Type::String, Type::String, Type::String, Type::String]), lookup),
        Function::hosted("getHostByName", Signature::fixed(&[Type::String]), get_host_by_name),
    ]);
    map
}

/// The functions of the template of a release's name: Go's own and all of sprig's.
pub(super) fn name_function_map<'r>() -> FuncMap<Host<'r>> {
    let mut map = FuncMap::default();
    map.extend(sprig::functions());
    map.extend([
        Function::hosted("env", Signature::fixed(&[Type::String]), env),
        Function::hosted("expandenv", Signature::fixed(&[Type::String]), expandenv),
    ]);
    map
}

#[expect(clippy::unnecessary_wraps, reason = "the table of functions asks for a result")]
fn env(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    Ok(Value::string(call.host().variable(&text_at(args, 0).to_str()).unwrap_or_default()))
}

#[expect(clippy::unnecessary_wraps, reason = "the table of functions asks for a result")]
fn expandenv(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    let lookup = |name: &str| call.host().variable(name).unwrap_or_default();
    Ok(Value::string(expand(&text_at(args, 0).to_str(), lookup)))
}

/// Puts values in the place of `$name` and `${name}` (Go's `os.ExpandEnv`, without its special names of one letter).
fn expand(text: &str, lookup: impl Fn(&str) -> String) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let is_part = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (name, behind) = match braced {
            Some(parts) => parts,
            None => after.split_at(after.find(|letter| !is_part(letter)).unwrap_or(after.len())),
        };
        if name.is_empty() {
            expanded.push('$');
        } else {
            expanded.push_str(&lookup(name));
        }
        rest = behind;
    }
    expanded.push_str(rest);
    expanded
}

fn text_at(args: &[Value], position: usize) -> Text {
    args.get(position).and_then(Value::as_text).cloned().unwrap_or_default()
}

fn include(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    let name = text_at(args, 0);
    if !call.host().enter(&name) {
        let message = "rendering template has a nested reference name";
        return Err(CallError::new(format!("{message}: {name}: unable to execute template")));
    }
    let output = call.execute(&name.to_str(), args.get(1).unwrap_or(&Value::Nil));
    call.host().leave(&name);
    output.map(Value::String).map_err(CallError::nested)
}

fn tpl(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    let text = text_at(args, 0);
    if memchr::memmem::find(text.as_bytes(), b"{{").is_none() {
        // Without an action the text is its own result.
        return Ok(text_without_no_value(text));
    }
    let file = parse_once(call, &text).map_err(|error| tpl_error("cannot parse template", &text, error))?;
    let mut set = call.set().clone();
    set.redefine(&file, ROOT_NAME);
    let output = call.execute_set(&set, ROOT_NAME, args.get(1).unwrap_or(&Value::Nil));
    let output = output.map_err(|error| tpl_error("error during tpl function execution for", &text, error))?;
    Ok(text_without_no_value(output))
}

fn text_without_no_value(text: Text) -> Value {
    match without_no_value(text.as_bytes()) {
        Some(kept) => Value::string(kept),
        None => Value::String(text),
    }
}

fn parse_once(call: &Call<'_, Host<'_>>, text: &Text) -> Result<ParsedFile, Error> {
    if let Some(file) = call.host().parsed.borrow().get(text) {
        return Ok(file.clone());
    }
    let file = ParsedFile::parse(ROOT_NAME, text.as_bytes(), call.functions())?;
    call.host().parsed.borrow_mut().insert(text.clone(), file.clone());
    Ok(file)
}

fn tpl_error(what: &str, text: &Text, error: Error) -> CallError {
    CallError::wrapping(format!("{what} {}: ", quote(text)), error)
}

fn required(args: &[Value]) -> CallResult {
    match args.get(1) {
        None | Some(Value::Nil) => fail(args),
        Some(Value::String(text)) if text.is_empty() => fail(args),
        Some(value) => Ok(value.clone()),
    }
}

fn fail(args: &[Value]) -> CallResult {
    Err(CallError::new(trace::mark(&text_at(args, 0).to_str())))
}

fn lookup(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    let [api_version, kind, namespace, name] = [0, 1, 2, 3].map(|position| text_at(args, position));
    let found = call.host().lookup.lookup(&api_version.to_str(), &kind.to_str(), &namespace.to_str(), &name.to_str());
    Ok(found.map_err(CallError::new)?.map_or_else(Value::map, |object| to_value(&object)))
}

#[expect(clippy::unnecessary_wraps, reason = "the table of functions asks for a result")]
fn get_host_by_name(call: &mut Call<'_, Host<'_>>, args: &[Value]) -> CallResult {
    Ok(Value::string(call.host().resolve_host(&text_at(args, 0).to_str()).unwrap_or_default()))
}

/// An output without every `<no value>`, as Helm has each file and each `tpl` text; nothing if there is none in it.
pub(super) fn without_no_value(output: &[u8]) -> Option<Vec<u8>> {
    const NO_VALUE: &[u8] = b"<no value>";
    let mut kept = Vec::new();
    let mut start = 0;
    for found in memchr::memmem::find_iter(output, NO_VALUE) {
        kept.extend_from_slice(output.get(start..found).unwrap_or_default());
        start = found + NO_VALUE.len();
    }
    if start == 0 {
        return None;
    }
    kept.extend_from_slice(output.get(start..).unwrap_or_default());
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::without_no_value;

    #[test]
    fn no_value_is_removed_wherever_it_stands() {
        for (output, expected) in [
            ("plain", "plain"),
            ("a: <no value>\nb: <no value>", "a: \nb: "),
            ("<no <no value>value>", "<no value>"),
            ("a < b", "a < b"),
            ("<no value>", ""),
        ] {
            let found = without_no_value(output.as_bytes()).unwrap_or_else(|| output.into());
            assert_eq!(found, expected.as_bytes(), "{output}");
        }
    }
}
