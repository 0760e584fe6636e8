//! The `rhumb` program.

use std::io::Write;
use std::process::ExitCode;

use rhumb::cli::Cli;

fn main() -> ExitCode {
    match Cli::read().execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
