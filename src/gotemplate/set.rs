//! Sets of named templates.
//!
//! Counterpart of `text/template/template.go`. A set is a name space: templates find each other by name. Cloning one is cheap,
//! so that `tpl` can add templates that do not leak.
//!
//! **Invariant:** a template that is defined with nothing but blanks never replaces one that is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::Error;
use super::funcs::FuncMap;
use super::node::Tree;
use super::parse;

/// A parsed file: its own template and those that it defines. Holds no values, so it can be kept and shared between threads.
#[derive(Clone, Debug)]
pub struct ParsedFile {
    trees: Arc<BTreeMap<Arc<str>, Arc<Tree>>>,
}

impl ParsedFile {
    /// Parses a text. Names of functions must be in the map; executions must use a map with the same slots.
    pub fn parse<H>(name: &str, text: impl AsRef<[u8]>, functions: &FuncMap<H>) -> Result<Self, Error> {
        Self::parse_shared(name, &Arc::from(text.as_ref()), functions)
    }

    /// Parses a text as [`ParsedFile::parse`] does, and refers to its bytes instead of copying them.
    pub fn parse_shared<H>(name: &str, text: &Arc<[u8]>, functions: &FuncMap<H>) -> Result<Self, Error> {
        Ok(Self { trees: Arc::new(parse::parse(name, text, functions)?) })
    }

    /// The names of the templates in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.trees.keys().map(AsRef::as_ref)
    }
}

/// A name space of templates: what Go calls associated templates.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    name: Arc<str>,
    sealed: Arc<BTreeMap<Arc<str>, Arc<Tree>>>,
    open: BTreeMap<Arc<str>, Arc<Tree>>,
}

impl TemplateSet {
    /// An empty set. Its name is only seen in the error about a missing template.
    pub fn new(name: &str) -> Self {
        Self { name: Arc::from(name), sealed: Arc::default(), open: BTreeMap::new() }
    }

    /// The name of the set.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parses a text as the template `name` and adds it with all that it defines, as `New(name).Parse(text)` does in Go.
    pub fn parse<H>(&mut self, name: &str, text: impl AsRef<[u8]>, functions: &FuncMap<H>) -> Result<(), Error> {
        self.add(&ParsedFile::parse(name, text, functions)?);
        Ok(())
    }

    /// Adds the templates of a parsed file. A later definition replaces an earlier one, unless it is blank.
    pub fn add(&mut self, file: &ParsedFile) {
        for (name, tree) in file.trees.iter() {
            if tree.is_blank() && self.get(name).is_some() {
                continue;
            }
            self.open.insert(Arc::clone(name), Arc::clone(tree));
        }
    }

    /// Adds the templates of a parsed file as [`TemplateSet::add`] does, but its main template replaces one of that name even if it is
    /// blank: `New(name).Parse(text)` in Go, whose result is executed directly.
    pub fn redefine(&mut self, file: &ParsedFile, name: &str) {
        self.add(file);
        if let Some((name, tree)) = file.trees.get_key_value(name) {
            self.open.insert(Arc::clone(name), Arc::clone(tree));
        }
    }

    /// Makes clones of this set cheap, however many templates it has; call it when all are in.
    pub fn seal(&mut self) {
        if !self.open.is_empty() {
            Arc::make_mut(&mut self.sealed).append(&mut self.open);
        }
    }

    /// Whether there is such a template.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The names of all templates, in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.sealed.keys().chain(self.open.keys()).map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Tree>> {
        self.open.get(name).or_else(|| self.sealed.get(name))
    }
}
