//! From files to a chart: which file is what, subcharts, legacy files.
//!
//! Counterpart: `pkg/chart/v2/loader` of Helm 4.3.1. Subcharts come sorted by name, where Helm's order is random.
//!
//! **Invariant:** nesting is bounded by [`MAX_DEPTH`] and all archives together by one budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::{Budget, MAX_CHART_SIZE, MAX_DEPTH, read_archive};
use super::decode::{RawMetadata, decode_api_version, decode_lock, decode_metadata, decode_values};
use super::ignore::Rules;
use super::validate::validate;
use super::{Chart, Error, File};

const API_VERSION_V1: &str = "v1";
const API_VERSION_V3: &str = "v3";

impl Chart {
    /// Loads a packaged chart (`.tgz`) from its bytes.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Error> {
        let mut budget = Budget::new();
        let mut warnings = Vec::new();
        let files = read_archive(bytes, &mut budget, &mut warnings)?;
        let manifest = files.iter().find(|file| file.name == "Chart.yaml").ok_or(Error::Undetected)?;
        Self::detect(&manifest.data)?;
        Ok(with_warnings(load_files(files, &mut budget, 0)?, warnings))
    }

    /// Fails if the text of a Chart.yaml is of an API version that Helm cannot load.
    pub fn detect(manifest: &[u8]) -> Result<(), Error> {
        let failed = |message| Error::File { file: "Chart.yaml".to_owned(), message };
        match decode_api_version(manifest).map_err(failed)?.as_str() {
            "" | API_VERSION_V1 | "v2" | API_VERSION_V3 => Ok(()),
            _ => Err(Error::UnsupportedVersion),
        }
    }

    /// Loads a chart from files as they lie in it, with paths relative to it. Nothing is ignored.
    pub fn from_files(files: Vec<File>) -> Result<Self, Error> {
        load_files(files, &mut Budget::new(), 0)
    }

    /// Loads a chart from all files of its directory, in any order, with paths relative to it. `.helmignore` is followed.
    pub fn from_directory(mut files: Vec<File>) -> Result<Self, Error> {
        // Helm walks a directory by name, each directory's files in its place.
        files.sort_by(|left, right| left.name.split('/').cmp(right.name.split('/')));
        let rules = files.iter().find(|file| file.name == ".helmignore");
        let rules = rules.map_or_else(|| Ok(Rules::default()), |file| Rules::parse(&file.text()))?.with_defaults();
        files.retain(|file| !rules.ignores_file(&file.name));
        let mut size = 0;
        for file in &mut files {
            size += file.data.len() as u64;
            if size > MAX_CHART_SIZE {
                return Err(Error::Limit(format!(
                    "error reading {}: chart exceeds maximum decompressed size of {MAX_CHART_SIZE} bytes",
                    file.name
                )));
            }
            if let Some(data) = file.data.strip_prefix(b"\xEF\xBB\xBF") {
                file.data = data.into();
            }
        }
        Self::from_files(files)
    }
}

fn load_archive(bytes: &[u8], budget: &mut Budget, depth: usize) -> Result<Chart, Error> {
    check_depth(depth)?;
    let mut warnings = Vec::new();
    let files = read_archive(bytes, budget, &mut warnings)?;
    Ok(with_warnings(load_files(files, budget, depth)?, warnings))
}

fn with_warnings(mut chart: Chart, mut warnings: Vec<String>) -> Chart {
    warnings.append(&mut chart.warnings);
    chart.warnings = warnings;
    chart
}

fn load_files(files: Vec<File>, budget: &mut Budget, depth: usize) -> Result<Chart, Error> {
    check_depth(depth)?;
    let mut loader = Loader::default();
    for file in files.iter().filter(|file| file.name == "Chart.yaml") {
        loader.load_metadata(file)?;
    }
    for file in &files {
        loader.load(file)?;
    }
    let subcharts = std::mem::take(&mut loader.subcharts);
    let mut chart = loader.finish(files)?;
    for (name, files) in subcharts {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let failed =
            |source| Error::Subchart { name: name.clone(), parent: chart.name().to_owned(), cause: Box::new(source) };
        let subchart = match packed_subchart(&name, &files, chart.name())? {
            Some(packed) => load_archive(&packed.data, budget, depth + 1),
            None => load_folder(&files, budget, depth + 1),
        };
        let subchart = subchart.map_err(failed)?;
        chart.warnings.extend(subchart.warnings.iter().cloned());
        chart.dependencies.push(subchart);
    }
    Ok(chart)
}

/// The packed subchart among the files of one name in `charts/`; `None` if they are a folder.
fn packed_subchart<'a>(name: &str, files: &'a [File], parent: &str) -> Result<Option<&'a File>, Error> {
    match files.first() {
        Some(file) if has_extension(name, "tgz") && file.name != name => {
            let found = &file.name;
            Err(Error::Path(format!("error unpacking subchart tar in {parent}: expected {name}, got {found}")))
        }
        Some(file) if has_extension(name, "tgz") => Ok(Some(file)),
        _ => Ok(None),
    }
}

/// Loads a folder in `charts/`. Files that lie loosely beside it are no chart.
fn load_folder(files: &[File], budget: &mut Budget, depth: usize) -> Result<Chart, Error> {
    let inside = |file: &File| file.name.split_once('/').map(|(_, rest)| file.renamed(rest));
    load_files(files.iter().filter_map(inside).collect(), budget, depth)
}

fn check_depth(depth: usize) -> Result<(), Error> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(Error::Limit(format!("charts are nested deeper than the maximum of {MAX_DEPTH}")))
}

fn has_extension(name: &str, wanted: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    base.rsplit_once('.').is_some_and(|(_, extension)| extension == wanted)
}

#[derive(Default)]
struct Loader {
    raw: Option<RawMetadata>,
    chart: Chart,
    templates: Vec<File>,
    files: Vec<File>,
    subcharts: BTreeMap<String, Vec<File>>,
}

impl Loader {
    fn load_metadata(&mut self, file: &File) -> Result<(), Error> {
        let raw = self.raw.get_or_insert_default();
        decode_metadata(&file.data, raw).map_err(|message| failed(file, message))?;
        if raw.metadata.api_version.is_empty() {
            API_VERSION_V1.clone_into(&mut raw.metadata.api_version);
        }
        self.chart.modified = file.modified;
        Ok(())
    }

    fn load(&mut self, file: &File) -> Result<(), Error> {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => self.chart.lock = decode_lock(&file.data).map_err(|message| failed(file, message))?,
            "values.yaml" => {
                let values = decode_values(&file.data).map_err(|message| failed(file, message))?;
                self.chart.values = Some(Arc::new(values));
            }
            "values.schema.json" => {
                self.chart.schema = Some(Arc::clone(&file.data));
                self.chart.schema_modified = file.modified;
            }
            "requirements.yaml" => {
                let raw = self.raw.get_or_insert_default();
                decode_metadata(&file.data, raw).map_err(|message| failed(file, message))?;
                self.keep_legacy(
                    file,
                    "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". \
                     We recommend migrating dependencies to Chart.yaml.",
                );
            }
            "requirements.lock" => {
                self.chart.lock = decode_lock(&file.data).map_err(|message| failed(file, message))?;
                self.keep_legacy(
                    file,
                    "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". \
                     We recommend migrating to Chart.lock.",
                );
            }
            name => self.sort_in(name, file),
        }
        Ok(())
    }

    fn keep_legacy(&mut self, file: &File, warning: &str) {
        if self.raw.get_or_insert_default().metadata.api_version == API_VERSION_V1 {
            self.files.push(file.clone());
        } else {
            self.chart.warnings.push(warning.to_owned());
        }
    }

    fn sort_in(&mut self, name: &str, file: &File) {
        if name.starts_with("templates/") {
            self.templates.push(file.clone());
            return;
        }
        match name.strip_prefix("charts/") {
            Some(rest) if !has_extension(name, "prov") => {
                let subchart = rest.split('/').next().unwrap_or(rest);
                self.subcharts.entry(subchart.to_owned()).or_default().push(file.renamed(rest));
            }
            _ => self.files.push(file.clone()),
        }
    }

    fn finish(self, raw_files: Vec<File>) -> Result<Chart, Error> {
        let metadata = validate(self.raw.ok_or(Error::MissingMetadata)?)?;
        Ok(Chart {
            metadata,
            templates: self.templates.into(),
            files: self.files.into(),
            raw: raw_files.into(),
            ..self.chart
        })
    }
}

fn failed(file: &File, message: String) -> Error {
    Error::File { file: file.name.clone(), message }
}
