//! A tour of rhumb on a local control plane: `cargo run --example demo`, or `-- --once` to end after the tour.
//!
//! It starts etcd, the Kubernetes servers, a chart repository and a registry on loopback, runs the operator, applies `crds/` and
//! `examples/`, and shows what happens. Never leaves anything behind: Ctrl-C stops everything that it started.
#![allow(clippy::print_stdout, reason = "the tour talks to whoever takes it")]

mod manifests;
#[path = "../project.rs"]
mod project;
#[path = "../e2e/support/mod.rs"]
mod support;
mod tour;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use tour::Tour;

/// Shows rhumb at work on a local control plane.
#[derive(Parser)]
struct Arguments {
    /// Ends after the tour instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let shown = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe tour ended early: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Goes on the tour until its end or a signal, whichever comes first; everything is stopped on the way out.
async fn run(arguments: &Arguments) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        shown = show(arguments) => shown,
        _ = tokio::signal::ctrl_c() => stopping(),
        _ = terminate.recv() => stopping(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one arm of a choice between results")]
fn stopping() -> Result<()> {
    println!("\nStopping everything.");
    Ok(())
}

async fn show(arguments: &Arguments) -> Result<()> {
    let program = build_operator()?;
    let mut tour = Tour::start(program).await?;
    tour.apply_examples().await?;
    tour.show_drift().await?;
    tour.show_metrics().await?;
    tour.tell_how_to_look_around();
    if arguments.once {
        tour.stop();
        return Ok(());
    }
    println!("\nPress Ctrl-C to stop everything.");
    tour.watch_over().await
}

/// Builds the `rhumb` program in the profile of this one, and returns where it is.
fn build_operator() -> Result<PathBuf> {
    println!("Building rhumb");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--bin", "rhumb"]);
    command.arg("--manifest-path").arg(project::root().join("Cargo.toml"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(command.status().context("run cargo")?.success(), "rhumb could not be built");
    // Examples are one folder below the programs.
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(std::path::Path::parent).context("this program is in no folder")?;
    Ok(folder.join("rhumb"))
}
