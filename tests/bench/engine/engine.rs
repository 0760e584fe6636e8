//! Our engine in this process.
//!
//! In: a chart's path. Out: figures of cold and warm renders. Each render gets values of its own, made outside the measured time,
//! because templates may change them.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rhumb::chart::{Chart, Derived, File, Values, prepare};
use rhumb::render::{Ambient, NoCluster, RenderOptions, Rendered, on_large_stack, render};

use crate::figures::{Figures, Ours};

/// At least so many renders, however long they take.
const MIN_RENDERS: usize = 5;

/// An ambient without a clock, names and randomness.
struct Still;

impl Ambient for Still {
    fn now(&self) -> i128 {
        0
    }

    fn time_zone(&self) -> &'static str {
        "UTC"
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }

    fn resolve_host(&self, _host: &str) -> Option<String> {
        None
    }
}

/// Bytes and pieces, where nobody counts them.
pub(crate) fn not_counted() -> impl FnOnce() -> (u64, u64) {
    || (0, 0)
}

/// Measures renders of a chart with its default values. `count` is called before a render; what it gives is called afterwards and tells
/// the bytes and pieces that were allocated in between.
pub(crate) fn measure<C: FnOnce() -> (u64, u64)>(
    path: &Path,
    time: Duration,
    count: impl Fn() -> C + Copy + Send + Sync,
) -> Result<Ours, Box<dyn Error>> {
    let chart = load(path)?;
    let measured = on_large_stack(|| -> Result<Ours, String> {
        let anew = |chart: &Chart| Chart { derived: Derived::default(), ..chart.clone() };
        let cold = repeat(&chart, time, count, anew)?;
        // Copies of a chart share what was parsed for the first of them.
        let warm = repeat(&chart, time, count, Chart::clone)?;
        Ok(Ours { cold, warm })
    })?;
    Ok(measured?)
}

fn repeat<C: FnOnce() -> (u64, u64)>(
    chart: &Chart,
    time: Duration,
    count: impl Fn() -> C,
    copy: impl Fn(&Chart) -> Chart,
) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut times = Vec::new();
    let mut spent = Duration::ZERO;
    while spent < time || times.len() < MIN_RENDERS {
        let prepared = prepare(&copy(chart), &Values::new(), true).map_err(|error| error.to_string())?;
        let options =
            RenderOptions { name: "rel".to_owned(), namespace: "demo".to_owned(), ..RenderOptions::default() };
        let counted = count();
        let start = Instant::now();
        let rendered = render(&prepared, &options, &NoCluster, &Still).map_err(|error| error.to_string())?;
        let took = start.elapsed();
        // The first render of a warm series fills the cache; the last counts.
        (figures.bytes, figures.pieces) = counted();
        figures.output = output(&rendered);
        black_box(rendered);
        times.push(took);
        spent += took;
    }
    times.sort_unstable();
    figures.best = times.first().copied().unwrap_or_default();
    figures.median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(figures)
}

fn output(rendered: &Rendered) -> usize {
    let hooks = rendered.hooks.iter().map(|hook| hook.manifest.len());
    hooks.chain(rendered.documents.iter().map(|document| document.text.len())).sum()
}

fn load(path: &Path) -> Result<Chart, Box<dyn Error>> {
    if path.is_dir() {
        let mut files = Vec::new();
        collect(path, "", &mut files)?;
        return Ok(Chart::from_directory(files)?);
    }
    Ok(Chart::from_archive(&fs::read(path)?)?)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.push(File::new(name, Arc::<[u8]>::from(fs::read(&path)?)));
        }
    }
    Ok(())
}
