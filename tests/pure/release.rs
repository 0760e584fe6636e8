//! Release records against what Flux and Helm make of the same input.
//!
//! `config_digest.tsv`: values as JSON and what `DigestValues` of github.com/fluxcd/pkg/chartutil gives for them.

use rhumb::chart::{Values, with_float_numbers};
use rhumb::release::config_digest;

#[test]
fn config_digests_are_flux_s() {
    let table = include_str!("../data/release/config_digest.tsv");
    assert!(table.lines().count() > 3);
    for line in table.lines() {
        let (json, digest) = line.split_once('\t').unwrap();
        let values: Values = serde_json::from_str(json).unwrap();
        assert_eq!(config_digest(&values).unwrap(), digest, "{json}");
        assert_eq!(config_digest(&with_float_numbers(values)).unwrap(), digest, "{json} with floats");
    }
}
