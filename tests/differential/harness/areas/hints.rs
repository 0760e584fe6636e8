//! What each function wants: the table in `tests/differential/functions.txt`.

use std::sync::OnceLock;

/// A function as drawn calls call it.
pub(super) struct Hint {
    pub(super) name: &'static str,
    /// A letter for each argument; the table says which.
    pub(super) arguments: &'static str,
    /// What to show of the call, if its result is random or told by the clock: `{}` stands for the call.
    pub(super) shown: Option<&'static str>,
}

/// The table, read once.
pub(super) fn hints() -> &'static [Hint] {
    static HINTS: OnceLock<Vec<Hint>> = OnceLock::new();
    HINTS.get_or_init(|| {
        let lines = include_str!("../../functions.txt").lines().filter(|line| !line.starts_with('#'));
        let hints = lines.map(|line| {
            let (call, shown) = line.split_once(" | ").map_or((line, None), |(call, shown)| (call, Some(shown)));
            let (name, arguments) = call.split_once(' ').unwrap_or((call, ""));
            Hint { name, arguments, shown }
        });
        hints.collect()
    })
}
