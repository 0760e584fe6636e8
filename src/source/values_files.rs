//! A chart whose default values are replaced by some of its files, merged in order (`spec.valuesFiles` of a HelmChart).
//!
//! Counterpart: the remote chart builder of Flux's source-controller 1.9, which packs the chart anew; here the chart is changed in
//! memory, and a digest over what made it stands for it.
//!
//! **Invariant:** the chart that goes in is never changed; it is shared.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Error, Fetched, digest};
use crate::chart::{Chart, Values, decode_values, merge_values};

/// The file that holds a chart's own default values.
const OWN_VALUES: &str = "values.yaml";

/// A chart with other default values, and the files that made them.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The chart with its new version.
    pub fetched: Fetched,
    /// The files that were there.
    pub files: Vec<String>,
    /// Whether the chart was packed anew rather than taken as it is.
    pub is_packaged: bool,
}

/// Whether the files ask for anything other than the chart as it is.
pub fn is_override(files: &[String]) -> bool {
    !matches!(files, []) && !matches!(files, [only] if clean(only) == OWN_VALUES)
}

/// Merges the files in order in place of the chart's default values, and gives it a version with `generation` as build metadata.
///
/// # Errors
/// A file is missing (unless that is to be ignored), leaves the chart or cannot be read; or the chart has no values.yaml.
pub fn merge(fetched: &Fetched, files: &[String], ignore_missing: bool, generation: i64) -> Result<Merged, Error> {
    let chart = &fetched.chart;
    let mut values = Values::new();
    let mut used = Vec::new();
    for file in files {
        let failed =
            |message: String| Error::ValuesFile { chart: chart.name().to_owned(), file: file.clone(), message };
        let path = clean(file);
        if path.split('/').any(|part| part == "..") {
            return Err(failed("the path leaves the chart".to_owned()));
        }
        let Some(found) = chart.raw.iter().find(|raw| raw.name == path) else {
            if ignore_missing {
                continue;
            }
            return Err(failed("no such file in the chart".to_owned()));
        };
        let more = decode_values(&found.data).map_err(failed)?;
        merge_values(&mut values, more);
        used.push(file.clone());
    }
    if used.is_empty() {
        return Ok(Merged { fetched: fetched.clone(), files: used, is_packaged: false });
    }
    if chart.values.is_none() {
        let failed = "the chart has no values.yaml that could be replaced".to_owned();
        return Err(Error::ValuesFile { chart: chart.name().to_owned(), file: OWN_VALUES.to_owned(), message: failed });
    }
    let base = fetched.version.split('+').next().unwrap_or_default();
    let version = format!("{base}+{generation}");
    let digest = stand_in(&fetched.digest, &used, &version);
    let mut changed = Chart::clone(chart);
    changed.values = Some(Arc::new(values));
    changed.metadata.version.clone_from(&version);
    let fetched = Fetched { chart: Arc::new(changed), version, digest, size: fetched.size };
    Ok(Merged { fetched, files: used, is_packaged: true })
}

/// A digest that stands for the chart made of an archive, files and a version.
fn stand_in(archive: &str, files: &[String], version: &str) -> String {
    let mut hash = Sha256::new();
    for part in [archive, version].into_iter().chain(files.iter().map(String::as_str)) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    digest::written(&hash.finalize())
}

/// A path without `./` and doubled slashes.
fn clean(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::File;

    fn fetched() -> Fetched {
        let files = vec![
            File::new("Chart.yaml", b"apiVersion: v2\nname: app\nversion: 1.0.0\n".as_slice()),
            File::new("values.yaml", b"a: 1\nb: {c: 1, d: 1}\n".as_slice()),
            File::new("prod/values.yaml", b"b: {c: 2}\ne: 3\n".as_slice()),
        ];
        let chart = Arc::new(Chart::from_files(files).unwrap());
        Fetched { chart, version: "1.0.0+build".to_owned(), digest: "sha256:ab".to_owned(), size: 1 }
    }

    fn merged(files: &[&str], ignore_missing: bool) -> Result<Merged, Error> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        merge(&fetched(), &files, ignore_missing, 3)
    }

    #[test]
    fn files_are_merged_in_order_in_place_of_the_defaults() {
        let merged = merged(&["values.yaml", "./prod//values.yaml"], false).unwrap();
        let values = serde_json::Value::Object(merged.fetched.chart.values.as_deref().unwrap().clone());
        assert_eq!(values, serde_json::json!({"a": 1.0, "b": {"c": 2.0, "d": 1.0}, "e": 3.0}));
        assert_eq!(merged.fetched.version, "1.0.0+3");
        assert_eq!(merged.fetched.chart.metadata.version, "1.0.0+3");
    }

    #[test]
    fn missing_files_fail_unless_ignored() {
        let error = merged(&["none.yaml"], false).unwrap_err().to_string();
        assert_eq!(error, "chart 'app': values file 'none.yaml': no such file in the chart");
        let some = merged(&["none.yaml", "prod/values.yaml"], true).unwrap();
        assert_eq!(some.files, ["prod/values.yaml"]);
        let none = merged(&["none.yaml"], true).unwrap();
        assert_eq!(none.fetched.digest, "sha256:ab");
        assert!(merged(&["../secret"], false).unwrap_err().to_string().contains("leaves the chart"));
    }

    #[test]
    fn the_digest_tells_builds_apart() {
        let one = merged(&["values.yaml", "prod/values.yaml"], false).unwrap().fetched.digest;
        let other = merged(&["prod/values.yaml", "values.yaml"], false).unwrap().fetched.digest;
        assert_ne!(one, other);
        assert!(one.starts_with("sha256:") && one.len() == 71);
        assert!(!is_override(&["./values.yaml".to_owned()]) && !is_override(&[]));
        assert!(is_override(&["prod/values.yaml".to_owned()]));
    }
}
