//! New names, tags and digests for container images.
//!
//! Counterpart: `filters/imagetag` and `internal/image` of kustomize api 0.21.1.
//!
//! **Invariant:** only images of containers and of image volumes change, never those in a CustomResourceDefinition.

use regex::Regex;
use serde_json::Value;

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

    pub(super) fn apply(&self, object: &mut Value) {
        if object.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition") {
            return;
        }
        self.walk(object);
        for spec in ["/spec", "/spec/template/spec"] {
            let volumes =
                object.pointer_mut(spec).and_then(|spec| spec.get_mut("volumes")).and_then(Value::as_array_mut);
            for volume in volumes.into_iter().flatten() {
                if let Some(reference) = volume.pointer_mut("/image/reference") {
                    self.replace(reference);
                }
            }
        }
    }

    /// Lists of containers count wherever they are, in custom resources as well.
    fn walk(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    self.walk(value);
                    if matches!(name.as_str(), "containers" | "initContainers") {
                        let containers = value.as_array_mut().into_iter().flatten();
                        containers
                            .filter_map(|container| container.get_mut("image"))
                            .for_each(|image| self.replace(image));
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item)),
            _ => {}
        }
    }

    fn replace(&self, place: &mut Value) {
        if let Value::String(text) = place
            && self.pattern.is_match(text)
        {
            *text = self.image.renamed(text);
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
