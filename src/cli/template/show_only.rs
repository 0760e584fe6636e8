//! `--show-only`: which of the printed documents are wanted.
//!
//! Counterpart: `pkg/cmd/template.go` of Helm 4.3.1. Invariant: a pattern that nothing matches is an error, also if it is malformed.

use anyhow::{Result, bail};

use crate::chart::PathPattern;
use crate::render::split_documents;

/// The documents whose template matches one of the patterns; in the order of the patterns, then of the text.
pub(super) fn select(text: &str, patterns: &[String]) -> Result<String> {
    let documents: Vec<(Option<&str>, &str)> =
        split_documents(text).into_iter().map(|document| (template(document), document)).collect();
    let mut selected = String::new();
    for pattern in patterns {
        let parsed = PathPattern::parse(pattern);
        let is_wanted = |path: &str| parsed.as_ref().is_some_and(|parsed| parsed.matches(path));
        let before = selected.len();
        for (_, document) in documents.iter().filter(|(path, _)| path.is_some_and(is_wanted)) {
            for part in ["---\n", document, "\n"] {
                selected.push_str(part);
            }
        }
        if selected.len() == before {
            bail!("could not find template {pattern} in chart");
        }
    }
    Ok(selected)
}

/// The path of the template below its chart, from the first line that names one.
fn template(document: &str) -> Option<&str> {
    document.match_indices("# Source: ").find_map(|(start, mark)| {
        let line = document.get(start + mark.len()..)?.lines().next()?;
        let (chart, path) = line.split_once('/')?;
        (!chart.is_empty() && !path.is_empty()).then_some(path)
    })
}
