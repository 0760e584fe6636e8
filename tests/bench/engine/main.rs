//! The engine's benchmark: time and memory of rendering, against Helm's own engine in the same run on the same machine.
//!
//! First the engines alone, from a parsed chart with coalesced values to sorted manifests: `cold` parses all templates, as Helm does,
//! `warm` finds them parsed, as the operator does from the second render on. Both sides count their allocations while they are timed.
//! Then whole processes, if the program was built and there is a collection of charts: `rhumb template` against `helm template`.
//!
//! `cargo bench --bench engine --no-default-features` needs no more than Go; without Go it prints our figures only.
#![allow(clippy::print_stdout, reason = "the figures are for whoever runs it")]

mod engine;
mod figures;
mod go;
mod process;

use std::alloc::System;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The charts of the collection that are measured one by one, small to large.
const CHARTS: &[&str] = &[
    "podinfo-6.14",
    "ingress-nginx-4",
    "traefik-41",
    "cert-manager-v0.0",
    "kube-prometheus-stack-88",
    "argo-cd-10",
    "argo-cd-11",
];

/// Where the collection lies, seen from the project.
const COLLECTION: &str = "../shared/corpus";

/// What the command line says.
struct Arguments {
    /// A collection of charts: `charts/*.tgz` and an `index.json` of cases.
    collection: PathBuf,
    /// Only charts whose name holds this.
    only: String,
    /// How long each chart is measured.
    time: Duration,
    /// Whether engines are measured.
    engines: bool,
    /// Whether whole processes are measured.
    processes: bool,
}

impl Arguments {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut arguments = Self {
            collection: project.join(COLLECTION),
            only: String::new(),
            time: Duration::from_secs(2),
            engines: true,
            processes: true,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--collection" => arguments.collection = PathBuf::from(value()?),
                "--only" => arguments.only = value()?,
                "--seconds" => arguments.time = Duration::from_secs_f64(value()?.parse()?),
                "--engines" => arguments.processes = false,
                "--processes" => arguments.engines = false,
                // Passed by cargo to every benchmark.
                "--bench" => {}
                other => return Err(format!("{other} is not known").into()),
            }
        }
        Ok(arguments)
    }

    /// The charts to measure; the project's own comes first and is always there.
    fn charts(&self) -> Vec<PathBuf> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/rhumb");
        let folder = self.collection.join("charts");
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        names.sort();
        let named = |path: &&PathBuf, start: &str| figures::chart_name(path).starts_with(start);
        let found = CHARTS.iter().flat_map(|start| names.iter().filter(move |path| named(path, start)).cloned());
        let all = std::iter::once(own).chain(found);
        all.filter(|path| figures::chart_name(path).contains(&self.only)).collect()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    if !arguments.collection.is_dir() {
        println!("{} is not there, so only the project's own chart is measured", arguments.collection.display());
    }
    if arguments.processes {
        // First, because the peak of a child begins with what its parent had when it was started.
        process::compare(&arguments.collection)?;
    }
    if arguments.engines {
        let charts = arguments.charts();
        let theirs = go::measure(&charts, arguments.time)?;
        figures::print_header();
        for chart in &charts {
            let ours = engine::measure(chart, arguments.time, ALLOCATOR)?;
            figures::print(chart, &ours, theirs.get(chart));
        }
    }
    Ok(())
}
