//! Strategic merge.
//!
//! Counterpart: `yaml/walk` and `yaml/merge2` of kyaml 0.21.1 with what is new put first. It goes over the whole object, also where the
//! patch has nothing to say: a field that is left empty (`key:`) goes, and elements of a list with the same keys become one.
//! `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder` are fields like any other.
//!
//! **Invariant:** errors name the path of the fault, never a value.

mod list;

use super::fields::{self, Fields};
use super::schema::Place;
use crate::goyaml::{Content, Node};

/// The key of directives inside a patch.
const DIRECTIVE: &str = "$patch";

/// What is merged into a node.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// Nothing: the patch does not reach here.
    Missing,
    /// The node itself: it came from the patch as a whole, and its directives have still to be obeyed.
    Same,
    /// A node of the patch.
    Other(&'a Node),
}

/// What becomes of a node.
enum Outcome {
    /// It goes.
    Gone,
    /// It stays, changed in place.
    Kept,
    /// Another one takes its place.
    New(Node),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

impl Directive {
    /// An error for a word that is no directive.
    fn of(word: &str) -> Result<Self, String> {
        match word {
            "merge" => Ok(Self::Merge),
            "replace" => Ok(Self::Replace),
            "delete" => Ok(Self::Delete),
            other => Err(format!(": unknown patch strategy {other:?}")),
        }
    }
}

/// Merges a patch into an object; false means that the object is to be deleted.
pub(super) fn merge(object: &mut Node, patch: &Node) -> Result<bool, String> {
    match walk(Some(object), Origin::Other(patch), Place::UNKNOWN) {
        Ok(Outcome::Gone) => Ok(false),
        // To kustomize, an object is not there to be replaced as a whole.
        Ok(Outcome::Kept | Outcome::New(_)) => Ok(true),
        Err(fault) => Err(fault.trim_start_matches([':', ' ']).to_owned()),
    }
}

fn walk(mut dest: Option<&mut Node>, origin: Origin<'_>, place: Place) -> Result<Outcome, String> {
    let patch = match origin {
        Origin::Other(patch) => Some(patch),
        _ => None,
    };
    if let (Some(dest), Some(patch)) = (dest.as_deref_mut(), patch)
        && !dest.is_null()
        && fields::is_empty(dest)
    {
        // What has no content yet will be written as the patch is.
        dest.is_delimited = patch.is_delimited;
    }
    let present = || dest.as_deref().into_iter().chain(patch).filter(|node| !node.is_null());
    let place = place.or_of(present());
    let Some(leading) = present().next() else { return mapping(dest, origin, place) };
    let wanted = fields::shape(leading);
    if let Some(wrong) = present().find(|node| fields::shape(node) != wanted) {
        return Err(format!(": is a {wanted} and the patch has a {}", fields::shape(wrong)));
    }
    match (&leading.content, place.keys()) {
        (Content::Mapping(_), _) => mapping(dest, origin, place),
        (Content::Sequence(_), Some(keys)) => list::merge(dest, origin, keys, place),
        (Content::Sequence(_) | Content::Scalar(_), _) => Ok(match origin {
            Origin::Other(patch) => Outcome::New(patch.clone()),
            Origin::Missing | Origin::Same => Outcome::Kept,
        }),
    }
}

fn mapping(dest: Option<&mut Node>, origin: Origin<'_>, place: Place) -> Result<Outcome, String> {
    match (dest, origin) {
        (Some(node), Origin::Missing) if node.is_null() => {
            // What says that it is null stays so.
            Ok(if node.as_text().is_empty() { Outcome::Gone } else { Outcome::Kept })
        }
        (None, Origin::Missing | Origin::Same) => Ok(Outcome::Gone),
        (_, Origin::Other(patch)) if patch.is_null() => Ok(Outcome::Gone),
        (Some(node), Origin::Same) if node.is_null() => Ok(Outcome::Gone),
        (Some(node), origin) if !node.is_null() => merge_mapping(node, origin, place),
        (_, Origin::Other(patch)) => match directive(patch) {
            Ok(Some(Directive::Delete)) => Ok(Outcome::Gone),
            read => new_mapping(patch, read.is_ok(), place),
        },
        (Some(_), Origin::Missing | Origin::Same) => Ok(Outcome::Kept),
    }
}

fn directive(patch: &Node) -> Result<Option<Directive>, String> {
    patch.field(DIRECTIVE).map(|word| Directive::of(word.as_text())).transpose()
}

/// A mapping that comes from the patch as a whole, without its directive.
fn new_mapping(patch: &Node, is_directive_known: bool, place: Place) -> Result<Outcome, String> {
    let mut node = patch.clone();
    if let Content::Mapping(fields) = &mut node.content {
        if is_directive_known {
            fields::clear(fields, DIRECTIVE);
        }
        merge_fields(fields, Origin::Same, false, place)?;
    }
    Ok(Outcome::New(node))
}

fn merge_mapping(dest: &mut Node, origin: Origin<'_>, place: Place) -> Result<Outcome, String> {
    let directive = match origin {
        Origin::Missing => None,
        Origin::Same => directive(dest)?,
        Origin::Other(patch) => directive(patch)?,
    };
    match (directive, origin) {
        (Some(Directive::Delete), _) => return Ok(Outcome::Gone),
        (Some(Directive::Replace), Origin::Other(patch)) => return new_mapping(patch, true, place),
        _ => {}
    }
    let Content::Mapping(fields) = &mut dest.content else { return Ok(Outcome::Kept) };
    if directive.is_some() && matches!(origin, Origin::Same) {
        fields::clear(fields, DIRECTIVE);
    }
    merge_fields(fields, origin, directive.is_some(), place)?;
    Ok(Outcome::Kept)
}

fn merge_fields(dest: &mut Fields, origin: Origin<'_>, has_directive: bool, place: Place) -> Result<(), String> {
    let patch = match origin {
        Origin::Other(patch) => patch.fields(),
        _ => &[],
    };
    let mut names: Vec<String> = dest.iter().chain(patch).map(|(key, _)| key.as_text().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let new = patch.iter().find(|(key, _)| key.as_text() == name);
        let new = new.filter(|_| !has_directive || name != DIRECTIVE);
        let origin = match (origin, new) {
            (Origin::Other(_), Some((_, value))) => Origin::Other(value),
            (Origin::Same, _) => Origin::Same,
            _ => Origin::Missing,
        };
        let old = dest.iter_mut().find(|(key, _)| key.as_text() == name).map(|(_, value)| value);
        let outcome = walk(old, origin, place.field(&name)).map_err(|fault| fields::inside(&name, &fault))?;
        fields::check_name(&name)?;
        match outcome {
            Outcome::Gone => fields::clear(dest, &name),
            Outcome::New(value) => fields::set(dest, &name, value, new.is_some_and(|(key, _)| key.is_delimited))?,
            Outcome::Kept => {
                if let Some((_, value)) = dest.iter_mut().find(|(key, _)| key.as_text() == name) {
                    fields::quote_odd_text(value);
                }
            }
        }
    }
    Ok(())
}
