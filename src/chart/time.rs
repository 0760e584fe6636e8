//! Times as Go's `time` package reads them, as far as charts and their schemas hold any.
//!
//! **Invariant:** a text is refused in Go's words.

use jiff::civil::Date;

use crate::value::quote;

/// A piece of a layout, with Go's name for it.
#[derive(Clone, Copy)]
enum Part {
    /// Text that has to stand there.
    Text(&'static str),
    /// Digits, how many, what they count, and the largest that is allowed.
    Digits(&'static str, usize, &'static str, u32),
    /// `Z` or an offset.
    Zone,
}

const DATE: [Part; 5] = [
    Part::Digits("2006", 4, "year", 9999),
    Part::Text("-"),
    Part::Digits("01", 2, "month", 12),
    Part::Text("-"),
    Part::Digits("02", 2, "day", 31),
];

const CLOCK: [Part; 7] = [
    Part::Text("T"),
    Part::Digits("15", 2, "hour", 23),
    Part::Text(":"),
    Part::Digits("04", 2, "minute", 59),
    Part::Text(":"),
    Part::Digits("05", 2, "second", 59),
    Part::Zone,
];

/// Why a text is no date of the layout `2006-01-02`; nothing if it is one.
pub(super) fn date_fault(text: &str) -> Option<String> {
    fault(text, "2006-01-02", &DATE)
}

/// Why a text is no time of RFC 3339; nothing if it is one.
pub(super) fn rfc3339_fault(text: &str) -> Option<String> {
    let parts: Vec<Part> = DATE.into_iter().chain(CLOCK).collect();
    fault(text, "2006-01-02T15:04:05Z07:00", &parts)
}

fn fault(text: &str, layout: &str, parts: &[Part]) -> Option<String> {
    let mut reader = Reader { rest: text, numbers: Vec::new() };
    let reason = parts.iter().find_map(|part| reader.read(*part).err()).or_else(|| reader.end());
    reason.map(|reason| match reason {
        Reason::Misfit(rest, part) => {
            let (text, layout) = (quote(text), quote(layout));
            format!("parsing time {text} as {layout}: cannot parse {} as {}", quote(rest), quote(part))
        }
        Reason::Range(what) => format!("parsing time {}: {what} out of range", quote(text)),
        Reason::Extra(rest) => format!("parsing time {}: extra text: {}", quote(text), quote(rest)),
    })
}

enum Reason {
    /// What is left, and the piece of the layout that it is not.
    Misfit(String, &'static str),
    Range(&'static str),
    Extra(String),
}

struct Reader<'a> {
    rest: &'a str,
    numbers: Vec<u32>,
}

impl Reader<'_> {
    fn read(&mut self, part: Part) -> Result<(), Reason> {
        match part {
            Part::Text(text) => {
                self.rest = self.rest.strip_prefix(text).ok_or_else(|| Reason::Misfit(self.rest.to_owned(), text))?;
            }
            Part::Digits(name, count, what, most) => {
                let misfit = || Reason::Misfit(self.rest.to_owned(), name);
                let digits = self.rest.get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
                let number: u32 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(misfit)?;
                self.rest = self.rest.get(count..).unwrap_or_default();
                if number > most || (what == "month" && number == 0) {
                    return Err(Reason::Range(what));
                }
                self.numbers.push(number);
                if what == "second" {
                    self.skip_fraction();
                }
            }
            Part::Zone => self.zone()?,
        }
        Ok(())
    }

    fn skip_fraction(&mut self) {
        let Some(digits) = self.rest.strip_prefix(['.', ',']) else { return };
        let left = digits.trim_start_matches(|letter: char| letter.is_ascii_digit());
        if left.len() < digits.len() {
            self.rest = left;
        }
    }

    fn zone(&mut self) -> Result<(), Reason> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(());
        }
        let misfit = || Reason::Misfit(self.rest.to_owned(), "Z07:00");
        let offset = self.rest.get(..6).filter(|offset| offset.starts_with(['+', '-'])).ok_or_else(misfit)?;
        let number = |from: usize, to: usize| offset.get(from..to).and_then(|digits| digits.parse::<u32>().ok());
        let (Some(hours), Some(minutes), Some(":")) = (number(1, 3), number(4, 6), offset.get(3..4)) else {
            return Err(misfit());
        };
        if hours > 24 {
            return Err(Reason::Range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(Reason::Range("time zone offset minute"));
        }
        self.rest = self.rest.get(6..).unwrap_or_default();
        Ok(())
    }

    /// What is wrong once every piece was found.
    fn end(&self) -> Option<Reason> {
        if !self.rest.is_empty() {
            return Some(Reason::Extra(self.rest.to_owned()));
        }
        let &[year, month, day, ..] = self.numbers.as_slice() else { return None };
        let date = Date::new(year as i16, month as i8, day as i8);
        date.is_err().then_some(Reason::Range("day"))
    }
}

#[cfg(test)]
mod tests {
    use super::{date_fault, rfc3339_fault};

    // Expected texts come from helm 4.3.1, by way of Chart.lock and of `format: date` in schemas.
    #[test]
    fn times_are_refused_in_the_words_of_go() {
        assert_eq!(rfc3339_fault("2020-01-01T00:00:00.5+02:00"), None);
        for (text, expected) in [
            ("2020-01-01", "cannot parse \"\" as \"T\""),
            ("bad", "cannot parse \"bad\" as \"2006\""),
            ("", "cannot parse \"\" as \"2006\""),
            ("2020-01-01T00:00Z", "cannot parse \"Z\" as \":\""),
        ] {
            let start = format!("parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": ");
            assert_eq!(rfc3339_fault(text), Some(start + expected));
        }
        assert_eq!(
            rfc3339_fault("2020-13-01T00:00:00Z"),
            Some("parsing time \"2020-13-01T00:00:00Z\": month out of range".to_owned())
        );
        assert_eq!(date_fault("2020-02-30"), Some("parsing time \"2020-02-30\": day out of range".to_owned()));
        assert_eq!(date_fault("2020-01-01x"), Some("parsing time \"2020-01-01x\": extra text: \"x\"".to_owned()));
    }
}
