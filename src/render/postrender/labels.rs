//! Label selectors in Kubernetes' text form: `a=b, c!=d, e in (x, y), f notin (z), g, !h, i>5`.
//!
//! Counterpart: `labels.Parse` of k8s.io/apimachinery, of which kyaml 0.21.1 has a copy.
//!
//! **Invariant:** text that is not understood is refused, never taken for "all".

use std::collections::BTreeMap;

/// One requirement of a selector.
#[derive(Debug)]
pub(super) struct Requirement {
    key: String,
    test: Test,
}

/// What is required of the value.
#[derive(Debug)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    More(i64),
    Less(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word; `in` and `notin` are operators behind a key.
    Word(String),
    /// One or two signs.
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["==", "!=", ")", ",", "!", "=", ">", "<", "("];

/// All requirements of a selector; none where the text is invalid. An empty text requires nothing.
pub(super) fn parse(text: &str) -> Option<Vec<Requirement>> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens };
    let mut requirements = Vec::new();
    while !parser.tokens.is_empty() {
        requirements.push(parser.requirement()?);
        match parser.tokens {
            [] => {}
            [Token::Sign(","), Token::Word(_) | Token::Sign("!"), ..] => drop(parser.next()),
            _ => return None,
        }
    }
    Some(requirements)
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else {
            let (word, tail) = rest.split_at(rest.find(|c| is_space(c) || "=!(),><".contains(c)).unwrap_or(rest.len()));
            tokens.push(Token::Word(word.to_owned()));
            rest = tail;
        }
        rest = rest.trim_start_matches(is_space);
    }
    tokens
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

struct Parser<'a> {
    tokens: &'a [Token],
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn word(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(word.clone()),
            Token::Sign(_) => None,
        }
    }

    fn requirement(&mut self) -> Option<Requirement> {
        let is_negated = self.tokens.first() == Some(&Token::Sign("!"));
        if is_negated {
            self.next();
        }
        let key = self.word().filter(|key| is_key(key))?;
        let test = match self.tokens.first() {
            _ if is_negated => Test::Missing,
            None | Some(Token::Sign(",")) => Test::Exists,
            _ => self.test()?,
        };
        Some(Requirement { key, test })
    }

    fn test(&mut self) -> Option<Test> {
        let test = match self.next()? {
            Token::Word(word) if word == "in" => Test::In(self.values()?),
            Token::Word(word) if word == "notin" => Test::NotIn(self.values()?),
            Token::Sign("=" | "==") => Test::In(vec![self.value()?]),
            Token::Sign("!=") => Test::NotIn(vec![self.value()?]),
            Token::Sign(">") => Test::More(self.value()?.parse().ok()?),
            Token::Sign("<") => Test::Less(self.value()?.parse().ok()?),
            _ => return None,
        };
        match &test {
            Test::In(values) | Test::NotIn(values) if !values.iter().all(|value| is_value(value)) => None,
            _ => Some(test),
        }
    }

    /// The one value behind a sign; an empty one where there is none.
    fn value(&mut self) -> Option<String> {
        match self.tokens.first() {
            None | Some(Token::Sign(",")) => Some(String::new()),
            _ => self.word(),
        }
    }

    /// Values in parentheses; a comma too many stands for an empty one.
    fn values(&mut self) -> Option<Vec<String>> {
        if *self.next()? != Token::Sign("(") {
            return None;
        }
        let mut values = Vec::new();
        if self.tokens.first() == Some(&Token::Sign(")")) {
            values.push(String::new());
        }
        let mut follows_word = false;
        loop {
            match self.next()? {
                Token::Word(_) if follows_word => return None,
                Token::Word(word) => {
                    values.push(word.clone());
                    follows_word = true;
                }
                Token::Sign(",") => {
                    if !follows_word || matches!(self.tokens.first(), Some(Token::Sign(")" | ","))) {
                        values.push(String::new());
                    }
                    follows_word = false;
                }
                Token::Sign(")") => return Some(values),
                Token::Sign(_) => return None,
            }
        }
    }
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').unwrap_or(("a", key));
    let is_part = |part: &str| {
        let is_edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let is_inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        is_edge(bytes.first()) && is_edge(bytes.last()) && bytes.iter().all(is_inner)
    };
    !name.is_empty() && is_value(name) && prefix.len() <= 253 && prefix.split('.').all(is_part)
}

fn is_value(value: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = value.as_bytes();
    value.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

impl Requirement {
    /// Whether labels or annotations meet the requirement; a missing key meets what is negated.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Missing => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Test::More(limit) => number().is_some_and(|number| number > *limit),
            Test::Less(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    // Expected results are those that the Kubernetes documentation of label selectors gives.
    #[test]
    fn operators_follow_kubernetes() {
        let labels =
            [("app", "web"), ("tier", "front"), ("number", "5")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = BTreeMap::from(labels);
        for (selector, expected) in [
            ("", true),
            ("app", true),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app in (web, api), !x", true),
            ("x notin (y)", true),
            ("x!=y", true),
            ("x", false),
            ("app=api", false),
            ("!app", false),
            ("app notin (web),tier", false),
            ("app in (,web)", true),
            ("app=", false),
            ("app!=", true),
            ("number>4, number<6", true),
            ("number>5", false),
            ("app>5", false),
            ("in in (in)", false),
            (" app\tin ( web ) ", true),
        ] {
            let requirements = super::parse(selector).unwrap();
            assert_eq!(requirements.iter().all(|it| it.matches(&labels)), expected, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for selector in [
            "app in web",
            "a b",
            "(",
            "app in (a",
            "=x",
            "a in ((b))",
            "a=b c",
            "app,",
            ",app",
            "app=-a",
            "-app",
            "a/b/c",
            "A/b",
            "app>x",
            "!app=a",
            "app===a",
            "app in (a b)",
        ] {
            assert!(super::parse(selector).is_none(), "{selector}");
        }
    }
}
