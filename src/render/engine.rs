//! Parses all templates of a chart into one set and executes them file by file.
//!
//! Counterpart: `render` in `pkg/engine/engine.go` of Helm 4.3.1: paths with more slashes first, and among those the greater first, both
//! for parsing and for executing. A later definition of a name wins, so a parent's beats its subchart's.
//!
//! **Invariant:** a parsed template is used again only for the very bytes and the path that it was parsed from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::NOTES;
use super::context::Renderable;
use super::functions::{Host, ROOT_NAME, function_map, without_no_value};
use super::manifest::{base_name, join_files};
use super::stack::TEMPLATE_STACK_BYTES;
use super::{Error, trace};
use crate::gotemplate::{Execution, FuncMap, Limits, ParsedFile, TemplateSet};
use crate::goyaml;
use crate::value::Value;

/// Parsed templates by path, kept with a chart from one render to the next.
#[derive(Debug, Default)]
pub(super) struct TemplateCache(Mutex<HashMap<String, Cached>>);

/// A parsed template with the bytes it comes from, which keeps their address from being used again.
#[derive(Clone, Debug)]
struct Cached {
    text: Arc<[u8]>,
    file: ParsedFile,
}

impl TemplateCache {
    fn get(&self, path: &str, text: &Arc<[u8]>) -> Option<ParsedFile> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).filter(|cached| Arc::ptr_eq(&cached.text, text)).map(|cached| cached.file.clone())
    }

    fn insert(&self, path: &str, text: &Arc<[u8]>, file: ParsedFile) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(path.to_owned(), Cached { text: Arc::clone(text), file });
    }
}

/// Executes every template that is no partial and gives the outputs by path.
pub(super) fn execute(
    renderables: &BTreeMap<String, Renderable>,
    host: &Host<'_>,
    cache: &TemplateCache,
) -> Result<BTreeMap<String, String>, Error> {
    let functions = function_map();
    let mut order: Vec<(&String, &Renderable)> = renderables.iter().collect();
    order.sort_by_cached_key(|(path, _)| Reverse((path.matches('/').count(), path.as_str())));

    let set = parse_all(&order, &functions, cache)?;
    let limits = Limits { stack_bytes: TEMPLATE_STACK_BYTES, ..Limits::default() };
    let mut execution = Execution::new(&functions, host).with_limits(limits);
    let mut rendered = BTreeMap::new();
    let mut faults = BTreeMap::new();
    for (path, renderable) in order {
        if base_name(path).starts_with('_') {
            continue;
        }
        let output = execution
            .run(&set, path, &renderable.dot_for(path))
            .map_err(|error| Error::Template(trace::exec_error(path, &error)))?;
        let output = without_no_value(&output).unwrap_or(output);
        let text = String::from_utf8(output).unwrap_or_else(|error| {
            if let Err(fault) = goyaml::from_str(error.as_bytes()) {
                faults.insert(path.clone(), fault.to_string());
            }
            String::from_utf8_lossy(error.as_bytes()).into()
        });
        rendered.insert(path.clone(), text);
    }
    // Text that is no UTF-8 is no YAML; of notes nobody asks that.
    match faults.into_iter().find(|(path, _)| !path.ends_with(NOTES)) {
        Some((path, message)) => Err(Error::Document { path, message, rendered: join_files(&rendered) }),
        None => Ok(rendered),
    }
}

/// Executes one text on its own, without a dot.
pub(super) fn execute_text<'r>(
    name: &str,
    text: &str,
    functions: &FuncMap<Host<'r>>,
    host: &Host<'r>,
) -> Result<String, Error> {
    let mut set = TemplateSet::new(name);
    set.parse(name, text, functions).map_err(|error| Error::Template(error.to_string()))?;
    let output = Execution::new(functions, host).run(&set, name, &Value::Nil);
    let output = output.map_err(|error| Error::Template(error.to_string()))?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn parse_all(
    order: &[(&String, &Renderable)],
    functions: &FuncMap<Host<'_>>,
    cache: &TemplateCache,
) -> Result<TemplateSet, Error> {
    let mut set = TemplateSet::new(ROOT_NAME);
    for (path, renderable) in order {
        if let Some(file) = cache.get(path, &renderable.text) {
            set.add(&file);
            continue;
        }
        let file = ParsedFile::parse_shared(path, &renderable.text, functions)
            .map_err(|error| Error::Template(trace::parse_error(path, &error)))?;
        set.add(&file);
        cache.insert(path, &renderable.text, file);
    }
    set.seal();
    Ok(set)
}
