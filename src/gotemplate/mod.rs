//! Go's `text/template` (Go 1.26): text with actions in, bytes out.
//!
//! Lexing, parsing and execution are separate stages in files named as Go's own. Parsed templates hold no values and can be shared
//! between threads; functions are resolved to slots of a [`FuncMap`] while parsing, variables to slots of a stack.
//!
//! ```
//! use rhumb::gotemplate::{Execution, FuncMap, TemplateSet};
//! use rhumb::value::Value;
//!
//! let functions = FuncMap::<()>::default();
//! let mut set = TemplateSet::new("greetings");
//! set.parse("hello", "{{ range . }}Hello {{ . | printf \"%-6s\" }}!{{ end }}", &functions)?;
//! let output = Execution::new(&functions, &()).run(&set, "hello", &Value::strings(["Ada", "Grace"]))?;
//! assert_eq!(output, b"Hello Ada   !Hello Grace !");
//! # Ok::<(), rhumb::gotemplate::Error>(())
//! ```
//!
//! **Invariant:** never knows about Helm or Kubernetes; what Helm adds comes in through the function map.

mod builtins;
mod error;
mod exec;
mod funcs;
mod lex;
mod limits;
mod node;
mod number;
mod parse;
mod printf;
mod set;

pub use builtins::Builtin;
pub use error::{Error, ErrorKind, Frame};
pub use exec::{Call, Execution, MissingKey};
pub use funcs::{Body, FuncMap, Function, MapMethods};
pub use limits::{Limit, Limits};
pub use printf::sprintf;
pub use set::{ParsedFile, TemplateSet};
