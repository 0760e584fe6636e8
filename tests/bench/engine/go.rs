//! Helm's engine, measured by a small Go program over Helm's packages: `tests/controlplane/helm/bench`.
//!
//! In: paths of charts. Out: figures by path; none, in words, where there is no Go.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::figures::Figures;

/// Builds a Go program of the tests and gives its path; nothing where there is no Go. Go's own cache makes it quick the next time.
pub(crate) fn build(name: &str) -> Result<Option<PathBuf>, Box<dyn Error>> {
    if Command::new("go").arg("version").output().is_err() {
        println!("there is no Go here, so {name} cannot be built");
        return Ok(None);
    }
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status =
        Command::new(crate::project::root().join("tests/controlplane/build")).arg(name).arg(&program).status()?;
    if !status.success() {
        return Err(format!("building {name} with Go failed: {status}").into());
    }
    Ok(Some(program))
}

/// Measures renders of the charts with their default values.
pub(crate) fn measure(charts: &[PathBuf], time: Duration) -> Result<BTreeMap<PathBuf, Figures>, Box<dyn Error>> {
    let Some(program) = build("bench")? else { return Ok(BTreeMap::new()) };
    let output = Command::new(program).arg(format!("-time={}ms", time.as_millis())).args(charts).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let mut measured = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let number = |name: &str| line.get(name).and_then(Value::as_u64).unwrap_or_default();
        let figures = Figures {
            best: Duration::from_nanos(number("best")),
            median: Duration::from_nanos(number("median")),
            bytes: number("bytes"),
            pieces: number("allocs"),
            output: usize::try_from(number("output"))?,
        };
        let path = line.get("chart").and_then(Value::as_str).unwrap_or_default();
        measured.insert(PathBuf::from(path), figures);
    }
    Ok(measured)
}
