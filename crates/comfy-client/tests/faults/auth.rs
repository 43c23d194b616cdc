//! Who is let in, who is not, and what a judge sees.

use comfy_client::{Client, Credential, ErrorKind, Probe, UploadOptions};

use crate::server::{Faults, PromptFault, Refusal, Server, TOKEN};
use crate::{client, config, workflow};

const REFUSALS: [Refusal; 3] = [Refusal::Status401, Refusal::Redirect, Refusal::LoginPage];

async fn guarded(refusal: Refusal) -> Server {
    Server::start(Faults { refusal, ..Faults::default() }).await
}

#[tokio::test]
async fn the_right_credential_is_let_in_and_every_shape_of_refusal_is_one() {
    for refusal in REFUSALS {
        let server = guarded(refusal).await;
        for right in [Credential::Bearer(TOKEN.into()), Credential::Query(TOKEN.into())] {
            let client = Client::new(config(&server).credential(right)).unwrap();
            assert_eq!(client.health().await.unwrap().queue_remaining, 0, "{refusal:?}");
        }
        for wrong in [Credential::None, Credential::Bearer("hunter2".into()), Credential::Query("hunter2".into())] {
            let client = Client::new(config(&server).credential(wrong)).unwrap();
            for error in [
                client.health().await.unwrap_err(),
                client.queue().await.unwrap_err(),
                client.history("p").await.unwrap_err(),
                client.submit(&workflow()).await.unwrap_err(),
                client.delete_queued(["p"]).await.unwrap_err(),
                client.interrupt("p").await.unwrap_err(),
                client.upload_image("a.png", &b"x"[..], &UploadOptions::default()).await.unwrap_err(),
            ] {
                assert!(error.is_refused(), "{refusal:?}: {error:?}");
                assert!(!format!("{error:?} {:?}", error.hints()).contains("hunter2"));
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_may_only_look_is_refused_when_it_acts() {
    let server = guarded(Refusal::EmptyObject).await;
    let guest = Client::new(config(&server).credential(Credential::None)).unwrap();
    assert!(guest.submit(&workflow()).await.unwrap_err().is_refused());
    assert!(guest.delete_queued(["p"]).await.unwrap_err().is_refused());
    assert!(client(&server).submit(&workflow()).await.is_ok());
}

#[tokio::test]
async fn a_probe_reports_every_answer_as_it_came() {
    let server = guarded(Refusal::Redirect).await;
    let client = client(&server);
    let open = client.probe(&Probe::get("/queue")).await.unwrap();
    assert_eq!((open.status, open.location), (200, None));
    assert!(String::from_utf8(open.body).unwrap().contains("queue_running"));
    let shut = client.probe(&Probe::get("/queue").credential(Credential::None).accept("text/html")).await.unwrap();
    assert_eq!((shut.status, shut.location.as_deref()), (302, Some("/login")));
    let lost = client.probe(&Probe::get("/nowhere").method("DELETE")).await.unwrap();
    assert_eq!(lost.status, 404);
}

#[tokio::test]
async fn a_websocket_opens_for_the_right_credential_only() {
    let server = guarded(Refusal::Status401).await;
    let client = client(&server);
    for right in [Credential::Bearer(TOKEN.into()), Credential::Query(TOKEN.into())] {
        assert_eq!(client.probe_socket(&right).await.unwrap().status, 101);
    }
    assert_eq!(server.close_frames(), 2);
    for wrong in [Credential::None, Credential::Bearer("x".into())] {
        let answer = client.probe_socket(&wrong).await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(String::from_utf8(answer.body).unwrap().contains("Authentication required."));
    }
    server.set(|faults| faults.refusal = Refusal::Redirect);
    assert_eq!(client.probe_socket(&Credential::None).await.unwrap().location.as_deref(), Some("/login"));
    let ids = server.client_ids();
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_websocket_for_somebody_else_is_not_ours() {
    let server = Server::start(Faults { wrong_key: true, ..Faults::default() }).await;
    let error = client(&server).probe_socket(&Credential::None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn the_origin_goes_with_http_and_websocket() {
    let server = Server::start(Faults::default()).await;
    let client = Client::new(config(&server).origin("https://app.example.org")).unwrap();
    client.health().await.unwrap();
    client.probe_socket(&Credential::None).await.unwrap();
    assert_eq!(server.origins(), ["https://app.example.org", "https://app.example.org"]);
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable_and_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(comfy_client::Config::new(&url).unwrap()).unwrap();
    for error in [
        client.health().await.unwrap_err(),
        client.probe(&Probe::get("/")).await.unwrap_err(),
        client.submit(&workflow()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.is_retryable() && !error.was_sent(), "{error:?}");
        assert_eq!(error.to_string(), format!("cannot connect to `{url}`"));
    }
}

#[tokio::test]
async fn somebody_who_never_answers_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let limit = std::time::Duration::from_millis(100);
    let client = Client::new(comfy_client::Config::new(&url).unwrap().request_timeout(limit)).unwrap();
    let error = client.health().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.was_sent());
}

#[tokio::test]
async fn a_rejected_workflow_says_which_node() {
    let server = Server::start(Faults { prompt: vec![PromptFault::Rejects], ..Faults::default() }).await;
    let error = client(&server).submit(&workflow()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.node_errors()[0].node, "1");
    assert_eq!(error.hints(), ["node `1` (X): Value not in list (ckpt_name)"]);
    assert!(server.prompts().is_empty());
}
