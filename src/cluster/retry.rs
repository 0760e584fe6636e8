//! How long to wait before a request is sent again that the API server failed to answer.
//!
//! The client itself repeats what is answered with 429, 503 or 504. This is about the rest: no answer at all, and answers that tell of a
//! fault on the other side, to requests that can be sent twice without harm.
//!
//! **Invariant:** ends after about half a minute; what lasts longer is the back-off's business.

use std::time::Duration;

use super::{Class, Failure, Operation};

/// Pauses while the server is away.
const AWAY: [u64; 8] = [250, 500, 1000, 2000, 4000, 8000, 8000, 8000];
/// How many of them are worth it where it answers, but badly.
const BAD_ANSWERS: usize = 3;

/// The pause before another attempt, after so many; none if another makes no sense.
pub fn pause(attempts: usize, code: u16) -> Option<Duration> {
    let most = match code {
        0 | 502 => AWAY.len(),
        500 | 409 => BAD_ANSWERS,
        _ => return None,
    };
    AWAY.get(attempts).filter(|_| attempts < most).map(|millis| Duration::from_millis(*millis))
}

/// The pause before a failed request is sent again; none if that would do no good, or harm.
pub(super) fn pause_after(failure: &Failure, attempts: usize) -> Option<Duration> {
    let repeatable = match failure.operation {
        Operation::Get | Operation::List | Operation::Patch | Operation::Delete | Operation::DryRun => true,
        // Whether it was carried out is for whoever sent it to find out.
        Operation::Create | Operation::Replace => false,
    };
    // A conflict over fields is an answer; one over versions is a race that somebody else has won.
    let is_answer = !failure.conflicts.is_empty() || failure.class() == Class::Terminal;
    if repeatable && !is_answer { pause(attempts, failure.code) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{FieldConflict, ObjectReference};

    fn failure(operation: Operation, code: u16, message: &str) -> Failure {
        let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        Failure {
            operation,
            object: ObjectReference::of(&object).unwrap(),
            code,
            reason: String::new(),
            message: message.to_owned(),
            fields: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    fn attempts(failure: &Failure) -> usize {
        (0..100).take_while(|attempts| pause_after(failure, *attempts).is_some()).count()
    }

    #[test]
    fn faults_of_the_server_are_tried_again_and_answers_are_not() {
        assert_eq!(attempts(&failure(Operation::Patch, 0, "connection refused")), AWAY.len());
        assert_eq!(attempts(&failure(Operation::Patch, 500, "etcd is away")), BAD_ANSWERS);
        assert_eq!(attempts(&failure(Operation::Patch, 500, "failed to create typed patch object")), 0);
        assert_eq!(attempts(&failure(Operation::Get, 404, "not found")), 0);
        assert_eq!(attempts(&failure(Operation::Create, 0, "connection reset")), 0);
        let mut conflict = failure(Operation::Patch, 409, "the object has been modified");
        assert_eq!(attempts(&conflict), BAD_ANSWERS);
        conflict.conflicts.push(FieldConflict { manager: "a".to_owned(), field: ".b".to_owned() });
        assert_eq!(attempts(&conflict), 0);
    }
}
