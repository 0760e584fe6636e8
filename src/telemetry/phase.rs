//! Phases of a reconcile as spans, for traces.
//!
//! In: the name of a phase. Out: a span to run its work in. What ran inside of what is the chain of spans; whose work it is stands in the
//! outermost one, which logs have too.
//!
//! **Invariant:** a span says what is done and whether it failed, never with which content; and it costs nothing unless traces are sent.

use tracing::Span;
use tracing::field::Empty;

/// What phases are filed under, for filters.
pub const PHASES: &str = "rhumb::phase";

/// A phase, as part of the span that the task is in.
pub fn phase(name: &'static str) -> Span {
    // One call site for all of them: the exporter takes the name from the field.
    tracing::trace_span!(target: PHASES, "phase", otel.name = name, otel.status_code = Empty)
}

/// Notes on the span that the task is in that its work has failed.
pub fn mark_failed() {
    Span::current().record("otel.status_code", "ERROR");
}
