//! Why a chart cannot be rendered, in Helm's own words.
//!
//! **Invariant:** template errors carry what the chart's author wrote, as Helm shows it; values reach them only through templates.

/// A failure of rendering.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A template does not parse or cannot be executed; the text is Helm 4.3.1's.
    #[error("{0}")]
    Template(String),
    /// A rendered document is not YAML, or its head is not that of an object.
    #[error("YAML parse error on {path}: {message}")]
    Document {
        /// The template that gave it.
        path: String,
        /// Why.
        message: String,
        /// All rendered files, for people who look for the fault; Helm prints them with `--debug`.
        rendered: String,
    },
    /// The text is not a version of Kubernetes.
    #[error("invalid kube version '{text}': {}", kube_version_fault(text))]
    KubeVersion {
        /// The refused text.
        text: String,
    },
    /// A part of a version of Kubernetes begins with a zero.
    #[error("invalid kube version '{text}': illegal zero-prefixed version component {part:?} in {text:?}")]
    KubeVersionZero {
        /// The refused text.
        text: String,
        /// The part.
        part: String,
    },
    /// A post-renderer cannot do its work.
    #[error("error while running post render on {group}: {message}")]
    PostRender {
        /// Which documents: `files`, `hooks` or `manifests`.
        group: &'static str,
        /// Why.
        message: String,
    },
    /// There is no room for the stack of a render, or the render ended without a result.
    #[error("rendering template failed: {0}")]
    Stack(String),
}

/// Apimachinery's two texts: for what is no version at all, and for one that is too short.
fn kube_version_fault(text: &str) -> String {
    let bare = text.trim();
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    if bare.starts_with(|letter: char| letter.is_ascii_digit()) {
        format!("illegal version string {text:?}")
    } else {
        format!("could not parse {text:?} as version")
    }
}
