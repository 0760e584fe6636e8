//! Errors with what they stem from, in one line.
//!
//! **Invariant:** nothing is said that the errors do not say themselves.

use std::error::Error;

/// An error with its causes, the outermost first, each told once: those of clients name neither the address nor the reason by themselves.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::causes;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn every_cause_is_told_once() {
        let error = |text| Outer { text, source: io::Error::other("connection refused") };
        assert_eq!(causes(&error("client error (Connect)")), "client error (Connect): connection refused");
        assert_eq!(causes(&error("it failed: connection refused")), "it failed: connection refused");
    }
}
