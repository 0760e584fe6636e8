//! Small changes to mappings, as kyaml makes them.
//!
//! Counterpart: `FieldSetter`, `FieldClearer` and `PathGetter` in `yaml/fns.go` of kyaml 0.21.1.
//!
//! **Invariant:** what takes the place of a scalar is written as the old one was: in quotes, anything is a text.

use std::collections::BTreeMap;

use crate::goyaml::{self, Content, Node, Tag};

/// The fields of a mapping.
pub(super) type Fields = Vec<(Node, Node)>;

/// What a node is, for errors.
pub(super) fn shape(node: &Node) -> &'static str {
    match node.content {
        Content::Scalar(_) => "scalar",
        Content::Sequence(_) => "list",
        Content::Mapping(_) => "mapping",
    }
}

/// An error for a node of another shape than its place has.
pub(super) fn misshapen(node: &Node, wanted: &str) -> String {
    format!(": is a {} where a {wanted} is wanted", shape(node))
}

/// Null, or a collection without content.
pub(super) fn is_empty(node: &Node) -> bool {
    node.is_null()
        || match &node.content {
            Content::Scalar(_) => false,
            Content::Sequence(items) => items.is_empty(),
            Content::Mapping(fields) => fields.is_empty(),
        }
}

/// Sets a field; null removes it. Where the key is new, it is written as told. An error for a field without a name.
pub(super) fn set(fields: &mut Fields, name: &str, mut value: Node, is_key_quoted: bool) -> Result<(), String> {
    check_name(name)?;
    if value.is_null() {
        clear(fields, name);
        return Ok(());
    }
    quote_odd_text(&mut value);
    if let Some((_, place)) = fields.iter_mut().find(|(key, _)| key.as_text() == name) {
        (value.is_delimited, value.is_tagged) = (place.is_delimited, place.is_tagged);
        *place = value;
    } else {
        fields.push((Node { is_delimited: is_key_quoted, ..Node::plain(name) }, value));
    }
    Ok(())
}

/// A field must have a name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() { Err(": has a field without a name".to_owned()) } else { Ok(()) }
}

/// A text that YAML 1.1 takes for something else gets quotes.
pub(super) fn quote_odd_text(value: &mut Node) {
    let is_plain = matches!(value.tag, Tag::Text | Tag::None) && !value.is_delimited && !value.is_tagged;
    if is_plain && let Content::Scalar(text) = &value.content {
        value.is_delimited = is_odd(text);
    }
}

fn is_odd(text: &str) -> bool {
    /// Whether all of it is one word that is longer than any with a meaning.
    fn is_long_word(text: &str) -> bool {
        text.len() > 5 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains(':')
    }
    if text.is_empty() || text.contains('\n') || is_long_word(text) {
        return false;
    }
    goyaml::from_str(text).is_ok_and(|value| !value.is_string())
}

/// Removes the first field of this name.
pub(super) fn clear(fields: &mut Fields, name: &str) {
    if let Some(at) = fields.iter().position(|(key, _)| key.as_text() == name) {
        fields.remove(at);
    }
}

/// The fields of a mapping, to be changed; none of null.
pub(super) fn fields_mut(node: &mut Node) -> Result<Option<&mut Fields>, String> {
    if node.is_null() {
        return Ok(None);
    }
    let wrong = misshapen(node, "mapping");
    match &mut node.content {
        Content::Mapping(fields) => Ok(Some(fields)),
        _ => Err(wrong),
    }
}

/// The fields of a mapping inside a mapping, which is made where it is missing; none where there is null.
pub(super) fn inner_mut<'a>(node: &'a mut Node, name: &str) -> Result<Option<&'a mut Fields>, String> {
    let Some(fields) = fields_mut(node)? else { return Ok(None) };
    if !fields.iter().any(|(key, _)| key.as_text() == name) {
        fields.push((Node::plain(name), Node::mapping(Vec::new())));
    }
    let inner = fields.iter_mut().find(|(key, _)| key.as_text() == name).map(|(_, value)| value);
    inner.map_or(Ok(None), fields_mut).map_err(|fault| inside(name, &fault))
}

/// Sets a field of `metadata`.
pub(super) fn set_in_metadata(object: &mut Node, name: &str, value: Node) -> Result<(), String> {
    if let Some(metadata) = inner_mut(object, "metadata")? {
        set(metadata, name, value, false)?;
    }
    Ok(())
}

/// Labels or annotations with the text of their values: that of a collection is empty.
pub(super) fn texts(object: &Node, field: &str) -> BTreeMap<String, String> {
    let pairs = object.field("metadata").and_then(|metadata| metadata.field(field)).map_or(&[][..], Node::fields);
    // Of equal keys the last one counts.
    pairs.iter().map(|(key, value)| (key.as_text().to_owned(), value.as_text().to_owned())).collect()
}

/// Puts texts in the place of labels or annotations; none remove the field.
pub(super) fn set_texts(object: &mut Node, field: &str, texts: &BTreeMap<String, String>) -> Result<(), String> {
    let Some(metadata) = inner_mut(object, "metadata")? else { return Ok(()) };
    clear(metadata, field);
    if !texts.is_empty() {
        // What was set before an error stays.
        let mut pairs = Fields::new();
        let done = texts.iter().try_for_each(|(key, text)| set(&mut pairs, key, Node::text(text), false));
        metadata.push((Node::plain(field), Node::mapping(pairs)));
        return done;
    }
    Ok(())
}

/// The error with the name of the field that it is in.
pub(super) fn inside(name: &str, fault: &str) -> String {
    if fault.starts_with([':', '[']) { format!("{name}{fault}") } else { format!("{name}.{fault}") }
}
