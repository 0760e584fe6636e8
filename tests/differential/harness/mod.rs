//! Holds the engine against Helm's own code: the same request to both, drawn at random from a seed, and every difference made small.
//!
//! **Invariant:** the same seed and area give the same cases, so that whoever sees a difference can see it again.

#![allow(dead_code, unused_imports, reason = "the command and the tests use different parts")]

mod areas;
mod here;
mod oracle;
mod random;
mod shrink;

use anyhow::Result;
use serde_json::Value as Json;

pub(crate) use areas::{Area, drawn_functions, template};
pub(crate) use here::renderer;
pub(crate) use oracle::Oracle;

use random::Random;

/// How many requests go out together.
const BATCH: usize = 512;

/// A request that the two programs answer differently.
pub(crate) struct Difference {
    /// Which case of the seed it was; nothing for a kept case.
    pub(crate) case: Option<usize>,
    pub(crate) request: Json,
    pub(crate) helm: Json,
    pub(crate) rhumb: Json,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(case) = self.case {
            writeln!(f, "case {case}")?;
        }
        writeln!(f, "{}", areas::readable(&self.request))?;
        let (helm, rhumb) = (areas::shown(&self.helm), areas::shown(&self.rhumb));
        writeln!(f, "  helm:  {helm}\n  rhumb: {rhumb}")
    }
}

/// Draws the numbered cases of an area, tells of every difference, made small, and gives how many there are, at most so many.
pub(crate) fn search(
    oracle: &mut Oracle,
    area: Area,
    seed: u64,
    cases: std::ops::Range<usize>,
    at_most: usize,
    tell: &mut dyn FnMut(Difference),
) -> Result<usize> {
    let mut found = 0;
    let mut next = cases.start;
    while next < cases.end && found < at_most {
        let numbers = next..cases.end.min(next + BATCH);
        let requests: Vec<Json> = numbers.clone().map(|number| case(area, seed, number)).collect();
        for (offset, difference) in compare(oracle, &requests)? {
            if found < at_most {
                found += 1;
                let small = shrink::shrink(oracle, difference)?;
                tell(Difference { case: Some(numbers.start + offset), ..small });
            }
        }
        next = numbers.end;
    }
    Ok(found)
}

/// One case by its number, whatever came before it.
pub(crate) fn case(area: Area, seed: u64, number: usize) -> Json {
    let mut random = Random::new(seed.wrapping_mul(0x0100_0000_01b3).wrapping_add(number as u64));
    random.next();
    area.draw(&mut random)
}

/// What the engine answers, in the form of the kept answers.
pub(crate) fn answer(requests: &[Json]) -> Vec<Json> {
    here::answer(requests).into_iter().map(areas::comparable).collect()
}

/// A request with Helm's answer, as lines of `tests/data/differential` have it: templates of the drawn chart by their text.
pub(crate) fn kept(request: &Json, answer: &Json) -> Json {
    let text = request["files"]["templates/t.yaml"].as_str().unwrap_or_default();
    if *request == template(text) {
        return serde_json::json!({"template": text, "helm": answer});
    }
    serde_json::json!({"request": request, "helm": answer})
}

/// The request and Helm's answer of such a line.
pub(crate) fn read_kept(line: &str) -> (Json, Json) {
    let mut kept: Json = serde_json::from_str(line).unwrap_or_default();
    let request = match kept["template"].as_str() {
        Some(text) => template(text),
        None => kept["request"].take(),
    };
    (request, kept["helm"].take())
}

/// What Helm answers, to be kept.
pub(crate) fn record(oracle: &mut Oracle, requests: &[Json]) -> Result<Vec<Json>> {
    Ok(oracle.ask(requests)?.into_iter().map(areas::comparable).collect())
}

/// Asks both programs and gives the requests that they answer differently, with their positions.
pub(crate) fn compare(oracle: &mut Oracle, requests: &[Json]) -> Result<Vec<(usize, Difference)>> {
    compare_until(oracle, requests, usize::MAX)
}

/// The same, but at most so many: whether a difference is certain takes long to tell.
fn compare_until(oracle: &mut Oracle, requests: &[Json], most: usize) -> Result<Vec<(usize, Difference)>> {
    let theirs = oracle.ask(requests)?;
    let ours = here::answer(requests);
    let pairs = requests.iter().zip(theirs.into_iter().zip(ours)).enumerate();
    let differing = pairs.filter_map(|(position, (request, (helm, rhumb)))| {
        let (helm, rhumb) = (areas::comparable(helm), areas::comparable(rhumb));
        let difference = Difference { case: None, request: request.clone(), helm, rhumb };
        // What no program can answer in time tells nothing.
        let is_told = difference.helm.get("died").is_none();
        (is_told && difference.helm != difference.rhumb).then_some((position, difference))
    });
    let mut certain = Vec::new();
    for (position, difference) in differing {
        if certain.len() < most && is_settled(oracle, &difference)? {
            certain.push((position, difference));
        }
    }
    Ok(certain)
}

/// Whether Helm gives the same answer whenever it is asked: what depends on the order of Go's maps tells nothing. A map of two gives
/// another order only once in eight times, and so it is asked often.
fn is_settled(oracle: &mut Oracle, difference: &Difference) -> Result<bool> {
    for asked in [8, 92] {
        let again = oracle.ask(&vec![difference.request.clone(); asked])?;
        if again.into_iter().any(|answer| areas::comparable(answer) != difference.helm) {
            return Ok(false);
        }
    }
    Ok(true)
}
