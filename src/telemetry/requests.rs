//! Requests to API servers, counted by their answers, as client-go counts them.
//!
//! **Invariant:** labels are the method, the status and the server's host; never a path.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: String,
    method: String,
    host: String,
}

/// The answers of API servers; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    answers: Family<RequestLabels, Counter>,
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("rest_client_requests", "Requests to API servers, by answer", self.answers.clone());
    }

    /// Notes an answer: its HTTP status, or none where no answer came.
    pub fn answered(&self, method: &str, host: &str, code: Option<u16>) {
        let code = code.map_or_else(|| "<error>".to_owned(), |code| code.to_string());
        let labels = RequestLabels { code, method: method.to_owned(), host: host.to_owned() };
        self.answers.get_or_create(&labels).inc();
    }
}
