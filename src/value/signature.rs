//! The Go types of parameters, so that arguments are checked in one place with Go's own error text.
//!
//! **Invariant:** a function that declares its parameters gets arguments of just these types.

use std::error::Error;
use std::fmt;

use super::Value;

/// The Go type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`: anything, also nothing.
    Any,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `float64`.
    Float64,
    /// `string`.
    String,
    /// `[]byte`.
    Bytes,
    /// `[]interface {}`.
    List,
    /// `[]string`.
    Strings,
    /// `map[string]interface {}`; named map types over it are accepted, as Go assigns them.
    Map,
    /// `time.Duration`.
    Duration,
    /// An object, by its `%T` name.
    Object(&'static str),
}

/// The parameters of a function or method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The types in order; with `variadic`, the last one is the type of each further argument.
    pub params: &'static [Type],
    /// Whether the last parameter repeats, none included.
    pub variadic: bool,
}

impl Signature {
    /// Exactly these parameters.
    pub const fn fixed(params: &'static [Type]) -> Self {
        Self { params, variadic: false }
    }

    /// These parameters, of which the last repeats.
    pub const fn variadic(params: &'static [Type]) -> Self {
        Self { params, variadic: true }
    }
}

/// Why a function or method failed. What was a panic in Go is an error here too: templates report both alike.
#[derive(Debug)]
pub struct CallError {
    message: String,
    source: Option<Box<dyn Error + 'static>>,
}

impl CallError {
    /// A failure with this text, as Go's function would give it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// A failure that passes on another one unchanged, such as the error of a nested template.
    pub fn nested(source: impl Error + 'static) -> Self {
        Self { message: source.to_string(), source: Some(Box::new(source)) }
    }

    /// The failure that was passed on, if it is of this type.
    pub fn downcast_source<T: Error + 'static>(self) -> Result<Box<T>, Self> {
        let Self { message, source } = self;
        match source.map(<dyn Error>::downcast::<T>) {
            Some(Ok(source)) => Ok(source),
            Some(Err(source)) => Err(Self { message, source: Some(source) }),
            None => Err(Self { message, source: None }),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref()
    }
}

/// What a function or method gives.
pub type CallResult = Result<Value, CallError>;
