//! What is drawn at random, and how answers are compared.

mod functions;
mod hints;
mod postrender;
mod set;
mod templates;
mod values;
mod versions;
mod world;
mod yaml;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::random::Random;

/// A part of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    Templates,
    Functions,
    Versions,
    Set,
    Values,
    Yaml,
    PostRender,
}

impl Area {
    pub(crate) const ALL: [Self; 7] =
        [Self::Templates, Self::Functions, Self::Versions, Self::Set, Self::Values, Self::Yaml, Self::PostRender];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Templates => "templates",
            Self::Functions => "functions",
            Self::Versions => "versions",
            Self::Set => "set",
            Self::Values => "values",
            Self::Yaml => "yaml",
            Self::PostRender => "postrender",
        }
    }

    pub(super) fn draw(self, random: &mut Random) -> Json {
        match self {
            Self::Templates => templates::draw(random),
            Self::Functions => functions::draw(random),
            Self::Versions => versions::draw(random),
            Self::Set => set::draw(random),
            Self::Values => values::draw(random),
            Self::Yaml => yaml::draw(random),
            Self::PostRender => postrender::draw(random),
        }
    }
}

/// A request to render one template in the chart that drawn templates live in.
pub(crate) fn template(text: &str) -> Json {
    world::render(text)
}

/// The functions that drawn calls call.
pub(crate) fn drawn_functions() -> impl Iterator<Item = &'static str> {
    hints::hints().iter().map(|hint| hint.name)
}

/// The answer with texts decoded from Base64, as far as they are UTF-8, and addresses in memory made equal.
pub(super) fn comparable(mut answer: Json) -> Json {
    if let Json::Object(entries) = &mut answer {
        entries.remove("stage");
        // Post-renderers' errors are told in words of our own.
        if entries.contains_key("fails") {
            entries.remove("error");
        }
        if entries.contains_key("error") {
            // What was set before an error is of no use to anyone.
            entries.remove("json");
            // The operator keeps the value itself to itself.
            if let Some(Json::String(text)) = entries.get_mut("error")
                && let Some(at) = text.find("type mismatch on ")
            {
                let end = text[at..].find(": ").map_or(text.len(), |length| at + length);
                text.truncate(end);
            }
        }
        // Go's encoder escapes what is no UTF-8, and nothing else by this escape.
        if let Some(Json::String(text)) = entries.get_mut("json") {
            *text = text.replace("\\ufffd", "\u{fffd}");
        }
        let coded: Vec<String> = entries.keys().filter(|key| key.ends_with("64")).cloned().collect();
        for key in coded {
            let plain = key.trim_end_matches("64").to_owned();
            match entries.remove(&key) {
                Some(Json::String(text)) => {
                    entries.insert(plain, decoded(&text).into());
                }
                Some(Json::Object(files)) => {
                    let place = entries.entry(plain).or_insert_with(|| json!({}));
                    for (name, text) in files {
                        place[name] = decoded(text.as_str().unwrap_or_default()).into();
                    }
                }
                _ => {}
            }
        }
    }
    without_addresses(&mut answer);
    answer
}

fn without_addresses(json: &mut Json) {
    match json {
        Json::String(text) if text.contains("0x") || text.contains("0X") => {
            *text = masked(&masked(text, "0x"), "0X");
        }
        Json::Object(entries) => entries.values_mut().for_each(without_addresses),
        _ => {}
    }
}

/// Whatever looks like an address in memory: `0x` and nine to sixteen digits, in either case.
fn masked(text: &str, prefix: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(prefix) {
        let digits = after.find(|letter: char| !letter.is_ascii_hexdigit()).unwrap_or(after.len());
        out.push_str(before);
        out.push_str(prefix);
        out.push_str(if (9..=16).contains(&digits) { "ADDRESS" } else { &after[..digits] });
        rest = &after[digits..];
    }
    out + rest
}

fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request for people: the text that matters, or all of it.
pub(super) fn readable(request: &Json) -> String {
    match &request["files"]["templates/t.yaml"] {
        Json::String(template) if request["files"]["templates/_h.tpl"].is_string() => format!("  {template:?}"),
        _ => format!("  {request}"),
    }
}

/// An answer for people.
pub(super) fn shown(answer: &Json) -> String {
    let text = match (&answer["files"], &answer["error"]) {
        (Json::Object(files), _) if files.len() == 1 => files.values().map(Json::to_string).collect(),
        (Json::Null, Json::String(error)) if answer.as_object().is_some_and(|entries| entries.len() == 1) => {
            error.clone()
        }
        _ => answer.to_string(),
    };
    text.chars().take(1500).collect()
}
