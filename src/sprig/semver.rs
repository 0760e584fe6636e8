//! Versions.
//!
//! Counterpart: `semver.go` of sprig 3.3.0, whose `semver` gives a Masterminds `*semver.Version` with its methods.
//!
//! **Invariant:** a version object never changes; its increments are new objects.

use std::any::Any;
use std::cmp::Ordering;

use super::args::{STRING, STRING2, text};
use crate::gotemplate::Function;
use crate::value::{CallError, CallResult, Kind, Method, Object, Signature, Text, Type, UintType, Value};
use crate::version::{Constraints, Error, Version};

/// The functions on versions.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    vec![
        Function::pure("semver", Signature::fixed(STRING), |args| {
            let version = Version::parse(&text(args, 0)).map_err(failure)?;
            Ok(Value::object(VersionObject { version, is_pointer: true }))
        }),
        Function::pure("semverCompare", Signature::fixed(STRING2), |args| {
            let constraints = Constraints::parse(&text(args, 0)).map_err(failure)?;
            let version = Version::parse(&text(args, 1)).map_err(failure)?;
            Ok(Value::Bool(constraints.check(&version)))
        }),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failure(error: Error) -> CallError {
    CallError::new(error.to_string())
}

const POINTER: &str = "*semver.Version";

/// A `semver.Version` or a pointer to one: increments give values, which lack the methods of pointers.
#[derive(Debug)]
struct VersionObject {
    version: Version,
    is_pointer: bool,
}

impl Object for VersionObject {
    fn type_name(&self) -> &str {
        if self.is_pointer { POINTER } else { "semver.Version" }
    }

    fn kind(&self) -> Kind {
        if self.is_pointer { Kind::Ptr } else { Kind::Struct }
    }

    /// What equality looks at; `text` prints the version.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("original", Value::string(self.version.original()))]
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        let version = &self.version;
        match name {
            "Major" => number(version.major()),
            "Minor" => number(version.minor()),
            "Patch" => number(version.patch()),
            "Prerelease" => string(version.prerelease().to_owned()),
            "Metadata" => string(version.metadata().to_owned()),
            "String" => string(version.to_string()),
            "Original" if self.is_pointer => string(version.original().to_owned()),
            "IncMajor" => derived(|| version.next_major()),
            "IncMinor" => derived(|| version.next_minor()),
            "IncPatch" => derived(|| version.next_patch()),
            "SetPrerelease" => derived_by_text(|text| version.with_prerelease(text)),
            "SetMetadata" => derived_by_text(|text| version.with_metadata(text)),
            "Compare" => self.compared(|order| Value::int(order as i64)),
            "Equal" => self.compared(|order| Value::Bool(order.is_eq())),
            "LessThan" => self.compared(|order| Value::Bool(order.is_lt())),
            "LessThanEqual" => self.compared(|order| Value::Bool(order.is_le())),
            "GreaterThan" => self.compared(|order| Value::Bool(order.is_gt())),
            "GreaterThanEqual" => self.compared(|order| Value::Bool(order.is_ge())),
            _ => None,
        }
    }

    fn text(&self) -> Option<Text> {
        Some(Text::from(self.version.to_string()))
    }

    fn encoded(&self) -> Option<Value> {
        Some(Value::string(self.version.to_string()))
    }

    fn deep_copied(&self) -> Option<Value> {
        Some(Value::object(Self { version: Version::default(), is_pointer: self.is_pointer }))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl VersionObject {
    /// A method of the pointer that compares with another version.
    fn compared(&self, answer: fn(Ordering) -> Value) -> Option<Method<'_>> {
        if !self.is_pointer {
            return None;
        }
        let call = move |args: &[Value]| match args.first() {
            Some(Value::Object(object)) => match object.as_any().downcast_ref::<Self>() {
                Some(other) => Ok(answer(self.version.cmp(&other.version))),
                None => Err(CallError::new(super::args::NIL_POINTER)),
            },
            _ => Err(CallError::new(super::args::NIL_POINTER)),
        };
        Some(Method { signature: Signature::fixed(&[Type::Object(POINTER)]), call: Box::new(call) })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a method look-up")]
fn without_arguments<'a>(call: impl Fn() -> CallResult + 'a) -> Option<Method<'a>> {
    Some(Method { signature: Signature::fixed(&[]), call: Box::new(move |_| call()) })
}

fn number(number: u64) -> Option<Method<'static>> {
    without_arguments(move || Ok(Value::Uint(UintType::Uint64, number)))
}

fn string(text: String) -> Option<Method<'static>> {
    without_arguments(move || Ok(Value::string(&text)))
}

fn value(version: Version) -> Value {
    Value::object(VersionObject { version, is_pointer: false })
}

fn derived<'a>(derive: impl Fn() -> Result<Version, Error> + 'a) -> Option<Method<'a>> {
    without_arguments(move || derive().map(value).map_err(failure))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a method look-up")]
fn derived_by_text<'a>(derive: impl Fn(&str) -> Result<Version, Error> + 'a) -> Option<Method<'a>> {
    let call = move |args: &[Value]| derive(&text(args, 0)).map(value).map_err(failure);
    Some(Method { signature: Signature::fixed(STRING), call: Box::new(call) })
}
