//! Chart archives: gzip and tar, from bytes to a list of files, with every path checked and every size limited.
//!
//! Counterpart: `pkg/chart/loader/archive` of Helm 4.3.1; its rules on paths are kept word for word. Beyond Helm, the whole stream, the
//! number of entries and the depth of nesting are limited, and a link is told of in a warning (Helm silently reads an empty file).
//!
//! **Invariant:** never holds more than [`MAX_CHART_SIZE`] bytes of one archive, whatever its headers claim.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::{Error, File};

/// The most bytes that the files of one archive may have together, unpacked: 100 MiB, as in Helm 4.3.1.
pub const MAX_CHART_SIZE: u64 = 100 * 1024 * 1024;

/// The most bytes that one archive may unpack to with all headers and skipped entries.
pub const MAX_STREAM_SIZE: u64 = 2 * MAX_CHART_SIZE;

/// The most bytes that a chart and all archives nested in it may have together, unpacked.
pub const MAX_NESTED_SIZE: u64 = 4 * MAX_CHART_SIZE;

/// The most entries that one archive may have.
pub const MAX_ENTRIES: usize = 100_000;

/// How deep charts may be nested in charts.
pub const MAX_DEPTH: usize = 32;

const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// What is left of the limits while a chart and its nested archives are read.
pub(super) struct Budget {
    bytes: u64,
}

impl Budget {
    /// The full budget of one chart.
    pub(super) fn new() -> Self {
        Self { bytes: MAX_NESTED_SIZE }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.checked_sub(bytes as u64).ok_or_else(|| {
            Error::Limit(format!(
                "decompressed chart and its subcharts are larger than the maximum size {MAX_NESTED_SIZE}"
            ))
        })?;
        Ok(())
    }
}

/// Reads the files of a chart archive. Warnings are added to the list.
pub(super) fn read_archive(bytes: &[u8], budget: &mut Budget, warnings: &mut Vec<String>) -> Result<Vec<File>, Error> {
    let stream = LimitedStream { inner: MultiGzDecoder::new(bytes), left: MAX_STREAM_SIZE };
    let mut archive = tar::Archive::new(stream);
    let mut files = Vec::new();
    let mut left = MAX_CHART_SIZE;
    for (index, entry) in archive.entries().map_err(|error| unreadable(&error))?.enumerate() {
        if index >= MAX_ENTRIES {
            return Err(Error::Limit(format!("chart archive has more than the maximum of {MAX_ENTRIES} entries")));
        }
        let mut entry = entry.map_err(|error| unreadable(&error))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let original = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = entry_name(&original)?;
        let too_large = || Error::Limit(format!("decompressed chart is larger than the maximum size {MAX_CHART_SIZE}"));
        let mut data = Vec::new();
        if kind.is_symlink() || kind.is_hard_link() {
            warnings.push(format!("{name} is a link in the archive and is read as an empty file"));
        } else {
            if entry.size() > left {
                return Err(too_large());
            }
            entry.by_ref().take(left).read_to_end(&mut data).map_err(|error| unreadable(&error))?;
            if (data.len() as u64) < entry.size() {
                return Err(Error::Archive("unexpected EOF".to_owned()));
            }
            left = left.saturating_sub(data.len() as u64);
            if left == 0 {
                return Err(too_large());
            }
            budget.spend(data.len())?;
        }
        let modified =
            entry.header().mtime().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok());
        files.push(File { name, data: without_bom(data).into(), modified });
    }
    if files.is_empty() { Err(Error::Empty) } else { Ok(files) }
}

/// Removes a UTF-8 byte order mark from the start.
pub(super) fn without_bom(mut data: Vec<u8>) -> Vec<u8> {
    if data.starts_with(UTF8_BOM) {
        data.drain(..UTF8_BOM.len());
    }
    data
}

/// The path of an entry relative to the chart, which is the archive's first folder whatever its name.
fn entry_name(original: &str) -> Result<String, Error> {
    let separator = if original.contains('\\') { '\\' } else { '/' };
    let (folder, rest) = original.split_once(separator).unwrap_or((original, ""));
    let name = rest.replace(separator, "/");
    if name.starts_with('/') {
        return Err(Error::Path("chart illegally contains absolute paths".to_owned()));
    }
    let name = clean(&name);
    if name == "." {
        return Err(Error::Path(format!("chart illegally contains content outside the base directory: {original:?}")));
    }
    if name.starts_with("..") {
        return Err(Error::Path("chart illegally references parent directory".to_owned()));
    }
    if let [letter, b':', b'/', ..] = name.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        return Err(Error::Path("chart contains illegally named files".to_owned()));
    }
    if folder == "Chart.yaml" {
        return Err(Error::Path("chart yaml not in base directory".to_owned()));
    }
    Ok(name)
}

/// The shortest equal of a relative path, as Go's `path.Clean`.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

fn unreadable(error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::Archive("unexpected EOF".to_owned());
    }
    let text = error.to_string();
    let is_too_long = error.get_ref().is_some_and(is_caused_by_length);
    if is_too_long { Error::Limit(StreamTooLong.to_string()) } else { Error::Archive(text) }
}

/// Whether the stream's own limit is at the bottom of an error; the tar reader wraps what it meets.
fn is_caused_by_length(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<StreamTooLong>() {
            return true;
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// A stream that fails, rather than ends, when it gets too long.
struct LimitedStream<R> {
    inner: R,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("decompressed chart archive is longer than the maximum of {MAX_STREAM_SIZE} bytes")]
struct StreamTooLong;

impl<R: Read> Read for LimitedStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(StreamTooLong))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, entry_name};

    #[test]
    fn first_folder_is_dropped_and_the_rest_cleaned() {
        let name = |original| entry_name(original).map_err(|error| error.to_string());
        assert_eq!(name("app/Chart.yaml"), Ok("Chart.yaml".to_owned()));
        assert_eq!(name("app/templates//a/./b.yaml"), Ok("templates/a/b.yaml".to_owned()));
        assert_eq!(name("app\\templates\\a.yaml"), Ok("templates/a.yaml".to_owned()));
        assert_eq!(name("a/../../b").unwrap_err(), "chart illegally references parent directory");
        assert_eq!(name("a//etc/passwd").unwrap_err(), "chart illegally contains absolute paths");
        assert_eq!(name("a/c:/foo").unwrap_err(), "chart contains illegally named files");
        assert_eq!(name("Chart.yaml/x").unwrap_err(), "chart yaml not in base directory");
        assert_eq!(
            name("Chart.yaml").unwrap_err(),
            "chart illegally contains content outside the base directory: \"Chart.yaml\""
        );
    }

    #[test]
    fn clean_follows_go() {
        assert_eq!(clean("a/../../b"), "../b");
        assert_eq!(clean(""), ".");
        assert_eq!(clean("a/b/../c/"), "a/c");
    }
}
