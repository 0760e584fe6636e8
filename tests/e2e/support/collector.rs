//! An OpenTelemetry collector on loopback: takes traces by OTLP over HTTP and keeps them.
//!
//! In: protobuf messages, which it takes apart by their field numbers. Out: spans. Never answers anything but that all is well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;

use super::http_server::HttpServer;

/// A running collector; dropping it stops it.
pub(crate) struct Collector {
    server: HttpServer,
    bodies: Bodies,
}

type Bodies = Arc<Mutex<Vec<Bytes>>>;

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    /// Empty for the outermost.
    pub(crate) parent: Vec<u8>,
    pub(crate) name: String,
    /// Those that are texts.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_failed: bool,
    pub(crate) service: String,
}

impl Collector {
    /// Starts one.
    pub(crate) fn start() -> Result<Self> {
        let bodies = Bodies::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&bodies));
        Ok(Self { server: HttpServer::start(router)?, bodies })
    }

    /// What `--otlp-endpoint` has to be.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// All that came, as it came.
    pub(crate) fn bodies(&self) -> Vec<Bytes> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All spans that came.
    pub(crate) fn spans(&self) -> Result<Vec<Span>> {
        let mut spans = Vec::new();
        for body in self.bodies() {
            for resource_spans in messages(&body, 1)? {
                let resource = messages(resource_spans, 1)?.first().copied().unwrap_or_default();
                let service = attributes(resource, 1)?.remove("service.name").unwrap_or_default();
                for scope_spans in messages(resource_spans, 2)? {
                    for span in messages(scope_spans, 2)? {
                        spans.push(read_span(span, &service)?);
                    }
                }
            }
        }
        Ok(spans)
    }
}

async fn take(State(bodies): State<Bodies>, headers: HeaderMap, body: Bytes) -> &'static str {
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/x-protobuf") {
        bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    }
    ""
}

// The numbers are those of opentelemetry/proto/trace/v1/trace.proto.
fn read_span(span: &[u8], service: &str) -> Result<Span> {
    let one = |number| Ok::<_, anyhow::Error>(messages(span, number)?.first().copied().unwrap_or_default());
    let status = one(15)?;
    Ok(Span {
        trace: one(1)?.to_vec(),
        id: one(2)?.to_vec(),
        parent: one(4)?.to_vec(),
        name: String::from_utf8(one(5)?.to_vec())?,
        attributes: attributes(span, 9)?,
        is_failed: fields(status)?.contains(&(3, Field::Number(2))),
        service: service.to_owned(),
    })
}

fn attributes(message: &[u8], number: u64) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for pair in messages(message, number)? {
        let text = |bytes: Option<&&[u8]>| String::from_utf8_lossy(bytes.copied().unwrap_or_default()).into_owned();
        let key = text(messages(pair, 1)?.first());
        let value = messages(pair, 2)?.first().copied().unwrap_or_default();
        all.insert(key, text(messages(value, 1)?.first()));
    }
    Ok(all)
}

/// The values of a field that has bytes.
fn messages(message: &[u8], number: u64) -> Result<Vec<&[u8]>> {
    let bytes = |(at, field)| match field {
        Field::Bytes(bytes) if at == number => Some(bytes),
        _ => None,
    };
    Ok(fields(message)?.into_iter().filter_map(bytes).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message by their numbers.
fn fields(mut left: &[u8]) -> Result<Vec<(u64, Field<'_>)>> {
    let mut all = Vec::new();
    while !left.is_empty() {
        let tag = number(&mut left)?;
        let field = match tag & 7 {
            0 => Field::Number(number(&mut left)?),
            1 => Field::Bytes(bytes(&mut left, 8)?),
            2 => {
                let length = usize::try_from(number(&mut left)?)?;
                Field::Bytes(bytes(&mut left, length)?)
            }
            5 => Field::Bytes(bytes(&mut left, 4)?),
            kind => bail!("a field of kind {kind}"),
        };
        all.push((tag >> 3, field));
    }
    Ok(all)
}

fn bytes<'a>(left: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(length).context("a message ends too early")?;
    *left = rest;
    Ok(taken)
}

fn number(left: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes(left, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    ensure!(false, "a number of more than ten bytes");
    Ok(value)
}
