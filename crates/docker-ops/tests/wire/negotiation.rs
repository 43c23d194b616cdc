//! The version that is agreed on, and what is said where there is none.

use docker_ops::{Asked, Endpoint, Engine};

use crate::{
    connect,
    stand_in::{StandIn, Step, json, ping, say, text},
    told,
};

/// What becomes of a connection to `stand_in`, its path left out.
async fn becomes(stand_in: &StandIn) -> String {
    let told = match connect(stand_in).await {
        Ok(engine) => {
            let negotiated = engine.negotiated();
            format!("{} of {}: {}", negotiated.used, negotiated.newest, stand_in.seen().join(", "))
        }
        Err(error) => told(&error),
    };
    told.replace(&stand_in.path.display().to_string(), "SOCKET")
}

#[tokio::test]
async fn the_newest_that_both_know_and_nothing_below_the_engines_oldest() {
    let mut lines = Vec::new();
    for (newest, oldest) in [
        ("1.40", "1.12"),
        ("1.41", "1.12"),
        ("1.44", "1.24"),
        ("1.52", "1.44"),
        ("1.53", "1.40"),
        ("1.60", "1.44"),
        ("1.60", "1.54"),
    ] {
        let stand_in = StandIn::engine(newest, oldest, |_| json("500 Internal Server Error", "{}"));
        lines.push(format!("{oldest} to {newest}: {}", becomes(&stand_in).await));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    1.12 to 1.40: TooOld: the engine at `unix://SOCKET` speaks API 1.40 at most, and 1.41 is needed
      hint: update Docker Engine to 20.10 or newer
    1.12 to 1.41: 1.41 of 1.41: GET /_ping, GET /v1.41/version
    1.24 to 1.44: 1.44 of 1.44: GET /_ping, GET /v1.44/version
    1.44 to 1.52: 1.52 of 1.52: GET /_ping, GET /v1.52/version
    1.40 to 1.53: 1.53 of 1.53: GET /_ping, GET /v1.53/version
    1.44 to 1.60: 1.53 of 1.60: GET /_ping, GET /v1.53/version
    1.54 to 1.60: TooNew: the engine at `unix://SOCKET` speaks API 1.54 at least, and we speak 1.53
      hint: update this program
    ");
}

#[tokio::test]
async fn refusals_as_text_and_as_json_and_what_is_no_engine() {
    let refusing =
        |refusal: Vec<Step>| StandIn::new(move |line| if line == "GET /_ping" { ping("1.60") } else { refusal.clone() });
    let too_old =
        "client version 1.53 is too old. Minimum supported API version is 1.54, please upgrade your client to a newer version";
    let too_new = "client version 1.53 is too new. Maximum supported API version is 1.41";
    let as_json = |words: &str| format!("{{\"message\":\"{words}\"}}\n");
    let mut lines = Vec::new();
    for stand_in in [
        refusing(text("400 Bad Request", too_old)),
        refusing(json("400 Bad Request", &as_json(too_old))),
        refusing(text("400 Bad Request", too_new)),
        refusing(json("400 Bad Request", &as_json(too_new))),
        refusing(json("200 OK", "[]")),
        StandIn::new(|_| json("500 Internal Server Error", r#"{"message":"the store is locked"}"#)),
        StandIn::new(|_| text("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n")),
        StandIn::new(|_| text("404 Not Found", "<html>nginx</html>")),
        StandIn::new(|_| text("200 OK", "OK")),
        StandIn::new(|_| [say("SSH-2.0-OpenSSH_9.2\r\n"), vec![Step::Close]].concat()),
        StandIn::new(|_| vec![Step::Close]),
        StandIn::new(|_| ping("newest")),
    ] {
        lines.push(becomes(&stand_in).await);
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    TooNew: the engine at `unix://SOCKET` speaks API 1.54 at least, and we speak 1.53
      because the engine answered 400: client version 1.53 is too old. Minimum supported API version is 1.54, please upgrade your client to a newer version
      hint: update this program
    TooNew: the engine at `unix://SOCKET` speaks API 1.54 at least, and we speak 1.53
      because the engine answered 400: client version 1.53 is too old. Minimum supported API version is 1.54, please upgrade your client to a newer version
      hint: update this program
    TooOld: the engine at `unix://SOCKET`: the engine is too old for this API version
      because the engine answered 400: client version 1.53 is too new. Maximum supported API version is 1.41
      hint: connect again, so that both sides agree on a version
    TooOld: the engine at `unix://SOCKET`: the engine is too old for this API version
      because the engine answered 400: client version 1.53 is too new. Maximum supported API version is 1.41
      hint: connect again, so that both sides agree on a version
    Protocol: the engine at `unix://SOCKET` says nothing that can be understood of its version
      because invalid length 0, expected struct Version with 2 elements at line 1 column 2
    Server: the engine at `unix://SOCKET`: the engine failed
      because the engine answered 500: the store is locked
    NotAnEngine: what listens at `unix://SOCKET` doesn't answer as an engine does
      because the engine answered 400: Client sent an HTTP request to an HTTPS server.
      hint: it wants TLS: set `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`
    NotAnEngine: what listens at `unix://SOCKET` doesn't answer as an engine does
      because the engine answered 404: <html>nginx</html>
    NotAnEngine: what listens at `unix://SOCKET` doesn't answer as an engine does
      because the answer to `/_ping` names no API version
    NotAnEngine: what listens at `unix://SOCKET` doesn't answer as an engine does
      because client error (SendRequest)
      because invalid HTTP version parsed
    Broken: the engine at `unix://SOCKET`: the connection to the engine broke
      because client error (SendRequest)
      because connection closed before message completed
    Protocol: `newest` is no API version, such as `1.41`
    ");
}

#[tokio::test]
async fn who_is_not_there_is_told_apart_from_who_does_not_listen() {
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let mut lines = Vec::new();
    for endpoint in [Endpoint::Unix(folder.path().join("absent.sock")), Endpoint::Unix(dead), Endpoint::Tcp("127.0.0.1:1".into())]
    {
        let error = Engine::connect(&endpoint).await.unwrap_err();
        assert!(error.is_retryable() && !error.was_sent());
        lines.push(told(&error).replace(&folder.path().display().to_string(), "DIR"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    NoEngine: the engine at `unix://DIR/absent.sock`: no engine is there
      because can't connect to `unix://DIR/absent.sock`: No such file or directory (os error 2)
      hint: start Docker Engine (`sudo systemctl start docker`), or name another endpoint with `--host` or `DOCKER_HOST`
    NoEngine: the engine at `unix://DIR/dead.sock`: nobody listens
      because can't connect to `unix://DIR/dead.sock`: Connection refused (os error 111)
      hint: the engine has stopped: start it (`sudo systemctl start docker`), and see its log if it does not stay
    NoEngine: the engine at `tcp://127.0.0.1:1`: nobody listens
      because can't connect to `tcp://127.0.0.1:1`: Connection refused (os error 111)
      hint: the engine has stopped: start it (`sudo systemctl start docker`), and see its log if it does not stay
    ");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_not_waited_for_without_end() {
    let silent = StandIn::new(|_| vec![Step::Hang]);
    let halting =
        StandIn::new(|_| [say("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nO"), vec![Step::Hang]].concat());
    insta::assert_snapshot!([becomes(&silent).await, becomes(&halting).await].join("\n"), @"
    Timeout: the engine at `unix://SOCKET`: the engine did not answer in time
      hint: see whether the engine is busy or hangs: its log says more (`journalctl --unit docker`)
    Timeout: the engine at `unix://SOCKET`: the engine did not answer in time
      hint: see whether the engine is busy or hangs: its log says more (`journalctl --unit docker`)
    ");
}

#[tokio::test]
async fn the_version_that_somebody_wants_is_spoken_or_refused() {
    let stand_in = StandIn::engine("1.44", "1.42", |_| vec![Step::Close]);
    let mut lines = Vec::new();
    for wanted in ["1.43", "1.41", "1.45"] {
        let host = Some(format!("unix://{}", stand_in.path.display()));
        let chosen = Asked { host, api_version: Some(wanted.into()), ..Asked::default() }.choose().await.unwrap();
        let line = match Engine::connect_chosen(&chosen).await {
            Ok(engine) => format!("{} is spoken; {}", engine.negotiated().used, chosen.notes.join("; ")),
            Err(error) => told(&error),
        };
        lines.push(line.replace(&stand_in.path.display().to_string(), "SOCKET"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    1.43 is spoken; `DOCKER_API_VERSION` wants API 1.43: no other is tried
    TooNew: the engine at `unix://SOCKET` speaks API 1.42 at least, and we speak 1.41
      hint: unset `DOCKER_API_VERSION`
    TooOld: the engine at `unix://SOCKET` speaks API 1.44 at most, and 1.45 is asked for
      hint: unset `DOCKER_API_VERSION`, or update Docker Engine
    ");
}
