//! What is printed, or written to files with `--output-dir`.
//!
//! Counterpart: `pkg/cmd/template.go` and `renderResources` in `pkg/action/action.go` of Helm 4.3.1. Invariant: hooks come last; with
//! `--output-dir` a file is begun anew unless an earlier document of this run, or for hooks anything, lies there.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Result, anyhow};

use super::values::go_reason;
use super::{Shown, show_only};
use crate::cli::flags::Arguments;
use crate::release::{Hook, HookEvent};
use crate::render::{Rendered, join_documents};

/// Prints what there is to show.
pub(super) fn print(
    arguments: &Arguments,
    shown: Option<&Shown>,
    failure: Option<&anyhow::Error>,
    output: &mut dyn Write,
) -> Result<()> {
    let Some(shown) = shown else { return Ok(()) };
    let patterns = arguments.all("show-only");
    if patterns.is_empty() {
        return Ok(write_shown(arguments, shown, output)?);
    }
    let mut text = Vec::new();
    write_shown(arguments, shown, &mut text)?;
    match show_only::select(&String::from_utf8_lossy(&text), patterns) {
        Ok(selected) => Ok(output.write_all(selected.as_bytes())?),
        // What is missing may have been too malformed to be told apart.
        Err(_) if failure.is_some() => Ok(()),
        Err(error) => Err(error),
    }
}

fn write_shown(arguments: &Arguments, shown: &Shown, output: &mut dyn Write) -> io::Result<()> {
    match shown {
        Shown::Raw(text) => write_parts(&[text.trim(), "\n"], output),
        Shown::Rendered(rendered) if arguments.text("output-dir").is_empty() => {
            write_rendered(arguments, rendered, output)
        }
        // The files are written already; nothing is left of the manifest.
        Shown::Rendered(_) => write_parts(&["\n"], output),
    }
}

/// CRDs and documents as one manifest, which ends with its last letter and a line feed, then hooks.
fn write_rendered(arguments: &Arguments, rendered: &Rendered, output: &mut dyn Write) -> io::Result<()> {
    let shown_crds = if arguments.is_on("include-crds") { rendered.crds.as_slice() } else { &[] };
    let crds = shown_crds.iter().map(|crd| (crd.path.as_str(), crd.text()));
    let documents = rendered.documents.iter().map(|document| (document.path.as_str(), document.text.as_str().into()));
    let mut manifest = crds.chain(documents).peekable();
    let mut is_empty = true;
    while let Some((path, text)) = manifest.next() {
        let is_last = manifest.peek().is_none();
        match text.trim_end() {
            "" if is_last => write_parts(&["---\n# Source: ", path.trim_end(), "\n"], output)?,
            trimmed if is_last => write_parts(&["---\n# Source: ", path, "\n", trimmed, "\n"], output)?,
            _ => write_parts(&["---\n# Source: ", path, "\n", &text, "\n"], output)?,
        }
        is_empty = false;
    }
    if is_empty {
        write_parts(&["\n"], output)?;
    }
    for hook in shown_hooks(arguments, rendered) {
        write_parts(&["---\n# Source: ", &hook.path, "\n", &hook.manifest, "\n"], output)?;
    }
    Ok(())
}

fn write_parts(parts: &[&str], output: &mut dyn Write) -> io::Result<()> {
    parts.iter().try_for_each(|part| output.write_all(part.as_bytes()))
}

fn shown_hooks<'a>(arguments: &Arguments, rendered: &'a Rendered) -> impl Iterator<Item = &'a Hook> {
    let (no_hooks, no_tests) = (arguments.is_on("no-hooks"), arguments.is_on("skip-tests"));
    let is_hidden = move |hook: &Hook| no_hooks || (no_tests && hook.events.contains(&HookEvent::Test));
    rendered.hooks.iter().filter(move |hook| !is_hidden(hook))
}

/// Writes CRDs, manifests and hooks to files below `--output-dir`.
pub(super) fn write_files(
    arguments: &Arguments,
    name: &str,
    rendered: &Rendered,
    output: &mut dyn Write,
) -> Result<()> {
    let root = arguments.text("output-dir");
    let folder = if arguments.is_on("release-name") { join(root, name) } else { root.to_owned() };
    let mut written = BTreeSet::new();
    if arguments.is_on("include-crds") {
        for crd in &rendered.crds {
            write_file(root, &crd.path, &crd.text(), !written.insert(crd.path.as_str()), output)?;
        }
    }
    for document in &rendered.documents {
        let is_begun = !written.insert(document.path.as_str());
        write_file(&folder, &document.path, &document.text, is_begun, output)?;
    }
    for hook in shown_hooks(arguments, rendered) {
        let is_begun = Path::new(&join(&folder, &hook.path)).exists();
        write_file(&folder, &hook.path, &hook.manifest, is_begun, output)?;
    }
    Ok(())
}

fn write_file(folder: &str, path: &str, text: &str, is_begun: bool, output: &mut dyn Write) -> Result<()> {
    let place = format!("{folder}/{path}");
    let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
    let failed = |action: &str, path: &str, error: &std::io::Error| anyhow!("{action} {path}: {}", go_reason(error));
    match fs::metadata(parent) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("stat", parent, &error)),
        _ => fs::create_dir_all(parent).map_err(|error| failed("mkdir", parent, &error))?,
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create(!is_begun).truncate(!is_begun).append(is_begun);
    let mut file = options.open(&place).map_err(|error| failed("open", &place, &error))?;
    file.write_all(join_documents([(path, text)]).as_bytes())?;
    Ok(writeln!(output, "wrote {place}")?)
}

/// As Go's `filepath.Join` of a folder and one name.
fn join(folder: &str, name: &str) -> String {
    let is_absolute = folder.starts_with('/');
    let parts: Vec<&str> = folder.split('/').chain(name.split('/')).filter(|part| !matches!(*part, "" | ".")).collect();
    format!("{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::write_rendered;
    use crate::cli::template::options;
    use crate::render::{CrdFile, Document, Head, Rendered, join_documents};

    /// Paths and texts.
    type Files<'a> = &'a [(&'a str, &'a str)];

    fn printed(crds: Files<'_>, documents: Files<'_>) -> String {
        let crd = |(path, text): &(&str, &str)| CrdFile { path: (*path).to_owned(), data: text.as_bytes().into() };
        let document = |(path, text): &(&str, &str)| Document {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            head: Head::default(),
        };
        let rendered = Rendered {
            crds: crds.iter().map(crd).collect(),
            documents: documents.iter().map(document).collect(),
            ..Rendered::default()
        };
        let mut output = Vec::new();
        write_rendered(&options::parse(&["--include-crds".to_owned()]).unwrap(), &rendered, &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    // Helm joins everything, takes blanks from the end, and adds a line feed.
    #[test]
    fn a_manifest_ends_with_its_last_letter_and_a_line_feed() {
        let cases: [(Files<'_>, Files<'_>); 5] = [
            (&[], &[]),
            (&[("a", "x: 1\n\n")], &[("b", "y: 2 \n\n"), ("c", "z: 3 \n\n")]),
            (&[("a", "x: 1")], &[]),
            (&[("a", " \n")], &[("b", "\n \n")]),
            (&[("a ", "\n")], &[]),
        ];
        for (crds, documents) in cases {
            let whole = join_documents(crds.iter().chain(documents).copied());
            assert_eq!(printed(crds, documents), format!("{}\n", whole.trim_end()));
        }
    }
}
