//! The engine's benchmark of memory: what a render allocates, against Helm's own engine in the same run.
//!
//! Renders as the benchmark `engine` does, and tells whether both engines give as many bytes.
#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]
#![allow(dead_code, reason = "the modules are shared with the benchmark of time")]

mod arguments;
mod engine;
mod figures;
mod go;
#[path = "../../project.rs"]
mod project;

use std::alloc::System;
use std::error::Error;
use std::time::Duration;

use arguments::Arguments;
use figures::{chart_name, ratio};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    if !arguments.engines {
        return Ok(());
    }
    let charts = arguments.charts();
    let theirs = go::measure(&charts, Duration::ZERO)?;
    println!("what a render allocates: KiB, pieces; bytes of output");
    println!(
        "{:<28} {:>9} {:>9} {:>6} {:>9} {:>8} {:>8} {:>8}  output",
        "chart", "Go KiB", "cold", "ratio", "warm", "Go", "cold", "warm"
    );
    for path in &charts {
        let counted = || {
            let region = Region::new(ALLOCATOR);
            move || {
                let change = region.change();
                (change.bytes_allocated as u64, (change.allocations + change.reallocations) as u64)
            }
        };
        let ours = engine::measure(path, Duration::ZERO, counted)?;
        let (cold, warm) = (ours.cold, ours.warm);
        let go = theirs.get(path).copied().unwrap_or_default();
        let output = if go.output == cold.output || go.output == 0 {
            cold.output.to_string()
        } else {
            format!("{} DIFFERS from Go's {}", cold.output, go.output)
        };
        println!(
            "{:<28} {:>9} {:>9} {:>6} {:>9} {:>8} {:>8} {:>8}  {output}",
            chart_name(path),
            go.bytes / 1024,
            cold.bytes / 1024,
            ratio(go.bytes as f64, cold.bytes as f64),
            warm.bytes / 1024,
            go.pieces,
            cold.pieces,
            warm.pieces,
        );
    }
    Ok(())
}
