//! Git repositories read in the name of a GitHub App. What is expected follows GitHub's documentation of authenticating as an app
//! installation, and the keys that Flux's source-controller 1.9 reads.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rhumb::source::{Access, Class, Credentials, Error, GitReference, Library, Secret, Step, Wanted};
use serde_json::{Value, json};

use super::git_server::{GitFolder, GitRepo, GitServer};
use super::server::{Answer, Server};

/// A repository that wants a token, and GitHub's API beside it.
struct Ground {
    api: Server,
    git: GitServer,
    key: KeyPair,
    _repo: GitRepo,
    _folder: GitFolder,
}

impl Ground {
    async fn start() -> Result<Self> {
        let folder = GitFolder::new()?;
        let repo = folder.create("app.git")?;
        repo.commit(&[("a", "a")], "one")?;
        let git = GitServer::start(folder.path())?;
        Ok(Self {
            api: Server::start().await,
            git,
            key: KeyPair::generate(KeySize::Rsa2048)?,
            _repo: repo,
            _folder: folder,
        })
    }

    /// Has the API give out a token from now on, and the repository ask for it.
    fn give(&self, token: &str, good_for: SignedDuration) {
        let until = (Timestamp::now() + good_for).to_string();
        let answer = Answer { status: 201, ..Answer::ok(json!({"token": token, "expires_at": until}).to_string()) };
        self.api.set("/api/v3/app/installations/42/access_tokens", answer);
        self.git.ask_for_login("x-access-token", token);
    }

    fn pem(&self) -> String {
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = self.key.as_der().unwrap();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    fn access(&self, installation: (&str, &str)) -> Access {
        let base = format!("{}/api/v3/", self.api.url());
        let data = data(&[
            ("githubAppID", "7"),
            installation,
            ("githubAppPrivateKey", &self.pem()),
            ("githubAppBaseURL", &base),
        ]);
        let app = Secret { name: "ns/app", data: &data }.github_app().unwrap();
        Access { credentials: Credentials::GitHubApp(app), ..Access::anonymous(self.git.url("app.git")) }
    }

    fn tokens_given(&self) -> usize {
        self.api.asked("/api/v3/app/installations/42/access_tokens").len()
    }
}

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
}

fn main_branch() -> Wanted {
    let reference = GitReference { branch: Some("main".to_owned()), ..GitReference::default() };
    Wanted::Reference { reference, known: None }
}

/// The claims of a statement that the key has signed.
fn claims(key: &KeyPair, authorization: &str) -> Value {
    let text = authorization.strip_prefix("Bearer ").unwrap();
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let part = |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    assert_eq!(part(head), json!({"alg": "RS256", "typ": "JWT"}));
    part(claims)
}

#[tokio::test]
async fn an_app_is_given_a_token_once_and_the_repository_gets_it() -> Result<()> {
    let ground = Ground::start().await?;
    ground.give("ghs_one", SignedDuration::from_hours(1));
    let (library, access) = (Library::default(), ground.access(("githubAppInstallationID", "42")));
    for _ in 0..3 {
        library.checkout(&access, &main_branch(), false).await?;
    }
    assert_eq!(ground.tokens_given(), 1);
    let asked = &ground.api.all_asked()[0];
    let claims = claims(&ground.key, asked.headers["authorization"].to_str()?);
    let (from, to) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    let now = Timestamp::now().as_second();
    assert_eq!(claims["iss"], "7");
    assert!(from < now && to > now && to - from <= 600, "{claims}");

    // Another Secret is another login, even for the same installation.
    let other = KeyPair::generate(KeySize::Rsa2048)?;
    let other = Ground { key: other, ..ground };
    library.checkout(&other.access(("githubAppInstallationID", "42")), &main_branch(), false).await?;
    assert_eq!(other.tokens_given(), 2);
    Ok(())
}

#[tokio::test]
async fn a_token_is_made_anew_before_it_ends_or_when_it_is_refused() -> Result<()> {
    let ground = Ground::start().await?;
    let (library, access) = (Library::default(), ground.access(("githubAppInstallationID", "42")));
    // What is about to end when it is given out does for one talk only.
    ground.give("ghs_one", SignedDuration::from_mins(4));
    library.checkout(&access, &main_branch(), false).await?;
    ground.give("ghs_two", SignedDuration::from_hours(1));
    library.checkout(&access, &main_branch(), false).await?;
    assert_eq!(ground.tokens_given(), 2);
    // One that was revoked is told of once, and is not used again.
    ground.give("ghs_three", SignedDuration::from_hours(1));
    let refused = library.checkout(&access, &main_branch(), false).await.unwrap_err();
    assert!(matches!(refused, Error::Unauthorized { .. }), "{refused}");
    library.checkout(&access, &main_branch(), false).await?;
    assert_eq!(ground.tokens_given(), 3);
    Ok(())
}

#[tokio::test]
async fn the_installation_of_an_owner_is_looked_up() -> Result<()> {
    let ground = Ground::start().await?;
    ground.give("ghs_one", SignedDuration::from_hours(1));
    ground.api.set("/api/v3/users/ann/installation", Answer::ok(json!({"id": 42}).to_string()));
    let access = ground.access(("githubAppInstallationOwner", "ann"));
    Library::default().checkout(&access, &main_branch(), false).await?;
    let paths: Vec<String> = ground.api.all_asked().into_iter().map(|asked| asked.path).collect();
    let expected = ["orgs/ann/installation", "users/ann/installation", "app/installations/42/access_tokens"];
    assert_eq!(paths, expected.map(|path| format!("/api/v3/{path}")));
    Ok(())
}

#[tokio::test]
async fn each_failure_of_a_login_is_told_apart() -> Result<()> {
    let ground = Ground::start().await?;
    ground.git.ask_for_login("x-access-token", "ghs_one");
    let access = ground.access(("githubAppInstallationID", "42"));
    let path = "/api/v3/app/installations/42/access_tokens";
    let failure = |access: Access| async move {
        let error = Library::default().checkout(&access, &main_branch(), false).await.unwrap_err();
        assert_eq!((error.reason(Step::Git), error.class()), ("AuthenticationFailed", Class::Transient), "{error}");
        error.to_string()
    };
    for (answer, wanted) in [
        (Answer::status(404), "knows no installation 42 of it"),
        (Answer::status(401), "the key is not one of this app"),
        (Answer::status(403), "the installation is suspended"),
        (Answer::status(500), "answers 500 Internal Server Error"),
        (Answer::ok("<html>"), "does not answer as GitHub's API"),
        (Answer::ok(json!({"token": "ghs_one", "expires_at": "soon"}).to_string()), "until when its token is good"),
    ] {
        ground.api.set(path, answer);
        let text = failure(access.clone()).await;
        assert!(text.contains("GitHub App 7: ") && text.contains(wanted), "{text}");
        assert!(!text.contains("ghs_one") && !text.contains("Bearer"), "{text}");
    }
    let text = failure(ground.access(("githubAppInstallationOwner", "nobody"))).await;
    assert!(text.contains("by an organization or user 'nobody'"), "{text}");
    let Credentials::GitHubApp(mut app) = access.credentials.clone() else { unreachable!() };
    app.key = b"hunter2".to_vec();
    let text = failure(Access { credentials: Credentials::GitHubApp(app), ..access.clone() }).await;
    assert!(text.contains("'githubAppPrivateKey' is no private RSA key in PEM") && !text.contains("hunter2"), "{text}");
    // The guard of addresses holds for the API as well.
    let guarded = Library::new(rhumb::source::Egress::denying("loopback").unwrap());
    let text = guarded.checkout(&access, &main_branch(), false).await.unwrap_err().to_string();
    assert!(text.contains("GitHub App 7") && text.contains("is denied (loopback)"), "{text}");
    Ok(())
}

#[test]
fn what_is_wrong_with_the_data_of_an_app_is_named() {
    let id = ("githubAppID", "7");
    let (installation, owner) = (("githubAppInstallationID", "42"), ("githubAppInstallationOwner", "ann"));
    let key = ("githubAppPrivateKey", "hunter2");
    for (pairs, wanted) in [
        (vec![installation, key], "has no 'githubAppID'"),
        (vec![("githubAppID", "seven"), installation, key], "'githubAppID' is not a number"),
        (vec![id, key], "has neither 'githubAppInstallationID' nor 'githubAppInstallationOwner'"),
        (vec![id, installation, owner, key], "has both"),
        (vec![id, ("githubAppInstallationID", "../42"), key], "'githubAppInstallationID' is not a number"),
        (vec![id, ("githubAppInstallationOwner", "../orgs"), key], "is not a name of letters, digits and hyphens"),
        (vec![id, installation], "has no 'githubAppPrivateKey'"),
        (vec![id, installation, key, ("githubAppBaseURL", "file:///etc")], "'githubAppBaseURL' is no plain URL"),
    ] {
        let data = data(&pairs);
        let Err(error) = (Secret { name: "ns/app", data: &data }).github_app() else { panic!("{wanted}") };
        let text = error.to_string();
        assert!(text.contains("ns/app") && text.contains(wanted) && !text.contains("hunter2"), "{text}");
    }
    let data = data(&[id, installation, key]);
    let app = Secret { name: "ns/app", data: &data }.github_app().unwrap();
    assert_eq!(app.api.as_str(), "https://api.github.com/");
}
