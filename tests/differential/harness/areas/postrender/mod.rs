//! Objects and the post-renderers of a HelmRelease: what kustomize makes of them.

mod object;
mod patch;
mod text;

use serde_json::{Value as Json, json};

use crate::harness::random::Random;

pub(super) fn draw(random: &mut Random) -> Json {
    let some = 1 + random.below(3);
    let objects: Vec<Json> = (0..some).map(|number| object::draw(random, number)).collect();
    let documents: Vec<String> = objects.iter().map(|object| text::document(random, object)).collect();
    let objects: Vec<Json> = objects.iter().flat_map(each).cloned().collect();
    let some = 1 + random.below(2) * random.below(2);
    let renderers: Vec<Json> = (0..some).map(|_| renderer(random, &objects)).collect();
    let mut request = json!({"op": "postrender", "documents": documents, "renderers": renderers});
    for (field, pool) in [("labels", "object label keys"), ("annotations", "object annotation keys")] {
        if random.percent(8) {
            let key = if random.percent(5) { "1" } else { random.of(pool) };
            request[field] = json!({key: random.of("object texts")});
        }
    }
    request
}

/// The items of a list, or the one object.
fn each(object: &Json) -> &[Json] {
    object["items"].as_array().map_or(std::slice::from_ref(object), Vec::as_slice)
}

fn renderer(random: &mut Random, objects: &[Json]) -> Json {
    let some = if objects.is_empty() { 0 } else { random.below(4) };
    let patches: Vec<Json> = (0..some).map(|_| patch::draw(random, objects)).collect();
    let some = random.below(2) * random.below(3);
    let images: Vec<Json> = (0..some).map(|_| image(random)).collect();
    json!({"patches": patches, "images": images})
}

fn image(random: &mut Random) -> Json {
    let mut image = json!({"name": random.of("image names")});
    for (field, pool) in [("newName", "image names"), ("newTag", "image tags"), ("digest", "image digests")] {
        if random.percent(45) {
            image[field] = random.of(pool).into();
        }
    }
    image
}
