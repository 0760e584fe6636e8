//! `.helmignore`: which files of a directory are no part of the chart. Archives are never filtered.
//!
//! Counterpart: `pkg/ignore` of Helm 4.3.1. Its negation is kept: a path that a `!rule` does not match is ignored at once, one that it
//! matches goes on to the next rule.
//!
//! **Invariant:** the first rule that decides, decides.

use super::{Error, PathPattern};

/// The rules of a `.helmignore`.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: PathPattern,
    negated: bool,
    only_directories: bool,
    /// Whether the pattern is held against the last part of the path alone.
    only_base: bool,
}

impl Rules {
    /// Reads a `.helmignore`. Fails on `**` and on patterns that Go's `filepath.Match` refuses.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rules = Self::default();
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add(line)?;
        }
        Ok(rules)
    }

    /// Adds what Helm ignores in any case: files directly in `templates/` whose name begins with a dot.
    pub fn with_defaults(mut self) -> Self {
        let pattern = PathPattern::parse("templates/.?*").into_iter();
        let rule = |pattern| Rule { pattern, negated: false, only_directories: false, only_base: false };
        self.rules.extend(pattern.map(rule));
        self
    }

    fn add(&mut self, line: &str) -> Result<(), Error> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err(Error::Ignore("double-star (**) syntax is not supported".to_owned()));
        }
        let malformed = || Error::Ignore("syntax error in pattern".to_owned());
        // Helm tries the rule with its marks still on.
        PathPattern::parse(rule).ok_or_else(malformed)?;
        let (negated, rule) = rule.strip_prefix('!').map_or((false, rule), |rule| (true, rule));
        let (only_directories, rule) = rule.strip_suffix('/').map_or((false, rule), |rule| (true, rule));
        let (rooted, rule) = rule.strip_prefix('/').map_or((false, rule), |rule| (true, rule));
        let only_base = !rooted && !rule.contains('/');
        let pattern = PathPattern::parse(rule).ok_or_else(malformed)?;
        self.rules.push(Rule { pattern, negated, only_directories, only_base });
        Ok(())
    }

    /// Whether the path, relative to the chart and with slashes, is left out.
    pub fn ignores(&self, path: &str, is_directory: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        for rule in &self.rules {
            let applies = is_directory || !rule.only_directories;
            match (rule.negated, applies && rule.matches(path)) {
                (true, false) | (false, true) => return true,
                (true, true) | (false, false) => {}
            }
        }
        false
    }

    /// Whether a file is left out, by a rule on itself or on a directory above it.
    pub fn ignores_file(&self, path: &str) -> bool {
        let above = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        above.into_iter().any(|directory| self.ignores(directory, true)) || self.ignores(path, false)
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        let subject = if self.only_base { path.rsplit('/').next().unwrap_or(path) } else { path };
        self.pattern.matches(subject)
    }
}
