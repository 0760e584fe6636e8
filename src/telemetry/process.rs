//! What the process uses, read from `/proc` when metrics are asked for.
//!
//! **Invariant:** where the system does not say, the metric is left out rather than guessed.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Clock ticks a second in `/proc/self/stat`; fixed for programs on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// The size of a page in `/proc/self/statm`, in bytes, on the platforms this is built for.
const PAGE_BYTES: u64 = 4096;

/// Collects `process_*`.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    /// A collector for a process that starts now.
    pub(super) fn starting_now() -> Self {
        Self { started: jiff::Timestamp::now().as_millisecond() as f64 / 1000.0 }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system time of the process, in seconds",
                None,
                counter.metric_type(),
            )?;
            counter.encode(metric)?;
        }
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Resident memory of the process, in bytes",
                resident_bytes().map(|bytes| bytes as f64),
            ),
            ("process_open_fds", "Open file descriptors of the process", open_files().map(|count| count as f64)),
            (
                "process_start_time_seconds",
                "When the process started, in seconds since the Unix epoch",
                Some(self.started),
            ),
        ];
        for (name, help, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

/// User and system time so far.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name is in brackets and may hold spaces; what follows it is regular.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}
