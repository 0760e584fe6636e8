//! New names, tags and digests for container images.
//!
//! Counterpart: `filters/imagetag` and `internal/image` of kustomize api 0.21.1.
//!
//! **Invariant:** only images of containers and of image volumes change, never those in a CustomResourceDefinition.

use regex::Regex;

use super::fields;
use crate::goyaml::{Content, Node, Tag};

/// Where images are, beside lists of containers.
const PLACES: [&[&str]; 6] = [
    &["spec", "containers", "image"],
    &["spec", "initContainers", "image"],
    &["spec", "volumes", "image", "reference"],
    &["spec", "template", "spec", "containers", "image"],
    &["spec", "template", "spec", "initContainers", "image"],
    &["spec", "template", "spec", "volumes", "image", "reference"],
];

/// What to put in the place of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The image's name without tag and digest; kustomize takes it for a regular expression.
    pub name: String,
    /// The new name; empty keeps the old one.
    pub new_name: String,
    /// The new tag; empty keeps the old one, unless there is a new digest.
    pub new_tag: String,
    /// The new digest; empty keeps the old one, unless there is a new tag.
    pub digest: String,
}

/// An image rule that is ready to be applied.
pub(super) struct Rule<'a> {
    image: &'a Image,
    pattern: Regex,
}

impl<'a> Rule<'a> {
    pub(super) fn new(image: &'a Image) -> Result<Self, String> {
        const REST: &str = "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$";
        let pattern = Regex::new(&format!("^{}{REST}", image.name))
            .map_err(|_| format!("{:?} is not the name of an image", image.name))?;
        Ok(Self { image, pattern })
    }

    pub(super) fn apply(&self, object: &mut Node) -> Result<(), String> {
        if object.field("kind").map(Node::as_text) == Some("CustomResourceDefinition") {
            return Ok(());
        }
        self.walk(object)?;
        PLACES.iter().try_for_each(|place| self.follow(object, place))
    }

    /// Lists of containers count wherever they are, in custom resources as well.
    fn walk(&self, node: &mut Node) -> Result<(), String> {
        match &mut node.content {
            Content::Mapping(fields) => fields.iter_mut().try_for_each(|(key, value)| {
                let name = key.as_text();
                let done = self.walk(value).and_then(|()| match &mut value.content {
                    Content::Sequence(items) if matches!(name, "containers" | "initContainers") => {
                        items.iter_mut().try_for_each(|container| self.in_container(container))
                    }
                    _ => Ok(()),
                });
                done.map_err(|fault| fields::inside(name, &fault))
            }),
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.walk(item)),
            Content::Scalar(_) => Ok(()),
        }
    }

    fn in_container(&self, container: &mut Node) -> Result<(), String> {
        fields::fields_mut(container)?;
        container.field_mut("image").map_or(Ok(()), |image| self.replace(image))
    }

    /// Goes along a path, through lists wherever they are.
    fn follow(&self, node: &mut Node, path: &[&str]) -> Result<(), String> {
        let Some((name, rest)) = path.split_first() else { return self.replace(node) };
        if node.is_null() {
            return Ok(());
        }
        match &mut node.content {
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.follow(item, path)),
            Content::Mapping(_) => {
                let next = node.field_mut(name).map_or(Ok(()), |next| {
                    // A list that is null is made an empty one.
                    if next.is_null() && matches!(*name, "containers" | "initContainers" | "volumes") {
                        *next = Node::sequence(Vec::new());
                    }
                    self.follow(next, rest)
                });
                next.map_err(|fault| fields::inside(name, &fault))
            }
            Content::Scalar(_) => Err(fields::misshapen(node, "mapping or list")),
        }
    }

    fn replace(&self, place: &mut Node) -> Result<(), String> {
        let wrong = fields::misshapen(place, "scalar");
        let is_null = place.is_null();
        match &mut place.content {
            Content::Scalar(text) if self.pattern.is_match(text) => {
                *text = self.image.renamed(text);
                // Its type is to be guessed anew.
                place.tag = Tag::None;
                Ok(())
            }
            Content::Scalar(_) => Ok(()),
            _ if is_null => Ok(()),
            _ => Err(wrong),
        }
    }
}

impl Image {
    /// The image that takes the place of `old`.
    fn renamed(&self, old: &str) -> String {
        let (name, mut tag, mut digest) = split(old);
        if !self.new_tag.is_empty() || !self.digest.is_empty() {
            (tag, digest) = (&self.new_tag, &self.digest);
        }
        let mut image = if self.new_name.is_empty() { name.to_owned() } else { self.new_name.clone() };
        for (separator, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                image.push(separator);
                image.push_str(part);
            }
        }
        image
    }
}

/// Name, tag and digest; a colon before the first slash belongs to a port of the registry.
fn split(image: &str) -> (&str, &str, &str) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let path = rest.find('/').unwrap_or(0);
    let colon = rest.get(path..).and_then(|tail| tail.find(':')).map(|at| path + at);
    let (name, tag) = colon.and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    (name, tag.strip_prefix(':').unwrap_or(tag), digest)
}
