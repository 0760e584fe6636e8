//! Takes out of objects and texts what may be secret.
//!
//! What a field means decides, not what its content looks like: values, patches and variables go, whatever they say; logins and queries
//! go out of every URL.
//!
//! **Invariant:** the shape of an object stays, so that one still sees which values are given.

use serde_json::Value;

/// What stands in the place of what was taken out.
pub(super) const MASK: &str = "***";

/// Annotations whose content is the project's, Helm's or Kubernetes' own; those of others may say anything.
const KNOWN_ANNOTATIONS: [&str; 5] =
    ["reconcile.fluxcd.io/", "helm.toolkit.fluxcd.io/", "meta.helm.sh/", "helm.sh/", "deployment.kubernetes.io/"];

/// Fields of which every leaf is masked, wherever they are in a specification.
const OPAQUE: [&str; 4] = ["values", "postRenderers", "env", "envFrom"];

/// Masks an object of the API, in place.
pub(super) fn object(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        for (name, value) in metadata.get_mut("annotations").and_then(Value::as_object_mut).into_iter().flatten() {
            if !KNOWN_ANNOTATIONS.iter().any(|known| name.starts_with(known)) {
                *value = MASK.into();
            }
        }
    }
    if let Some(spec) = object.get_mut("spec") {
        opaque(spec);
    }
    strings(object);
}

fn opaque(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if OPAQUE.contains(&name.as_str()) { leaves(value) } else { opaque(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(opaque),
        _ => {}
    }
}

/// Masks every leaf; the names of variables stay.
fn leaves(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().filter(|(name, _)| *name != "name").for_each(|(_, it)| leaves(it)),
        Value::Array(items) => items.iter_mut().for_each(leaves),
        Value::Null => {}
        leaf => *leaf = MASK.into(),
    }
}

fn strings(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(_, it)| strings(it)),
        Value::Array(items) => items.iter_mut().for_each(strings),
        Value::String(string) if string.contains("://") => *string = text(string),
        _ => {}
    }
}

/// Masks logins and queries in every URL of a text.
pub(super) fn text(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        masked.push_str(before);
        masked.push_str("://");
        let ends = |letter: char| letter.is_whitespace() || "\"'`<>()\\,".contains(letter);
        let (url, following) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let path = url.find(['/', '?', '#']).unwrap_or(url.len());
        let (authority, path) = url.split_at(path);
        match authority.rsplit_once('@') {
            Some((_, host)) => masked.extend([MASK, "@", host]),
            None => masked.push_str(authority),
        }
        match path.split_once('?') {
            Some((path, _)) => masked.extend([path, "?", MASK]),
            None => masked.push_str(path),
        }
        rest = following;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logins_and_queries_of_urls_are_masked_and_nothing_else() {
        for (given, masked) in [
            ("no address", "no address"),
            ("https://charts.example.test/a", "https://charts.example.test/a"),
            ("https://ann:s3cret@charts.example.test/a", "https://***@charts.example.test/a"),
            ("https://a@b:s3cret@host", "https://***@host"),
            ("fetch \"https://h/i.yaml?token=s3cret\": 404", "fetch \"https://h/i.yaml?***\": 404"),
            ("ssh://git@host/x, oci://h/y", "ssh://***@host/x, oci://h/y"),
            ("http://h?x=s3cret", "http://h?***"),
        ] {
            assert_eq!(text(given), masked);
        }
    }

    #[test]
    fn what_may_be_secret_in_an_object_is_masked_and_its_shape_stays() {
        let mut release = json!({
            "metadata": {
                "name": "web",
                "managedFields": [{"manager": "s3cret"}],
                "annotations": {"mine": "s3cret", "reconcile.fluxcd.io/requestedAt": "now"},
            },
            "spec": {
                "values": {"password": "s3cret", "list": [1, {"name": "kept", "value": "s3cret"}], "none": null},
                "valuesFrom": [{"kind": "Secret", "name": "credentials"}],
                "postRenderers": [{"kustomize": {"patches": [{"patch": "s3cret"}]}}],
                "chart": {"repo": "https://u:s3cret@host", "spec": {"values": "s3cret"}},
            },
            "status": {"conditions": [{"message": "get https://u:s3cret@host: no"}]},
        });
        object(&mut release);
        assert!(!release.to_string().contains("s3cret"), "{release}");
        assert_eq!(
            release["spec"]["values"],
            json!({"password": "***", "list": ["***", {"name": "kept", "value": "***"}], "none": null})
        );
        assert_eq!(release["spec"]["valuesFrom"][0]["name"], "credentials");
        assert_eq!(release["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"], "now");
        assert_eq!(release["status"]["conditions"][0]["message"], "get https://***@host: no");
    }
}
