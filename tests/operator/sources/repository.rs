//! Repositories with an index over HTTP: what is sent, what is refused, what is fetched once.

use std::time::Duration;

use rhumb::source::{Access, Class, Credentials, Error, Fetched, Library, MAX_CHART_ARCHIVE_SIZE};

use super::server::{Answer, Server, digest, gzip, index, package};

const INDEX: &str = "/charts/index.yaml";
const ARCHIVE: &str = "/charts/app-1.0.0.tgz";

/// A repository that serves one chart, and who may read it.
async fn repository() -> (Server, Access) {
    let server = Server::start().await;
    let archive = package("app", "1.0.0");
    server.set(INDEX, Answer::ok(index("app", "1.0.0", "app-1.0.0.tgz", &digest(&archive))));
    server.set(ARCHIVE, Answer::ok(archive));
    let access = Access::anonymous(format!("{}/charts", server.url()));
    (server, access)
}

fn login(access: &Access) -> Access {
    let credentials = Credentials::Basic { username: "ann".to_owned(), password: "hunter2".to_owned() };
    Access { credentials, ..access.clone() }
}

async fn fetch(access: &Access) -> Result<Fetched, Error> {
    Library::default().chart_from_repository(access, "app", "*").await
}

/// The text of an error that names what it has to, and keeps the password to itself.
fn text(result: Result<Fetched, Error>) -> String {
    let text = result.unwrap_err().to_string();
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[tokio::test]
async fn a_chart_is_downloaded_and_parsed_once() {
    let (server, access) = repository().await;
    let library = Library::default();
    let fetch = || library.chart_from_repository(&access, "app", "^1.0.0");
    let (one, two) = tokio::join!(fetch(), fetch());
    let (one, two, three) = (one.unwrap(), two.unwrap(), fetch().await.unwrap());
    assert_eq!((one.chart.name(), one.version.as_str()), ("app", "1.0.0"));
    assert!(std::sync::Arc::ptr_eq(&one.chart, &two.chart) && std::sync::Arc::ptr_eq(&one.chart, &three.chart));
    assert_eq!((server.asked(INDEX).len(), server.asked(ARCHIVE).len()), (1, 1));
    assert!(library.get(&one.digest).is_some());
}

#[tokio::test]
async fn an_unchanged_index_is_not_sent_again() {
    let (server, access) = repository().await;
    let body = index("app", "1.0.0", "app-1.0.0.tgz", "");
    let first = Answer::ok(gzip(body.as_bytes())).with("etag", "\"one\"").with("content-encoding", "gzip");
    server.set_all(INDEX, vec![first, Answer::status(304)]);
    let library = Library::default();
    let (one, two) = (library.index(&access).await.unwrap(), library.index(&access).await.unwrap());
    assert_eq!(one.digest, digest(body.as_bytes()));
    assert!(std::sync::Arc::ptr_eq(&one, &two));
    let asked = server.asked(INDEX);
    assert!(!asked[0].headers.contains_key("if-none-match"));
    assert_eq!(asked[1].headers["if-none-match"], "\"one\"");
}

#[tokio::test]
async fn an_archive_of_another_digest_is_refused_with_both_digests() {
    let (server, access) = repository().await;
    let other = package("app", "6.6.6");
    server.set(ARCHIVE, Answer::ok(other.clone()));
    let error = fetch(&access).await.unwrap_err();
    let expected = format!(
        "digest of {}{ARCHIVE} does not match: expected {}, got {}",
        server.url(),
        digest(&package("app", "1.0.0")),
        digest(&other)
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.class(), Class::Transient);
}

#[tokio::test]
async fn what_is_no_chart_is_told_with_its_place() {
    let (server, access) = repository().await;
    server.set(INDEX, Answer::ok(index("app", "1.0.0", "app-1.0.0.tgz", "")));
    server.set(ARCHIVE, Answer::ok("<html>"));
    let text = text(fetch(&access).await);
    assert!(text.starts_with(&format!("chart archive {}{ARCHIVE}: ", server.url())), "{text}");
}

#[tokio::test]
async fn credentials_stay_with_the_repository_unless_passed_on() {
    let (server, access) = repository().await;
    let (elsewhere, archive) = (Server::start().await, package("app", "1.0.0"));
    elsewhere.set("/app.tgz", Answer::ok(archive));
    server.set(ARCHIVE, Answer::status(302).with("location", format!("{}/app.tgz", elsewhere.url())));
    let access = login(&access);
    fetch(&access).await.unwrap();
    assert!(server.asked(ARCHIVE)[0].headers.contains_key("authorization"));
    assert!(!elsewhere.asked("/app.tgz")[0].headers.contains_key("authorization"));

    fetch(&Access { pass_credentials: true, ..access }).await.unwrap();
    assert!(elsewhere.asked("/app.tgz")[1].headers.contains_key("authorization"));
}

#[tokio::test]
async fn refused_access_is_told_with_what_was_sent() {
    let (server, access) = repository().await;
    server.set(ARCHIVE, Answer::ok(package("app", "1.0.0")).for_login("ann", "other"));
    let nobody = text(fetch(&access).await);
    assert_eq!(
        nobody,
        format!(
            "{} refuses access to {}{ARCHIVE}: 401 Unauthorized (no credentials are given)",
            server.host,
            server.url()
        )
    );
    let wrong = text(fetch(&login(&access)).await);
    assert!(wrong.ends_with("401 Unauthorized (with the credentials of the Secret)"), "{wrong}");
    let hidden = text(fetch(&Access { url: access.url.replace("http://", "http://ann:hunter2@"), ..access }).await);
    assert!(hidden.contains("401"), "{hidden}");
}

#[tokio::test]
async fn passing_faults_are_tried_again_and_others_are_not() {
    let (server, access) = repository().await;
    let body = Answer::ok(index("app", "1.0.0", "app-1.0.0.tgz", ""));
    server.set_all(INDEX, vec![Answer::status(500), Answer::status(429), body]);
    fetch(&access).await.unwrap();
    assert_eq!(server.asked(INDEX).len(), 3);

    server.set(INDEX, Answer::status(404));
    let text = text(fetch(&access).await);
    assert_eq!(text, format!("failed to fetch {}{INDEX} : 404 Not Found", server.url()));
    assert_eq!(server.asked(INDEX).len(), 4);
}

#[tokio::test]
async fn limits_on_time_and_size_are_named() {
    let (server, access) = repository().await;
    server.set(ARCHIVE, Answer::ok(vec![0; MAX_CHART_ARCHIVE_SIZE as usize + 1]));
    let large = text(fetch(&access).await);
    assert_eq!(large, format!("chart at {}{ARCHIVE} is larger than the limit of 10485760 bytes", server.url()));

    // A small answer that unpacks to a large one.
    let bomb = gzip(&vec![b' '; 1024 * 1024]).repeat(51);
    server.set(INDEX, Answer::ok(bomb).with("content-encoding", "gzip"));
    let large = text(fetch(&access).await);
    assert_eq!(large, format!("index at {}{INDEX} is larger than the limit of 52428800 bytes", server.url()));

    server.set(INDEX, Answer { is_stuck: true, ..Answer::ok("") });
    let late = text(fetch(&Access { timeout: Duration::from_millis(50), ..access }).await);
    assert_eq!(late, format!("failed to fetch {}{INDEX}: no complete answer within 50ms", server.url()));
}

#[tokio::test]
async fn endless_redirects_and_other_schemes_end() {
    let (server, access) = repository().await;
    server.set(ARCHIVE, Answer::status(302).with("location", ARCHIVE));
    assert!(text(fetch(&access).await).ends_with("more than 10 redirects"));
    server.set(ARCHIVE, Answer::status(302).with("location", "ftp://127.0.0.1/app.tgz"));
    assert!(text(fetch(&access).await).contains("redirect from http to ftp://127.0.0.1/app.tgz is refused"));
    server.set(INDEX, Answer::ok(index("app", "1.0.0", "file:///etc/passwd", "")));
    let error = fetch(&access).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid URL 'file:///etc/passwd': scheme 'file' is not http, https or oci");
}

#[tokio::test]
async fn a_chart_served_by_others_must_have_its_digest() {
    let (server, _) = repository().await;
    let url = format!("{}{ARCHIVE}", server.url());
    let library = Library::default();
    let wrong = library.chart_from_url(&url, &digest(b"other")).await.unwrap_err();
    assert!(matches!(wrong, Error::DigestMismatch { .. }), "{wrong}");
    let fetched = library.chart_from_url(&url, &digest(&package("app", "1.0.0"))).await.unwrap();
    assert_eq!(fetched.version, "1.0.0");
}

#[tokio::test]
async fn a_thousand_releases_of_one_repository_fetch_index_and_chart_once() {
    let (server, access) = repository().await;
    let library = Library::default();
    let all = (0..1000).map(|_| {
        let (library, access) = (library.clone(), access.clone());
        tokio::spawn(async move { library.chart_from_repository(&access, "app", "1.x").await.map(|found| found.chart) })
    });
    let all = futures::future::join_all(all).await;
    let charts: Vec<_> = all.into_iter().map(|one| one.unwrap().unwrap()).collect();
    assert!(charts.iter().all(|chart| std::sync::Arc::ptr_eq(chart, &charts[0])));
    assert_eq!((server.asked(INDEX).len(), server.asked(ARCHIVE).len()), (1, 1));
}
