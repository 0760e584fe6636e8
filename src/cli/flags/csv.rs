//! Lists in one argument: comma-separated values, with quotes around those that hold commas.
//!
//! Counterpart: Go's encoding/csv, of which pflag reads one record. Invariant: columns are counted in bytes, from one.

/// The fields of the first record; none for an empty text.
pub(in crate::cli) fn first_record(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let text = text.trim_start_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("EOF".to_owned());
    }
    let mut reader = Reader { text, position: 0, line_start: 0, line: 1 };
    let mut fields = Vec::new();
    loop {
        let (field, is_last) = if reader.left().starts_with('"') { reader.quoted()? } else { reader.plain()? };
        fields.push(field);
        if is_last {
            return Ok(fields);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
    line_start: usize,
    line: usize,
}

impl Reader<'_> {
    fn left(&self) -> &str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// A field without quotes, and whether the record ends with it.
    fn plain(&mut self) -> Result<(String, bool), String> {
        let left = self.left();
        let end = left.find([',', '\n']).unwrap_or(left.len());
        let (field, behind) = left.split_at_checked(end).unwrap_or((left, ""));
        if let Some(quote) = field.find('"') {
            return Err(self.fault(self.position + quote, "bare \" in non-quoted-field"));
        }
        let is_last = !behind.starts_with(',');
        let field = if is_last { field.strip_suffix('\r').unwrap_or(field) } else { field };
        let field = field.to_owned();
        self.position += end + 1;
        Ok((field, is_last))
    }

    /// A field in quotes, and whether the record ends with it.
    fn quoted(&mut self) -> Result<(String, bool), String> {
        const FAULT: &str = "extraneous or missing \" in quoted-field";
        self.position += 1;
        let mut field = String::new();
        loop {
            let left = self.left();
            let Some(end) = left.find(['"', '\n']) else {
                return Err(self.fault(self.text.len(), FAULT));
            };
            field.push_str(left.get(..end).unwrap_or_default());
            let is_quote = left.get(end..).is_some_and(|behind| behind.starts_with('"'));
            self.position += end + 1;
            if !is_quote {
                field.push('\n');
                self.line += 1;
                self.line_start = self.position;
                continue;
            }
            let behind = self.left().trim_start_matches('\r');
            match behind.chars().next() {
                Some('"') => field.push('"'),
                Some(',') => {
                    self.position += 1;
                    return Ok((field, false));
                }
                None | Some('\n') => return Ok((field, true)),
                Some(_) => return Err(self.fault(self.position - 1, FAULT)),
            }
            self.position += 1;
        }
    }

    fn fault(&self, position: usize, message: &str) -> String {
        let column = position - self.line_start + 1;
        let start = if self.line > 1 { "record on line 1; " } else { "" };
        format!("{start}parse error on line {}, column {column}: {message}", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::first_record;

    // Expected results come from helm 4.3.1 with `-f`.
    #[test]
    fn one_record_is_read_as_go_reads_it() {
        assert_eq!(first_record("a,b"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(first_record("\"a,b\",c"), Ok(vec!["a,b".to_owned(), "c".to_owned()]));
        assert_eq!(first_record("\"a\"\"b\""), Ok(vec!["a\"b".to_owned()]));
        assert_eq!(first_record("a,"), Ok(vec!["a".to_owned(), String::new()]));
        assert_eq!(first_record("a\nb"), Ok(vec!["a".to_owned()]));
        assert_eq!(first_record(""), Ok(Vec::new()));
        for (text, expected) in [
            ("\"v", "parse error on line 1, column 3: extraneous or missing \" in quoted-field"),
            ("v\"x\"", "parse error on line 1, column 2: bare \" in non-quoted-field"),
            ("\"a\"b", "parse error on line 1, column 3: extraneous or missing \" in quoted-field"),
            ("\n", "EOF"),
        ] {
            assert_eq!(first_record(text), Err(expected.to_owned()), "{text}");
        }
    }
}
