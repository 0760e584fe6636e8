//! Flags as Go programs take them, which is how Helm's command line reads: `--flag=value`, `-fvalue`, switches that may have a value.
//!
//! Counterpart: spf13/pflag 1.0 as Helm 4.3.1 uses it.
//!
//! **Invariant:** a text that is refused is refused in pflag's words.

mod csv;

use std::collections::BTreeMap;
use std::fmt;

pub(super) use csv::first_record;

use crate::value::{quote, quote_rune};

/// Turns the text of one occurrence into the values that it adds, or says what is wrong with it.
type Read = fn(&str) -> Result<Vec<String>, String>;

/// A flag that a command takes.
pub(super) struct Flag {
    name: &'static str,
    short: Option<char>,
    /// What the flag means without a value; a flag that has this takes a value only behind an equals sign.
    bare: Option<&'static str>,
    /// Whether values add up; otherwise the last one counts.
    adds_up: bool,
    read: Read,
    /// What it does, for the help; nothing for flags that the help leaves out.
    help: &'static str,
    deprecated: Option<&'static str>,
}

impl Flag {
    const fn new(
        name: &'static str,
        bare: Option<&'static str>,
        adds_up: bool,
        read: Read,
        help: &'static str,
    ) -> Self {
        Self { name, short: None, bare, adds_up, read, help, deprecated: None }
    }

    /// A switch.
    pub(super) const fn switch(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Some("true"), false, read_switch, help)
    }

    /// A flag with any text as its value.
    pub(super) const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, None, false, read_text, help)
    }

    /// A flag that may be given several times, once for each text.
    pub(super) const fn texts(name: &'static str, help: &'static str) -> Self {
        Self::new(name, None, true, read_text, help)
    }

    /// A flag that may be given several times, with texts split by commas.
    pub(super) const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(name, None, true, first_record, help)
    }

    /// A flag whose values are checked in a way of its own.
    pub(super) const fn checked(name: &'static str, read: Read, help: &'static str) -> Self {
        Self::new(name, None, false, read, help)
    }

    /// With a short form.
    pub(super) const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    /// With what it means without a value.
    pub(super) const fn bare(self, value: &'static str) -> Self {
        Self { bare: Some(value), ..self }
    }

    /// With a word to those who still use it.
    pub(super) const fn deprecated(self, advice: &'static str) -> Self {
        Self { deprecated: Some(advice), ..self }
    }

    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("-{short}, --{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

/// What is wrong with a command line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// A command line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    values: BTreeMap<&'static str, Vec<String>>,
    /// What is no flag, in order.
    pub(super) positional: Vec<String>,
    /// What to tell those who use deprecated flags, in order.
    pub(super) advice: Vec<String>,
    /// Whether help was asked for.
    pub(super) wants_help: bool,
}

impl Arguments {
    /// Takes the arguments of a command apart.
    pub(super) fn parse(flags: &[&[Flag]], arguments: &[String]) -> Result<Self, UsageError> {
        let mut parser = Parser { flags, rest: arguments, result: Self::default() };
        while let Some((argument, rest)) = parser.rest.split_first() {
            parser.rest = rest;
            match argument.strip_prefix('-') {
                None | Some("") => parser.result.positional.push(argument.clone()),
                Some("-") => {
                    parser.result.positional.extend_from_slice(rest);
                    break;
                }
                Some(short) => match short.strip_prefix('-') {
                    Some(long) => parser.long(argument, long)?,
                    None => parser.shorts(short)?,
                },
            }
        }
        Ok(parser.result)
    }

    /// Whether a flag was given at all.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.last(name) == Some("true")
    }

    /// The value of a flag; empty if it was not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.last(name).unwrap_or_default()
    }

    /// The value of a flag, if it was given.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All values of a flag.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Fails if more than one flag of a group was given.
    pub(super) fn check_exclusive(&self, group: &[&str]) -> Result<(), UsageError> {
        let mut given: Vec<&str> = group.iter().copied().filter(|name| self.is_given(name)).collect();
        if given.len() < 2 {
            return Ok(());
        }
        given.sort_unstable();
        let (group, given) = (group.join(" "), given.join(" "));
        let rule = "are set none of the others can be";
        Err(UsageError(format!("if any flags in the group [{group}] {rule}; [{given}] were all set")))
    }
}

struct Parser<'a> {
    flags: &'a [&'a [Flag]],
    rest: &'a [String],
    result: Arguments,
}

impl<'a> Parser<'a> {
    fn find(&self, is_wanted: impl Fn(&Flag) -> bool) -> Option<&'a Flag> {
        self.flags.iter().copied().flatten().find(|flag| is_wanted(flag))
    }

    fn next(&mut self) -> Option<&'a str> {
        let (value, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(value)
    }

    fn long(&mut self, argument: &str, text: &str) -> Result<(), UsageError> {
        if text.starts_with(['-', '=']) {
            return Err(UsageError(format!("bad flag syntax: {argument}")));
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let Some(flag) = self.find(|flag| flag.name == name) else {
            self.result.wants_help |= name == "help";
            return if name == "help" { Ok(()) } else { Err(UsageError(format!("unknown flag: --{name}"))) };
        };
        let Some(value) = value.or(flag.bare).or_else(|| self.next()) else {
            return Err(UsageError(format!("flag needs an argument: --{name}")));
        };
        self.set(flag, value)
    }

    /// Short forms in one argument; the last of them may have a value.
    fn shorts(&mut self, all: &str) -> Result<(), UsageError> {
        let mut left = all;
        while let Some(short) = left.chars().next() {
            let (behind, shown) = (left.get(short.len_utf8()..).unwrap_or_default(), left);
            let Some(flag) = self.find(|flag| flag.short == Some(short)) else {
                if short != 'h' {
                    return Err(UsageError(format!("unknown shorthand flag: {} in -{shown}", rune(short))));
                }
                self.result.wants_help = true;
                left = behind;
                continue;
            };
            let (value, after) = match (behind.strip_prefix('='), flag.bare) {
                (Some(value), _) if !value.is_empty() => (value, ""),
                (_, Some(bare)) => (bare, behind),
                (_, None) if !behind.is_empty() => (behind, ""),
                (_, None) => match self.next() {
                    Some(value) => (value, ""),
                    None => return Err(UsageError(format!("flag needs an argument: {} in -{shown}", rune(short)))),
                },
            };
            self.set(flag, value)?;
            left = after;
        }
        Ok(())
    }

    fn set(&mut self, flag: &'a Flag, text: &str) -> Result<(), UsageError> {
        let read = (flag.read)(text).map_err(|fault| {
            let text = quote(text);
            UsageError(format!("invalid argument {text} for \"{}\" flag: {fault}", flag.shown()))
        })?;
        let values = self.result.values.entry(flag.name).or_default();
        if !flag.adds_up {
            values.clear();
        }
        values.extend(read);
        if let Some(advice) = flag.deprecated {
            self.result.advice.push(format!("Flag --{} has been deprecated, {advice}", flag.name));
        }
        Ok(())
    }
}

/// The help on a table of flags.
pub(super) struct Help<'a>(pub(super) &'a [Flag]);

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for flag in self.0.iter().filter(|flag| !flag.help.is_empty()) {
            let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
            writeln!(f, "  {short}--{:<27} {}", flag.name, flag.help)?;
        }
        Ok(())
    }
}

fn rune(short: char) -> String {
    quote_rune(i64::from(u32::from(short)), false)
}

#[expect(clippy::unnecessary_wraps, reason = "the table asks for a result")]
fn read_text(text: &str) -> Result<Vec<String>, String> {
    Ok(vec![text.to_owned()])
}

fn read_switch(text: &str) -> Result<Vec<String>, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(vec!["true".to_owned()]),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(vec!["false".to_owned()]),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Flag};

    const FLAGS: &[Flag] = &[
        Flag::switch("deep", "").short('d'),
        Flag::text("name", "").short('n'),
        Flag::list("files", "").short('f'),
        Flag::text("wait", "").bare("watcher"),
        Flag::switch("old", "").deprecated("use --deep instead"),
    ];

    fn parse(line: &str) -> Result<Arguments, String> {
        let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Arguments::parse(&[FLAGS], &arguments).map_err(|error| error.to_string())
    }

    // Expected texts are those that helm 4.3.1 prints.
    #[test]
    fn values_come_in_every_form_that_pflag_knows() {
        let found = parse("a -dn x --files=1,2 -f3 --deep=F b --wait c --name= -- --deep").unwrap();
        assert_eq!(found.positional, ["a", "b", "c", "--deep"]);
        assert_eq!(found.all("files"), ["1", "2", "3"]);
        assert_eq!((found.is_on("deep"), found.text("name"), found.text("wait")), (false, "", "watcher"));
        assert_eq!(parse("-n=x").unwrap().text("name"), "x");
        assert_eq!(parse("-n --deep").unwrap().text("name"), "--deep");
        assert_eq!(parse("--old").unwrap().advice, ["Flag --old has been deprecated, use --deep instead"]);
        assert!(parse("-dh").unwrap().wants_help);
    }

    #[test]
    fn faults_are_told_in_the_words_of_pflag() {
        for (line, expected) in [
            ("--foo=1", "unknown flag: --foo"),
            ("-z", "unknown shorthand flag: 'z' in -z"),
            ("-dz", "unknown shorthand flag: 'z' in -z"),
            ("--name", "flag needs an argument: --name"),
            ("-dn", "flag needs an argument: 'n' in -n"),
            ("---", "bad flag syntax: ---"),
            (
                "--deep=x",
                "invalid argument \"x\" for \"-d, --deep\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err(), expected, "{line}");
        }
        let both = parse("--deep --old").unwrap();
        assert_eq!(
            both.check_exclusive(&["old", "deep"]).unwrap_err().to_string(),
            "if any flags in the group [old deep] are set none of the others can be; [deep old] were all set"
        );
    }
}
