//! `spec.dependsOn`: releases that must be ready first.
//!
//! The store of HelmReleases answers, so asking costs no request; a change of any of them wakes those that depend on it.
//!
//! **Invariant:** a dependency counts as ready only for the generation that it has.

use kube_runtime::reflector::ObjectRef;

use super::Error;
use super::context::{Context, identity};
use crate::api::HelmRelease;
use crate::api::conditions::{condition_type, find, is_true};
use crate::api::helm_release::DependencyReference;

/// Checks every dependency; the first that is not ready is told.
pub(super) fn check(release: &HelmRelease, ctx: &Context) -> Result<(), Error> {
    let (own_namespace, _) = identity(release);
    for dependency in &release.spec.depends_on {
        let (namespace, name) = key(dependency, own_namespace);
        let found = ctx.releases.get(&ObjectRef::new(name).within(namespace));
        let why = match found {
            Some(found) => match not_ready(&found) {
                None => continue,
                Some(why) => format!(": {why}"),
            },
            None => ": it does not exist".to_owned(),
        };
        return Err(Error::DependencyNotReady { namespace: namespace.to_owned(), name: name.to_owned(), why });
    }
    Ok(())
}

/// Whether a release depends on another.
pub(super) fn depends_on(release: &HelmRelease, namespace: &str, name: &str) -> bool {
    let (own_namespace, _) = identity(release);
    release.spec.depends_on.iter().any(|dependency| key(dependency, own_namespace) == (namespace, name))
}

fn key<'a>(dependency: &'a DependencyReference, own_namespace: &'a str) -> (&'a str, &'a str) {
    (
        dependency.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own_namespace),
        &dependency.name,
    )
}

/// Why a release is not ready, if it is not.
fn not_ready(release: &HelmRelease) -> Option<String> {
    let Some(status) = &release.status else { return Some("it has no status yet".to_owned()) };
    if status.observed_generation != release.metadata.generation {
        return Some("its latest generation has not been dealt with yet".to_owned());
    }
    if is_true(&status.conditions, condition_type::READY) {
        return None;
    }
    Some(find(&status.conditions, condition_type::READY).map_or_else(String::new, |ready| ready.message.clone()))
}
