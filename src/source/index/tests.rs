//! Selection follows the documented rules of Flux's source-controller 1.9 (exact text first, then the highest in the range).

use super::*;

const INDEX: &str = "
apiVersion: v1
generated: 2026-01-01T00:00:00Z
somethingNew: {a: 1}
entries:
  app:
  - {name: app, version: 1.0.0, digest: 'sha256:AB', urls: [app-1.0.0.tgz]}
  - {name: app, version: 1.2.0, urls: ['https://other.example/app-1.2.0.tgz', second]}
  - {name: app, version: 2.0.0-rc.1, urls: [charts/app-2.0.0-rc.1.tgz]}
  - null
  - {name: app, urls: [none]}
  - {name: app, version: 1.5, urls: [a-number]}
  - {name: app, version: '1.9', urls: [two-parts]}
  built:
  - {version: 0.1.0+a, created: '2026-01-01T00:00:00Z', urls: [a]}
  - {version: 0.1.0+c, created: '2026-03-01T00:00:00.5Z', urls: [c]}
  - {version: 0.1.0+b, created: '2026-02-01T00:00:00Z', urls: [b]}
  broken: nothing
  bare:
  - {version: 1.0.0}
";

fn found(name: &str, version: &str) -> Result<String, String> {
    let index = Index::parse(INDEX.as_bytes(), "https://charts.example/").unwrap();
    let entry = index.find(name, version, "https://charts.example/");
    entry.map(|entry| entry.version.clone()).map_err(|error| error.to_string())
}

#[test]
fn the_exact_text_wins_then_the_highest_in_the_range() {
    for (name, range, expected) in [
        ("app", "1.0.0", "1.0.0"),
        ("app", "2.0.0-rc.1", "2.0.0-rc.1"),
        ("app", "1.9", "1.9"),
        ("app", "*", "1.2.0"),
        ("app", "", "1.2.0"),
        ("app", ">=1.0.0 <1.1.0", "1.0.0"),
        ("app", ">=1.0.0-0", "2.0.0-rc.1"),
        ("built", "*", "0.1.0+c"),
        ("built", "0.1.0+a", "0.1.0+a"),
        ("built", "0.1.0", "0.1.0+c"),
    ] {
        assert_eq!(found(name, range).as_deref(), Ok(expected), "{name} {range}");
    }
}

#[test]
fn what_is_missing_is_told_with_what_there_is() {
    let error = found("app", "3.x").unwrap_err();
    assert_eq!(
        error,
        "no 'app' chart with version matching '3.x' found in https://charts.example/: of 4 versions the newest are 2.0.0-rc.1, 1.9, 1.2.0, 1.0.0"
    );
    assert!(found("nothing", "*").unwrap_err().contains("the index has 4 charts"));
    assert!(found("broken", "*").is_err());
    let error = found("app", "not a range").unwrap_err();
    assert!(error.starts_with("invalid chart reference: version 'not a range' of chart 'app'"), "{error}");
}

#[test]
fn an_index_needs_content_and_an_api_version() {
    for (text, expected) in [
        ("", "the index is empty"),
        (" \n", "the index is empty"),
        ("entries: {}", "no API version specified"),
        ("{\"entries\": {}}", "no API version specified"),
        ("<html></html>", "index from https://charts.example/"),
        ("apiVersion: [", "yaml"),
    ] {
        let error = Index::parse(text.as_bytes(), "https://charts.example/").unwrap_err();
        assert!(matches!(error, Error::Index { .. }), "{text}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

/// Texts of the regular shape, as programs write them, with what is apt to mislead whoever reads lines.
const REGULAR: &str = "---
# made by hand
apiVersion: v1
entries:
  app:
  - annotations:
      notes: |
        version: 9.9.9
        urls:
        - wrong

      version: 8.8.8
    description: 'quoted: over
      two lines'
    version: 1.0.0
    digest: \"ab\"
    created: 2026-01-01T00:00:00Z
    urls:
    - app-1.0.0.tgz
    # a remark
    - second
    keywords: [version, urls]
  - version: 1.1.0
    urls: [app-1.1.0.tgz]
    \"digest\": 'CD'
  - {version: 1.2.0, urls: [flow]}
  - null
  -
    version: 1.3.0
    urls:
      - deep
  \"quoted\":
    - urls: [quoted.tgz]
      version: 1
    - version: 2.0.0

generated: 2026-01-01T00:00:00Z
serverInfo: {}
";

#[test]
fn the_regular_shape_is_read_piece_by_piece_as_it_is_as_a_whole() {
    for text in [REGULAR.to_owned(), REGULAR.replace('\n', "\r\n"), REGULAR.replace("  app:", "  app: # the app")] {
        let whole = Index::read_whole(text.as_bytes()).unwrap();
        let pieces = pieces::read(text.as_bytes());
        assert_eq!(Index::read_yaml(text.as_bytes()).unwrap(), whole);
        assert!(text.contains("# the app") || pieces.is_some_and(|pieces| pieces.charts == whole.1), "{text}");
        assert_eq!((whole.1["app"].len(), whole.1["app"][0].version.as_str()), (4, "1.0.0"));
    }
}

#[test]
fn other_shapes_are_left_to_be_read_as_a_whole() {
    for text in [
        INDEX.to_owned(),
        "apiVersion: v1\nentries: {}\n".to_owned(),
        "apiVersion: v1\nentries:\n- a\n".to_owned(),
        "apiVersion: v1\nentries:\n  app:\n    version: 1\n".to_owned(),
        "apiVersion: v1\nentries:\n  app:\n    - version: 1\n   x: 1\n".to_owned(),
        "apiVersion: v1\nentries:\n  app:\n  - &a\n    version: 1.0.0\n  b:\n  - *a\n".to_owned(),
        "apiVersion: v1\nentries:\n  app:\n  - version: 1.0.0\n---\nx: 1\n".to_owned(),
        "apiVersion: v1\nentries:\n  app:\n  - version: 1.0.0\nentries:\n  b:\n  - version: 1.0.0\n".to_owned(),
        "apiVersion: v1\n".to_owned(),
    ] {
        assert!(pieces::read(text.as_bytes()).is_none(), "{text}");
        let (whole, either) = (Index::read_whole(text.as_bytes()), Index::read_yaml(text.as_bytes()));
        assert_eq!(either, whole, "{text}");
    }
}

#[test]
fn json_is_read_as_yaml_is() {
    let yaml = Index::parse(INDEX.as_bytes(), "").unwrap();
    let json = goyaml::from_str(INDEX.as_bytes()).unwrap().to_string();
    let json = Index::parse(json.as_bytes(), "").unwrap();
    assert_eq!(yaml.charts, json.charts);
    assert_eq!(yaml.charts["app"].len(), 4);
}

#[test]
fn charts_whose_versions_are_no_list_have_none() {
    for other in ["null", "7", "-7", "1.5", "true", "\"text\"", "{\"a\": {\"b\": []}}", "[]", "[null, 7, [], {}]"] {
        let text =
            format!("{{\"apiVersion\": \"v1\", \"entries\": {{\"a\": {other}, \"b\": [{{\"version\": \"1.0.0\"}}]}}}}");
        let index = Index::parse(text.as_bytes(), "").unwrap();
        assert_eq!((index.charts["a"].len(), index.charts["b"].len()), (0, 1), "{other}");
        assert_eq!(Index::read_whole(text.as_bytes()).unwrap().1, index.charts, "{other}");
    }
}

#[test]
fn archive_urls_are_joined_as_flux_joins_them() {
    let index = Index::parse(INDEX.as_bytes(), "").unwrap();
    let url = |name: &str, version: &str, repository: &str| {
        let repository = Url::parse(repository).unwrap();
        index.find(name, version, "").unwrap().archive_url(name, &repository).map(|url| url.to_string())
    };
    assert_eq!(url("app", "1.0.0", "https://a.example/x").unwrap(), "https://a.example/x/app-1.0.0.tgz");
    assert_eq!(url("app", "1.0.0", "https://a.example/x//?sig=1").unwrap(), "https://a.example/x/app-1.0.0.tgz?sig=1");
    assert_eq!(url("app", "1.2.0", "https://a.example/?sig=1").unwrap(), "https://other.example/app-1.2.0.tgz");
    let error = url("bare", "1.0.0", "https://u:p@a.example/?sig=1").unwrap_err().to_string();
    assert_eq!(error, "invalid URL 'https://a.example/': the index gives no URL for chart 'bare' version '1.0.0'");
}
