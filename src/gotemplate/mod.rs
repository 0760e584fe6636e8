//! Go's `text/template` (Go 1.26): text with actions in, bytes out.
//!
//! Lexing, parsing and execution are separate stages in files named as Go's own. Parsed templates hold no values and can be shared
//! between threads; functions are resolved to slots of a [`FuncMap`] while parsing.
//!
//! **Invariant:** never knows about Helm or Kubernetes; what Helm adds comes in through the function map.

mod exec;
mod funcs;

pub use exec::Call;
pub use funcs::{Body, FuncMap, Function};
