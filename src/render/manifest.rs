//! Rendered files into documents: split, told apart from hooks, sorted.
//!
//! Counterpart: `pkg/release/v1/util` of Helm 4.3.1. A `---` at the start of a line splits wherever it stands, inside block scalars as
//! well, and text may follow it on its line; documents lose blanks at their start only.
//!
//! **Invariant:** the text of a document is that of the template, byte for byte.

use std::collections::BTreeMap;

use super::head::Head;
use super::{Error, KindOrder};
use crate::release::{Hook, HookMark};

/// A document that is part of the manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The template it comes from, such as `app/templates/service.yaml`.
    pub path: String,
    /// The text.
    pub text: String,
    /// What it is; empty fields for a document of comments only.
    pub head: Head,
}

/// What a set of rendered files amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sorted {
    /// The hooks, by kind.
    pub hooks: Vec<Hook>,
    /// The other documents, by kind.
    pub documents: Vec<Document>,
}

/// Sorts rendered files (path and text) into hooks and documents, each by kind and otherwise by path and place in the file.
/// Partials and blank files are left out, and so is a hook for an event that Helm does not have.
pub fn sort_files(files: &BTreeMap<String, String>, order: KindOrder) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    for (path, text) in files {
        if base_name(path).starts_with('_') || text.trim().is_empty() {
            continue;
        }
        for document in split_documents(text) {
            let head = Head::parse(document).map_err(|message| Error::Document {
                path: path.clone(),
                message,
                rendered: join_files(files),
            })?;
            match HookMark::from_annotations(&head.annotations) {
                HookMark::Object => {
                    sorted.documents.push(Document { path: path.clone(), text: document.to_owned(), head });
                }
                HookMark::UnknownEvent => {}
                HookMark::Hook(hook) => {
                    let manifest = document.to_owned();
                    sorted.hooks.push(Hook { name: head.name, kind: head.kind, path: path.clone(), manifest, ..*hook });
                }
            }
        }
    }
    sorted.hooks.sort_by(|a, b| order.compare(&a.kind, &b.kind));
    sorted.documents.sort_by(|a, b| order.compare(&a.head.kind, &b.head.kind));
    Ok(sorted)
}

/// The manifest as Helm stores it: every document with a line that names its template.
pub fn join_documents<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    documents.into_iter().fold(String::new(), |mut manifest, (path, text)| {
        for part in ["---\n# Source: ", path, "\n", text, "\n"] {
            manifest.push_str(part);
        }
        manifest
    })
}

/// All files that are not blank, as one text.
pub(super) fn join_files(files: &BTreeMap<String, String>) -> String {
    let filled = files.iter().filter(|(_, text)| !text.trim().is_empty());
    join_documents(filled.map(|(path, text)| (path.as_str(), text.as_str())))
}

/// Splits a text into documents; blank ones are left out.
pub fn split_documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut rest = text.trim_start();
    let mut from = 0;
    while let Some(separator) = find_separator(rest, from) {
        let (document, after) = rest.split_at_checked(separator).unwrap_or((rest, ""));
        documents.push(document);
        rest = after.strip_prefix("---").unwrap_or(after).trim_start_matches([' ', '\t']);
        // What is left of the separator's line is no start of a line.
        from = 1;
    }
    documents.push(rest);
    documents.into_iter().map(str::trim_start).filter(|document| !document.is_empty()).collect()
}

/// Where the next line that starts with `---` is; a line start at 0 counts only if `from` is 0.
fn find_separator(text: &str, from: usize) -> Option<usize> {
    if from == 0 && text.starts_with("---") {
        return Some(0);
    }
    memchr::memmem::find(text.as_bytes(), b"\n---").map(|newline| newline + 1)
}

/// The last segment of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected results come from SplitManifests of Helm 4.3.1.
    #[test]
    fn documents_split_at_dashes_that_start_a_line() {
        for (text, expected) in [
            ("a: 1\n---\nb: 2\n", &["a: 1\n", "b: 2\n"][..]),
            ("---\na: 1", &["a: 1"]),
            ("\n\n --- \na: 1", &["a: 1"]),
            ("---a: 1\n--- \t b: 2", &["a: 1\n", "b: 2"]),
            ("a: |\n  x\n---\n  y\n", &["a: |\n  x\n", "y\n"]),
            ("a: 1\n ---\nb: 2", &["a: 1\n ---\nb: 2"]),
            ("------\na: 1", &["---\na: 1"]),
            ("---\n---\n\n---\n", &[]),
            ("a: 1\n\n\n---\n\n  # only a comment\n", &["a: 1\n\n\n", "# only a comment\n"]),
            ("", &[]),
        ] {
            assert_eq!(split_documents(text), expected, "{text:?}");
        }
    }

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn files_sort_by_kind_then_path_then_place() {
        let files = files(&[
            ("c/templates/b.yaml", "kind: Service\nmetadata: {name: b1}\n---\nkind: ConfigMap\nmetadata: {name: b2}\n"),
            ("c/templates/a.yaml", "kind: Service\nmetadata: {name: a1}\n"),
            ("c/templates/_partial.yaml", "not: {yaml"),
            ("c/templates/blank.yaml", " \n"),
        ]);
        let sorted = sort_files(&files, KindOrder::Install).unwrap();
        let names: Vec<&str> = sorted.documents.iter().map(|document| document.head.name.as_str()).collect();
        assert_eq!(names, ["b2", "a1", "b1"]);
    }

    #[test]
    fn hooks_leave_the_manifest_and_unknown_ones_vanish() {
        let hook =
            "kind: Job\nmetadata:\n  name: j\n  annotations: {helm.sh/hook: pre-install, helm.sh/hook-weight: 5}\n";
        let unknown = hook.replace("pre-install", "crd-install");
        let files = files(&[("c/templates/a.yaml", hook), ("c/templates/b.yaml", &unknown)]);
        let sorted = sort_files(&files, KindOrder::Install).unwrap();
        assert!(sorted.documents.is_empty());
        let [hook] = sorted.hooks.as_slice() else { panic!("{:?}", sorted.hooks) };
        assert_eq!((hook.name.as_str(), hook.kind.as_str(), hook.weight), ("j", "Job", 5));
        assert_eq!(hook.path, "c/templates/a.yaml");
    }

    #[test]
    fn a_document_that_is_not_yaml_names_its_template() {
        let error = sort_files(&files(&[("c/templates/a.yaml", "a: [")]), KindOrder::Install).unwrap_err();
        assert!(error.to_string().starts_with("YAML parse error on c/templates/a.yaml: "), "{error}");
    }

    #[test]
    fn the_manifest_names_the_template_of_each_document() {
        assert_eq!(
            join_documents([("p", "a: 1\n"), ("q", "b: 2")]),
            "---\n# Source: p\na: 1\n\n---\n# Source: q\nb: 2\n"
        );
    }
}
