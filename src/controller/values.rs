//! Composes the values of a release from its references and its inline values, as Flux's helm-controller 1.6 does.
//!
//! Files are laid over each other in the order of the references, inline values over all of them. A reference with a `targetPath` sets one
//! value, after the inline values and before they are laid over everything once more. Where that path runs through a map or list that only
//! the inline values have, Flux sets it in the inline values themselves, which then win with it; this is kept, so that digests and
//! results agree.
//!
//! **Invariant:** no value ever gets into an error or a log.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use serde_json::Value;

use super::Error;
use super::context::{Context, identity};
use crate::api::HelmRelease;
use crate::api::helm_release::{ValuesReference, ValuesReferenceKind};
use crate::chart::{Style, Values, merge_values, set_values, with_float_numbers};
use crate::goyaml;

/// The composed values.
pub(super) async fn compose(release: &HelmRelease, ctx: &Context) -> Result<Values, Error> {
    let mut inline = match &release.spec.values {
        Some(Value::Object(values)) => with_float_numbers(values.clone()),
        _ => Values::new(),
    };
    let mut result = Values::new();
    let mut read = Objects::default();
    let (namespace, _) = identity(release);
    for reference in &release.spec.values_from {
        let Some(content) = read.content(reference, namespace, ctx).await? else { continue };
        apply(&mut result, &mut inline, reference, namespace, &content)?;
    }
    merge_values(&mut result, inline);
    Ok(result)
}

fn apply(
    result: &mut Values,
    inline: &mut Values,
    reference: &ValuesReference,
    namespace: &str,
    content: &str,
) -> Result<(), Error> {
    let failed = |details: String| Error::Values {
        message: format!(
            "unable to merge value from key '{}' in {} '{namespace}/{}'{}: {details}",
            reference.key(),
            reference.kind.as_str(),
            reference.name,
            reference.target_path.as_deref().map(|path| format!(" into target path '{path}'")).unwrap_or_default(),
        ),
    };
    let Some(path) = reference.target_path.as_deref().filter(|path| !path.is_empty()) else {
        let values = goyaml::map_from_str(content).map_err(|error| failed(error.to_string()))?;
        merge_values(result, with_float_numbers(values));
        return Ok(());
    };
    let shared = is_shared(result, inline, path);
    merge_values(result, inline.clone());
    set(result, path, content, reference.literal).map_err(|error| failed(error.to_string()))?;
    if shared {
        set(inline, path, content, reference.literal).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// Sets the value at a path, in the grammar of `helm --set`: quoted content and literals are text.
fn set(values: &mut Values, path: &str, content: &str, literal: bool) -> Result<(), crate::chart::Error> {
    const SINGLE: char = '\'';
    const DOUBLE: char = '"';
    if literal {
        return set_values(values, &format!("{path}={}", escaped(content)), Style::Text);
    }
    let quoted = [SINGLE, DOUBLE].into_iter().find_map(|quote| content.strip_prefix(quote)?.strip_suffix(quote));
    match quoted {
        Some(text) => set_values(values, &format!("{path}={text}"), Style::Text),
        None => set_values(values, &format!("{path}={content}"), Style::Typed),
    }
}

/// The content with every letter that the grammar knows escaped.
fn escaped(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    for letter in content.chars() {
        if matches!(letter, '\\' | ',' | '[' | ']' | '{' | '}') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// Whether setting a path changes a map or list that the result shares with the inline values, in Flux's Go code.
fn is_shared(result: &Values, inline: &Values, path: &str) -> bool {
    let segments = segments(path);
    let mut result = Some(result);
    let mut inline = inline;
    for (position, segment) in segments.iter().enumerate() {
        let is_last = position + 1 == segments.len();
        let here = inline.get(&segment.key);
        match (here, segment.index) {
            // An index into a list of the inline values changes that very list, unless it is past its end.
            (Some(Value::Array(items)), Some(index)) => return index < items.len(),
            (Some(Value::Object(next)), None) if !is_last => match result.and_then(|result| result.get(&segment.key)) {
                // Both have a map here: merging made a new one.
                Some(Value::Object(known)) => {
                    result = Some(known);
                    inline = next;
                }
                _ => return true,
            },
            _ => return false,
        }
    }
    false
}

/// A step of a path.
struct Segment {
    key: String,
    index: Option<usize>,
}

/// The steps of a path such as `a.b\.c[0]`.
fn segments(path: &str) -> Vec<Segment> {
    let mut segments = vec![Segment { key: String::new(), index: None }];
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        let Some(last) = segments.last_mut() else { break };
        match letter {
            '\\' => last.key.extend(letters.next()),
            '.' => segments.push(Segment { key: String::new(), index: None }),
            '[' => {
                let digits: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                // Only the first index tells whether the list is shared.
                if last.index.is_none() {
                    last.index = digits.parse().ok();
                }
            }
            _ => last.key.push(letter),
        }
    }
    segments
}

/// The content of a ConfigMap or Secret by key.
type Data = BTreeMap<String, Vec<u8>>;

/// ConfigMaps and Secrets, each read once.
#[derive(Default)]
struct Objects {
    read: BTreeMap<(ValuesReferenceKind, String), Option<Data>>,
}

impl Objects {
    /// The content that a reference points to; nothing if it is optional and not there.
    async fn content(
        &mut self,
        reference: &ValuesReference,
        namespace: &str,
        ctx: &Context,
    ) -> Result<Option<String>, Error> {
        let failed = |details: &str| Error::Values {
            message: format!(
                "could not resolve {} chart values reference '{namespace}/{}' with key '{}': {details}",
                reference.kind.as_str(),
                reference.name,
                reference.key(),
            ),
        };
        let key = (reference.kind, reference.name.clone());
        if !self.read.contains_key(&key) {
            let data = read(reference, namespace, ctx).await.map_err(|error| failed(&error.to_string()))?;
            self.read.insert(key.clone(), data);
        }
        let found = self.read.get(&key).and_then(Option::as_ref);
        let Some(data) = found else {
            let plural = match reference.kind {
                ValuesReferenceKind::Secret => "secrets",
                ValuesReferenceKind::ConfigMap => "configmaps",
            };
            return if reference.optional {
                Ok(None)
            } else {
                Err(failed(&format!("{plural} {:?} not found", reference.name)))
            };
        };
        let Some(content) = data.get(reference.key()) else {
            return if reference.optional {
                Ok(None)
            } else {
                Err(failed(&format!("missing key '{}'", reference.key())))
            };
        };
        String::from_utf8(content.clone()).map(Some).map_err(|_| failed("the content is not text"))
    }
}

async fn read(reference: &ValuesReference, namespace: &str, ctx: &Context) -> Result<Option<Data>, kube::Error> {
    match reference.kind {
        ValuesReferenceKind::Secret => {
            let api: Api<Secret> = Api::namespaced(ctx.client.clone(), namespace);
            let found = api.get_opt(&reference.name).await?;
            Ok(found
                .map(|secret| secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect()))
        }
        ValuesReferenceKind::ConfigMap => {
            let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
            let found = api.get_opt(&reference.name).await?;
            Ok(found.map(|map| {
                map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(path: Option<&str>, literal: bool) -> ValuesReference {
        ValuesReference {
            kind: ValuesReferenceKind::ConfigMap,
            name: "files".to_owned(),
            values_key: None,
            target_path: path.map(str::to_owned),
            optional: false,
            literal,
        }
    }

    fn composed(inline: Value, references: &[(Option<&str>, bool, &str)]) -> Value {
        let Value::Object(mut inline) = inline else { return Value::Null };
        let mut result = Values::new();
        for (path, literal, content) in references {
            apply(&mut result, &mut inline, &reference(*path, *literal), "ns", content).unwrap();
        }
        merge_values(&mut result, inline);
        Value::Object(result)
    }

    // The four shapes of a targetPath against inline values, as seen by running Flux's helm-controller 1.6.3.
    #[test]
    fn a_flat_inline_value_wins_over_a_target_path() {
        assert_eq!(composed(json!({"flat": "inline"}), &[(Some("flat"), false, "path")]), json!({"flat": "inline"}));
    }

    #[test]
    fn a_target_path_wins_inside_a_map_that_only_inline_values_have() {
        assert_eq!(
            composed(json!({"m": {"a": "inline"}}), &[(Some("m.a"), false, "path")]),
            json!({"m": {"a": "path"}})
        );
    }

    #[test]
    fn an_inline_value_wins_where_a_file_brought_the_map_first() {
        let values =
            composed(json!({"m": {"a": "inline"}}), &[(None, false, "m: {b: file}"), (Some("m.a"), false, "path")]);
        assert_eq!(values, json!({"m": {"a": "inline", "b": "file"}}));
    }

    #[test]
    fn a_target_path_wins_at_an_index_of_an_inline_list() {
        assert_eq!(composed(json!({"l": ["x", "y"]}), &[(Some("l[1]"), false, "path")]), json!({"l": ["x", "path"]}));
    }

    #[test]
    fn literal_content_is_taken_as_it_is() {
        assert_eq!(composed(json!({}), &[(Some("a"), true, "a,b={c}[0]\\d")]), json!({"a": "a,b={c}[0]\\d"}));
    }
}
