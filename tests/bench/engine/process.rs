//! Whole processes: `rhumb template` against `helm template`, over the cases of a collection, one after the other.
//!
//! In: the collection's `index.json`, whose cases name a chart and perhaps a file of values. Out: total times, and the highest resident
//! memory of one process. Never compares outputs; other tests do.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use wait4::Wait4 as _;

use crate::figures::ratio;
use crate::go;

/// A chart with values.
struct Case {
    chart: String,
    values: Option<String>,
}

/// What processes of one program used.
#[derive(Default)]
struct Used {
    wall: Duration,
    processor: Duration,
    /// The highest resident memory of one process in bytes, and the chart that it was for.
    peak: (u64, String),
}

/// Runs both programs over all cases, alternating, and prints what they used.
pub(crate) fn compare(collection: &Path) -> Result<(), Box<dyn Error>> {
    let Some(rhumb) = option_env!("CARGO_BIN_EXE_rhumb").map(PathBuf::from) else {
        println!("whole processes: skipped, as the program is not part of a build without default features");
        return Ok(());
    };
    let Ok(index) = fs::read_to_string(collection.join("index.json")) else {
        println!("whole processes: skipped, as there is no collection of charts");
        return Ok(());
    };
    let Some(helm) = std::env::var_os("RHUMB_HELM").map_or_else(|| go::build("helm"), |path| Ok(Some(path.into())))?
    else {
        return Ok(());
    };
    let cases = cases(&index)?;
    let (mut ours, mut theirs) = (Used::default(), Used::default());
    for case in &cases {
        run(&helm, collection, case, &mut theirs)?;
        run(&rhumb, collection, case, &mut ours)?;
    }
    println!("whole processes: {} renderings, one after the other", cases.len());
    println!("{:<10} {:>9} {:>12} {:>9}  chart of the peak", "", "time", "processor", "peak");
    for (name, used) in [("helm", &theirs), ("rhumb", &ours)] {
        let (bytes, chart) = &used.peak;
        let mib = *bytes as f64 / f64::from(1 << 20);
        println!(
            "{name:<10} {:>7.2} s {:>10.2} s {mib:>5.1} MiB  {chart}",
            used.wall.as_secs_f64(),
            used.processor.as_secs_f64()
        );
    }
    println!(
        "{:<10} {:>9} {:>12} {:>9}",
        "ratio",
        ratio(theirs.wall.as_secs_f64(), ours.wall.as_secs_f64()),
        ratio(theirs.processor.as_secs_f64(), ours.processor.as_secs_f64()),
        ratio(theirs.peak.0 as f64, ours.peak.0 as f64),
    );
    Ok(())
}

fn cases(index: &str) -> Result<Vec<Case>, Box<dyn Error>> {
    let index: Value = serde_json::from_str(index)?;
    let cases = index.as_array().or_else(|| index.get("cases").and_then(Value::as_array));
    let text = |case: &Value, name: &str| case.get(name).and_then(Value::as_str).map(str::to_owned);
    let case = |case| Some(Case { chart: text(case, "chart")?, values: text(case, "values") });
    Ok(cases.ok_or("the index has no cases")?.iter().filter_map(case).collect())
}

fn run(program: &Path, folder: &Path, case: &Case, used: &mut Used) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(program);
    command.args(["template", "rel", &case.chart, "-n", "demo", "--include-crds", "--kube-version", "1.33.0"]);
    command.args(case.values.iter().flat_map(|values| ["-f", values]));
    command.current_dir(folder).env("KUBECONFIG", "/dev/null");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    // Some charts are refused; refusing takes its time as well.
    let ended = command.spawn()?.wait4()?;
    used.wall += start.elapsed();
    used.processor += ended.rusage.utime + ended.rusage.stime;
    if ended.rusage.maxrss > used.peak.0 {
        used.peak = (ended.rusage.maxrss, case.chart.clone());
    }
    Ok(())
}
