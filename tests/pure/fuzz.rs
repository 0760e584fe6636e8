//! The fuzz targets of `tests/fuzz`, run over their seeds and over some thousand changes of them: no fuzzer is needed for that.
//!
//! The changes are drawn from a fixed seed, so that every run is the same. `tests/fuzz/README.md` says how to search for longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, thread};

#[path = "../fuzz/targets/mod.rs"]
mod targets;

/// How many changed inputs each target gets.
const CHANGED: usize = 2_000;
/// No input is longer.
const MAX_LENGTH: usize = 4_096;

/// Numbers that look random: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    /// A piece of one of the inputs.
    fn piece<'a>(&mut self, inputs: &'a [Vec<u8>]) -> &'a [u8] {
        let input = &inputs[self.below(inputs.len())];
        let start = self.below(input.len() + 1);
        let length = self.below(24);
        &input[start..input.len().min(start + length)]
    }
}

/// An input with some bytes taken out, put in, changed, doubled or brought over from other inputs.
fn changed(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(6) {
        let start = random.below(bytes.len() + 1);
        let end = bytes.len().min(start + random.below(12));
        match random.below(6) {
            0 => drop(bytes.drain(start..end)),
            1 => bytes.insert(start, random.below(256) as u8),
            2 if start < bytes.len() => bytes[start] ^= 1 << random.below(8),
            3 => {
                let doubled = bytes[start..end].to_vec();
                bytes.splice(start..start, doubled);
            }
            4 => bytes.truncate(start.max(1)),
            _ => {
                let piece = random.piece(inputs).to_vec();
                bytes.splice(start..end, piece);
            }
        }
    }
    bytes.truncate(MAX_LENGTH);
    bytes
}

/// The seeds of a target, by their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = crate::project::root().join("tests/fuzz/seeds").join(target);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What is wrong with the target, if anything, with the input that shows it.
fn fault(name: &str, target: targets::Target) -> Option<String> {
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "{name} has seeds");
    let mut random = Random(1);
    let changed = (0..CHANGED).map(|_| changed(&mut random, &seeds));
    seeds.clone().into_iter().chain(changed).find_map(|input| {
        let ran = catch_unwind(AssertUnwindSafe(|| target(&input)));
        ran.is_err().then(|| format!("{name} panics for {:?}", input.escape_ascii().to_string()))
    })
}

#[test]
fn every_target_takes_its_seeds_and_changes_of_them() {
    let faults: Vec<String> = thread::scope(|scope| {
        let run = |(name, target): &(&'static str, targets::Target)| {
            let (name, target) = (*name, *target);
            scope.spawn(move || fault(name, target))
        };
        let running: Vec<_> = targets::TARGETS.iter().map(run).collect();
        running.into_iter().filter_map(|target| target.join().unwrap()).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_target_has_a_program() {
    let root = crate::project::root().join("tests/fuzz");
    let package = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        assert!(package.contains(&format!("path = \"programs/{name}.rs\"")), "{name} in Cargo.toml");
        let program = fs::read_to_string(root.join(format!("programs/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("targets::run(\"{name}\", data)")), "{name} in its program");
    }
}
