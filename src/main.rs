//! The `rhumb` program.

use clap::Parser;
use rhumb::cli::Cli;

fn main() -> anyhow::Result<()> {
    Cli::parse().execute()
}
