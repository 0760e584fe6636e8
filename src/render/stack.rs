//! A thread with room for deep templates.
//!
//! Go's stacks grow as needed; native ones do not. A render therefore runs on a thread whose stack is larger than what the template
//! engine's own limit lets it use.
//!
//! **Invariant:** a panic on the thread becomes an error here, and never ends the program.

use std::any::Any;
use std::thread;

use super::Error;

/// The stack of a rendering thread, in bytes. Only touched pages take memory.
pub const STACK_BYTES: usize = 256 << 20;

/// What the template engine may use of it; the rest is for encoders, sprig and YAML.
pub(super) const TEMPLATE_STACK_BYTES: usize = 192 << 20;

/// Runs work on a thread with [`STACK_BYTES`] of stack and waits for it.
pub fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("render".to_owned()).stack_size(STACK_BYTES);
        let handle = builder.spawn_scoped(scope, work).map_err(|error| Error::Thread(error.to_string()))?;
        handle.join().map_err(|panic| Error::Thread(panic_text(panic.as_ref())))
    })
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
