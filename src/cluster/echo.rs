//! Telling our own writes from those of others in a stream of watch events.
//!
//! The event of a write may come before the server's answer to it. While a write or a whole action is under way, touches are held back;
//! at its end those that our own writes caused are dropped and the others told.
//!
//! **Invariant:** a touch that is not ours is told exactly once, if late.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// One version of one object; no version stands for its deletion.
pub(crate) type Write = (String, Option<String>);

/// Held touches of every owner that is being worked on.
pub(crate) struct Echoes<K, T> {
    held: HashMap<K, Held<T>>,
}

struct Held<T> {
    depth: usize,
    own: HashSet<Write>,
    touches: Vec<(Write, T)>,
}

impl<K, T> Default for Echoes<K, T> {
    fn default() -> Self {
        Self { held: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone, T> Echoes<K, T> {
    /// Begins to hold back an owner's touches.
    pub(crate) fn hold(&mut self, owner: &K) {
        let held = self.held.entry(owner.clone()).or_insert_with(|| Held {
            depth: 0,
            own: HashSet::new(),
            touches: Vec::new(),
        });
        held.depth += 1;
    }

    /// Ends it and returns the touches that are not ours.
    pub(crate) fn release(&mut self, owner: &K) -> Vec<T> {
        let Some(held) = self.held.get_mut(owner) else { return Vec::new() };
        held.depth -= 1;
        if held.depth > 0 {
            return Vec::new();
        }
        let Some(Held { own, touches, .. }) = self.held.remove(owner) else { return Vec::new() };
        touches.into_iter().filter(|(write, _)| !own.contains(write)).map(|(_, touch)| touch).collect()
    }

    /// Says that a write was ours.
    pub(crate) fn own(&mut self, owner: &K, write: Write) {
        if let Some(held) = self.held.get_mut(owner) {
            held.own.insert(write);
        }
    }

    /// Takes a touch, and returns it unless it is held back.
    pub(crate) fn touch(&mut self, owner: &K, write: Write, touch: T) -> Option<T> {
        match self.held.get_mut(owner) {
            Some(held) => {
                held.touches.push((write, touch));
                None
            }
            None => Some(touch),
        }
    }
}

/// Whether a resource version is newer than another. Versions that are no numbers are newer when they differ.
pub(crate) fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => version != than,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(version: &str) -> Write {
        ("uid".into(), Some(version.into()))
    }

    #[test]
    fn own_writes_are_dropped_and_foreign_ones_told_at_the_end() {
        let mut echoes = Echoes::default();
        echoes.hold(&"web");
        assert_eq!(echoes.touch(&"web", write("5"), "ours"), None);
        assert_eq!(echoes.touch(&"web", write("6"), "theirs"), None);
        echoes.own(&"web", write("5"));
        assert_eq!(echoes.release(&"web"), ["theirs"]);
        assert_eq!(echoes.touch(&"web", write("7"), "later"), Some("later"));
    }

    #[test]
    fn nested_holds_end_with_the_outermost() {
        let mut echoes = Echoes::default();
        echoes.hold(&"web");
        echoes.hold(&"web");
        echoes.touch(&"web", write("5"), "theirs");
        assert!(echoes.release(&"web").is_empty());
        assert_eq!(echoes.release(&"web"), ["theirs"]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(is_newer("10", "9"));
        assert!(!is_newer("9", "9"));
        assert!(is_newer("b", "a"));
    }
}
