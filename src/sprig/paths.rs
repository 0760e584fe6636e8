//! Paths with slashes.
//!
//! Counterpart: Go's `path`, and `path/filepath` on Linux, which gives the same.
//!
//! **Invariant:** paths are texts; nothing looks at a file system.

use super::args::{STRING, bytes, string};
use crate::gotemplate::Function;
use crate::value::{CallResult, Signature, Value};

/// The functions on paths.
pub(super) fn functions<H>() -> Vec<Function<H>> {
    let path = Signature::fixed(STRING);
    vec![
        Function::pure("base", path, |args| string(base(bytes(args, 0)))),
        Function::pure("osBase", path, |args| string(base(bytes(args, 0)))),
        Function::pure("dir", path, |args| string(dir(bytes(args, 0)))),
        Function::pure("osDir", path, |args| string(dir(bytes(args, 0)))),
        Function::pure("clean", path, |args| string(clean(bytes(args, 0)))),
        Function::pure("osClean", path, |args| string(clean(bytes(args, 0)))),
        Function::pure("ext", path, |args| string(ext(bytes(args, 0)))),
        Function::pure("osExt", path, |args| string(ext(bytes(args, 0)))),
        Function::pure("isAbs", path, is_abs),
        Function::pure("osIsAbs", path, is_abs),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's answer")]
fn is_abs(args: &[Value]) -> CallResult {
    Ok(Value::Bool(bytes(args, 0).starts_with(b"/")))
}

fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let trimmed = path.get(..end).unwrap_or_default();
    let name = trimmed.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if name.is_empty() { b"/" } else { name }
}

fn dir(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    clean(path.get(..end).unwrap_or_default())
}

fn ext(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.iter().rposition(|byte| *byte == b'.').and_then(|dot| name.get(dot..)).unwrap_or_default()
}

/// The shortest path that means the same.
fn clean(path: &[u8]) -> Vec<u8> {
    let is_rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if is_rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (is_rooted, joined.is_empty()) {
        (true, _) => [b"/".to_vec(), joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
