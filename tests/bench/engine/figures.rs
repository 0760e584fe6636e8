//! What is measured for a chart, and how it is printed. Ratios are those of the best times, which other work on the machine disturbs
//! least.

use std::path::Path;
use std::time::Duration;

/// The figures of one engine and one chart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) best: Duration,
    pub(crate) median: Duration,
    /// Allocated by a render, in bytes and in pieces.
    pub(crate) bytes: u64,
    pub(crate) pieces: u64,
    /// How many bytes came out.
    pub(crate) output: usize,
}

/// Ours for a chart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ours {
    /// Templates parsed anew each time.
    pub(crate) cold: Figures,
    /// Templates parsed before.
    pub(crate) warm: Figures,
}

/// The name of a chart's file, without its extension.
pub(crate) fn chart_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.strip_suffix(".tgz").unwrap_or(&name).to_owned()
}

/// The best time and the median in milliseconds.
pub(crate) fn times(figures: &Figures) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!("{:.3} ({:.3})", ms(figures.best), ms(figures.median))
}

/// How many times more the first is.
pub(crate) fn ratio(first: f64, second: f64) -> String {
    if second > 0.0 { format!("{:.1}x", first / second) } else { "-".to_owned() }
}
