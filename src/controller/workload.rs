//! Access to another cluster that a ConfigMap describes (`spec.kubeConfig.configMapRef`): by the token of a ServiceAccount of this cluster,
//! which the other one trusts, instead of a kubeconfig that is kept in a Secret.
//!
//! In: the ConfigMap with Flux's keys `provider`, `address`, `ca.crt`, `audiences` and `serviceAccountName`. Out: a kubeconfig without
//! credentials, and a token that is renewed for as long as it is used.
//!
//! Counterpart: the provider `generic` of Flux's helm-controller 1.6. Those of clouds need the clouds' own libraries and are refused.
//!
//! **Invariant:** the account is one of the HelmRelease's own namespace, named by the ConfigMap or by
//! `--default-kubeconfig-service-account`; never the operator's.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::api::{Api, PostParams};
use serde_json::json;

use super::Error;
use crate::cluster::Bearer;

/// How long a token is asked for; the server may give another time.
const LIFETIME: Duration = Duration::from_secs(3600);
/// The longest that a token is kept, of its own time: as kubelets do, so that there is time to try again.
const KEPT: f64 = 0.8;
/// When renewing is tried again after it failed.
const RETRY: Duration = Duration::from_secs(30);

/// What a ConfigMap says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Access {
    address: String,
    authority: Option<String>,
    audiences: Vec<String>,
    account: String,
}

impl Access {
    /// Reads it; `default` is the account where it names none.
    ///
    /// # Errors
    /// If the provider is a cloud, and if the address or the account is missing.
    pub(super) fn read(config: &ConfigMap, default: Option<&str>, named: &str) -> Result<Self, Error> {
        let text = |key: &str| {
            let value = config.data.as_ref().and_then(|data| data.get(key)).map(|value| value.trim());
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let lacks = |what: &str| Error::KubeConfig { message: format!("{named} {what}") };
        match text("provider").as_deref() {
            Some("generic") => {}
            Some(_) => {
                let why = "access by workload identity of a cloud needs the cloud's own library; use provider 'generic' or a secretRef";
                return Err(Error::Unsupported { field: "spec.kubeConfig.configMapRef", why });
            }
            None => return Err(lacks("does not contain a 'provider' key")),
        }
        let address =
            text("address").ok_or_else(|| lacks("does not contain an 'address' key with the API server's URL"))?;
        let account = text("serviceAccountName").or_else(|| default.map(str::to_owned)).ok_or_else(|| {
            lacks("does not contain a 'serviceAccountName' key, and --default-kubeconfig-service-account is not set")
        })?;
        let given = text("audiences").unwrap_or_default();
        let mut audiences: Vec<String> =
            given.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if audiences.is_empty() {
            audiences.push(address.clone());
        }
        Ok(Self { address, authority: text("ca.crt"), audiences, account })
    }

    /// How to get there, without who comes.
    pub(super) fn kubeconfig(&self) -> String {
        use base64::Engine as _;
        let encoded = |pem: &String| base64::engine::general_purpose::STANDARD.encode(pem);
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "remote", "cluster": {
                "server": self.address,
                "certificate-authority-data": self.authority.as_ref().map(encoded),
            }}],
            "users": [{"name": "remote", "user": {}}],
            "contexts": [{"name": "remote", "context": {"cluster": "remote", "user": "remote"}}],
            "current-context": "remote",
        })
        .to_string()
    }
}

/// Who goes to the other cluster, and by which client of this one it is known.
pub(super) struct Traveller {
    pub(super) client: kube::Client,
    pub(super) namespace: String,
    pub(super) access: Access,
    /// The ConfigMap, for errors.
    pub(super) named: String,
}

impl Traveller {
    /// A token, and for how long to keep it.
    pub(super) async fn token(&self) -> Result<(String, Duration), Error> {
        let Access { account, audiences, .. } = &self.access;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let spec = TokenRequestSpec {
            audiences: audiences.clone(),
            expiration_seconds: i64::try_from(LIFETIME.as_secs()).ok(),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await;
        let refused = |why: String| Error::KubeConfig {
            message: format!("{}: no token for ServiceAccount '{}/{account}': {why}", self.named, self.namespace),
        };
        let status = answer.map_err(|error| refused(error.to_string()))?.status;
        let status = status.ok_or_else(|| refused("the API server gave none".to_owned()))?;
        let left = status.expiration_timestamp.0.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        Ok((status.token, left.mul_f64(KEPT)))
    }

    /// Renews a token before its time is over, without end.
    pub(super) async fn keep_fresh(self, bearer: Bearer, mut time: Duration) {
        loop {
            tokio::time::sleep(time).await;
            let renewed = match self.token().await {
                Ok((token, left)) => bearer.renew(&token).map(|()| left).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            time = renewed.unwrap_or_else(|error| {
                tracing::warn!(error, "cannot renew a token for another cluster; trying again");
                RETRY
            });
            time = time.max(Duration::from_secs(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn config(data: &[(&str, &str)]) -> ConfigMap {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ConfigMap { data: Some(data), ..ConfigMap::default() }
    }

    #[test]
    fn the_account_is_the_one_that_is_named_else_the_default_and_the_audience_the_address() {
        let there = [("provider", "generic"), ("address", "https://there")];
        let read = |more: &[(&str, &str)], default: Option<&str>| {
            Access::read(&config(&[&there[..], more].concat()), default, "kubeconfig ConfigMap 'apps/far'")
        };
        let access = read(&[], Some("traveller")).unwrap();
        assert_eq!((access.account.as_str(), &access.audiences[..]), ("traveller", &["https://there".to_owned()][..]));
        let access = read(&[("serviceAccountName", "own"), ("audiences", "a\n\n b \n")], Some("traveller")).unwrap();
        assert_eq!((access.account.as_str(), access.audiences.join(",").as_str()), ("own", "a,b"));
        let refusal = read(&[], None).unwrap_err().to_string();
        assert!(refusal.contains("--default-kubeconfig-service-account") && refusal.contains("apps/far"), "{refusal}");
        let cloud = Access::read(&config(&[("provider", "aws")]), None, "");
        assert!(matches!(cloud, Err(Error::Unsupported { .. })));
        let nowhere = Access::read(&config(&[("provider", "generic")]), Some("a"), "it").unwrap_err().to_string();
        assert!(nowhere.contains("'address'"), "{nowhere}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_its_time_is_over_and_again_after_a_failure() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let server = tower::service_fn(move |_: http::Request<kube::client::Body>| {
            // The first try fails.
            let body = if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503, "message": "", "reason": ""})
            } else {
                let expires = Timestamp::now() + LIFETIME;
                json!({"spec": {"audiences": []}, "status": {"token": "t", "expirationTimestamp": expires.to_string()}})
            };
            let code = body["code"].as_u64().map_or(201, |code| u16::try_from(code).unwrap());
            let answer =
                http::Response::builder().status(code).body(kube::client::Body::from(body.to_string().into_bytes()));
            std::future::ready(Ok::<_, tower::BoxError>(answer.unwrap()))
        });
        let access = Access::read(&config(&[("provider", "generic"), ("address", "a")]), Some("x"), "it").unwrap();
        let client = kube::Client::new(server, "apps");
        let traveller = Traveller { client, namespace: "apps".into(), access, named: "it".into() };
        let renewing = traveller.keep_fresh(Bearer::new("old").unwrap(), Duration::from_secs(100));
        let after = |seconds| {
            let asked = Arc::clone(&asked);
            async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                asked.load(Ordering::SeqCst)
            }
        };
        tokio::pin!(renewing);
        let mut counts = Vec::new();
        for seconds in [99, 2, 30, 2870, 20] {
            tokio::select! {
                count = after(seconds) => counts.push(count),
                () = &mut renewing => {}
            }
        }
        // Four fifths of an hour are 2880 seconds.
        assert_eq!(counts, [0, 1, 2, 2, 3]);
    }
}
