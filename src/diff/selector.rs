//! Label selectors in Kubernetes' text form: `a=b, c!=d, e in (x, y), f notin (z), g, !h`.
//!
//! **Invariant:** text that is not understood is refused, never taken for "all".

use serde_json::Value;

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    Missing,
    In(Vec<String>),
    /// Also holds where the key is missing, as in Kubernetes.
    NotIn(Vec<String>),
}

impl Requirement {
    /// All requirements of a selector; none where the text is invalid. An empty text requires nothing.
    pub(super) fn parse_all(text: &str) -> Option<Vec<Self>> {
        let parts = split(text)?;
        parts.into_iter().filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let requirement = |key: &str, operator| is_key(key).then(|| Self { key: key.to_owned(), operator });
        if let Some(key) = text.strip_prefix('!') {
            return requirement(key.trim(), Operator::Missing);
        }
        if let Some(rest) = text.strip_suffix(')') {
            let (head, values) = rest.split_once('(')?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            let mut words = head.split_whitespace();
            return match (words.next()?, words.next()?, words.next()) {
                (key, "in", None) => requirement(key, Operator::In(values)),
                (key, "notin", None) => requirement(key, Operator::NotIn(values)),
                _ => None,
            };
        }
        if let Some((key, value)) = text.split_once("!=") {
            return requirement(key.trim(), Operator::NotIn(vec![value.trim().to_owned()]));
        }
        if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return requirement(key.trim(), Operator::In(vec![value.trim().to_owned()]));
        }
        requirement(text, Operator::Exists)
    }

    /// Whether labels meet the requirement.
    pub(super) fn matches(&self, labels: Option<&Value>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Value::as_str);
        let is_one_of = |values: &[String]| value.is_some_and(|value| values.iter().any(|it| it == value));
        match &self.operator {
            Operator::Exists => value.is_some(),
            Operator::Missing => value.is_none(),
            Operator::In(values) => is_one_of(values),
            Operator::NotIn(values) => !is_one_of(values),
        }
    }
}

fn is_key(key: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    !key.is_empty() && key.chars().all(allowed)
}

/// Splits at commas outside parentheses; none where parentheses do not match.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let (mut start, mut open) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' if open => return None,
            '(' => open = true,
            ')' if !open => return None,
            ')' => open = false,
            ',' if !open => {
                parts.push(text.get(start..at)?.trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?.trim());
    (!open).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::Requirement;
    use serde_json::json;

    fn check(selector: &str, expected: bool) {
        let labels = json!({"app": "web", "tier": "front"});
        let requirements = Requirement::parse_all(selector).unwrap();
        assert_eq!(requirements.iter().all(|it| it.matches(Some(&labels))), expected, "{selector}");
    }

    #[test]
    fn operators_follow_kubernetes() {
        for selector in ["", "app", "app=web", "app==web,tier!=back", "app in (web, api)", "x notin (y)", "!x", "x!=y"]
        {
            check(selector, true);
        }
        for selector in ["x", "app=api", "!app", "app in (api)", "app notin (web),tier", "app!=web"] {
            check(selector, false);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for selector in ["app in web", "a b", "(", "app in (a", "=x", "a in ((b))"] {
            assert_eq!(Requirement::parse_all(selector), None, "{selector}");
        }
    }
}
