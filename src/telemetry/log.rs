//! Log lines as Flux's controllers write them: one JSON object a line with `level`, `ts`, `msg` and the fields of the reconcile.
//!
//! **Invariant:** a line is one line; a value that is not valid text is escaped, never dropped.

use std::fmt;
use std::io::Write as _;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt as text};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Encoding {
    /// One JSON object a line.
    Json,
    /// Text for a person at a terminal.
    Console,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log level is none that is known.
    #[error("log level {level:?} is none of trace, debug, info, error, nor a filter")]
    Level {
        /// The level as given.
        level: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else has set up logging already.
    #[error("logging is set up already")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// What hears of spans besides the log; it says itself which.
pub type SpanListener = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up logging for the whole process, to standard error. `level` is one of Flux's levels or a filter as in `RUST_LOG`; it does not hold
/// for the listener.
pub fn install(level: &str, encoding: Encoding, listener: Option<SpanListener>) -> Result<(), Error> {
    // Flux's `info` is about its own work; the libraries below are asked for warnings only, unless a filter says otherwise.
    // The client tells of each request that fails, without why; whoever asked is told with the reason, and says so.
    let directives = match level {
        "trace" | "debug" | "info" | "warn" | "error" => format!("warn,kube_client::client::builder=off,rhumb={level}"),
        filter => filter.to_owned(),
    };
    let filter = EnvFilter::try_new(directives).map_err(|source| Error::Level { level: level.to_owned(), source })?;
    let registry = tracing_subscriber::registry();
    match listener {
        None => registry.with(filter).with(lines(encoding)).try_init()?,
        Some(listener) => registry.with(listener).with(lines(encoding).with_filter(filter)).try_init()?,
    }
    Ok(())
}

fn lines<S>(encoding: Encoding) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match encoding {
        Encoding::Json => JsonLines.boxed(),
        Encoding::Console => text::layer().with_writer(std::io::stderr).boxed(),
    }
}

/// Writes each event as a line of JSON.
struct JsonLines;

/// The fields of a span, kept for the events inside it.
struct SpanFields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut line = Map::new();
        line.insert("level".to_owned(), level_name(*event.metadata().level()).into());
        line.insert("ts".to_owned(), format!("{:.3}", jiff::Timestamp::now()).into());
        for span in ctx.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(message) = fields.0.remove("message") {
            line.insert("msg".to_owned(), message);
        }
        line.extend(fields.0);
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // A log that cannot be written has nowhere to say so.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// The level's name; Flux's controllers have no `warn`.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN | Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}
