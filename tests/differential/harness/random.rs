//! Numbers that look random and are the same for the same seed, and the texts of `tests/differential/pools.txt` that they pick.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A generator: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// A text of a pool; none of a pool that does not exist.
    pub(crate) fn of(&mut self, pool: &str) -> &'static str {
        let texts = pools().get(pool).map(Vec::as_slice).unwrap_or_default();
        texts.get(self.below(texts.len())).map_or("", String::as_str)
    }

    /// One of these.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// The pools by name, read once.
fn pools() -> &'static BTreeMap<&'static str, Vec<String>> {
    static POOLS: OnceLock<BTreeMap<&'static str, Vec<String>>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let mut pools: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut name = "";
        for line in include_str!("../pools.txt").lines() {
            if let Some(next) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name = next;
            } else if let Ok(text) = serde_json::from_str(line) {
                pools.entry(name).or_default().push(text);
            }
        }
        pools
    })
}
