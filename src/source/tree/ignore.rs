//! Which files of a source are left out of it: `.sourceignore` files and `spec.ignore`, in the syntax of `.gitignore`.
//!
//! Counterpart: `sourceignore` of Flux's packages, as source-controller 1.9 uses it. Other than with Git, the last pattern that matches
//! a file or a folder above it decides, so that a file can be had back out of a folder that is left out.
//!
//! **Invariant:** Git's own files are left out whatever is written; the other defaults hold only where nobody wrote a pattern.

use super::Tree;
use crate::chart::PathPattern;

/// The name of the files in a source that hold patterns for their folder.
const FILE: &str = ".sourceignore";
/// Git's own files.
const VERSION_CONTROL: &[&str] = &[".git/", ".gitignore", ".gitmodules", ".gitattributes"];
/// What is left out where nobody wrote a pattern.
const DEFAULTS: &[&str] = &[
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];
/// The most bytes of one file of patterns.
const MAX_FILE: u64 = 1024 * 1024;

/// Patterns for the paths of a source; the last that matches decides.
#[derive(Clone, Debug)]
pub struct SourceIgnore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// The folder that the pattern is about, with a slash at its end; empty for the root.
    domain: String,
    /// What the pattern's parts match, one folder each.
    parts: Vec<Part>,
    is_inclusion: bool,
    only_folders: bool,
    /// Whether the pattern is about a name anywhere, not about a path.
    is_name: bool,
}

#[derive(Clone, Debug)]
enum Part {
    /// `**`: any number of folders.
    Any,
    /// A pattern for one name.
    Name(PathPattern),
    /// A pattern that cannot be read, which matches nothing.
    Never,
}

impl SourceIgnore {
    /// The patterns in a source's own files and those of its object.
    ///
    /// # Errors
    /// A file of patterns cannot be read.
    pub fn of(tree: &Tree, spec: Option<&str>) -> Result<Self, String> {
        let mut custom = Vec::new();
        let is_file = |path: &&str| path.rsplit('/').next() == Some(FILE);
        for path in tree.paths().filter(is_file) {
            let bytes = tree.read(path, MAX_FILE)?.unwrap_or_default();
            let domain = path.strip_suffix(FILE).unwrap_or_default();
            custom.extend(Pattern::parse_all(&String::from_utf8_lossy(&bytes), domain));
        }
        custom.extend(Pattern::parse_all(spec.unwrap_or_default(), ""));
        let builtin = |lines: &[&str]| lines.iter().map(|line| Pattern::parse(line, "")).collect::<Vec<_>>();
        let mut patterns = builtin(VERSION_CONTROL);
        if custom.is_empty() {
            patterns.extend(builtin(DEFAULTS));
        }
        patterns.extend(custom);
        Ok(Self { patterns })
    }

    /// Whether a file is left out.
    pub fn ignores(&self, path: &str) -> bool {
        let decisive = self.patterns.iter().rev().find(|pattern| pattern.matches(path));
        decisive.is_some_and(|pattern| !pattern.is_inclusion)
    }
}

impl Pattern {
    fn parse_all<'a>(text: &'a str, domain: &'a str) -> impl Iterator<Item = Self> + 'a {
        let is_pattern = |line: &&str| !line.starts_with('#') && !line.trim().is_empty();
        text.lines().filter(is_pattern).map(move |line| Self::parse(line, domain))
    }

    fn parse(line: &str, domain: &str) -> Self {
        let (is_inclusion, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
        // A space at the end counts only after a backslash.
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (only_folders, line) = line.strip_suffix('/').map_or((false, line), |line| (true, line));
        let part = |part: &str| match part {
            "**" => Part::Any,
            part if part.contains("**") => Part::Never,
            part => PathPattern::parse(part).map_or(Part::Never, Part::Name),
        };
        // An empty part is that before a slash at the start, or between two.
        let parts = line.split('/').filter(|part| !part.is_empty()).map(part).collect();
        Self { domain: domain.to_owned(), parts, is_inclusion, only_folders, is_name: !line.contains('/') }
    }

    /// Whether the pattern is about the file or about a folder above it.
    fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix(self.domain.as_str()) else { return false };
        let names: Vec<&str> = path.split('/').collect();
        if self.is_name {
            let candidates = if self.only_folders { names.len() - 1 } else { names.len() };
            return names.iter().take(candidates).any(|name| match self.parts.first() {
                Some(Part::Name(pattern)) => pattern.matches(name),
                Some(Part::Any) => true,
                Some(Part::Never) | None => false,
            });
        }
        match_parts(&self.parts, &names).is_some_and(|left| left > 0 || !self.only_folders)
    }
}

/// How many names are left once all parts have matched names from the start; `None` if they do not. `**` at the end asks for nothing.
fn match_parts(parts: &[Part], names: &[&str]) -> Option<usize> {
    let mut names = names;
    let mut has_matched = false;
    let mut parts = parts.iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Never => return None,
            Part::Any => {
                // The next name that fits, however far down.
                let Some(part) = parts.find(|part| !matches!(part, Part::Any)) else { break };
                let Part::Name(pattern) = part else { return None };
                let found = names.iter().position(|name| pattern.matches(name))?;
                names = names.get(found + 1..)?;
            }
            Part::Name(pattern) => {
                let (first, rest) = names.split_first()?;
                if !pattern.matches(first) {
                    return None;
                }
                names = rest;
            }
        }
        has_matched = true;
    }
    has_matched.then_some(names.len())
}

#[cfg(test)]
mod tests {
    //! The cases follow what `.gitignore` documents and what Flux's documentation of `spec.ignore` shows.

    use super::*;

    fn ignores(text: &str, path: &str) -> bool {
        let mut patterns: Vec<Pattern> = VERSION_CONTROL.iter().map(|line| Pattern::parse(line, "")).collect();
        patterns.extend(Pattern::parse_all(text, ""));
        SourceIgnore { patterns }.ignores(path)
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let text = "# all\n/*\n# but charts\n!/charts\n/charts/**/*.md\n";
        assert!(ignores(text, "README.md"));
        assert!(ignores(text, "docs/a.yaml"));
        assert!(!ignores(text, "charts/app/Chart.yaml"));
        assert!(ignores(text, "charts/app/docs/README.md"));
        assert!(!ignores("secret/\n!secret/public.yaml", "secret/public.yaml"));
        assert!(ignores("secret/\n!secret/public.yaml", "secret/private.yaml"));
    }

    #[test]
    fn names_match_anywhere_and_paths_from_the_root() {
        assert!(ignores("*.md", "a/b/c.md"));
        assert!(ignores("node_modules", "a/node_modules/b.js"));
        assert!(!ignores("build/", "build"));
        assert!(ignores("build/", "build/x"));
        assert!(ignores("/build", "build/x"));
        assert!(!ignores("/build", "a/build/x"));
        assert!(ignores("**/.sops.yaml", ".sops.yaml"));
        assert!(ignores("**/.sops.yaml", "a/b/.sops.yaml"));
        assert!(ignores("a/**/d", "a/b/c/d"));
        assert!(ignores("a/**", "a/b"));
        assert!(!ignores("a/b**", "a/bc"));
    }

    #[test]
    fn files_of_git_are_left_out_and_have_no_say_in_the_defaults() {
        assert!(ignores("", ".gitignore") && ignores("", "sub/.gitmodules"));
        assert!(!ignores("", "logo.png"));
        let plain = SourceIgnore::of(&Tree::default(), None).unwrap();
        assert!(plain.ignores("logo.png") && plain.ignores(".github/workflows/x.yaml"));
        assert!(plain.ignores("vendor/x.tar.gz") && !plain.ignores("charts/app/charts/db-1.0.0.tgz"));
        let custom = SourceIgnore::of(&Tree::default(), Some("*.md")).unwrap();
        assert!(!custom.ignores("logo.png") && custom.ignores("README.md"));
    }
}
