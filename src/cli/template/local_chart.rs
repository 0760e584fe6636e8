//! Charts on disk: a directory or a package.
//!
//! Counterpart: `pkg/chart/loader`, `archive` and `internal/sympath` of Helm 4.3.1. Invariant: follows symbolic links as Helm does and
//! tells of each, but never reads a file larger than a chart's limit and never goes deeper than a limit.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};

use super::log::Log;
use super::values::{go_reason, read_file};
use crate::chart::{Chart, Error, File, IgnoreRules, MAX_CHART_SIZE};

/// How deep directories of a chart may be nested; symbolic links may form a circle.
const MAX_DIRECTORY_DEPTH: usize = 64;

/// How many bytes of a file tell what it is.
const SAMPLE: usize = 512;

/// Loads the chart at an absolute path.
pub(super) fn load(path: &str, log: &mut Log<'_>) -> Result<Chart> {
    let metadata = fs::metadata(path).map_err(|error| anyhow!("stat {path}: {}", go_reason(&error)))?;
    if metadata.is_dir() { load_directory(path, log) } else { load_package(path) }
}

fn load_package(path: &str) -> Result<Chart> {
    let bytes = read_file(path)?;
    if !bytes.starts_with(b"\x1f\x8b\x08") {
        // As Helm does, in small letters only.
        if [".yml", ".yaml"].iter().any(|extension| path.ends_with(extension)) {
            bail!("file '{path}' seems to be a YAML file, but expected a gzipped archive");
        }
        bail!("file '{path}' does not appear to be a gzipped archive; got '{}'", content_type(&bytes));
    }
    Chart::from_archive(&bytes).map_err(|error| match error {
        Error::NotGzip => {
            anyhow!("file '{path}' does not appear to be a valid chart file (details: gzip: invalid header)")
        }
        Error::Archive(_) | Error::Limit(_) | Error::Path(_) | Error::Empty => anyhow!("unable to load chart archive"),
        error => error.into(),
    })
}

/// What Go's `http.DetectContentType` calls the commoner kinds of files. Helm pads what it looks at with zeros, which no text has.
fn content_type(bytes: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 6] = [
        (b"PK\x03\x04", "application/zip"),
        (b"%PDF-", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"<?xml", "text/xml; charset=utf-8"),
        (b"%!PS-Adobe-", "application/postscript"),
    ];
    let is_binary = |byte: &u8| matches!(byte, 0..=8 | 11 | 14..=26 | 28..=31);
    match KNOWN.iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, name)) => name,
        None if bytes.len() < SAMPLE || bytes.iter().take(SAMPLE).any(is_binary) => "application/octet-stream",
        None => "text/plain; charset=utf-8",
    }
}

fn load_directory(path: &str, log: &mut Log<'_>) -> Result<Chart> {
    let manifest = join(path, "Chart.yaml");
    let detection = read_file(&manifest).map_err(|error| anyhow!("unable to detect chart at {manifest}: {error}"))?;
    Chart::detect(&detection)?;
    let ignored = join(path, ".helmignore");
    let rules = match fs::metadata(&ignored) {
        Ok(_) => IgnoreRules::parse(&String::from_utf8_lossy(&read_file(&ignored)?))?,
        Err(_) => IgnoreRules::default(),
    };
    let mut walk = Walk { rules: rules.with_defaults(), files: Vec::new(), left: MAX_CHART_SIZE, log };
    walk.directory(path, "", 0)?;
    Ok(Chart::from_directory(walk.files)?)
}

struct Walk<'a, 'w> {
    rules: IgnoreRules,
    files: Vec<File>,
    left: u64,
    log: &'a mut Log<'w>,
}

impl Walk<'_, '_> {
    /// Goes through a directory by names. Links are resolved before the rules are asked.
    fn directory(&mut self, directory: &str, prefix: &str, depth: usize) -> Result<()> {
        if depth > MAX_DIRECTORY_DEPTH {
            bail!("{directory} is nested deeper than {MAX_DIRECTORY_DEPTH} directories");
        }
        let failed = |error: &std::io::Error| anyhow!("open {directory}: {}", go_reason(error));
        let entries = fs::read_dir(directory).map_err(|error| failed(&error))?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(|error| failed(&error))?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        names.iter().try_for_each(|name| self.entry(&join(directory, name), format!("{prefix}{name}"), depth))
    }

    fn entry(&mut self, path: &str, name: String, depth: usize) -> Result<()> {
        let failed = |error: &std::io::Error| anyhow!("lstat {path}: {}", go_reason(error));
        let mut metadata = fs::symlink_metadata(path).map_err(|error| failed(&error))?;
        if metadata.is_symlink() {
            let resolved = resolve(path)?;
            let text = "found symbolic link in path. Contents of linked file included and used";
            self.log.info_with(text, &[("path", path), ("resolved", &resolved)]);
            metadata = fs::metadata(path).map_err(|error| failed(&error))?;
        }
        if metadata.is_dir() {
            let is_ignored = self.rules.ignores(&name, true);
            return if is_ignored { Ok(()) } else { self.directory(path, &format!("{name}/"), depth + 1) };
        }
        if self.rules.ignores(&name, false) {
            return Ok(());
        }
        if !metadata.is_file() {
            bail!("cannot load irregular file {path} as it has file mode type bits set");
        }
        if metadata.len() > self.left {
            bail!("error reading {name}: chart exceeds maximum decompressed size of {MAX_CHART_SIZE} bytes");
        }
        let data = read_file(path).map_err(|error| anyhow!("error reading {name}: {error}"))?;
        self.left = self.left.saturating_sub(data.len() as u64);
        self.files.push(File::new(name, Arc::<[u8]>::from(data)));
        Ok(())
    }
}

/// What a symbolic link leads to in the end.
fn resolve(path: &str) -> Result<String> {
    let failed = |reason: String| anyhow!("error evaluating symlink {path}: {reason}");
    match fs::canonicalize(path) {
        Ok(resolved) => Ok(resolved.to_string_lossy().into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let target = fs::read_link(path).map_err(|error| failed(go_reason(&error)))?;
            let parent = Path::new(path).parent().unwrap_or(Path::new("/"));
            Err(failed(format!("lstat {}: {}", parent.join(target).display(), go_reason(&error))))
        }
        Err(error) if go_reason(&error).starts_with("too many levels") => {
            Err(failed("EvalSymlinks: too many links".to_owned()))
        }
        Err(error) => Err(failed(go_reason(&error))),
    }
}

fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}
