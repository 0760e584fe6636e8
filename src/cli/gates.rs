//! `--feature-gates`, in the form of Flux: `Name=true,Other=false`.
//!
//! **Invariant:** a gate that has no effect here is named in a warning, never an error.

use std::collections::BTreeMap;

/// The gates that were set.
#[derive(Clone, Debug, Default)]
pub(super) struct Gates(BTreeMap<String, bool>);

/// Gates of Flux's helm-controller 1.6 that have an effect here.
pub(super) const ADDITIVE_CEL_DEPENDENCY_CHECK: &str = "AdditiveCELDependencyCheck";
pub(super) const CANCEL_HEALTH_CHECK_ON_NEW_REVISION: &str = "CancelHealthCheckOnNewRevision";
pub(super) const DISABLE_CONFIG_WATCHERS: &str = "DisableConfigWatchers";
const KNOWN: [&str; 3] = [ADDITIVE_CEL_DEPENDENCY_CHECK, CANCEL_HEALTH_CHECK_ON_NEW_REVISION, DISABLE_CONFIG_WATCHERS];

impl Gates {
    /// Reads the flag.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let gate = |part: &str| {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("missing bool value for {part}"))?;
            let on = match value.trim().to_ascii_lowercase().as_str() {
                "1" | "t" | "true" => true,
                "0" | "f" | "false" => false,
                other => return Err(format!("invalid value of {}={other}, use true or false", name.trim())),
            };
            Ok((name.trim().to_owned(), on))
        };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(gate).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a gate is open; where nothing is said, as given.
    pub(super) fn is_open(&self, name: &str, default: bool) -> bool {
        self.0.get(name).copied().unwrap_or(default)
    }

    /// The gates that were set and have no effect.
    pub(super) fn without_effect(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|name| !KNOWN.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_as_flux_reads_them() {
        let gates = Gates::parse("AdditiveCELDependencyCheck=true, OOMWatch=1,DisableConfigWatchers=False").unwrap();
        assert!(gates.is_open(ADDITIVE_CEL_DEPENDENCY_CHECK, false));
        assert!(!gates.is_open(DISABLE_CONFIG_WATCHERS, true));
        assert!(gates.is_open(CANCEL_HEALTH_CHECK_ON_NEW_REVISION, true));
        assert_eq!(gates.without_effect().collect::<Vec<_>>(), ["OOMWatch"]);
        assert!(Gates::parse("").unwrap().without_effect().next().is_none());
        assert!(Gates::parse("OOMWatch").is_err() && Gates::parse("OOMWatch=maybe").is_err());
    }
}
