//! Servers that stall, lie and send what is meant to harm: each ends in an error that says so, in bounded time and memory, while a good
//! server goes on being asked.

use std::time::Duration;

use rhumb::source::{Access, Error, Fetched, Library, MAX_CHART_ARCHIVE_SIZE, MAX_INDEX_SIZE};

use super::malice::{Malice, hostile};
use super::registry::registry;
use super::server::{Answer, Server, digest, gzip, index, package};

/// How long one request may take in these tests.
const PATIENCE: Duration = Duration::from_millis(400);

#[tokio::test]
async fn each_malice_ends_in_an_error_that_says_so_while_others_are_served() {
    let library = Library::default();
    let good = Server::start().await;
    let archive = package("app", "1.0.0");
    good.set("/index.yaml", Answer::ok(index("app", "1.0.0", "app.tgz", &digest(&archive))));
    good.set("/app.tgz", Answer::ok(archive));
    let repository = Access::anonymous(good.url());
    for (malice, expected) in [
        (Malice::Silence, "no complete answer within 400ms"),
        (Malice::Dribble, "no complete answer within 400ms"),
        (Malice::Truncate, "end of file before message length reached"),
        (Malice::Endless, "is larger than the limit of 10485760 bytes"),
        (Malice::Boast, "is larger than the limit of 10485760 bytes"),
        (Malice::Noise, "invalid HTTP"),
        (Malice::EndlessHeaders, "message head is too large"),
    ] {
        let url = format!("{}/file", hostile(malice).await.unwrap());
        // A limit is reached in time however slow the machine is; only those that stall are cut short.
        let timeout = if expected.contains("400ms") { PATIENCE } else { Duration::from_secs(30) };
        let access = Access { timeout, ..Access::anonymous(&url) };
        let (bad, fine) = tokio::join!(library.file(&access), library.chart_from_repository(&repository, "app", "*"));
        let error = bad.unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&url), "{expected}: {error}");
        fine.unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_means_ill_is_told_by_the_artifact() {
    for (malice, expected) in [
        (Malice::Silence, "no complete answer within 400ms"),
        (Malice::Truncate, "end of file before message length reached"),
        (Malice::Endless, "manifest at"),
        (Malice::Boast, "larger than the limit of 4194304 bytes"),
    ] {
        let host = hostile(malice).await.unwrap().replace("http://", "");
        let timeout = if expected.contains("400ms") { PATIENCE } else { Duration::from_secs(30) };
        let access = Access { timeout, insecure: true, ..Access::anonymous(format!("oci://{host}/charts")) };
        let error = Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap_err().to_string();
        let place = format!("oci://{host}/charts/app:1.0.0");
        assert!(error.contains(expected) && error.contains(&place), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_registry_that_lies_about_sizes_and_digests_is_refused() {
    let (server, access) = registry(&["1.0.0"]).await;
    let archive = package("app", "1.0.0");
    let blob = format!("/v2/charts/app/blobs/{}", digest(&archive));
    let fetch = || async { Library::default().chart_from_registry(&access, "app", "1.0.0").await };
    server.set(&blob, Answer::ok(vec![0; MAX_CHART_ARCHIVE_SIZE as usize + 1]));
    assert!(matches!(fetch().await.unwrap_err(), Error::TooLarge { limit: MAX_CHART_ARCHIVE_SIZE, .. }));
    for (manifest, expected) in [
        ("<html>", "the registry's manifest cannot be read"),
        ("{\"layers\": [{\"digest\": \"sha256:../../../x\"}]}", "which is no digest"),
        ("{\"layers\": []}", "failed to find layer"),
        ("{\"layers\": [{\"digest\": \"sha256:00\", \"size\": 99999999999}]}", "larger than the limit"),
        (
            "{\"manifests\": [{\"digest\": \"sha256:aa\"}, {\"digest\": \"sha256:bb\"}]}",
            "none of them for this platform",
        ),
        ("{\"layers\": [{\"digest\": \"blake3:00\"}]}", "404"),
    ] {
        server.set("/v2/charts/app/manifests/1.0.0", Answer::ok(manifest));
        let error = fetch().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{manifest}: {error}");
    }
    // A manifest by digest that is another.
    let wanted = digest(b"wanted");
    server.set(&format!("/v2/charts/app/manifests/{wanted}"), Answer::ok("{}"));
    let access = Access { url: format!("{}/app", access.url), ..access.clone() };
    let error = Library::default().chart_from_artifact(&access, &wanted, None).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn a_list_of_tags_without_end_has_one() {
    let (server, access) = registry(&[]).await;
    let page: Vec<String> = (0..1000).map(|number| format!("1.0.{number}")).collect();
    let page = serde_json::json!({"tags": page}).to_string();
    // Each page links itself under another name, as a server may that wants us to go on for ever.
    let list = |number: u32| format!("/v2/charts/app/tags/list?n=1000&page={number}");
    let answer = |number: u32| Answer::ok(page.clone()).with("link", format!("<{}>; rel=\"next\"", list(number + 1)));
    server.set("/v2/charts/app/tags/list?n=1000", answer(0));
    for number in 0..200 {
        let other = page.replace("1.0.", &format!("{}.0.", number + 2));
        server.set(&list(number), Answer { body: other.into_bytes(), ..answer(number) });
    }
    let error = Library::default().chart_from_registry(&access, "app", "*").await.unwrap_err().to_string();
    assert!(error.contains("more than the limit of 100000 tags"), "{error}");
}

/// What came of an archive in a repository whose index tells its digest.
async fn with_archive(archive: Vec<u8>) -> Result<Fetched, Error> {
    let server = Server::start().await;
    server.set("/index.yaml", Answer::ok(index("app", "1.0.0", "app.tgz", &digest(&archive))));
    server.set("/app.tgz", Answer::ok(archive));
    Library::default().chart_from_repository(&Access::anonymous(server.url()), "app", "*").await
}

/// An archive of one entry besides the chart's own.
fn archive_with(path: &str, kind: tar::EntryType, target: &str, size: u64) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let chart = b"apiVersion: v2\nname: app\nversion: 1.0.0\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(chart.len() as u64);
    archive.append_data(&mut header, "app/Chart.yaml", chart.as_slice()).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    // The crate refuses such names, so they are written past it.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    if !target.is_empty() {
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    }
    header.set_cksum();
    archive.append(&header, std::io::repeat(b'a').take_bytes(size)).unwrap();
    gzip(&archive.into_inner().unwrap())
}

/// Reads up to a number of bytes.
trait TakeBytes: std::io::Read + Sized {
    fn take_bytes(self, size: u64) -> std::io::Take<Self> {
        std::io::Read::take(self, size)
    }
}

impl<R: std::io::Read> TakeBytes for R {}

#[tokio::test]
async fn archives_that_reach_out_of_their_folder_or_burst_are_refused() {
    use tar::EntryType;
    for (archive, expected) in [
        (archive_with("app/../../etc/passwd", EntryType::Regular, "", 3), "references parent directory"),
        (archive_with("app/templates/big.yaml", EntryType::Regular, "", 101 * 1024 * 1024), "104857600"),
        (gzip(b"no archive at all"), "chart archive"),
        (b"no gzip".to_vec(), "chart archive"),
    ] {
        let error = with_archive(archive).await.map(|fetched| fetched.version).unwrap_err();
        assert!(matches!(error, Error::Chart { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    // An absolute name loses its first part as any other does, as with Helm; the file stays one of the chart's, in memory.
    let fetched = with_archive(archive_with("/etc/passwd", EntryType::Regular, "", 3)).await.unwrap();
    assert_eq!(fetched.chart.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["etc/passwd"]);
    // Links are no files of a chart, so nothing is read through them.
    for kind in [EntryType::Symlink, EntryType::Link] {
        match with_archive(archive_with("app/values.yaml", kind, "/etc/passwd", 0)).await {
            Ok(fetched) => {
                assert!(fetched.chart.raw.iter().all(|file| file.data.is_empty() || file.name == "Chart.yaml"));
            }
            Err(error) => assert!(matches!(error, Error::Chart { .. }), "{error}"),
        }
    }
}

#[tokio::test]
async fn an_index_with_what_does_not_belong_there_is_read_for_the_rest() {
    let server = Server::start().await;
    let archive = package("app", "1.0.0");
    server.set("/app.tgz", Answer::ok(archive.clone()));
    let entry = format!("{{name: app, version: 1.0.0, digest: '{}', urls: [app.tgz]}}", digest(&archive));
    let library = Library::default();
    for (text, is_read) in [
        (format!("apiVersion: v1\nentries:\n  app: [null, {entry}, 7, [], {{}}]\n  empty:\n  none: null\n"), true),
        (format!("apiVersion: v1\nunknown: {{a: [1, 2]}}\nentries:\n  app: [{entry}]\n"), true),
        (format!("apiVersion: v1\nentries:\n  app: [{{future: {{a: 1}}, {}]\n", &entry[1..]), true),
        ("{\"apiVersion\": \"v1\", \"entries\": null}".to_owned(), false),
        ("apiVersion: v1\nentries: 7\n".to_owned(), false),
        (format!("apiVersion: v1\nentries: {}\n", "[".repeat(20_000)), false),
        ("apiVersion: &a [*a]\nentries: {}\n".to_owned(), false),
    ] {
        server.set("/index.yaml", Answer::ok(text.clone()));
        let access = Access { url: format!("{}/", server.url()), ..Access::anonymous("") };
        library.index(&access).await.map(drop).ok();
        let found = Library::default().chart_from_repository(&access, "app", "*").await;
        let shown: String = text.chars().take(80).collect();
        assert_eq!(found.is_ok(), is_read, "{shown}: {:?}", found.map(|found| found.version));
    }
    // More than is accepted, however it is packed, is told by its limit.
    let bomb = gzip(&vec![b' '; 1024 * 1024]).repeat(60);
    server.set("/index.yaml", Answer::ok(bomb).with("content-encoding", "gzip"));
    let error = Library::default().index(&Access::anonymous(server.url())).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: MAX_INDEX_SIZE, .. }), "{error}");
}
