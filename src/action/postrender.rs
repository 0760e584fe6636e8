//! The user's post-renderers, as the API has them, in the form that rendering takes.
//!
//! **Invariant:** kustomize's order holds inside a post-renderer: inline strategic merge patches, patches, inline JSON6902 patches, images.

use serde_json::Value;

use super::prepare::Request;
use crate::api::post_renderer as api;
use crate::render::postrender::{Image, Patch, PatchContent, PostRenderStrategy, PostRenderer, PostRendering, Target};

/// Everything that the request wants to happen after rendering.
pub(super) fn post_rendering(request: &Request) -> PostRendering {
    let metadata = request.common_metadata.clone().unwrap_or_default();
    PostRendering {
        renderers: request.post_renderers.iter().filter_map(|it| it.kustomize.as_ref()).map(renderer).collect(),
        labels: metadata.labels,
        annotations: metadata.annotations,
        strategy: match request.post_render_strategy {
            api::PostRenderStrategy::NoHooks => PostRenderStrategy::NoHooks,
            api::PostRenderStrategy::Combined => PostRenderStrategy::Combined,
            api::PostRenderStrategy::Separate => PostRenderStrategy::Separate,
        },
    }
}

fn renderer(kustomize: &api::Kustomize) -> PostRenderer {
    let merges = kustomize.patches_strategic_merge.iter();
    let merges = merges.map(|object| Patch { content: PatchContent::Object(object.clone()), target: None });
    let patches = kustomize.patches.iter().map(|patch| Patch {
        content: PatchContent::Text(patch.patch.clone()),
        target: patch.target.as_ref().map(target),
    });
    let operations = kustomize.patches_json6902.iter().map(|patch| Patch {
        content: PatchContent::Operations(patch.patch.iter().map(operation).collect()),
        target: Some(target(&patch.target)),
    });
    PostRenderer {
        patches: merges.chain(patches).chain(operations).collect(),
        images: kustomize.images.iter().map(image).collect(),
    }
}

fn target(selector: &api::Selector) -> Target {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    Target {
        group: text(&selector.group),
        version: text(&selector.version),
        kind: text(&selector.kind),
        name: text(&selector.name),
        namespace: text(&selector.namespace),
        label_selector: text(&selector.label_selector),
        annotation_selector: text(&selector.annotation_selector),
    }
}

/// Operations are plain data; what cannot be written as JSON does not exist among them.
fn operation(operation: &api::Json6902Operation) -> Value {
    serde_json::to_value(operation).unwrap_or_default()
}

fn image(image: &api::Image) -> Image {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    Image {
        name: image.name.clone(),
        new_name: text(&image.new_name),
        new_tag: text(&image.new_tag),
        digest: text(&image.digest),
    }
}
