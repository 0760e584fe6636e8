//! A stack with room for deep templates.
//!
//! Go's stacks grow as needed; native ones do not. A render therefore runs on a stack that is larger than what the template engine's own
//! limit lets it use. It belongs to the caller's thread: one of its own would begin with cold caches and a heap of its own.
//!
//! **Invariant:** a panic on the stack becomes an error here, and never ends the program.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use super::Error;

/// The stack of a render, in bytes. Only touched pages take memory.
pub const STACK_BYTES: usize = 256 << 20;

/// What the template engine may use of it; the rest is for encoders, sprig and YAML.
pub(super) const TEMPLATE_STACK_BYTES: usize = 192 << 20;

/// Runs work on a stack of [`STACK_BYTES`].
pub fn on_large_stack<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    // Nothing that a panic leaves half done is looked at again: the work is gone, and with it all that it owned.
    let result = panic::catch_unwind(AssertUnwindSafe(|| stacker::grow(STACK_BYTES, work)));
    result.map_err(|panic| Error::Stack(panic_text(panic.as_ref())))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::on_large_stack;

    fn sum_to(depth: u64) -> u64 {
        let padding = std::hint::black_box([depth; 128]);
        if depth == 0 { 0 } else { padding[0] + sum_to(depth - 1) }
    }

    #[test]
    fn deep_recursion_fits() {
        assert_eq!(on_large_stack(|| sum_to(20_000)).unwrap(), 200_010_000);
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = on_large_stack(|| panic!("boom")).unwrap_err();
        assert_eq!(error.to_string(), "rendering template failed: boom");
    }
}
