//! The heads of many documents, half of them on a second processor where there is enough to read.
//!
//! **Invariant:** what comes out does not depend on where it was read.

use std::thread;

use super::Head;

/// From so many bytes on, reading takes several times as long as starting a thread.
const WORTH_A_THREAD: usize = 128 << 10;

/// The head of each document, in order; for those that have none, why.
pub(super) fn read_all(documents: &[&str]) -> Vec<Result<Head, String>> {
    let Some(middle) = middle(documents) else { return read(documents) };
    let (front, back) = documents.split_at(middle);
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("heads".to_owned()).spawn_scoped(scope, || read(back));
        let mut heads = read(front);
        let rest = reader.map_or_else(|_| Ok(read(back)), thread::ScopedJoinHandle::join);
        heads.extend(rest.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        heads
    })
}

fn read(documents: &[&str]) -> Vec<Result<Head, String>> {
    documents.iter().map(|document| Head::parse(document)).collect()
}

/// Where the second half of the text begins, if there is enough of it.
fn middle(documents: &[&str]) -> Option<usize> {
    let length: usize = documents.iter().map(|document| document.len()).sum();
    if length < WORTH_A_THREAD || documents.len() < 2 {
        return None;
    }
    let mut before = 0;
    let middle = documents.iter().position(|document| {
        before += document.len();
        before > length / 2
    });
    // Neither half is empty.
    Some(middle?.clamp(1, documents.len() - 1))
}

#[cfg(test)]
mod tests {
    use super::{WORTH_A_THREAD, middle, read, read_all};

    #[test]
    fn halves_give_what_the_whole_gives_in_its_order() {
        let padding = "#".repeat(WORTH_A_THREAD / 4);
        let mut texts: Vec<String> =
            (0..6).map(|at| format!("kind: K{at}\nmetadata: {{name: n}}\n{padding}")).collect();
        texts.push(format!("kind: [{padding}"));
        let documents: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(middle(&documents), Some(3));
        let heads = read_all(&documents);
        assert_eq!(heads, read(&documents));
        assert_eq!(heads[5].as_ref().unwrap().kind, "K5");
        assert!(heads[6].is_err());
    }

    #[test]
    fn halves_are_never_empty_and_small_texts_stay_whole() {
        let long = "#".repeat(WORTH_A_THREAD);
        assert_eq!(middle(&[&long, "a: 1"]), Some(1));
        assert_eq!(middle(&["a: 1", &long]), Some(1));
        assert_eq!(middle(&[&long]), None);
        assert_eq!(middle(&["a: 1", "b: 2"]), None);
        assert_eq!(middle(&[]), None);
    }
}
