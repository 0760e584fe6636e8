//! Reads Rust sources with `syn`: which modules a file imports, which paths it names, how long its functions are.
//!
//! **Invariant:** looks at the tokens of macros too, so an import cannot hide in one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// What there is to know of a Rust file.
pub(super) struct Source {
    /// The path from the project's root, with slashes.
    pub(super) path: String,
    pub(super) text: String,
    /// The top-level module that the file belongs to; none for the roots of the crate.
    pub(super) top: Option<String>,
    /// Every reference to a top-level module of the crate, in the order of the text.
    pub(super) imports: Vec<Import>,
    /// Every path that is named.
    pub(super) paths: Vec<Named>,
    /// The functions, methods included.
    pub(super) functions: Vec<Function>,
    /// The modules that the file declares without a `cfg`.
    pub(super) plain_modules: Vec<String>,
}

/// A top-level module of the crate that a file refers to.
#[derive(Debug, PartialEq)]
pub(super) struct Import {
    pub(super) module: String,
    pub(super) line: usize,
}

/// A path as written, `::` between its parts; `use` groups are spelled out.
pub(super) struct Named {
    pub(super) path: String,
    pub(super) line: usize,
}

/// A function and its length, signature and braces included.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) lines: usize,
}

static SRC: LazyLock<Vec<Source>> = LazyLock::new(|| load("src"));
static TESTS: LazyLock<Vec<Source>> = LazyLock::new(|| load("tests"));

/// The files of `src/`.
pub(super) fn sources() -> &'static [Source] {
    &SRC
}

/// The files of `src/` and `tests/`.
pub(super) fn tree_sources() -> impl Iterator<Item = &'static Source> {
    SRC.iter().chain(TESTS.iter())
}

fn load(folder: &str) -> Vec<Source> {
    let root = crate::project::root();
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    assert!(!files.is_empty(), "no Rust files in {folder}");
    let read = |file: &PathBuf| {
        let path = file.strip_prefix(&root).expect("a file of the project").to_string_lossy().replace('\\', "/");
        Source::of(&path, &std::fs::read_to_string(file).expect("a readable file"))
    };
    files.iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    /// Reads a text as the file at a path.
    pub(super) fn of(path: &str, text: &str) -> Self {
        let stem = path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
            module.pop();
        }
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut paths = Paths { module: module.clone(), found: Vec::new() };
        paths.visit_file(&syntax);
        let import = |(module, parts, line): &(Vec<String>, Vec<String>, usize)| {
            resolve(module, parts).map(|module| Import { module, line: *line })
        };
        let mut functions = Functions { found: Vec::new() };
        functions.visit_file(&syntax);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            top: module.first().cloned(),
            imports: paths.found.iter().filter_map(import).collect(),
            paths: paths.found.iter().map(|(_, parts, line)| Named { path: parts.join("::"), line: *line }).collect(),
            functions: functions.found,
            plain_modules: plain_modules(&syntax),
        }
    }

    /// Whether the header has a sentence that begins with "Invariant:", bold or not.
    pub(super) fn states_invariant(&self) -> bool {
        self.text.lines().take_while(|line| line.starts_with("//!")).any(|line| {
            let line = line.trim_start_matches("//!").trim().trim_start_matches("**");
            line.strip_prefix("Invariant:").is_some_and(|rest| !rest.trim_start_matches("**").trim().is_empty())
        })
    }
}

fn plain_modules(syntax: &syn::File) -> Vec<String> {
    let is_plain = |module: &&syn::ItemMod| !module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
    let modules = syntax.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) => Some(module),
        _ => None,
    });
    modules.filter(is_plain).map(|module| module.ident.to_string()).collect()
}

/// The top-level module that a path leads to from within a module, if it starts at the crate or leaves upwards.
fn resolve(module: &[String], parts: &[String]) -> Option<String> {
    let mut parts = parts.iter().map(String::as_str).peekable();
    if parts.peek() == Some(&"crate") {
        parts.next();
    } else {
        let mut depth = module.len();
        while parts.next_if_eq(&"super").is_some() {
            depth = depth.checked_sub(1)?;
        }
        if depth > 0 || module.is_empty() {
            return None;
        }
    }
    parts.next().filter(|name| *name != "*" && name.starts_with(char::is_lowercase)).map(str::to_owned)
}

/// Whether a path is the thing named or lies in it.
pub(super) fn names(path: &str, thing: &str) -> bool {
    path.strip_prefix(thing).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether a path is a constructor of the present moment, such as `Timestamp::now`.
pub(super) fn reads_clock(path: &str) -> bool {
    path.ends_with("::now")
}

/// A cycle in a table, first and last the same, if there is one.
pub(super) fn cycle<'a>(table: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<Vec<&'a str>> {
    fn walk<'a>(
        at: &'a str,
        table: &BTreeMap<&'a str, Vec<&'a str>>,
        trail: &mut Vec<&'a str>,
    ) -> Option<Vec<&'a str>> {
        if let Some(start) = trail.iter().position(|seen| *seen == at) {
            let mut found = trail[start..].to_vec();
            found.push(at);
            return Some(found);
        }
        trail.push(at);
        let found = table.get(at).into_iter().flatten().find_map(|next| walk(next, table, trail));
        trail.pop();
        found
    }
    table.keys().find_map(|start| walk(start, table, &mut Vec::new()))
}

/// Collects paths with the module they stand in and their line.
struct Paths {
    module: Vec<String>,
    found: Vec<(Vec<String>, Vec<String>, usize)>,
}

impl Paths {
    fn note(&mut self, parts: Vec<String>, span: Span) {
        self.found.push((self.module.clone(), parts, span.start().line));
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let longer = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.tree(&longer(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(before, item)),
            syn::UseTree::Name(name) if name.ident == "self" => self.note(before.to_vec(), name.span()),
            syn::UseTree::Name(name) => self.note(longer(&name.ident), name.span()),
            syn::UseTree::Rename(rename) => self.note(longer(&rename.ident), rename.span()),
            syn::UseTree::Glob(glob) => {
                self.note(before.iter().cloned().chain(["*".to_owned()]).collect(), glob.span());
            }
        }
    }

    /// Finds `a::b::c` in tokens that have no syntax of their own.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut parts: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut start = Span::call_site();
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 && !parts.is_empty() => {
                    parts.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.end(&mut parts, start);
                    colons = 0;
                    match other {
                        TokenTree::Ident(name) => {
                            start = name.span();
                            parts.push(name.to_string());
                        }
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
        }
        self.end(&mut parts, start);
    }

    fn end(&mut self, parts: &mut Vec<String>, start: Span) {
        if parts.len() > 1 {
            self.note(std::mem::take(parts), start);
        }
        parts.clear();
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.note(path.segments.iter().map(|segment| segment.ident.to_string()).collect(), path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }
}

/// Collects functions with their lengths.
struct Functions {
    found: Vec<Function>,
}

impl Functions {
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let lines = block.span().end().line + 1 - signature.span().start().line;
        self.found.push(Function { name: signature.ident.to_string(), lines });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }
}
