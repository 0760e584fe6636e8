//! The engine's benchmark: how long rendering takes, against Helm's own engine in the same run on the same machine.
//!
//! First whole processes, `rhumb template` against `helm template`, where the program was built and there is a collection of charts.
//! Then the engines alone, from a parsed chart with coalesced values to sorted manifests: `cold` parses all templates, as Helm does,
//! `warm` finds them parsed, as the operator does from the second render of a chart on. What a render allocates is the concern of the
//! benchmark `memory`, because counting takes time.
//!
//! `cargo bench --bench engine --no-default-features` needs no more than Go; without Go it prints our figures only.
#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]

mod arguments;
mod engine;
mod figures;
mod go;
mod process;
#[path = "../../project.rs"]
mod project;

use std::error::Error;

use arguments::Arguments;
use figures::{chart_name, ratio, times};

/// The program's own, so that what is measured is what runs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    if arguments.processes {
        // First, because the peak of a child begins with what its parent had when it was started.
        process::compare(&arguments.collection)?;
    }
    if !arguments.engines {
        return Ok(());
    }
    let charts = arguments.charts();
    let theirs = go::measure(&charts, arguments.time)?;
    println!("time of a render in ms: best (median)");
    println!("{:<28} {:>19} {:>19} {:>6} {:>19} {:>6}", "chart", "Go", "cold", "ratio", "warm", "ratio");
    for path in &charts {
        let ours = engine::measure(path, arguments.time, engine::not_counted)?;
        let theirs = theirs.get(path).copied().unwrap_or_default();
        let faster = |ours: &figures::Figures| ratio(theirs.best.as_secs_f64(), ours.best.as_secs_f64());
        let name = chart_name(path);
        let (cold, warm) = (times(&ours.cold), times(&ours.warm));
        println!(
            "{name:<28} {:>19} {cold:>19} {:>6} {warm:>19} {:>6}",
            times(&theirs),
            faster(&ours.cold),
            faster(&ours.warm)
        );
    }
    Ok(())
}
