//! Release records in Secrets. Expected forms follow Helm 4.3's secrets driver (labels, name, type); requests are counted exactly.

use rhumb::cluster::{Cluster, FIELD_MANAGER, Impersonation, WatchScope};
use rhumb::release::{Release, Status};
use rhumb::storage::{Error, Storage, StorageKey};
use serde_json::json;

use crate::support::FakeApiServer;

const RECORD: &str = "/api/v1/namespaces/apps/secrets/sh.helm.release.v1.web.v1";

fn key() -> StorageKey {
    StorageKey { namespace: "apps".into(), name: "web".into() }
}

fn release(revision: u32, status: Status) -> Release {
    let mut release = Release { name: "web".into(), namespace: "apps".into(), revision, ..Release::default() };
    release.info.status = status;
    release
}

fn time(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(second).unwrap()
}

/// A storage whose index has settled.
async fn storage(server: &FakeApiServer) -> Storage {
    let cluster = Cluster::from_client(server.client(), WatchScope::Cluster, FIELD_MANAGER);
    let storage = Storage::secrets(&cluster);
    storage.revisions(&key()).await.unwrap();
    server.take_requests();
    storage
}

#[tokio::test]
async fn record_has_helms_name_type_and_labels() {
    let server = FakeApiServer::new();
    let storage = storage(&server).await;
    let stored = storage.create(&key(), release(1, Status::PendingInstall), time(1000)).await.unwrap();
    let secret = server.get(RECORD).unwrap();
    assert_eq!(secret["type"], "helm.sh/release.v1");
    assert_eq!(
        secret["metadata"]["labels"],
        json!({"name": "web", "owner": "helm", "status": "pending-install", "version": "1", "createdAt": "1000"})
    );
    storage.update(&key(), &stored, release(1, Status::Deployed), time(2000)).await.unwrap();
    assert_eq!(
        server.get(RECORD).unwrap()["metadata"]["labels"],
        json!({"name": "web", "owner": "helm", "status": "deployed", "version": "1", "modifiedAt": "2000"})
    );
}

#[tokio::test]
async fn own_records_are_read_back_without_a_request() {
    let server = FakeApiServer::new();
    let storage = storage(&server).await;
    storage.create(&key(), release(1, Status::Deployed), time(1)).await.unwrap();
    server.take_requests();
    let newest = storage.newest(&key()).await.unwrap().unwrap();
    assert_eq!(newest.release.info.status, Status::Deployed);
    assert!(!server.take_requests().iter().any(|request| request.contains("sh.helm.release")));
}

#[tokio::test]
async fn a_record_that_one_user_has_read_is_asked_for_again_in_the_name_of_another() {
    let server = FakeApiServer::new();
    let cluster = Cluster::from_client(server.client(), WatchScope::Cluster, FIELD_MANAGER);
    let storage = Storage::secrets(&cluster);
    let user = |namespace: &str| {
        let user = Impersonation::ServiceAccount { namespace: namespace.into(), name: "deployer".into() };
        storage.with_user(&cluster.impersonate(&user))
    };
    let (owner, other) = (user("apps"), user("elsewhere"));
    owner.create(&key(), release(1, Status::Deployed), time(1)).await.unwrap();
    let asks = |who: Storage| {
        let server = &server;
        async move {
            server.take_requests();
            who.newest(&key()).await.unwrap().unwrap();
            server.take_requests().iter().any(|request| request.contains("sh.helm.release"))
        }
    };
    assert!(!asks(owner.clone()).await, "who wrote it knows it");
    // The server alone can tell whether this one may have it.
    assert!(asks(other.clone()).await);
    assert!(!asks(other).await, "who has read it knows it");
}

#[tokio::test]
async fn the_same_revision_cannot_be_created_twice() {
    let server = FakeApiServer::new();
    let storage = storage(&server).await;
    storage.create(&key(), release(1, Status::PendingInstall), time(1)).await.unwrap();
    let error = storage.create(&key(), release(1, Status::PendingInstall), time(1)).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn record_that_somebody_else_changed_is_not_overwritten_but_told_of_and_read_again() {
    let server = FakeApiServer::new();
    let storage = storage(&server).await;
    let mut touches = storage.touches();
    let stored = storage.create(&key(), release(1, Status::Deployed), time(1)).await.unwrap();
    let mut secret = server.get(RECORD).unwrap();
    secret["metadata"]["labels"]["status"] = json!("superseded");
    server.put(RECORD, secret);
    assert_eq!(touches.recv().await.unwrap().revision, 1);
    assert_eq!(storage.revisions(&key()).await.unwrap()[0].status, Status::Superseded);
    let error = storage.update(&key(), &stored, release(1, Status::Failed), time(2)).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    server.take_requests();
    storage.get(&key(), 1).await.unwrap();
    assert_eq!(server.take_requests(), [format!("GET {RECORD}")]);
}

#[tokio::test]
async fn pruning_deletes_the_oldest_and_keeps_the_deployed_revision() {
    let server = FakeApiServer::new();
    let storage = storage(&server).await;
    for (revision, status) in [(1, Status::Deployed), (2, Status::Failed), (3, Status::Failed)] {
        storage.create(&key(), release(revision, status), time(1)).await.unwrap();
    }
    assert_eq!(storage.prune(&key(), 2).await.unwrap(), [2, 3]);
    let left: Vec<u32> = storage.revisions(&key()).await.unwrap().iter().map(|it| it.revision).collect();
    assert_eq!(left, [1]);
}

#[tokio::test]
async fn memory_keeps_the_same_rules() {
    let storage = Storage::memory();
    let stored = storage.create(&key(), release(1, Status::PendingInstall), time(1)).await.unwrap();
    let error = storage.create(&key(), release(1, Status::PendingInstall), time(1)).await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    storage.update(&key(), &stored, release(1, Status::Deployed), time(2)).await.unwrap();
    let error = storage.update(&key(), &stored, release(1, Status::Failed), time(3)).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    storage.delete(&key(), 1).await.unwrap();
    assert!(storage.newest(&key()).await.unwrap().is_none());
}
