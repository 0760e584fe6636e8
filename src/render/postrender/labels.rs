//! Label selectors in Kubernetes' text form: `a=b, c!=d, e in (x, y), f notin (z), g, !h`.
//!
//! **Invariant:** text that is not understood is refused, never taken for "all".

use serde_json::Value;

/// One requirement of a selector.
#[derive(Debug)]
pub(super) struct Requirement {
    key: String,
    /// The values that are meant; none where only presence counts.
    values: Option<Vec<String>>,
    /// Whether the opposite is wanted.
    negated: bool,
}

/// All requirements of a selector; none where the text is invalid. An empty text requires nothing.
pub(super) fn parse(text: &str) -> Option<Vec<Requirement>> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text.get(start..at)?.trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?.trim());
    if parts == [""] {
        return Some(Vec::new());
    }
    parts.into_iter().map(requirement).collect()
}

fn requirement(text: &str) -> Option<Requirement> {
    let make = |key: &str, values: Option<Vec<String>>, negated| {
        let key = key.trim();
        let is_value = |value: &String| value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        let is_valid = is_key && values.iter().flatten().all(is_value);
        is_valid.then(|| Requirement { key: key.to_owned(), values, negated })
    };
    let one = |value: &str| Some(vec![value.trim().to_owned()]);
    if let Some(key) = text.strip_prefix('!') {
        return make(key, None, true);
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        let (key, operator) = head.trim().split_once(char::is_whitespace)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        return match operator.trim() {
            "in" => make(key, Some(values), false),
            "notin" => make(key, Some(values), true),
            _ => None,
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return make(key, one(value), true);
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return make(key, one(value), false);
    }
    make(text, None, false)
}

impl Requirement {
    /// Whether labels or annotations meet the requirement; a missing key meets what is negated.
    pub(super) fn matches(&self, labels: Option<&Value>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Value::as_str);
        let is_met = match &self.values {
            None => value.is_some(),
            Some(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
        };
        is_met != self.negated
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    // Expected results are those that the Kubernetes documentation of label selectors gives.
    #[test]
    fn operators_follow_kubernetes() {
        let labels = json!({"app": "web", "tier": "front"});
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
        ] {
            let requirements = super::parse(selector).unwrap();
            assert_eq!(requirements.iter().all(|it| it.matches(Some(&labels))), expected, "{selector}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for selector in ["app in web", "a b", "(", "app in (a", "=x", "a in ((b))", "a=b c"] {
            assert!(super::parse(selector).is_none(), "{selector}");
        }
    }
}
