//! Lists whose elements are told apart by keys, or that are sets of plain values.
//!
//! Counterpart: `yaml/walk/associative_sequence.go` of kyaml 0.21.1 with `ElementSetter` and `ElementMatcher`. What it does to elements
//! that lack a key is strange, and followed here: charts that came through kustomize have come to live with it.
//!
//! **Invariant:** elements are changed in place, so that both lists that hold an element see the change.

use super::super::fields;
use super::super::schema::Place;
use super::{DIRECTIVE, Directive, Origin, Outcome, walk};
use crate::goyaml::{Content, Node, Tag};

/// The number of an element.
type Id = usize;

/// Two lists that share elements: the one that is there, and the one that is made.
struct Lists<'a> {
    elements: Vec<Node>,
    dest: Vec<Id>,
    made: Vec<Id>,
    /// The patch's elements.
    patch: Option<Vec<&'a Node>>,
}

pub(super) fn merge(
    dest: Option<&mut Node>,
    origin: Origin<'_>,
    keys: &[&'static str],
    place: Place,
) -> Result<Outcome, String> {
    let dest = dest.filter(|node| !node.is_null());
    let (elements, patch) = match (dest, origin) {
        (_, Origin::Other(patch)) if patch.is_null() => return Ok(Outcome::Gone),
        (None, Origin::Other(patch)) => (patch.items().to_vec(), None),
        (None, Origin::Missing | Origin::Same) => return Ok(Outcome::Gone),
        (Some(dest), Origin::Missing) => (take_items(dest), Some(Vec::new())),
        (Some(dest), Origin::Same) => {
            let mut elements = take_items(dest);
            if let Some((directive, word)) = directive(elements.iter())? {
                elements.retain(|element| is_left(element, word.as_str()));
                if directive == Directive::Delete {
                    return Ok(Outcome::Gone);
                }
            }
            (elements, None)
        }
        (Some(dest), Origin::Other(patch)) => {
            let mut items: Vec<&Node> = patch.items().iter().collect();
            match directive(patch.items().iter())? {
                Some((Directive::Delete, _)) => return Ok(Outcome::Gone),
                Some((Directive::Replace, word)) => {
                    items.retain(|element| is_left(element, &word));
                    (items.into_iter().cloned().collect(), None)
                }
                Some((Directive::Merge, word)) => {
                    items.retain(|element| is_left(element, &word));
                    (take_items(dest), Some(items))
                }
                None => (take_items(dest), Some(items)),
            }
        }
    };
    let lists = Lists { dest: (0..elements.len()).collect(), elements, made: Vec::new(), patch };
    lists.merged(keys, place).map(|items| Outcome::New(Node::sequence(items)))
}

fn take_items(list: &mut Node) -> Vec<Node> {
    match &mut list.content {
        Content::Sequence(items) => std::mem::take(items),
        _ => Vec::new(),
    }
}

/// The directive for the list as a whole: the first element with one, if that is all there is in it.
fn directive<'a>(mut elements: impl Iterator<Item = &'a Node>) -> Result<Option<(Directive, String)>, String> {
    let Some(element) = elements.find(|element| element.field(DIRECTIVE).is_some()) else { return Ok(None) };
    let word = element.field(DIRECTIVE).map(Node::as_text).unwrap_or_default();
    if element.fields().len() > 1 {
        return Ok(None);
    }
    Directive::of(word).map(|directive| Some((directive, word.to_owned())))
}

/// What is left once elements with this directive are gone.
fn is_left(element: &Node, word: &str) -> bool {
    !is_nothing(element) && element.field(DIRECTIVE).is_none_or(|own| own.as_text() != word)
}

/// Null, or a mapping without fields.
fn is_nothing(element: &Node) -> bool {
    element.is_null() || matches!(&element.content, Content::Mapping(fields) if fields.is_empty())
}

impl Lists<'_> {
    fn merged(mut self, keys: &[&'static str], place: Place) -> Result<Vec<Node>, String> {
        let mut values_list = self.values(keys);
        if keys.len() > 1 {
            merge_values(&mut values_list);
        }
        let keys = if keys.is_empty() { &[""][..] } else { keys };
        let mut used_keys = Vec::new();
        for values in &values_list {
            let (keys, values) = used(values_list.iter(), values, keys);
            self.merge_element(&keys, &values, place)?;
            used_keys = keys;
        }
        if !values_list.is_empty() {
            let old = std::mem::take(&mut self.dest);
            self.append(old, &used_keys)?;
            self.dest = std::mem::take(&mut self.made);
        }
        Ok(self.dest.iter().filter_map(|id| self.elements.get(*id)).cloned().collect())
    }

    /// What tells elements apart, each set once: those of the patch first.
    fn values(&self, keys: &[&str]) -> Vec<Vec<String>> {
        let old = self.dest.iter().filter_map(|id| self.elements.get(*id));
        let mut found: Vec<Vec<String>> = Vec::new();
        for element in self.patch.iter().flatten().copied().chain(old) {
            let values: Vec<String> = if keys.is_empty() {
                vec![element.as_text().to_owned()]
            } else {
                let value = |key: &&str| element.field(key).filter(|value| !fields::is_empty(value));
                keys.iter().map(|key| value(key).map(Node::as_text).unwrap_or_default().to_owned()).collect()
            };
            if !found.contains(&values) {
                found.push(values);
            }
        }
        found
    }

    fn merge_element(&mut self, keys: &[&str], values: &[String], place: Place) -> Result<(), String> {
        let (by, wanted) = used(std::iter::once(&values.to_vec()), values, keys);
        let old =
            self.dest.iter().copied().find(|id| self.elements.get(*id).is_some_and(|it| is_meant(it, &by, &wanted)));
        let origin = match &self.patch {
            None => Origin::Same,
            Some(patch) => {
                patch.iter().find(|it| is_meant(it, &by, &wanted)).map_or(Origin::Missing, |it| Origin::Other(it))
            }
        };
        let position = old.and_then(|old| self.dest.iter().position(|id| *id == old)).unwrap_or_default();
        let node = old.and_then(|id| self.elements.get_mut(id));
        let outcome =
            walk(node, origin, place.items()).map_err(|fault| fields::inside(&format!("[{position}]"), &fault))?;
        let id = match outcome {
            Outcome::Gone => None,
            Outcome::Kept => old,
            Outcome::New(node) => {
                self.elements.push(node);
                Some(self.elements.len() - 1)
            }
        };
        let Some(id) = id.filter(|id| self.elements.get(*id).is_some_and(|node| !is_nothing(node))) else {
            return set(&self.elements, &mut self.dest, None, keys, values);
        };
        if let Some(element) = self.elements.get_mut(id) {
            for (key, value) in keys.iter().zip(values) {
                set_key(element, key, value)?;
            }
        }
        set(&self.elements, &mut self.made, Some(id), keys, values)
    }

    /// Puts what was there behind what was made, and in the place of what has the same keys.
    fn append(&mut self, old: Vec<Id>, keys: &[&str]) -> Result<(), String> {
        for id in old {
            let Some(element) = self.elements.get(id) else { continue };
            if keys.first().is_none_or(|key| key.is_empty()) {
                let value = element.as_text().to_owned();
                set(&self.elements, &mut self.made, Some(id), &[""], &[value])?;
                continue;
            }
            let mut values = Vec::new();
            for key in keys {
                if !element.is_null() && !matches!(element.content, Content::Mapping(_)) {
                    return Err(fields::misshapen(element, "mapping"));
                }
                match element.field(key) {
                    Some(value) => values.push(value.as_text().to_owned()),
                    None => self.made.push(id),
                }
            }
            if keys.len() > 1 {
                set(&self.elements, &mut self.made, None, keys, &values)?;
            }
            set(&self.elements, &mut self.made, Some(id), keys, &values)?;
        }
        Ok(())
    }
}

/// Whether an element has these values; those of a set of plain values are told apart by their own text.
fn is_meant(element: &Node, keys: &[&str], values: &[String]) -> bool {
    if keys.first().is_none_or(|key| key.is_empty()) {
        return values.first().is_none_or(|value| element.as_text() == value);
    }
    keys.len() == values.len()
        && keys.iter().zip(values).all(|(key, value)| element.field(key).is_some_and(|own| own.as_text() == value))
}

/// Makes sure that an element has its key. A plain value is written anew, its type to be guessed from its text.
fn set_key(element: &mut Node, key: &str, value: &str) -> Result<(), String> {
    if value.is_empty() || element.field(key).is_some() {
        return Ok(());
    }
    if key.is_empty() {
        if !matches!(element.content, Content::Scalar(_)) {
            return Err(fields::misshapen(element, "scalar"));
        }
        element.tag = Tag::None;
        return Ok(());
    }
    if let Some(fields) = fields::fields_mut(element)? {
        fields::set(fields, key, Node::plain(value), false)?;
    }
    Ok(())
}

/// Puts an element in the place of all that have these keys, or behind the list; without an element, those go. Elements that are nothing
/// go as well.
fn set(elements: &[Node], list: &mut Vec<Id>, new: Option<Id>, keys: &[&str], values: &[String]) -> Result<(), String> {
    let is_by_key =
        keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|value| !value.is_empty());
    let mut left = Vec::with_capacity(list.len() + 1);
    let mut is_found = false;
    for id in list.drain(..) {
        let Some(element) = elements.get(id).filter(|element| !is_nothing(element)) else { continue };
        if is_by_key && !matches!(element.content, Content::Mapping(_)) {
            left.push(id);
            continue;
        }
        if !has(element, keys, values)? {
            if !values.is_empty() {
                left.push(id);
            }
            continue;
        }
        is_found = true;
        left.extend(new);
    }
    *list = left;
    // Null is never put behind a list.
    if !is_found {
        list.extend(new.filter(|id| elements.get(*id).is_some_and(|element| !element.is_null())));
    }
    Ok(())
}

/// Whether an element has these keys with these values; an empty value stands for any.
fn has(element: &Node, keys: &[&str], values: &[String]) -> Result<bool, String> {
    let mut is_found = false;
    for (at, key) in keys.iter().enumerate() {
        if let Some(value) = values.get(at) {
            is_found = match &element.content {
                Content::Scalar(text) if key.is_empty() => text == value,
                Content::Mapping(_) if !key.is_empty() => {
                    element.field(key).is_some_and(|own| value.is_empty() || own.as_text() == value)
                }
                _ => return Err(fields::misshapen(element, if key.is_empty() { "scalar" } else { "mapping" })),
            };
        }
        if !is_found {
            return Ok(false);
        }
    }
    Ok(is_found || keys.is_empty())
}

/// The keys that any element has, with this element's values; all of them where no element has any.
fn used<'k, 'v>(
    all: impl Iterator<Item = &'v Vec<String>>,
    values: &[String],
    keys: &[&'k str],
) -> (Vec<&'k str>, Vec<String>) {
    let mut has_any = vec![false; keys.len()];
    for values in all {
        for (has, value) in has_any.iter_mut().zip(values) {
            *has |= !value.is_empty();
        }
    }
    if !has_any.contains(&true) {
        return (keys.to_vec(), values.to_vec());
    }
    let used = keys.iter().zip(values).zip(has_any).filter(|(_, has)| *has);
    used.map(|((key, value), _)| (*key, value.clone())).unzip()
}

/// Where one set of values has a gap that another one fills, both become the filled one.
fn merge_values(list: &mut [Vec<String>]) {
    for first in 0..list.len() {
        // The outer loop of the counterpart goes over the values as they were when it came to them.
        let Some(own) = list.get(first).cloned() else { return };
        for second in 0..list.len() {
            let Some(filled) = list.get(second).and_then(|other| filled(&own, other)) else { continue };
            if let Some(place) = list.get_mut(first) {
                place.clone_from(&filled);
            }
            if let Some(place) = list.get_mut(second) {
                *place = filled;
            }
        }
    }
}

/// Two sets of values in one, if at least one value is the same and all others are missing from either.
fn filled(first: &[String], second: &[String]) -> Option<Vec<String>> {
    let is_alike = first.iter().zip(second).any(|(one, other)| one == other);
    let is_other = first.iter().zip(second).any(|(one, other)| one != other && !one.is_empty() && !other.is_empty());
    let pick = |(one, other): (&String, &String)| if one.is_empty() { other.clone() } else { one.clone() };
    (is_alike && !is_other).then(|| first.iter().zip(second).map(pick).collect())
}
