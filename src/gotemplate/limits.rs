//! Bounds on what templates may use, so that a hostile chart ends in an error and not in a dead process.
//!
//! Go has only the template depth and the parenthesis depth, because its stacks grow; the rest is ours.
//!
//! **Invariant:** spending never wraps; what is used up stays used up for the rest of the [`Execution`](super::Execution).

use std::fmt;

/// The depth of nested parentheses that the parser takes (Go 1.26).
pub(super) const MAX_PARENTHESES: usize = 10_000;

/// Bounds for one [`Execution`](super::Execution), shared by everything that runs nested in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nested template invocations, as in Go 1.26; nested executions count as well.
    pub template_depth: usize,
    /// Bytes of native stack that an execution may use. The caller runs it on a thread that has more.
    pub stack_bytes: usize,
    /// Loop iterations in all.
    pub iterations: u64,
    /// Bytes written in all, those of nested executions included.
    pub output_bytes: usize,
    /// Bytes in one string, or a thirty-second of it as items in one list, that a function may give.
    pub value_bytes: usize,
}

impl Default for Limits {
    /// Safe on any thread that Rust starts, which has 2 MiB of stack.
    fn default() -> Self {
        Self {
            template_depth: 100_000,
            stack_bytes: 1 << 20,
            iterations: 50_000_000,
            output_bytes: 256 << 20,
            value_bytes: 64 << 20,
        }
    }
}

/// A bound that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Too many templates within templates; Go's own text.
    TemplateDepth(usize),
    /// The native stack is used up.
    Stack(usize),
    /// Too many loop iterations.
    Iterations(u64),
    /// Too much output.
    Output(usize),
    /// A function gave too long a string or list.
    Value(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TemplateDepth(depth) => write!(f, "exceeded maximum template depth ({depth})"),
            Self::Stack(bytes) => write!(f, "exceeded maximum stack for nested templates ({bytes} bytes)"),
            Self::Iterations(count) => write!(f, "exceeded maximum number of range iterations ({count})"),
            Self::Output(bytes) => write!(f, "exceeded maximum template output ({bytes} bytes)"),
            Self::Value(bytes) => write!(f, "exceeded maximum size of a value ({bytes} bytes)"),
        }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    depth: usize,
    iterations: u64,
    output: usize,
    stack: StackGuard,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        let stack = StackGuard::new(limits.stack_bytes);
        Self { limits, depth: 0, iterations: 0, output: 0, stack }
    }

    /// Marks where the stack begins; called by the outermost execution.
    pub(super) fn mark_stack(&mut self) {
        self.depth = 0;
        self.stack = StackGuard::new(self.limits.stack_bytes);
    }

    /// Enters a template; the caller calls [`Budget::leave`] afterwards, unless this failed.
    pub(super) fn enter(&mut self) -> Result<(), Limit> {
        if self.depth >= self.limits.template_depth {
            return Err(Limit::TemplateDepth(self.limits.template_depth));
        }
        self.check_stack()?;
        self.depth += 1;
        Ok(())
    }

    /// The number of templates entered.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Leaves all templates entered since then.
    pub(super) fn leave_to(&mut self, depth: usize) {
        self.depth = depth;
    }

    /// Leaves a template.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Fails when the native stack is used up.
    pub(super) fn check_stack(&self) -> Result<(), Limit> {
        if self.stack.is_exhausted() { Err(Limit::Stack(self.limits.stack_bytes)) } else { Ok(()) }
    }

    /// Counts one loop iteration.
    pub(super) fn iterate(&mut self) -> Result<(), Limit> {
        self.iterations += 1;
        if self.iterations > self.limits.iterations {
            return Err(Limit::Iterations(self.limits.iterations));
        }
        Ok(())
    }

    /// Counts bytes before they are written.
    pub(super) fn write(&mut self, bytes: usize) -> Result<(), Limit> {
        self.output = self.output.saturating_add(bytes);
        if self.output > self.limits.output_bytes {
            return Err(Limit::Output(self.limits.output_bytes));
        }
        Ok(())
    }

    /// Checks the size of a value that a function gave.
    pub(super) fn check_value(&self, value: &crate::value::Value) -> Result<(), Limit> {
        use crate::value::Value;
        let too_long = match value {
            Value::String(text) => text.len() > self.limits.value_bytes,
            Value::Bytes(bytes) => bytes.len() > self.limits.value_bytes,
            Value::List(list) => list.len() > self.limits.value_bytes / 32,
            _ => false,
        };
        if too_long { Err(Limit::Value(self.limits.value_bytes)) } else { Ok(()) }
    }
}

/// Measures how much native stack was used since it was made, by the address of a local variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct StackGuard {
    start: usize,
    bytes: usize,
}

impl StackGuard {
    /// Starts measuring here.
    pub(super) fn new(bytes: usize) -> Self {
        Self { start: stack_address(), bytes }
    }

    /// Whether more than the allowance is in use.
    pub(super) fn is_exhausted(&self) -> bool {
        self.start.abs_diff(stack_address()) > self.bytes
    }
}

/// About where the stack pointer is.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}
