//! Git over HTTP: the requests of gitoxide's transport, made by our own client.
//!
//! **Invariant:** credentials, redirects and limits are those of every other download; gitoxide adds none of its own.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use futures::TryStreamExt as _;
use gix_transport::Protocol;
use gix_transport::client::blocking_io::http::{
    GetResponse, Http as GitHttp, PostBodyDataKind, PostResponse, Transport,
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use tokio_util::io::StreamReader;
use url::Url;

use super::bridge::{Reading, Waiting};
use super::pack::error_text;
use crate::source::http::{Http, Outgoing};
use crate::source::{Access, Error};
use crate::telemetry::causes;

/// What the URL ends with at which a talk begins.
const BEGINNING: &str = "/info/refs";

/// Where a request's own error is left for whoever began the talk; gitoxide would keep its text alone.
pub(super) type Failure = Arc<Mutex<Option<Error>>>;

/// Makes the requests of one talk.
pub(super) struct Requests {
    asker: Arc<Asker>,
    /// Where the server sent us instead of the repository's URL.
    moved: Option<String>,
}

/// What it takes to make a request.
pub(super) struct Asker {
    pub(super) http: Arc<Http>,
    pub(super) access: Access,
    pub(super) waiting: Waiting,
    pub(super) failure: Failure,
}

/// The transport to the repository of an access.
///
/// # Errors
/// Its URL is none.
pub(super) fn transport(asker: Asker) -> Result<Transport<Requests>, String> {
    let mut url = Url::parse(&asker.access.url).map_err(|error| error.to_string())?;
    // gitoxide would send them by itself. Both calls fail only for URLs that cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let url = gix_url::parse(url.as_str()).map_err(|error| error_text(&error))?;
    Ok(Transport::new_http(Requests { asker: Arc::new(asker), moved: None }, url, Protocol::V2, false))
}

impl Asker {
    fn ask(&self, url: &str, outgoing: &Outgoing) -> io::Result<Response> {
        let url = Url::parse(url).map_err(io::Error::other)?;
        let answer = self.waiting.on(self.http.open(&self.access, &url, outgoing))?;
        answer.map_err(|error| {
            let text = error.to_string();
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            io::Error::other(text)
        })
    }

    fn opened(&self, response: Response) -> Opened {
        let mut headers = Vec::new();
        for (name, value) in response.headers() {
            headers.extend_from_slice(name.as_str().as_bytes());
            headers.extend_from_slice(b": ");
            headers.extend_from_slice(value.as_bytes());
            headers.push(b'\n');
        }
        let chunks = response.bytes_stream().map_err(|error| io::Error::other(causes(&error.without_url())));
        let stream = Box::pin(StreamReader::new(chunks));
        Opened { headers, body: BufReader::new(Reading { waiting: self.waiting.clone(), stream }) }
    }
}

/// An answer that has begun.
struct Opened {
    headers: Vec<u8>,
    body: BufReader<Reading>,
}

/// A request whose body is still being written, or its answer, of which each part is taken once.
struct Exchange {
    asker: Arc<Asker>,
    url: String,
    outgoing: Outgoing,
    body: Vec<u8>,
    headers: Option<Vec<u8>>,
    answer: Option<BufReader<Reading>>,
    is_sent: bool,
}

type Shared = Arc<Mutex<Exchange>>;

impl Exchange {
    /// Sends the request unless that was done.
    fn send(&mut self) -> io::Result<()> {
        if self.is_sent {
            return Ok(());
        }
        self.is_sent = true;
        let body = std::mem::take(&mut self.body).into();
        let outgoing = Outgoing { body, ..self.outgoing.clone() };
        let opened = self.asker.opened(self.asker.ask(&self.url, &outgoing)?);
        self.headers = Some(opened.headers);
        self.answer = Some(opened.body);
        Ok(())
    }
}

impl GitHttp for Requests {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        _: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix_error::Result<GetResponse<Headers, Body>> {
        let outgoing = Outgoing { method: Method::GET, headers: header_map(headers), body: bytes::Bytes::new() };
        let response = self.asker.ask(url, &outgoing).map_err(gix_error::Error::from_error)?;
        let mut end = response.url().clone();
        end.set_query(None);
        if let Some(base) = end.as_str().strip_suffix(BEGINNING) {
            self.moved = Some(base.to_owned());
        }
        let opened = self.asker.opened(response);
        let headers = Headers(Part::Here(Cursor::new(opened.headers)));
        Ok(GetResponse { headers, body: Body(Part::Here(opened.body)) })
    }

    fn post(
        &mut self,
        url: &str,
        _: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _: PostBodyDataKind,
    ) -> gix_error::Result<PostResponse<Headers, Body, PostBody>> {
        let outgoing = Outgoing { method: Method::POST, headers: header_map(headers), body: bytes::Bytes::new() };
        let exchange = Arc::new(Mutex::new(Exchange {
            asker: Arc::clone(&self.asker),
            url: url.to_owned(),
            outgoing,
            body: Vec::new(),
            headers: None,
            answer: None,
            is_sent: false,
        }));
        Ok(PostResponse {
            post_body: PostBody(Arc::clone(&exchange)),
            headers: Headers(Part::Later(Arc::clone(&exchange))),
            body: Body(Part::Later(exchange)),
        })
    }

    fn configure(&mut self, _: &dyn std::any::Any) -> gix_error::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.moved.clone()
    }
}

/// gitoxide gives headers as lines.
fn header_map(lines: impl IntoIterator<Item = impl AsRef<str>>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = line.as_ref().split_once(':') else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim())) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A part of an answer, at hand or to be asked for when it is first read.
enum Part<T> {
    Here(T),
    Later(Shared),
}

impl<T> Part<T> {
    fn get(&mut self, take: impl FnOnce(&mut Exchange) -> Option<T>) -> io::Result<&mut T> {
        if let Self::Later(exchange) = self {
            let mut exchange = exchange.lock().unwrap_or_else(PoisonError::into_inner);
            exchange.send()?;
            let part = take(&mut exchange).ok_or_else(|| io::Error::other("the answer was read already"))?;
            drop(exchange);
            *self = Self::Here(part);
        }
        match self {
            Self::Here(part) => Ok(part),
            Self::Later(_) => Err(io::Error::other("the answer was not sent")),
        }
    }
}

/// The headers of an answer.
pub(super) struct Headers(Part<Cursor<Vec<u8>>>);

impl Headers {
    fn lines(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        self.0.get(|exchange| exchange.headers.take().map(Cursor::new))
    }
}

impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lines()?.read(buffer)
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lines()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Part::Here(lines) = &mut self.0 {
            lines.consume(amount);
        }
    }
}

/// The body of an answer.
pub(super) struct Body(Part<BufReader<Reading>>);

impl Body {
    fn reader(&mut self) -> io::Result<&mut BufReader<Reading>> {
        self.0.get(|exchange| exchange.answer.take())
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader()?.read(buffer)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Part::Here(reader) = &mut self.0 {
            reader.consume(amount);
        }
    }
}

/// The body of a request, which goes out when the answer is first asked for.
pub(super) struct PostBody(Shared);

impl Write for PostBody {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
