//! Who is let in by form, and stays in.

use std::path::Path;
use std::time::Duration;

use comfy_client::{Client, Config, Credential, ErrorKind, Event, Outcome, UploadOptions, Workflow};
use comfy_sim::{Fault, Login, Refusal, Server};
use futures_util::StreamExt;

const PASSWORD: &str = "open & sesame=1";

fn login(password: &str) -> Credential {
    Credential::Login { user: "ali".into(), password: password.into() }
}

fn client(server: &Server, credential: Credential) -> Client {
    Client::new(Config::new(&server.url()).unwrap().credential(credential)).unwrap()
}

/// A server whose user and password were set in a browser.
async fn server(folder: &Path) -> Server {
    let server = Server::builder().comfy_dir(folder).login(Login::Plugin).spawn().await.unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let form: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("username", "ali")
        .append_pair("password", PASSWORD)
        .finish();
    let request = browser.tls_backend_preconfigured(no_tls()).build().unwrap().post(format!("{}/login", server.url()));
    let answer = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "/");
    server
}

fn no_tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

#[tokio::test]
async fn a_login_opens_requests_uploads_and_the_websocket() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server, login(PASSWORD));
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    client.upload_image("a.txt", &b"hello"[..], &UploadOptions::default()).await.unwrap();
    assert_eq!(client.probe_socket(&login(PASSWORD)).await.unwrap().status, 101);
    let workflow = Workflow::from_json(
        r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 255}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "dot"}}}"#,
    );
    let job = client.submit(&workflow.unwrap()).await.unwrap();
    assert!(matches!(job.wait(Duration::from_secs(10)).await.unwrap(), Outcome::Succeeded(_)));
    let events: Vec<Event> = job.events().collect().await;
    assert!(events.contains(&Event::Started), "{events:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_session_that_is_over_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server, login(PASSWORD));
    client.health().await.unwrap();
    for status in [Refusal::Unauthorized, Refusal::LoginPage] {
        server.faults().set(Fault::Refuse { route: "GET /queue".parse().unwrap(), status }.times(1));
        client.queue().await.unwrap();
    }
    // A server that refuses every session is not asked for ever.
    server.faults().set(Fault::Refuse { route: "GET /queue".parse().unwrap(), status: Refusal::Unauthorized }.times(2));
    assert!(client.queue().await.unwrap_err().is_refused());
    client.queue().await.unwrap();
    server.shutdown().await;
}

#[tokio::test]
async fn a_wrong_password_is_a_refusal_and_stays_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    let client = client(&server, login("hunter2"));
    let error = client.health().await.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.to_string(), format!("`{}` does not know this user and password", server.url()));
    assert!(!format!("{error:?} {:?} {client:?}", error.hints()).contains("hunter2"));
    // A client lends its session to nobody else's login.
    let other = client.probe_socket(&login(PASSWORD)).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::InvalidConfig);
    server.shutdown().await;
}

#[tokio::test]
async fn a_login_never_becomes_the_first_users_and_needs_a_login_page() {
    let folder = tempfile::tempdir().unwrap();
    let unset = Server::builder().comfy_dir(folder.path()).login(Login::Plugin).spawn().await.unwrap();
    let error = client(&unset, login(PASSWORD)).health().await.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.to_string(), format!("`{}` has no user yet: this login would make one", unset.url()));
    assert!(!folder.path().join("login/PASSWORD").exists());
    unset.shutdown().await;
    let open = Server::builder().comfy_dir(folder.path()).spawn().await.unwrap();
    let error = client(&open, login(PASSWORD)).health().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotComfy);
    assert_eq!(error.to_string(), format!("`{}` has no login page", open.url()));
    open.shutdown().await;
}

#[tokio::test]
async fn a_redirect_to_another_server_brings_it_nothing() {
    let thief = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}/queue", thief.local_addr().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(move || {
        let location = [("location", elsewhere.clone())];
        async { (http::StatusCode::TEMPORARY_REDIRECT, location) }
    });
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    for credential in [Credential::Bearer("t0ken".into()), Credential::Query("t0ken".into())] {
        let client = Client::new(Config::new(&url).unwrap().credential(credential)).unwrap();
        let error = client.queue().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotComfy);
        assert!(!format!("{error:?} {error} {:?}", error.hints()).contains("t0ken"));
    }
    let came = futures_util::FutureExt::now_or_never(thief.accept());
    assert!(came.is_none(), "somebody came");
    task.abort();
}
