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
    /// `reflect.Value`: as `Any`, but not a copy.
    Reflected,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint32`.
    Uint32,
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

impl Type {
    /// The type as Go prints it in errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflected => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::List => "[]interface {}",
            Self::Strings => "[]string",
            Self::Map => "map[string]interface {}",
            Self::Duration => "time.Duration",
            Self::Object(name) => name,
        }
    }
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
    /// Printed after the message.
    source: Option<Box<dyn Error + Send + Sync + 'static>>,
}

impl CallError {
    /// A failure with this text, as Go's function would give it.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// A failure that passes on another one unchanged, such as the error of a nested template.
    pub fn nested(source: impl Error + Send + Sync + 'static) -> Self {
        Self::wrapping("", source)
    }

    /// A failure whose text is this message directly followed by that of another failure: `fmt.Errorf("...: %w", err)` in Go.
    pub fn wrapping(message: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self { message: message.into(), source: Some(Box::new(source)) }
    }

    /// The text before that of the failure inside; the whole text if there is none.
    pub fn own_message(&self) -> &str {
        &self.message
    }

    /// The failure inside, if it is of this type.
    pub fn source_as<T: Error + 'static>(&self) -> Option<&T> {
        self.source.as_deref().and_then(<dyn Error + Send + Sync>::downcast_ref::<T>)
    }

    /// The failure that was passed on, if it is of this type.
    pub fn downcast_source<T: Error + 'static>(self) -> Result<Box<T>, Self> {
        let Self { message, source } = self;
        match source.map(<dyn Error + Send + Sync>::downcast::<T>) {
            Some(Ok(source)) => Ok(source),
            Some(Err(source)) => Err(Self { message, source: Some(source) }),
            None => Err(Self { message, source: None }),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, "{source}"),
            None => Ok(()),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn Error + 'static) { source })
    }
}

/// What a function or method gives.
pub type CallResult = Result<Value, CallError>;
