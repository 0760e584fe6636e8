//! `spec.dependsOn`: releases that must be ready first.
//!
//! The store of HelmReleases answers, so asking costs no request; a change of any of them wakes those that depend on it. Releases of other
//! shards are not in the store: each look asks the API server for them, as Flux 1.6 does, and `--requeue-dependency` says how often.
//!
//! **Invariant:** a dependency counts as ready only for the generation that it has.

use std::sync::Arc;

use kube::api::Api;
use kube_runtime::reflector::ObjectRef;
use serde_json::Value;

use super::Error;
use super::context::{Context, identity};

use crate::api::HelmRelease;
use crate::api::conditions::{condition_type, find, is_true};
use crate::api::helm_release::DependencyReference;
use crate::readiness::{Expression, ExpressionError};

/// The variable for the release itself.
const SELF: &str = "self";
/// The variable for the dependency.
const DEPENDENCY: &str = "dep";

/// Checks every dependency; the first that is not ready is told.
pub(super) async fn check(release: &HelmRelease, ctx: &Context) -> Result<(), Error> {
    let (own_namespace, _) = identity(release);
    for dependency in &release.spec.depends_on {
        let (namespace, name) = key(dependency, own_namespace);
        let found = find_release(namespace, name, ctx).await?;
        let expression = ready_expression(dependency)?;
        let why = match (found, expression) {
            (None, _) => ": it does not exist".to_owned(),
            (Some(found), Some(expression)) => {
                match expression.holds([(SELF, &to_json(release)), (DEPENDENCY, &to_json(&found))]) {
                    Ok(true) if !ctx.config.additive_ready_expressions => continue,
                    Ok(true) => match not_ready(&found) {
                        None => continue,
                        Some(why) => format!(": {why}"),
                    },
                    Ok(false) => " according to its readyExpr".to_owned(),
                    Err(error) => format!(": {error}"),
                }
            }
            (Some(found), None) => match not_ready(&found) {
                None => continue,
                Some(why) => format!(": {why}"),
            },
        };
        return Err(Error::DependencyNotReady { namespace: namespace.to_owned(), name: name.to_owned(), why });
    }
    Ok(())
}

/// A release, wherever it is reconciled.
async fn find_release(namespace: &str, name: &str, ctx: &Context) -> Result<Option<Arc<HelmRelease>>, Error> {
    let found = ctx.releases.get(&ObjectRef::new(name).within(namespace));
    if found.is_some() || ctx.config.watch_label_selector.is_none() {
        return Ok(found);
    }
    let api: Api<HelmRelease> = Api::namespaced(ctx.client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(found) => Ok(found.map(Arc::new)),
        Err(source) => Err(Error::Read { what: format!("HelmRelease {namespace}/{name}"), source: Box::new(source) }),
    }
}

/// The expression that says whether a dependency is ready, instead of its Ready condition.
fn ready_expression(dependency: &DependencyReference) -> Result<Option<Expression>, Error> {
    let Some(text) = dependency.ready_expr.as_deref().filter(|text| !text.is_empty()) else { return Ok(None) };
    let field = || format!("spec.dependsOn[{}].readyExpr", dependency.name);
    let expression = Expression::parse(text).map_err(|source| Error::Expression { field: field(), source })?;
    let unknown = expression.unknown_variables(&[SELF, DEPENDENCY]);
    if let Some(name) = unknown.first() {
        let message = format!("undeclared reference to '{name}': there are only '{SELF}' and '{DEPENDENCY}'");
        let source = ExpressionError::Invalid { source_text: text.to_owned(), message };
        return Err(Error::Expression { field: field(), source });
    }
    Ok(Some(expression))
}

fn to_json(release: &HelmRelease) -> Value {
    serde_json::to_value(release).unwrap_or_default()
}

/// A release that another depends on.
pub(super) struct DependencyKey<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// Whether an expression tells that it is ready, which any change of either can make true.
    pub(super) by_expression: bool,
}

/// The releases that a release depends on.
pub(super) fn depends_on(release: &HelmRelease) -> impl Iterator<Item = DependencyKey<'_>> {
    let (own_namespace, _) = identity(release);
    release.spec.depends_on.iter().map(move |dependency| {
        let (namespace, name) = key(dependency, own_namespace);
        DependencyKey { namespace, name, by_expression: dependency.ready_expr.is_some() }
    })
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
