//! Charts on disk: a directory or a package.
//!
//! Invariant: follows symbolic links as Helm does, but never reads a file larger than a chart's limit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::chart::{Chart, File, MAX_CHART_SIZE};

/// How deep directories of a chart may be nested; symbolic links may form a circle.
const MAX_DIRECTORY_DEPTH: usize = 64;

/// Loads the chart at a path.
pub(super) fn load(path: &str) -> Result<Chart> {
    let place = Path::new(path);
    let metadata = fs::metadata(place).map_err(|_| anyhow::anyhow!("path \"{path}\" not found"))?;
    if metadata.is_dir() {
        let mut files = Vec::new();
        collect(place, "", &mut files, 0)?;
        return Ok(Chart::from_directory(files)?);
    }
    let bytes = fs::read(place).with_context(|| format!("cannot read {path}"))?;
    Ok(Chart::from_archive(&bytes)?)
}

fn collect(directory: &Path, prefix: &str, files: &mut Vec<File>, depth: usize) -> Result<()> {
    if depth > MAX_DIRECTORY_DEPTH {
        bail!("{} is nested deeper than {MAX_DIRECTORY_DEPTH} directories", directory.display());
    }
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        let metadata = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            collect(&path, &format!("{name}/"), files, depth + 1)?;
        } else if metadata.is_file() {
            if metadata.len() > MAX_CHART_SIZE {
                bail!("chart file {name:?} is larger than the maximum file size {MAX_CHART_SIZE}");
            }
            let data = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(File::new(name, Arc::<[u8]>::from(data)));
        } else {
            bail!("cannot load irregular file {} as it has file mode type bits set", path.display());
        }
    }
    Ok(())
}
