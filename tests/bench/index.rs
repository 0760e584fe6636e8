//! Time and memory of refreshing an index of 50,000 chart versions: `cargo bench --bench index`.
//!
//! The index is written to a file and served from there in small pieces, so that this program holds nothing of it but what the code
//! under measurement does. Memory is the peak of the resident set, of which what was there before is taken off. Without `--bench`, as
//! under `cargo test`, a small index is read once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark ends by a panic and tells by printing"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rhumb::source::{Access, Library};

/// How many chart versions, and how many of them a chart has in an ordinary repository.
const VERSIONS: usize = 50_000;
const VERSIONS_OF_A_CHART: usize = 50;
/// What a refresh may take.
const MAX_TIME: Duration = Duration::from_secs(1);
const MAX_MEMORY: u64 = 100 * 1024 * 1024;

fn main() {
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let versions = if is_measured { VERSIONS } else { 500 };
    let folder = tempfile::tempdir().unwrap();
    let mut is_good = true;
    for (name, text, of_a_chart) in [
        ("YAML", yaml(versions, VERSIONS_OF_A_CHART), VERSIONS_OF_A_CHART),
        ("JSON", json(versions, VERSIONS_OF_A_CHART), VERSIONS_OF_A_CHART),
        ("YAML of one chart", yaml(versions, versions), versions),
        ("JSON of one chart", json(versions, versions), versions),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, &text).unwrap();
        let size = text.len();
        drop(text);
        let (time, memory) = refresh(&file, versions, of_a_chart);
        println!(
            "{name}: {versions} versions, {:.1} MB: {:.2} s, peak {:.1} MiB more than before",
            size as f64 / 1e6,
            time.as_secs_f64(),
            memory as f64 / 1024.0 / 1024.0
        );
        is_good &= !is_measured || time < MAX_TIME && memory < MAX_MEMORY;
    }
    assert!(is_good, "more than {MAX_TIME:?} or {MAX_MEMORY} bytes");
}

fn refresh(file: &Path, versions: usize, of_a_chart: usize) -> (Duration, u64) {
    let url = serve(file.to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let library = Library::default();
    // Peaks are counted from here on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = resident("VmRSS:");
    let start = Instant::now();
    let index = runtime.block_on(library.index(&Access::anonymous(url))).unwrap();
    let time = start.elapsed();
    let memory = resident("VmHWM:").saturating_sub(before);
    assert_eq!(index.charts(), versions.div_ceil(of_a_chart));
    let found = index.find("chart-0000", "*", "").unwrap();
    assert_eq!(found.version, format!("1.{}.0", of_a_chart - 1));
    (time, memory)
}

/// A line of the process's own status, in bytes; nothing where there is no such file.
fn resident(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// Serves a file to whoever asks for anything.
fn serve(file: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = answer(stream.unwrap(), &file);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, file: &Path) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request)?;
    let mut file = std::fs::File::open(file)?;
    let length = file.metadata()?.len();
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes())?;
    std::io::copy(&mut file, &mut stream).map(drop)
}

/// Chart and version by number.
fn named(number: usize, of_a_chart: usize) -> (usize, usize) {
    (number / of_a_chart, number % of_a_chart)
}

/// An index as `helm repo index` writes it, with about what public charts say of themselves.
fn yaml(versions: usize, of_a_chart: usize) -> String {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for number in 0..versions {
        let (chart, version) = named(number, of_a_chart);
        if version == 0 {
            writeln!(text, "  chart-{chart:04}:").unwrap();
        }
        write!(
            text,
            "  - annotations:\n      category: Database\n      images: |\n        - name: app\n          image: registry.example/app:1.{version}.0\n    \
             apiVersion: v2\n    appVersion: 7.{version}.0\n    created: \"2026-01-01T00:00:00.{number:09}Z\"\n    dependencies:\n    \
             - name: common\n      repository: oci://registry.example/charts\n      tags:\n      - common\n      version: 2.x.x\n    \
             description: A chart that says of itself what charts say of themselves, number {number}.\n    \
             digest: {number:064x}\n    home: https://charts.example\n    icon: https://charts.example/icons/chart-{chart:04}.svg\n    \
             keywords:\n    - database\n    - cache\n    maintainers:\n    - name: Somebody\n      url: https://people.example\n    \
             name: chart-{chart:04}\n    sources:\n    - https://code.example/charts/chart-{chart:04}\n    urls:\n    \
             - https://charts.example/chart-{chart:04}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
        )
        .unwrap();
    }
    text.push_str("generated: \"2026-01-01T00:00:00Z\"\n");
    text
}

/// The same as chart museums write it.
fn json(versions: usize, of_a_chart: usize) -> String {
    let mut text = "{\"apiVersion\":\"v1\",\"entries\":{".to_owned();
    for number in 0..versions {
        let (chart, version) = named(number, of_a_chart);
        if version == 0 {
            let end = if number == 0 { "" } else { "]," };
            write!(text, "{end}\"chart-{chart:04}\":[").unwrap();
        } else {
            text.push(',');
        }
        write!(
            text,
            "{{\"name\":\"chart-{chart:04}\",\"version\":\"1.{version}.0\",\"apiVersion\":\"v2\",\"appVersion\":\"7.{version}.0\",\
             \"annotations\":{{\"category\":\"Database\",\"images\":\"- name: app\\n  image: registry.example/app:1.{version}.0\\n\"}},\
             \"dependencies\":[{{\"name\":\"common\",\"repository\":\"oci://registry.example/charts\",\"tags\":[\"common\"],\"version\":\"2.x.x\"}}],\
             \"description\":\"A chart that says of itself what charts say of themselves, number {number}.\",\"digest\":\"{number:064x}\",\
             \"keywords\":[\"database\",\"cache\"],\"maintainers\":[{{\"name\":\"Somebody\",\"url\":\"https://people.example\"}}],\
             \"created\":\"2026-01-01T00:00:00.{number:09}Z\",\"urls\":[\"charts/chart-{chart:04}-1.{version}.0.tgz\"]}}"
        )
        .unwrap();
    }
    text.push_str("]},\"generated\":\"2026-01-01T00:00:00Z\"}");
    text
}
