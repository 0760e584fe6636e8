//! What a process has used so far, as Linux tells it under `/proc`.
//!
//! In: a process id. Out: processor time and the highest resident memory. Never measures children of the process.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Linux reports processor time in hundredths of a second on every platform that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process, in user and kernel mode.
pub(crate) fn processor_time(id: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("/proc/stat has no name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Result<u32> { Ok(fields.get(at).context("/proc/stat is short")?.parse()?) };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// The highest resident memory in MiB since [`reset_peak`].
pub(crate) fn peak_mib(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/status has no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024)
}

/// Forgets the peak, so that each phase has its own.
pub(crate) fn reset_peak(id: u32) -> Result<()> {
    fs::write(format!("/proc/{id}/clear_refs"), "5").context("reset the peak of the resident memory")
}
