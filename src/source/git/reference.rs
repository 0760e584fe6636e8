//! Which commit is wanted, and how a commit is written in a status.
//!
//! Counterpart: the `git` package of Flux, as source-controller 1.9 uses it.
//!
//! **Invariant:** a revision can be read back into the commit that it was written from.

use std::fmt;

use gix_hash::ObjectId;
use gix_protocol::handshake::Ref;

use super::signature::Signed;
use crate::version::{Constraints, Version};

/// The branch that is taken where nothing is said, as in Flux.
const DEFAULT_BRANCH: &str = "master";
/// How references to branches begin.
const BRANCHES: &str = "refs/heads/";
/// How references to tags begin.
const TAGS: &str = "refs/tags/";
/// What a name ends with that means the commit behind an annotated tag.
const PEELED: &str = "^{}";

/// Which commit of a repository; the first of commit, name, semver, tag and branch that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GitReference {
    /// A commit, in full.
    pub commit: Option<String>,
    /// The full name of a reference.
    pub name: Option<String>,
    /// A range of versions among the tags.
    pub semver: Option<String>,
    /// A tag.
    pub tag: Option<String>,
    /// A branch; with a commit, only how the revision is written.
    pub branch: Option<String>,
}

/// A commit, and by what it was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GitRevision {
    /// A branch, a tag or, where a full name was asked for, that name.
    pub label: Option<String>,
    /// The commit.
    pub(super) commit: ObjectId,
}

/// A tag by which a commit was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitTag {
    /// Its name, without `refs/tags/`.
    pub name: String,
    /// The tag's own object; none of a tag that is a mere name of the commit.
    pub(super) object: Option<ObjectId>,
    /// What of it is signed, and how.
    pub signed: Signed,
}

impl GitReference {
    /// The prefixes of the references that have to be asked for; `None` if the commit is known already.
    pub(super) fn prefixes(&self) -> Option<Vec<String>> {
        if self.commit.is_some() {
            return None;
        }
        if let Some(name) = &self.name {
            return Some(vec![name.strip_suffix(PEELED).unwrap_or(name).to_owned()]);
        }
        if self.semver.is_some() {
            return Some(vec![TAGS.to_owned()]);
        }
        Some(vec![self.full_name()])
    }

    /// The full name of the tag or branch.
    fn full_name(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{TAGS}{tag}"),
            None => format!("{BRANCHES}{}", self.branch_name()),
        }
    }

    fn branch_name(&self) -> &str {
        self.branch.as_deref().unwrap_or(DEFAULT_BRANCH)
    }

    /// The commit that the reference names itself.
    ///
    /// # Errors
    /// It is no commit of 40 hex digits.
    pub(super) fn exact(&self) -> Result<Option<GitRevision>, String> {
        let Some(commit) = &self.commit else { return Ok(None) };
        let id = ObjectId::from_hex(commit.as_bytes()).ok().filter(|id| id.kind() == gix_hash::Kind::Sha1);
        let commit = id.ok_or_else(|| format!("'{commit}' is no commit: it has to have 40 hex digits"))?;
        Ok(Some(GitRevision { label: self.branch.clone(), commit }))
    }

    /// The commit that the reference stands for among those that the server told of.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn find(&self, refs: &[Ref]) -> Result<GitRevision, String> {
        if let Some(name) = &self.name {
            let plain = name.strip_suffix(PEELED).unwrap_or(name);
            let commit = commit_of(refs, plain)?;
            return Ok(GitRevision { label: Some(name.clone()), commit });
        }
        if let Some(range) = &self.semver {
            let tag = newest_tag(refs, range)?;
            let commit = commit_of(refs, &format!("{TAGS}{tag}"))?;
            return Ok(GitRevision { label: Some(tag), commit });
        }
        let commit = commit_of(refs, &self.full_name())?;
        let label = self.tag.as_deref().unwrap_or_else(|| self.branch_name()).to_owned();
        Ok(GitRevision { label: Some(label), commit })
    }
}

impl GitReference {
    /// The tag that the reference stands for among those that the server told of, not read yet; none if it is not to a tag.
    pub(super) fn tag_in(&self, refs: &[Ref], found: &GitRevision) -> Option<GitTag> {
        let label = found.label.as_deref()?;
        let name = match (&self.name, self.semver.is_some() || self.tag.is_some()) {
            (Some(name), _) => name.strip_suffix(PEELED).unwrap_or(name).strip_prefix(TAGS)?,
            (None, true) => label,
            (None, false) => return None,
        };
        let full = format!("{TAGS}{name}");
        let object = refs.iter().find_map(|found| match found {
            Ref::Peeled { full_ref_name, tag, .. } if *full_ref_name == full => Some(*tag),
            _ => None,
        });
        Some(GitTag { name: name.to_owned(), object, signed: Signed::default() })
    }
}

impl fmt::Display for GitTag {
    /// As Flux writes it: the name and, for a tag with an object of its own, that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}@{object}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl GitRevision {
    /// Reads a revision as it stands in a status: `main@sha1:…`, `sha1:…` or, as old versions of Flux wrote it, `main/…`.
    pub fn parse(text: &str) -> Option<Self> {
        let (label, hex) = match text.rsplit_once('@') {
            Some((label, digest)) => (Some(label), digest.strip_prefix("sha1:")?),
            None => match text.strip_prefix("sha1:") {
                Some(hex) => (None, hex),
                None => text.rsplit_once('/').map_or((None, text), |(label, hex)| (Some(label), hex)),
            },
        };
        let commit = ObjectId::from_hex(hex.as_bytes()).ok()?;
        Some(Self { label: label.map(str::to_owned), commit })
    }

    /// The commit in hex.
    pub fn hash(&self) -> String {
        self.commit.to_string()
    }
}

impl fmt::Display for GitRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = &self.label {
            write!(f, "{label}@")?;
        }
        write!(f, "sha1:{}", self.commit)
    }
}

/// The object that a reference stands for; that of an annotated tag is what the tag points to.
pub(super) fn object_of(found: &Ref) -> Option<ObjectId> {
    match found {
        Ref::Peeled { object, .. } | Ref::Direct { object, .. } | Ref::Symbolic { object, .. } => Some(*object),
        Ref::Unborn { .. } => None,
    }
}

fn commit_of(refs: &[Ref], name: &str) -> Result<ObjectId, String> {
    let named = refs.iter().find(|found| name_of(found).as_deref() == Some(name));
    let found = named.and_then(object_of);
    found.ok_or_else(|| {
        let kind = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let others: Vec<String> = refs.iter().filter_map(name_of).filter(|other| other.starts_with(kind)).collect();
        let hint = match others.as_slice() {
            [] => String::new(),
            [first, ..] => format!("; there are {} like '{first}'", others.len()),
        };
        format!("couldn't find remote ref \"{name}\"{hint}")
    })
}

fn name_of(found: &Ref) -> Option<String> {
    match found {
        Ref::Peeled { full_ref_name, .. } | Ref::Direct { full_ref_name, .. } | Ref::Symbolic { full_ref_name, .. } => {
            Some(full_ref_name.to_string())
        }
        Ref::Unborn { .. } => None,
    }
}

/// The tag with the highest version in a range. Tags that differ in build metadata alone are taken in the order of their names, where
/// Flux takes the newest commit, which it has to fetch for that.
fn newest_tag(refs: &[Ref], range: &str) -> Result<String, String> {
    let constraints = Constraints::parse(range).map_err(|error| format!("semver parse error: {error}"))?;
    let names: Vec<String> = refs.iter().filter_map(name_of).collect();
    let tags = names.iter().filter_map(|name| name.strip_prefix(TAGS));
    let versions = tags.clone().filter_map(|tag| Some((Version::parse(tag).ok()?, tag)));
    let newest = versions.filter(|(version, _)| constraints.check(version)).max();
    newest.map(|(_, tag)| tag.to_owned()).ok_or_else(|| {
        let newest = tags.filter_map(|tag| Some((Version::parse(tag).ok()?, tag))).max();
        let hint = newest.map_or_else(String::new, |(_, tag)| format!(" (the newest version is tag '{tag}')"));
        format!("no match found for semver: {range}{hint}")
    })
}

#[cfg(test)]
mod tests {
    //! Revisions are written as the tests of Flux's `git` package have them.

    use super::*;

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    fn refs() -> Vec<Ref> {
        let direct = |name: &str, digit| Ref::Direct { full_ref_name: name.into(), object: id(digit) };
        let peeled =
            |name: &str, tag, digit| Ref::Peeled { full_ref_name: name.into(), tag: id(tag), object: id(digit) };
        vec![
            direct("refs/heads/main", 'a'),
            direct("refs/pull/1/head", 'b'),
            direct("refs/tags/v1.2.0", 'c'),
            peeled("refs/tags/1.10.0", 'd', 'e'),
            direct("refs/tags/v2.0.0-rc.1", 'f'),
            direct("refs/tags/latest", '0'),
        ]
    }

    fn found(reference: &GitReference) -> Result<String, String> {
        reference.find(&refs()).map(|revision| revision.to_string())
    }

    #[test]
    fn what_is_given_first_holds() {
        let text = |text: &str| Some(text.to_owned());
        let branch = GitReference { branch: text("main"), ..GitReference::default() };
        assert_eq!(found(&branch).unwrap(), format!("main@sha1:{}", id('a')));
        let tag = GitReference { tag: text("1.10.0"), ..branch.clone() };
        assert_eq!(found(&tag).unwrap(), format!("1.10.0@sha1:{}", id('e')));
        let named = |reference: &GitReference| {
            reference.tag_in(&refs(), &reference.find(&refs()).unwrap()).map(|tag| tag.to_string())
        };
        assert_eq!((named(&branch), named(&tag)), (None, Some(format!("1.10.0@{}", id('d')))));
        let light = GitReference { name: text("refs/tags/v1.2.0"), ..branch.clone() };
        assert_eq!(named(&light).as_deref(), Some("v1.2.0"));
        let semver = GitReference { semver: text("1.x"), ..tag.clone() };
        assert_eq!(found(&semver).unwrap(), format!("1.10.0@sha1:{}", id('e')));
        let name = GitReference { name: text("refs/pull/1/head"), ..semver.clone() };
        assert_eq!(found(&name).unwrap(), format!("refs/pull/1/head@sha1:{}", id('b')));
        assert_eq!(name.prefixes(), Some(vec!["refs/pull/1/head".to_owned()]));
        let commit = GitReference { commit: Some(id('c').to_string()), ..name };
        assert_eq!(commit.exact().unwrap().unwrap().to_string(), format!("main@sha1:{}", id('c')));
        assert_eq!(commit.prefixes(), None);
        let alone = GitReference { commit: Some(id('c').to_string()), ..GitReference::default() };
        assert_eq!(alone.exact().unwrap().unwrap().to_string(), format!("sha1:{}", id('c')));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = found(&GitReference::default()).unwrap_err();
        assert_eq!(error, "couldn't find remote ref \"refs/heads/master\"; there are 1 like 'refs/heads/main'");
        let semver = GitReference { semver: Some(">=2.0.0".to_owned()), ..GitReference::default() };
        assert_eq!(
            found(&semver).unwrap_err(),
            "no match found for semver: >=2.0.0 (the newest version is tag 'v2.0.0-rc.1')"
        );
        let commit = GitReference { commit: Some("main".to_owned()), ..GitReference::default() };
        assert_eq!(commit.exact().unwrap_err(), "'main' is no commit: it has to have 40 hex digits");
    }

    #[test]
    fn revisions_are_read_back() {
        for text in ["main@sha1:", "feature/a@sha1:", "sha1:", "refs/pull/1/head@sha1:"] {
            let text = format!("{text}{}", id('a'));
            assert_eq!(GitRevision::parse(&text).unwrap().to_string(), text);
        }
        assert_eq!(GitRevision::parse(&format!("main/{}", id('b'))).unwrap().hash(), id('b').to_string());
        assert_eq!(GitRevision::parse("main@sha256:ab"), None);
    }
}
