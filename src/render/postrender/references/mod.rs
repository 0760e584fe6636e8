//! References to objects that a patch gave another name: they follow.
//!
//! Counterpart: `nameReferenceTransformer` and `filters/nameref` of kustomize api 0.21.1. Only JSON6902 patches give other names, and so
//! only what such a patch was for can be referred to.
//!
//! **Invariant:** nothing but references changes; places of built-in kinds that have another shape than references need are refused.

mod table;

use self::table::{Kind, REFERRALS};
use super::documents::Object;
use super::fields;
use super::id::Id;
use super::notes;
use crate::goyaml::{Content, Node, Tag};

/// An object that may be referred to.
struct Candidate {
    now: Id,
    before: Vec<Id>,
}

/// One kind of reference in an object.
struct Reference<'a> {
    referrer: &'a Id,
    target: Kind,
    /// Group and kind that the object itself says it refers to.
    role: Option<(String, String)>,
    candidates: &'a [&'a Candidate],
}

/// Lets all references follow.
pub(super) fn follow(objects: &mut [Object]) -> Result<(), String> {
    let candidate =
        |object: &Object| Candidate { now: Id::of(&object.node), before: notes::previous_ids(&object.node) };
    let all: Vec<Candidate> = objects.iter().map(candidate).collect();
    for (object, own) in objects.iter_mut().zip(&all) {
        let within = |fault: String| format!("{}: {fault}", own.now);
        let subjects = namespaces_of_subjects(&own.now, &object.node).map_err(within)?;
        let candidates: Vec<&Candidate> = all
            .iter()
            .filter(|it| {
                let is_near = it.now.is_in_same_namespace(&own.now) || subjects.contains(&it.now.namespace);
                own.now.is_of_cluster || it.now.is_of_cluster || is_near
            })
            .collect();
        let original = own.before.first().unwrap_or(&own.now);
        for referral in &REFERRALS {
            for path in referral.paths(original) {
                let role = path.ends_with(&["roleRef", "name"]).then(|| role(&object.node)).flatten();
                let reference = Reference { referrer: &own.now, target: referral.kind, role, candidates: &candidates };
                reference.visit(&mut object.node, &path).map_err(within)?;
            }
        }
    }
    Ok(())
}

/// The namespaces of service accounts that a role binding is for.
fn namespaces_of_subjects(id: &Id, object: &Node) -> Result<Vec<String>, String> {
    let mut namespaces = Vec::new();
    let subjects = object.field("subjects").filter(|_| id.kind == "RoleBinding").map_or(&[][..], Node::items);
    for (index, subject) in subjects.iter().enumerate() {
        let Content::Mapping(_) = subject.content else {
            return Err(format!("subjects[{index}]{}", fields::misshapen(subject, "mapping")));
        };
        let (Some(namespace), Some(kind)) = (subject.field("namespace"), subject.field("kind")) else { continue };
        let is_text = |node: &Node| node.to_json().is_ok_and(|json| json.is_string());
        if !is_text(kind) || kind.as_text() == "ServiceAccount" && !is_text(namespace) {
            return Err(format!("subjects[{index}]: kind and namespace must be texts"));
        }
        if kind.as_text() == "ServiceAccount" {
            namespaces.push(namespace.as_text().to_owned());
        }
    }
    Ok(namespaces)
}

fn role(object: &Node) -> Option<(String, String)> {
    let role = object.field("roleRef")?;
    Some((role.field("apiGroup")?.as_text().to_owned(), role.field("kind")?.as_text().to_owned()))
}

impl Reference<'_> {
    /// Goes along a path, through lists wherever they are.
    fn visit(&self, node: &mut Node, path: &[&str]) -> Result<(), String> {
        if node.is_null() {
            return Ok(());
        }
        let Some((name, rest)) = path.split_first() else { return self.update(node) };
        match &mut node.content {
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.visit(item, path)),
            Content::Mapping(_) => {
                let next = node.field_mut(name).map_or(Ok(()), |next| self.visit(next, rest));
                next.map_err(|fault| fields::inside(name, &fault))
            }
            Content::Scalar(_) => Err(fields::misshapen(node, "mapping or list")),
        }
    }

    fn update(&self, node: &mut Node) -> Result<(), String> {
        match &mut node.content {
            Content::Scalar(_) => self.update_text(node),
            Content::Mapping(_) => self.update_mapping(node),
            Content::Sequence(items) => {
                items.iter_mut().filter(|item| !item.is_null()).try_for_each(|item| match &item.content {
                    Content::Scalar(_) => self.update_text(item),
                    Content::Mapping(_) => self.update_mapping(item),
                    Content::Sequence(_) => Err(fields::misshapen(item, "text or mapping")),
                })
            }
        }
    }

    fn update_text(&self, node: &mut Node) -> Result<(), String> {
        let found = self.select(node.as_text(), self.candidates, |one, other| one.name == other.name)?;
        if let Some(now) = found.filter(|now| now.name != node.as_text()) {
            node.content = Content::Scalar(now.name.clone());
            // Its type is to be guessed anew.
            node.tag = Tag::None;
        }
        Ok(())
    }

    fn update_mapping(&self, node: &mut Node) -> Result<(), String> {
        let Some(old) = node.field("name").map(|name| name.as_text().to_owned()) else {
            return Err(": has no name".to_owned());
        };
        let candidates = match node.field("namespace").map(Node::as_text) {
            None => self.candidates.to_vec(),
            Some(namespace) => self.of_namespace(namespace),
        };
        let is_same = |one: &Id, other: &Id| (&one.name, &one.namespace) == (&other.name, &other.namespace);
        let Some(now) = self.select(&old, &candidates, is_same)? else { return Ok(()) };
        let Some(all) = fields::fields_mut(node)? else { return Ok(()) };
        if now.name != old || !now.namespace.is_empty() {
            fields::set(all, "name", Node::plain(&now.name), false)?;
        }
        if !now.namespace.is_empty() {
            fields::set(all, "namespace", Node::plain(&now.namespace), false)?;
        }
        Ok(())
    }

    /// Candidates that were in a namespace, or if there are none, that are there now.
    fn of_namespace(&self, namespace: &str) -> Vec<&Candidate> {
        let those = |id: fn(&Candidate) -> &Id| -> Vec<&Candidate> {
            let is_there = |it: &Candidate| id(it).effective_namespace() == namespace && !it.now.is_of_cluster;
            self.candidates.iter().copied().filter(|it| is_there(it)).collect()
        };
        let before = those(|it| it.before.first().unwrap_or(&it.now));
        if before.is_empty() { those(|it| &it.now) } else { before }
    }

    /// The one object that had this name.
    fn select<'a>(
        &self,
        old: &str,
        candidates: &[&'a Candidate],
        is_same: fn(&Id, &Id) -> bool,
    ) -> Result<Option<&'a Id>, String> {
        let is_role = |id: &Id| {
            self.role.as_ref().is_none_or(|(group, kind)| {
                (group.is_empty() || *group == id.group) && (kind.is_empty() || *kind == id.kind)
            })
        };
        let is_near = |now: &Id| {
            let is_anywhere = now.is_of_cluster || now.kind == "ServiceAccount";
            self.referrer.is_of_cluster || is_anywhere || self.referrer.is_in_same_namespace(now)
        };
        let mut found = candidates.iter().filter(|it| {
            it.before.iter().any(|id| id.name == old)
                && it.before.iter().any(|id| self.target.is_of(id))
                && it.before.iter().any(is_role)
                && is_near(&it.now)
        });
        let Some(first) = found.next() else { return Ok(None) };
        if let Some(other) = found.find(|other| !is_same(&first.now, &other.now)) {
            return Err(format!(": found multiple possible referrals: {}, {}", first.now, other.now));
        }
        Ok(Some(&first.now))
    }
}
