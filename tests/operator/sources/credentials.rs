//! Who is told what: tokens of registries, proxies, and tenants that share a server.

use std::sync::{Arc, Mutex};

use rhumb::source::{Access, Credentials, Egress, Error, Library, Proxy, RegistryLogin};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::registry::{push, registry};
use super::server::{Answer, Server, digest, index, package};

fn login(registry: &str) -> RegistryLogin {
    RegistryLogin { registry: registry.to_owned(), ..RegistryLogin::default() }
}

fn with(access: &Access, login: RegistryLogin) -> Access {
    Access { credentials: Credentials::Registries(vec![login]), ..access.clone() }
}

/// Makes everything in a registry ask for a token of its service.
fn ask_for_token(server: &Server, token: &str) {
    let challenge = format!("Bearer realm=\"{}/token\",service=\"charts\"", server.url());
    server.protect("/v2/", &format!("Bearer {token}"), &challenge);
}

const TOKEN: &str = "/token?scope=repository%3Acharts%2Fapp%3Apull&service=charts";

#[tokio::test]
async fn a_password_and_nobody_are_exchanged_for_tokens() {
    let (server, access) = registry(&["1.0.0"]).await;
    ask_for_token(&server, "t1");
    server.set(TOKEN, Answer::ok("{\"token\": \"t1\", \"expires_in\": 300}").for_login("ann", "hunter2"));
    let ann = RegistryLogin { username: "ann".into(), password: "hunter2".into(), ..login(&server.host) };
    let library = Library::default();
    library.chart_from_registry(&with(&access, ann), "app", "1.0.0").await.unwrap();
    assert_eq!(server.asked(TOKEN).len(), 1, "one token does for manifest and layer");

    server.set(TOKEN, Answer::ok("{\"access_token\": \"t1\"}"));
    Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    assert!(!server.asked(TOKEN)[1].headers.contains_key("authorization"));
}

#[tokio::test]
async fn an_identity_token_is_exchanged_and_a_registry_token_is_sent() {
    let (server, access) = registry(&["1.0.0"]).await;
    ask_for_token(&server, "t2");
    server.set("/token", Answer::ok("{\"access_token\": \"t2\"}"));
    let identity = RegistryLogin { identity_token: "refresh me".into(), ..login(&server.host) };
    Library::default().chart_from_registry(&with(&access, identity), "app", "1.0.0").await.unwrap();
    let asked = server.asked("/token");
    assert_eq!(
        asked[0].body,
        "grant_type=refresh_token&client_id=rhumb&refresh_token=refresh+me&scope=repository%3Acharts%2Fapp%3Apull&service=charts"
    );

    let token = RegistryLogin { registry_token: "t2".into(), ..login(&server.host) };
    Library::default().chart_from_registry(&with(&access, token), "app", "1.0.0").await.unwrap();
    assert_eq!(server.asked("/token").len(), 1, "a token that is given needs no service");
}

#[tokio::test]
async fn a_token_that_has_aged_is_replaced() {
    let (server, access) = registry(&["1.0.0", "1.1.0"]).await;
    ask_for_token(&server, "t1");
    server.set(TOKEN, Answer::ok("{\"token\": \"t1\", \"expires_in\": 300}"));
    let library = Library::default();
    library.chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    ask_for_token(&server, "t2");
    server.set(TOKEN, Answer::ok("{\"token\": \"t2\"}"));
    library.chart_from_registry(&access, "app", "1.1.0").await.unwrap();
    assert_eq!(server.asked(TOKEN).len(), 2);
}

#[tokio::test]
async fn a_layer_elsewhere_is_fetched_without_the_registrys_login() {
    let (server, access) = registry(&["1.0.0"]).await;
    let (elsewhere, archive) = (Server::start().await, package("app", "1.0.0"));
    elsewhere.set("/blob", Answer::ok(archive.clone()));
    let blob = format!("/v2/charts/app/blobs/{}", digest(&archive));
    server.set(&blob, Answer::status(307).with("location", format!("{}/blob", elsewhere.url())));
    server.protect("/v2/", "Basic YW5uOmh1bnRlcjI=", "Basic realm=\"charts\"");
    let ann = RegistryLogin { username: "ann".into(), password: "hunter2".into(), ..login(&server.host) };
    let access = Access { pass_credentials: true, ..with(&access, ann) };
    Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    assert!(!elsewhere.asked("/blob")[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_registry_behind_a_proxy_is_asked_through_it() {
    // The double answers whatever host it is asked for, as a proxy does.
    let (proxy, access) = registry(&["1.0.0"]).await;
    let address = proxy.url().parse().unwrap();
    let login = Some(("ann".to_owned(), "hunter2".to_owned()));
    let access =
        Access { url: "oci://registry.invalid/charts".into(), proxy: Some(Proxy { address, login }), ..access };
    let library = Library::default();
    library.chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    let asked = proxy.asked("/v2/charts/app/manifests/1.0.0");
    assert_eq!(asked[0].headers["host"], "registry.invalid");
    assert_eq!(asked[0].headers["proxy-authorization"], "Basic YW5uOmh1bnRlcjI=");

    // Other sources do not go that way.
    let direct = Access { proxy: None, ..access };
    let error = library.chart_from_registry(&direct, "app", "1.0.0").await.unwrap_err();
    assert!(matches!(error, Error::Registry { .. }), "{error}");
}

/// A SOCKS proxy that asks for a user and a password, and connects everybody to one server. Gives the names that were asked for.
async fn socks(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let names = Arc::<Mutex<Vec<String>>>::default();
    let known = Arc::clone(&names);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (target, names) = (target.clone(), Arc::clone(&known));
            tokio::spawn(async move { serve_socks(stream, &target, &names).await });
        }
    });
    (address, names)
}

async fn serve_socks(mut stream: TcpStream, target: &str, names: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let read = async |length: usize, stream: &mut TcpStream| {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.map(|_| bytes)
    };
    // Greeting: version, number of methods, methods. The answer asks for a password (method 2).
    let head = read(2, &mut stream).await?;
    read(usize::from(head[1]), &mut stream).await?;
    stream.write_all(&[5, 2]).await?;
    let head = read(2, &mut stream).await?;
    let user = read(usize::from(head[1]), &mut stream).await?;
    let length = read(1, &mut stream).await?[0];
    let password = read(usize::from(length), &mut stream).await?;
    let is_known = user == b"ann" && password == b"hunter2";
    stream.write_all(&[1, u8::from(!is_known)]).await?;
    // Request: version, connect, nothing, a name (type 3) with its length, a port.
    let head = read(5, &mut stream).await?;
    let name = read(usize::from(head[4]), &mut stream).await?;
    read(2, &mut stream).await?;
    names.lock().unwrap().push(String::from_utf8_lossy(&name).into_owned());
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    let mut server = TcpStream::connect(target).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
    Ok(())
}

#[tokio::test]
async fn a_socks_proxy_is_logged_in_to() {
    let (server, access) = registry(&["1.0.0"]).await;
    let (address, names) = socks(server.host.clone()).await;
    let address = format!("socks5://{address}").parse().unwrap();
    let login = Some(("ann".to_owned(), "hunter2".to_owned()));
    let access =
        Access { url: "oci://registry.invalid/charts".into(), proxy: Some(Proxy { address, login }), ..access };
    Library::default().chart_from_registry(&access, "app", "1.0.0").await.unwrap();
    assert!(names.lock().unwrap().iter().all(|name| name == "registry.invalid"), "{names:?}");
    assert!(!names.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tenants_of_one_repository_never_see_each_others_charts() {
    let server = Server::start().await;
    let (mine, yours) = (package("mine", "1.0.0"), package("yours", "1.0.0"));
    // One URL answers each login with an index of its own.
    let challenge = "Basic realm=\"charts\"";
    server.set_for("/index.yaml", "Basic YW5uOmFubg==", index("mine", "1.0.0", "mine.tgz", &digest(&mine)));
    server.set_for("/index.yaml", "Basic Ym9iOmJvYg==", index("yours", "1.0.0", "yours.tgz", &digest(&yours)));
    server.set("/mine.tgz", Answer::ok(mine).for_authorization("Basic YW5uOmFubg==", challenge));
    server.set("/yours.tgz", Answer::ok(yours).for_authorization("Basic Ym9iOmJvYg==", challenge));
    let tenant = |name: &str| Access {
        credentials: Credentials::Basic { username: name.to_owned(), password: name.to_owned() },
        ..Access::anonymous(server.url())
    };
    let library = Library::default();
    let (ann, bob) = (tenant("ann"), tenant("bob"));
    library.chart_from_repository(&ann, "mine", "*").await.unwrap();
    library.chart_from_repository(&bob, "yours", "*").await.unwrap();
    for (access, other) in [(&ann, "yours"), (&bob, "mine")] {
        let error = library.chart_from_repository(access, other, "*").await.unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    // Nor does a URL that is guessed help, though the archive is at hand.
    for (name, file) in [("bob", "mine.tgz"), ("nobody", "yours.tgz")] {
        let guess = Access { url: format!("{}/{file}", server.url()), ..tenant(name) };
        let error = library.chart_at(&guess).await.unwrap_err();
        assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    }
}

#[tokio::test]
async fn naming_the_layer_of_another_tenant_does_not_give_it() {
    let (server, access) = registry(&["1.0.0"]).await;
    let challenge = "Basic realm=\"charts\"";
    server.protect("/v2/charts/", "Basic YW5uOmFubg==", challenge);
    server.protect("/v2/own/", "Basic Ym9iOmJvYg==", challenge);
    let tenant = |name: &str, folder: &str| Access {
        credentials: Credentials::Basic { username: name.to_owned(), password: name.to_owned() },
        url: format!("oci://{}/{folder}", server.host),
        ..access.clone()
    };
    let library = Library::default();
    library.chart_from_registry(&tenant("ann", "charts"), "app", "1.0.0").await.unwrap();

    // A manifest of one's own may name any digest; the layer has to be there as well.
    push(&server, "own/app", "1.0.0", &package("app", "1.0.0"));
    server.set(&format!("/v2/own/app/blobs/{}", digest(&package("app", "1.0.0"))), Answer::status(404));
    let error = library.chart_from_registry(&tenant("bob", "own"), "app", "1.0.0").await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
    let error = library.chart_from_registry(&tenant("bob", "charts"), "app", "1.0.0").await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn denied_addresses_are_not_connected_to_whoever_names_them() {
    let server = Server::start().await;
    let library = Library::new(Egress::denying("loopback,link-local").unwrap());
    let denied = |url: String| {
        let library = library.clone();
        async move { library.file(&Access::anonymous(url)).await.unwrap_err().to_string() }
    };
    let text = denied(format!("{}/index.yaml", server.url())).await;
    assert_eq!(
        text,
        format!(
            "failed to fetch {}/index.yaml: the address 127.0.0.1 of 127.0.0.1 is denied (loopback) by --source-egress-deny",
            server.url()
        )
    );
    let by_name = denied(server.url().replace("127.0.0.1", "localhost")).await;
    assert!(by_name.contains(" of localhost is denied (loopback) by --source-egress-deny"), "{by_name}");
    assert_eq!(server.all_asked().len(), 0);

    // Redirects are judged as well.
    let library = Library::new(Egress::denying("link-local").unwrap());
    server.set("/file", Answer::status(302).with("location", "http://169.254.169.254/latest/meta-data/"));
    let error = library.file(&Access::anonymous(format!("{}/file", server.url()))).await.unwrap_err().to_string();
    assert!(error.contains("the address 169.254.169.254 of 169.254.169.254 is denied (link-local)"), "{error}");
}

/// A server that answers everybody the same, as often as they ask on one connection. Gives how many connections were made.
async fn counting() -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<Mutex<usize>>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            *counted.lock().unwrap() += 1;
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
                }
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_connection_is_used_by_one_source_with_one_version_of_its_secret() {
    let (url, connections) = counting().await;
    let library = Library::default();
    let access = |password: &str| Access {
        credentials: Credentials::Basic { username: "ann".into(), password: password.into() },
        ..Access::anonymous(&url)
    };
    for (password, expected) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        library.file(&access(password)).await.unwrap();
        assert_eq!(*connections.lock().unwrap(), expected, "{password}");
    }
    library.file(&Access::anonymous(format!("{url}/other"))).await.unwrap();
    assert_eq!(*connections.lock().unwrap(), 3);
}
