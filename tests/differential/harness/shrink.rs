//! Makes a difference small: takes pieces out of the request's texts as long as the two programs still differ.

use anyhow::Result;
use serde_json::Value as Json;

use super::{Difference, Oracle, compare_until};

/// How many smaller requests are tried at most.
const TRIES: usize = 6000;

/// Which share of a text a piece is: large pieces first, in every text, then ever smaller ones.
const SHARES: [usize; 6] = [1, 2, 4, 8, 16, usize::MAX];

/// The smallest request found that still makes a difference.
pub(super) fn shrink(oracle: &mut Oracle, difference: Difference) -> Result<Difference> {
    let mut smallest = difference;
    let mut tries = 0;
    loop {
        let mut got_smaller = false;
        let mut position = 0;
        while tries < TRIES {
            let candidates = smaller(&smallest.request, position);
            if candidates.is_empty() {
                break;
            }
            let mut found = None;
            for some in candidates.chunks(32) {
                tries += some.len();
                found = compare_until(oracle, some, 1)?.pop();
                if found.is_some() {
                    break;
                }
            }
            match found {
                Some((_, made)) => {
                    smallest = made;
                    got_smaller = true;
                }
                None => position += 1,
            }
        }
        if !got_smaller || tries >= TRIES {
            return Ok(smallest);
        }
    }
}

/// Requests that lack a part: first an entry of a list or table, then a piece of the text at this position, counted over all texts
/// and sizes of pieces. None after the last.
fn smaller(request: &Json, position: usize) -> Vec<Json> {
    let Some(position) = position.checked_sub(1) else { return without_entries(request) };
    let mut paths = Vec::new();
    find_texts(request, &mut Vec::new(), &mut paths);
    let Some(path) = paths.get(position % paths.len().max(1)) else { return Vec::new() };
    let Some(share) = SHARES.get(position / paths.len()) else { return Vec::new() };
    let mut copy = request.clone();
    let Some(Json::String(text)) = at(&mut copy, path).map(std::mem::take) else { return Vec::new() };
    let tokens = tokens(&text);
    let size = (tokens.len() / share).max(1);
    let starts = (0..tokens.len()).step_by(size);
    let shorter = starts.map(|start| {
        let end = (start + size).min(tokens.len());
        tokens[..start].concat() + &tokens[end..].concat()
    });
    shorter
        .filter(|shorter| *shorter != text)
        .map(|shorter| {
            let mut copy = request.clone();
            if let Some(place) = at(&mut copy, path) {
                *place = shorter.into();
            }
            copy
        })
        .collect()
}

/// Requests that lack a file, a step, or an entry of what texts hold as JSON.
fn without_entries(request: &Json) -> Vec<Json> {
    let mut candidates = Vec::new();
    for key in ["files", "set", "steps", "base", "value", "documents", "renderers", "labels", "annotations"] {
        let smaller = parts_removed(&request[key], 0);
        candidates.extend(smaller.into_iter().map(|value| {
            let mut copy = request.clone();
            copy[key] = value;
            copy
        }));
    }
    candidates
}

/// The value without one of its parts, at any depth; texts that are JSON count as what they hold.
fn parts_removed(json: &Json, depth: usize) -> Vec<Json> {
    let mut candidates = Vec::new();
    match json {
        Json::Object(entries) => {
            for key in entries.keys() {
                let mut copy = entries.clone();
                copy.remove(key);
                candidates.push(Json::Object(copy));
            }
            for (key, value) in entries {
                candidates.extend(parts_removed(value, depth + 1).into_iter().map(|smaller| {
                    let mut copy = entries.clone();
                    copy.insert(key.clone(), smaller);
                    Json::Object(copy)
                }));
            }
        }
        Json::Array(items) if depth > 0 || items.len() > 1 => {
            for (index, item) in items.iter().enumerate() {
                let mut copy = items.clone();
                copy.remove(index);
                candidates.push(Json::Array(copy));
                candidates.extend(parts_removed(item, depth + 1).into_iter().map(|smaller| {
                    let mut copy = items.clone();
                    copy[index] = smaller;
                    Json::Array(copy)
                }));
            }
        }
        Json::String(text) if text.starts_with(['{', '[']) => {
            if let Ok(inner @ (Json::Object(_) | Json::Array(_))) = serde_json::from_str(text) {
                candidates
                    .extend(parts_removed(&inner, depth + 1).into_iter().map(|smaller| smaller.to_string().into()));
            }
        }
        _ => {}
    }
    candidates
}

/// Where the texts of a request are; what a request is about stays as it is.
fn find_texts(json: &Json, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    const FIXED: [&str; 3] = ["op", "name", "namespace"];
    match json {
        Json::String(text) if !text.is_empty() => {
            let joined = path.join("/");
            let is_fixed = text.starts_with("--") || text.starts_with('{') || joined.ends_with("Chart.yaml");
            // Half a document or patch is something else.
            let is_fixed =
                is_fixed || path.first().is_some_and(|first| ["documents", "renderers"].contains(&first.as_str()));
            if !FIXED.contains(&joined.as_str()) && !is_fixed {
                paths.push(path.clone());
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                find_texts(item, path, paths);
                path.pop();
            }
        }
        Json::Object(entries) => {
            for (key, value) in entries {
                path.push(key.clone());
                find_texts(value, path, paths);
                path.pop();
            }
        }
        _ => {}
    }
}

fn at<'a>(json: &'a mut Json, path: &[String]) -> Option<&'a mut Json> {
    path.iter().try_fold(json, |json, step| match json {
        Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        other => other.get_mut(step),
    })
}

/// Words and single letters.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |letter: char| letter.is_ascii_alphanumeric();
        let end =
            if is_word(first) { rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}
