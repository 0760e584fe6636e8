//! The `rhumb` program.

use std::io::Write;
use std::process::ExitCode;

use rhumb::cli::Cli;

/// The JSON trees of a thousand releases come and go in small pieces; with the system's allocator, much of
/// the memory stays behind in gaps.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::read().execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
