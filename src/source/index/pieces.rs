//! Reads an index of the shape that programs write piece by piece, and of each version only the lines that matter.
//!
//! An index of 50,000 versions is some 40 MB of YAML, a tree of which takes ten times as much. Its shape is regular, though: charts are
//! keys at one depth, versions are items of lists below them, and what is to be known of a version are four keys of an item. Lines of
//! other keys are passed over unread, which YAML's rule of indentation allows: what belongs to a key stands deeper than the key.
//!
//! **Invariant:** a text of another shape gives nothing, and is then read as a whole.

use std::collections::HashMap;

use super::{Entry, Lenient, RawEntry};
use crate::goyaml;

/// What of a version is read.
const KEYS: [&str; 4] = ["version", "digest", "urls", "created"];
/// How much text is read at once.
const PIECE: usize = 64 * 1024;

/// An index, taken apart.
pub(super) struct Pieces {
    /// What stands beside the entries.
    pub(super) head: String,
    pub(super) charts: HashMap<String, Vec<Entry>>,
}

/// Reads an index; nothing if it is of another shape or cannot be read this way.
pub(super) fn read(bytes: &[u8]) -> Option<Pieces> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.starts_with('\u{feff}'))?;
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.line(line)?;
    }
    reader.end_chart()?;
    reader.has_entries.then_some(Pieces { head: reader.head, charts: reader.charts })
}

#[derive(Default)]
struct Reader {
    head: String,
    charts: HashMap<String, Vec<Entry>>,
    has_entries: bool,
    is_inside: bool,
    /// How deep the names of charts stand.
    depth: Option<usize>,
    chart: Option<Chart>,
}

/// A chart that is being read.
struct Chart {
    name: String,
    /// How deep its items stand, once one was seen.
    items: Option<usize>,
    /// How deep the keys of the current item stand; none if it is to be read as it is.
    keys: Option<usize>,
    is_kept: bool,
    piece: String,
    entries: Vec<Entry>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Option<()> {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let content = line.get(depth..)?;
        let is_structure = !content.is_empty() && !content.starts_with('#');
        if self.is_inside && (depth > 0 || !is_structure) {
            return self.inside(line, depth, is_structure);
        }
        if is_structure && (line.starts_with("---") || line.starts_with("...")) && !self.head.trim().is_empty() {
            return None;
        }
        if line.trim_end() == "entries:" {
            if self.has_entries {
                return None;
            }
            (self.has_entries, self.is_inside) = (true, true);
            return Some(());
        }
        if self.is_inside {
            self.end_chart()?;
            self.is_inside = false;
        }
        // A list at the depth of its key would be one of another shape.
        if line.starts_with("- ") && self.has_entries || line.starts_with("entries") {
            return None;
        }
        self.head.push_str(line);
        self.head.push('\n');
        Some(())
    }

    fn inside(&mut self, line: &str, depth: usize, is_structure: bool) -> Option<()> {
        if !is_structure {
            if let Some(chart) = &mut self.chart {
                chart.more(line);
            }
            return Some(());
        }
        let names = *self.depth.get_or_insert(depth);
        let content = line.get(depth..)?;
        let is_item = content == "-" || content.starts_with("- ");
        if depth < names || content.starts_with('\t') {
            return None;
        }
        if depth == names && !is_item {
            self.end_chart()?;
            self.chart = Some(Chart::begin(line)?);
            return Some(());
        }
        self.chart.as_mut()?.inside(line, depth, is_item)
    }

    fn end_chart(&mut self) -> Option<()> {
        if let Some(mut chart) = self.chart.take() {
            chart.read()?;
            self.charts.insert(chart.name, chart.entries);
        }
        Some(())
    }
}

impl Chart {
    /// The line of a name, and nothing else.
    fn begin(line: &str) -> Option<Self> {
        let is_bare = line.trim_end().ends_with(':');
        let goyaml = goyaml::map_from_str(line).ok().filter(|map| is_bare && map.len() == 1)?;
        let (name, value) = goyaml.into_iter().next()?;
        value.is_null().then_some(Self {
            name,
            items: None,
            keys: None,
            is_kept: false,
            piece: String::new(),
            entries: Vec::new(),
        })
    }

    fn inside(&mut self, line: &str, depth: usize, is_item: bool) -> Option<()> {
        if self.items.is_none() && !is_item {
            return None;
        }
        let items = *self.items.get_or_insert(depth);
        if depth < items {
            return None;
        }
        if depth == items {
            return if is_item { self.item(line, depth) } else { None };
        }
        let Some(keys) = self.keys else {
            self.more(line);
            return Some(());
        };
        if depth < keys {
            return None;
        }
        // A list may stand at the depth of its key.
        if depth == keys && !is_item {
            self.is_kept = is_wanted(line.get(depth..)?);
        }
        self.more(line);
        Some(())
    }

    /// The line of a new item, which may hold the first of its keys.
    fn item(&mut self, line: &str, depth: usize) -> Option<()> {
        if self.piece.len() >= PIECE {
            self.read()?;
        }
        let content = line.get(depth + 1..)?;
        let keys = line.len() - content.trim_start_matches(' ').len();
        let first = line.get(keys..)?;
        let is_plain = first.starts_with(|letter: char| letter.is_ascii_alphabetic()) && first.contains(':');
        self.keys = is_plain.then_some(keys);
        self.is_kept = true;
        if is_plain {
            self.piece.push_str(line.get(..=depth)?);
            self.piece.push('\n');
            self.is_kept = is_wanted(first);
            self.more(&format!("{}{first}", " ".repeat(keys)));
        } else {
            self.more(line);
        }
        Some(())
    }

    /// A further line of what is being read.
    fn more(&mut self, line: &str) {
        if self.is_kept {
            self.piece.push_str(line);
            self.piece.push('\n');
        }
    }

    /// Reads what has come together.
    fn read(&mut self) -> Option<()> {
        let items = goyaml::list_from_str(&self.piece).ok()?;
        self.piece.clear();
        for item in items {
            let raw: Lenient<RawEntry> = serde_json::from_value(item).ok()?;
            self.entries.extend(raw.0.and_then(Entry::new));
        }
        Some(())
    }
}

/// Whether a line begins with one of the keys that are read; a key in another form may be one of them.
fn is_wanted(line: &str) -> bool {
    let is_plain = line.starts_with(|letter: char| letter.is_ascii_alphabetic());
    !is_plain || line.split_once(':').is_none_or(|(key, _)| KEYS.contains(&key.trim_end()))
}
