//! The namespace of a release, made before its first install (`spec.install.createNamespace`).
//!
//! **Invariant:** an existing namespace is left as it is.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};

use super::{Cluster, Error};

impl Cluster {
    /// Creates a namespace with the label that Helm 4.3 gives it, unless it exists.
    pub async fn ensure_namespace(&self, name: &str) -> Result<(), Error> {
        let labels = [("name".to_owned(), name.to_owned())].into();
        let metadata = ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() };
        let new = Namespace { metadata, ..Namespace::default() };
        match Api::<Namespace>::all(self.client().clone()).create(&PostParams::default(), &new).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(source) => Err(Error::Namespace { name: name.to_owned(), source: Box::new(source) }),
        }
    }
}
