//! One request about one object, with its answer as JSON and its failure told in full.
//!
//! A request that can be sent twice is, where the server failed to answer it.
//!
//! **Invariant:** never waits for one answer longer than [`REQUEST_TIMEOUT`], nor begins to wait for another after that.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::core::response::Status;
use kube::core::{DynamicObject, Request, Resource as _};
use serde_json::Value;

use super::retry::pause_after;
use super::{Cluster, Failure, FieldConflict, ObjectReference, Operation, ResourceKind};
use crate::telemetry::causes;

/// How long a request may take. The API server gives up after a minute itself.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether the request made the object.
    pub(crate) created: bool,
    /// The object or status.
    pub(crate) body: Value,
}

/// The path of a kind in a namespace.
pub(crate) fn path(kind: &ResourceKind, namespace: Option<&str>) -> Request {
    Request::new(DynamicObject::url_path(&kind.api, namespace.filter(|_| kind.namespaced)))
}

impl Cluster {
    /// Sends a request that was built by [`path`].
    pub(crate) async fn send(
        &self,
        operation: Operation,
        object: &ObjectReference,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Answer, Failure> {
        let failed = |code, reason: &str, message: String| Failure {
            operation,
            object: object.clone(),
            code,
            reason: reason.to_owned(),
            message,
            fields: Vec::new(),
            conflicts: Vec::new(),
        };
        // Attempts share the bytes: a release's record can be large.
        let request = request.map_err(|error| failed(400, "BadRequest", error.to_string()))?.map(Bytes::from);
        let begun = Instant::now();
        let mut attempts = 0;
        let (code, bytes) = loop {
            let failure = match self.exchange(request.clone()).await {
                Ok((code, bytes)) if code.is_success() => break (code, bytes),
                Ok((code, bytes)) => refused(operation, object, code, &bytes),
                Err(message) => failed(0, "", message),
            };
            // Who does not answer at all is not asked once more after that.
            let pause = pause_after(&failure, attempts).filter(|_| begun.elapsed() < REQUEST_TIMEOUT);
            let Some(pause) = pause else { return Err(failure) };
            tracing::debug!(%failure, "a request is sent again");
            tokio::time::sleep(pause).await;
            attempts += 1;
        };
        let body = serde_json::from_slice(&bytes).map_err(|_| failed(0, "", "the answer is not JSON".into()))?;
        Ok(Answer { created: code == StatusCode::CREATED, body })
    }

    /// One request and its answer, or why there is none.
    async fn exchange(&self, request: http::Request<Bytes>) -> Result<(StatusCode, Bytes), String> {
        let exchange = async {
            let response = self.client.send(request.map(Body::from)).await?;
            let code = response.status();
            let bytes = response.into_body().collect().await?.to_bytes();
            Ok::<_, kube::Error>((code, bytes))
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(answer) => answer.map_err(|error| causes(&error)),
            Err(_) => Err(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())),
        }
    }

    /// Reads an object; none where it does not exist.
    pub(crate) async fn read(&self, kind: &ResourceKind, object: &ObjectReference) -> Result<Option<Value>, Failure> {
        let request = path(kind, object.namespace.as_deref()).get(&object.name, &kube::api::GetParams::default());
        match self.send(Operation::Get, object, request).await {
            Ok(answer) => Ok(Some(answer.body)),
            Err(failure) if failure.code == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

fn refused(operation: Operation, object: &ObjectReference, code: StatusCode, body: &[u8]) -> Failure {
    let status: Status = serde_json::from_slice(body).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(body.get(..body.len().min(512)).unwrap_or_default()).trim().to_owned();
        Status::failure(&text, code.canonical_reason().unwrap_or_default())
    });
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    let (conflicts, causes): (Vec<_>, Vec<_>) =
        causes.into_iter().partition(|cause| cause.reason == "FieldManagerConflict");
    let mut fields: Vec<String> =
        causes.into_iter().map(|cause| cause.field).filter(|field| !field.is_empty()).collect();
    fields.extend(undeclared(&status.message).map(str::to_owned));
    let message = if object.kind == "Secret" { without_values(&status.message) } else { status.message };
    Failure {
        operation,
        object: object.clone(),
        code: code.as_u16(),
        reason: status.reason,
        message,
        fields,
        conflicts: conflicts
            .into_iter()
            .map(|cause| FieldConflict { manager: quoted(&cause.message).to_owned(), field: cause.field })
            .collect(),
    }
}

/// The fields of which server-side apply says that the schema has none, as in `.spec.x: field not declared in schema`.
fn undeclared(message: &str) -> impl Iterator<Item = &str> {
    let parts = message.split(": field not declared in schema");
    let count = parts.clone().count();
    parts.take(count.saturating_sub(1)).filter_map(|part| part.rsplit([' ', '\n']).next())
}

/// The first quoted word, as in `conflict with "kubectl-edit" using apps/v1`.
fn quoted(message: &str) -> &str {
    message.split('"').nth(1).unwrap_or_default()
}

/// The server's message about a Secret up to the first place where it may quote a value.
fn without_values(message: &str) -> String {
    let marks = ["Invalid value: ", ", got ", "Unsupported value: ", "Duplicate value: "];
    let cut = marks.iter().filter_map(|mark| message.find(mark).map(|at| at + mark.len())).min();
    match cut.and_then(|at| message.get(..at)) {
        Some(head) => format!("{head}(hidden)"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> ObjectReference {
        ObjectReference {
            group: String::new(),
            version: "v1".into(),
            kind: "Secret".into(),
            namespace: Some("apps".into()),
            name: "key".into(),
        }
    }

    #[test]
    fn refusal_names_the_fields_and_hides_values_of_secrets() {
        let body = br#"{"kind":"Status","code":422,"reason":"Invalid","message":"Secret \"key\" is invalid: data[a]: Invalid value: \"hunter2\": no",
            "details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: \"hunter2\"","field":"data[a]"}]}}"#;
        let failure = refused(Operation::Patch, &secret(), StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(
            failure.to_string(),
            "cannot patch Secret/apps/key: Secret \"key\" is invalid: data[a]: Invalid value: (hidden)"
        );
        assert_eq!(failure.fields, ["data[a]"]);
    }

    #[test]
    fn undeclared_fields_are_named() {
        let message = "failed to create typed patch object (a; v1): errors:\n  .dataa: field not declared in schema\n  .spec.x: field not declared in schema";
        assert_eq!(undeclared(message).collect::<Vec<_>>(), [".dataa", ".spec.x"]);
        assert_eq!(undeclared("nothing of the kind").count(), 0);
    }

    #[test]
    fn refusal_that_is_no_status_keeps_its_text() {
        let failure = refused(Operation::Get, &secret(), StatusCode::BAD_GATEWAY, b" upstream died \n");
        assert_eq!((failure.code, failure.message.as_str()), (502, "upstream died"));
    }
}
