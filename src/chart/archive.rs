//! Chart archives: gzip and tar, from bytes to a list of files, with every path checked and every size limited.
//!
//! Counterpart: `pkg/chart/loader/archive` of Helm 4.3.1; its rules on paths are kept word for word. Beyond Helm, the whole stream, the
//! number of entries and the depth of nesting are limited, and a link is told of in a warning (Helm silently reads an empty file).
//!
//! **Invariant:** never holds more than [`MAX_CHART_SIZE`] bytes of one archive, whatever its headers claim.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

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

/// The most bytes that one byte of an archive can unpack to, by the limits of deflate's format.
const MAX_RATIO: usize = 1032;

/// How many bytes are unpacked at once.
const UNPACKED_BLOCK: usize = 32 * 1024;

/// Bytes of the shortest header of a gzip stream.
const GZIP_HEADER: usize = 10;

const UTF8_BOM: &[u8] = b"\xEF\xBB\xBF";

/// The limits on one archive, and what is left of those on a chart with all archives nested in it.
pub(super) struct Budget {
    chart_size: u64,
    stream_size: u64,
    entries: usize,
    left: u64,
}

impl Budget {
    /// The full budget of one chart.
    pub(super) fn new() -> Self {
        Self { chart_size: MAX_CHART_SIZE, stream_size: MAX_STREAM_SIZE, entries: MAX_ENTRIES, left: MAX_NESTED_SIZE }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        let too_large =
            format!("decompressed chart and its subcharts are larger than the maximum size {MAX_NESTED_SIZE}");
        self.left = self.left.checked_sub(bytes as u64).ok_or(Error::Limit(too_large))?;
        Ok(())
    }
}

/// Reads the files of a chart archive. Warnings are added to the list.
pub(super) fn read_archive(bytes: &[u8], budget: &mut Budget, warnings: &mut Vec<String>) -> Result<Vec<File>, Error> {
    check_magic(bytes)?;
    let stream =
        LimitedStream { inner: MultiGzDecoder::new(bytes), limit: budget.stream_size, left: budget.stream_size };
    // The reader of archives asks for headers and padding in small pieces, and a decompressor is slow to start and stop.
    let stream = Forward { inner: BufReader::with_capacity(UNPACKED_BLOCK, stream), position: 0 };
    let mut archive = tar::Archive::new(stream);
    let mut files = Vec::new();
    // A header that claims more than the archive can hold is given no more room than the archive could fill.
    let room = bytes.len().saturating_mul(MAX_RATIO);
    let mut left = budget.chart_size;
    for (index, entry) in archive.entries_with_seek().map_err(|error| unreadable(&error))?.enumerate() {
        if index >= budget.entries {
            let limit = budget.entries;
            return Err(Error::Limit(format!("chart archive has more than the maximum of {limit} entries")));
        }
        let mut entry = entry.map_err(|error| unreadable(&error))?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let original = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = entry_name(&original)?;
        let data = if kind.is_symlink() || kind.is_hard_link() {
            warnings.push(format!("{name} is a link in the archive and is read as an empty file"));
            Arc::default()
        } else {
            read_entry(&mut entry, room, &mut left, budget)?
        };
        let seconds = entry.header().mtime().ok();
        let modified = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok());
        files.push(File { name, data, modified });
    }
    if files.is_empty() { Err(Error::Empty) } else { Ok(files) }
}

/// Go tells bytes that are too few from those that are wrong.
fn check_magic(bytes: &[u8]) -> Result<(), Error> {
    match bytes {
        [] => Err(Error::Archive("EOF".to_owned())),
        [0x1f, 0x8b, 0x08, ..] => Ok(()),
        few if few.len() < GZIP_HEADER => Err(Error::Archive("unexpected EOF".to_owned())),
        _ => Err(Error::NotGzip),
    }
}

/// Reads a file into the place where it stays; a byte order mark is dropped.
fn read_entry<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    room: usize,
    left: &mut u64,
    budget: &mut Budget,
) -> Result<Arc<[u8]>, Error> {
    let limit = budget.chart_size;
    let too_large = || Error::Limit(format!("decompressed chart is larger than the maximum size {limit}"));
    if entry.size() > *left {
        return Err(too_large());
    }
    let size = usize::try_from(entry.size()).map_err(|_| too_large())?;
    let mut data: Arc<[u8]> = std::iter::repeat_n(0, size.min(room)).collect();
    entry.read_exact(Arc::make_mut(&mut data)).map_err(|error| unreadable(&error))?;
    if size > room {
        return Err(Error::Archive("unexpected EOF".to_owned()));
    }
    *left -= entry.size();
    if *left == 0 {
        return Err(too_large());
    }
    budget.spend(size)?;
    Ok(data.strip_prefix(UTF8_BOM).map(Arc::from).unwrap_or(data))
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
    match error.get_ref().and_then(|inner| length_limit(inner)) {
        Some(limit) => Error::Limit(StreamTooLong { limit }.to_string()),
        None => Error::Archive(error.to_string()),
    }
}

/// The stream's own limit, if it is at the bottom of the error; the tar reader wraps what it meets.
fn length_limit(error: &(dyn std::error::Error + 'static)) -> Option<u64> {
    if let Some(StreamTooLong { limit }) = error.downcast_ref() {
        return Some(*limit);
    }
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inner {
        Some(inner) => length_limit(inner),
        None => error.source().and_then(length_limit),
    }
}

/// A stream that can be sought forward from where it is, by passing over bytes without copying them.
struct Forward<R> {
    inner: BufReader<R>,
    position: u64,
}

impl<R: Read> Read for Forward<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read> Seek for Forward<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Current(distance @ 0..) = to else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a stream goes forward only"));
        };
        let mut left = distance.unsigned_abs();
        while left > 0 {
            let held = self.inner.fill_buf()?.len();
            if held == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let passed = held.min(usize::try_from(left).unwrap_or(held));
            self.inner.consume(passed);
            left -= passed as u64;
            self.position += passed as u64;
        }
        Ok(self.position)
    }
}

/// A stream that fails, rather than ends, when it gets too long.
struct LimitedStream<R> {
    inner: R,
    limit: u64,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("decompressed chart archive is longer than the maximum of {limit} bytes")]
struct StreamTooLong {
    limit: u64,
}

impl<R: Read> Read for LimitedStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let too_long = || io::Error::other(StreamTooLong { limit: self.limit });
        self.left = self.left.checked_sub(count as u64).ok_or_else(too_long)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Budget, clean, entry_name, read_archive};

    /// What is wrong with an archive of files of these sizes, under small limits.
    fn failure(sizes: &[usize], budget: Budget) -> String {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for size in sizes {
            let mut header = tar::Header::new_ustar();
            header.set_size(*size as u64);
            builder.append_data(&mut header, "app/x", vec![0; *size].as_slice()).unwrap();
        }
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        let mut budget = budget;
        read_archive(&bytes, &mut budget, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn every_limit_is_told_by_name() {
        let budget = || Budget { chart_size: 1000, stream_size: 10_000, entries: 3, left: 900 };
        assert_eq!(failure(&[600, 600], budget()), "decompressed chart is larger than the maximum size 1000");
        assert_eq!(failure(&[1000], budget()), "decompressed chart is larger than the maximum size 1000");
        assert!(failure(&[950], budget()).starts_with("decompressed chart and its subcharts are larger"));
        assert_eq!(failure(&[1, 1, 1, 1], budget()), "chart archive has more than the maximum of 3 entries");
        let short = Budget { stream_size: 1000, ..budget() };
        assert_eq!(failure(&[1, 1], short), "decompressed chart archive is longer than the maximum of 1000 bytes");
    }

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
