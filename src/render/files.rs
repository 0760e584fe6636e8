//! `.Files`: the files of a chart that are no templates.
//!
//! Counterpart: `pkg/engine/files.go` of Helm 4.3.1. Where two files of one base name meet in `AsConfig` or `AsSecrets`, the one with
//! the greater path wins; in Helm either may.
//!
//! **Invariant:** bytes of files reach templates unchanged.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::encode::to_yaml;
use super::manifest::base_name;
use crate::chart::{File, Glob};
use crate::value::{CallResult, Kind, Map, MapType, Method, Object, Signature, Text, Type, Value};

/// `engine.files`. Most charts have more files than their templates ask for, so they are sorted and copied only when one is.
#[derive(Debug)]
pub(super) struct Files {
    unsorted: Arc<[File]>,
    sorted: OnceCell<BTreeMap<String, Arc<[u8]>>>,
    map: OnceCell<Map>,
}

impl Files {
    pub(super) fn new(files: &Arc<[File]>) -> Self {
        Self { unsorted: Arc::clone(files), sorted: OnceCell::new(), map: OnceCell::new() }
    }

    fn of(files: BTreeMap<String, Arc<[u8]>>) -> Self {
        Self { unsorted: Arc::default(), sorted: OnceCell::from(files), map: OnceCell::new() }
    }

    fn files(&self) -> &BTreeMap<String, Arc<[u8]>> {
        let entry = |file: &File| (file.name.clone(), Arc::clone(&file.data));
        self.sorted.get_or_init(|| self.unsorted.iter().map(entry).collect())
    }

    fn bytes(&self, path: &Text) -> &[u8] {
        path.as_str().and_then(|path| self.files().get(path)).map(AsRef::as_ref).unwrap_or_default()
    }

    fn glob(&self, pattern: &Text) -> Self {
        // A malformed pattern matches everything, as in Helm.
        let glob = Glob::parse(&pattern.to_str());
        let matching = self.files().iter().filter(|(path, _)| glob.as_ref().is_none_or(|glob| glob.matches(path)));
        Self::of(matching.map(|(path, data)| (path.clone(), Arc::clone(data))).collect())
    }

    fn lines(&self, path: &Text) -> Value {
        let bytes = self.bytes(path);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if self.bytes(path).is_empty() {
            return Value::strings(std::iter::empty::<Text>());
        }
        Value::strings(bytes.split(|byte| *byte == b'\n'))
    }

    fn as_yaml(&self, convert: impl Fn(&[u8]) -> Value) -> Value {
        let entries = self.files().iter().map(|(path, data)| (Text::from(base_name(path)), convert(data))).collect();
        Value::string(to_yaml(&Value::Map(Map::from_entries(MapType::Strings, entries))).unwrap_or_default())
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> Kind {
        Kind::Map
    }

    fn method(&self, name: &str) -> Option<Method<'_>> {
        Some(match name {
            "Get" => on_path(|path| Value::string(self.bytes(path))),
            "GetBytes" => on_path(|path| Value::Bytes(self.bytes(path).into())),
            "Glob" => on_path(|pattern| Value::object(self.glob(pattern))),
            "Lines" => on_path(|path| self.lines(path)),
            "AsConfig" => plain(|| self.as_yaml(|data| Value::string(data))),
            "AsSecrets" => plain(|| self.as_yaml(|data| Value::string(STANDARD.encode(data)))),
            _ => return None,
        })
    }

    fn underlying(&self) -> Option<Value> {
        let map = self.map.get_or_init(|| {
            let entry = |(path, data): (&String, &Arc<[u8]>)| (Text::from(path), Value::Bytes(data.as_ref().into()));
            Map::from_entries(MapType::Bytes, self.files().iter().map(entry).collect())
        });
        Some(Value::Map(map.clone()))
    }

    fn is_true(&self) -> bool {
        !self.files().is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A method that takes a path or pattern.
fn on_path<'a>(call: impl Fn(&Text) -> Value + 'a) -> Method<'a> {
    let call = move |arguments: &[Value]| -> CallResult {
        Ok(call(arguments.first().and_then(Value::as_text).unwrap_or(&Text::default())))
    };
    Method { signature: Signature::fixed(&[Type::String]), call: Box::new(call) }
}

/// A method without parameters.
fn plain<'a>(call: impl Fn() -> Value + 'a) -> Method<'a> {
    Method { signature: Signature::fixed(&[]), call: Box::new(move |_: &[Value]| -> CallResult { Ok(call()) }) }
}
