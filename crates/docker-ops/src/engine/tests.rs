//! Every request over the wire, and what becomes of it.

use bollard::{container::LogOutput, models, query_parameters as query};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;

use super::*;

#[path = "../../tests/wire/stand_in.rs"]
pub(crate) mod stand_in;

use stand_in::{StandIn, Step, json, say, stream, text};

async fn connect(stand_in: &StandIn) -> Engine {
    Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap()
}

#[tokio::test]
async fn a_call_of_every_kind_names_the_version() {
    let stand_in = StandIn::engine("1.41", "1.12", |line| match line {
        line if line.ends_with("/start") => {
            [say("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello"), vec![Step::Close]].concat()
        }
        line if line.starts_with("DELETE") => say("HTTP/1.1 204 No Content\r\n\r\n"),
        line if line.contains("/containers/json") => json("200 OK", "[]"),
        line if line.contains("/build") => [stream(&["{\"stream\":\"done\"}\r\n"]), say("0\r\n\r\n")].concat(),
        _ => json("200 OK", r#"{"Id":"1"}"#),
    });
    let engine = connect(&stand_in).await;
    let docker = engine.docker();
    docker.list_containers(None::<query::ListContainersOptions>).await.unwrap();
    docker.list_containers(Some(query::ListContainersOptions { all: true, ..Default::default() })).await.unwrap();
    docker.inspect_container("a b", None).await.unwrap();
    docker.create_exec("1", models::ExecConfig::default()).await.unwrap();
    docker.remove_container("1", None).await.unwrap();
    let body = bollard::body_stream(futures_util::stream::iter([Bytes::from_static(b"tar")]));
    let options = query::BuildImageOptions { t: Some("x".into()), ..Default::default() };
    let built: Vec<_> = docker.build_image(options, None, Some(body)).collect().await;
    assert!(built[0].as_ref().is_ok_and(|one| one.stream.as_deref() == Some("done")));
    let bollard::exec::StartExecResults::Attached { mut output, .. } = docker.start_exec("1", None).await.unwrap() else {
        panic!("not attached");
    };
    let Some(Ok(LogOutput::Console { message })) = output.next().await else { panic!("no output") };
    assert_eq!(message, "hello");
    engine.send(Method::GET, "/events?since=1", Bytes::new()).await.unwrap();
    insta::assert_snapshot!(stand_in.seen().join("\n"), @"
    GET /_ping
    GET /v1.41/version
    GET /v1.41/containers/json
    GET /v1.41/containers/json?all=true&size=false
    GET /v1.41/containers/a%20b/json
    POST /v1.41/containers/1/exec
    DELETE /v1.41/containers/1
    POST /v1.41/build?dockerfile=Dockerfile&t=x&q=false&nocache=false&rm=true&forcerm=false&platform=&target=&version=1
    POST /v1.41/exec/1/start
    GET /v1.41/events?since=1
    ");
}

#[tokio::test]
async fn bollards_errors_and_ours_are_the_same() {
    let stand_in = StandIn::engine("1.41", "1.12", |line| match line {
        line if line.contains("/absent/") => json("404 Not Found", r#"{"message":"No such container: absent"}"#),
        line if line.contains("/upgraded/") => {
            text("400 Bad Request", "client version 1.41 is too old. Minimum supported API version is 1.44")
        }
        line if line.contains("/failing/") => json("500 Internal Server Error", r#"{"message":"no space left on device"}"#),
        line if line.contains("/cut/") => {
            [say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Id\":"), vec![Step::Close]].concat()
        }
        line if line.contains("/odd/") => json("200 OK", "[1]"),
        line if line.contains("/gone/") => vec![Step::Close],
        line => panic!("{line}"),
    });
    let engine = connect(&stand_in).await;
    let mut lines = Vec::new();
    for name in ["absent", "upgraded", "failing", "cut", "odd", "gone"] {
        let error = engine.docker().inspect_container(name, None).await.unwrap_err();
        let theirs = Error::of(format!("container `{name}`"), error);
        let ours = match engine.send(Method::GET, &format!("/containers/{name}/json"), Bytes::new()).await {
            Ok(answer) => text_of(answer).await.err().map_or("an answer".to_owned(), |error| format!("{:?}", error.kind())),
            Err(error) => format!("{:?}", error.kind()),
        };
        let (retry, sent) = (theirs.is_retryable(), theirs.was_sent());
        lines.push(format!("{theirs}: {:?}, sent {sent}, retry {retry}; by `send`: {ours}", theirs.kind()));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    container `absent`: not found: NotFound, sent true, retry false; by `send`: NotFound
    container `upgraded`: the engine no longer speaks this API version: TooNew, sent true, retry false; by `send`: TooNew
    container `failing`: the engine failed: Server, sent true, retry false; by `send`: Server
    container `cut`: the connection to the engine broke: Broken, sent true, retry true; by `send`: Broken
    container `odd`: the answer is not what an engine sends: Protocol, sent true, retry false; by `send`: an answer
    container `gone`: the connection to the engine broke: Broken, sent true, retry true; by `send`: Broken
    ");
}

async fn text_of(answer: Response<Incoming>) -> Result<String, Error> {
    super::text(answer, "the answer").await
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let stand_in = StandIn::engine("1.41", "1.12", |_| text("500 Internal Server Error", &"x".repeat(2 << 20)));
    let error = connect(&stand_in).await.send(Method::GET, "/info", Bytes::new()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Protocol, "`/info`: the answer has more than 1 MiB, as no engine's has")
    );
}

#[tokio::test]
async fn a_connection_that_was_closed_between_two_requests_is_opened_again() {
    let stand_in = StandIn::engine("1.41", "1.12", |_| [json("200 OK", "[]"), vec![Step::Close]].concat());
    let engine = connect(&stand_in).await;
    for _ in 0..20 {
        engine.docker().list_containers(None::<query::ListContainersOptions>).await.unwrap();
    }
    assert_eq!(stand_in.seen().len(), 22);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_late() {
    let stand_in = StandIn::engine("1.41", "1.12", |_| vec![Step::Hang]);
    let engine = connect(&stand_in).await;
    let theirs = engine.docker().list_containers(None::<query::ListContainersOptions>).await.unwrap_err();
    assert_eq!(Error::of("the containers", theirs).kind(), ErrorKind::Timeout);
    let ours = engine.send(Method::GET, "/containers/json", Bytes::new()).await.unwrap_err();
    assert_eq!(ours.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn behind_a_socket_of_this_machine_there_may_be_another() {
    let own = |name: &str| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap().trim().to_owned();
    let (name, kernel) = (own("hostname"), own("osrelease"));
    for (name, kernel, is_here) in
        [(&*name, &*kernel, true), ("docker-desktop", &kernel, false), (&name, "6.6.12-linuxkit", false)]
    {
        let info = serde_json::json!({"Name": name, "KernelVersion": kernel}).to_string();
        let stand_in = StandIn::engine("1.41", "1.12", move |line| match line {
            line if line.contains("/info") => json("200 OK", &info),
            _ => json("404 Not Found", "{}"),
        });
        let engine = Engine::connect(&Endpoint::Unix(stand_in.path.clone())).await.unwrap().located().await;
        assert_eq!(engine.is_local(), is_here, "{name} {kernel}");
    }
    let silent = StandIn::engine("1.41", "1.12", |_| json("403 Forbidden", "{}"));
    assert!(Engine::connect(&Endpoint::Unix(silent.path.clone())).await.unwrap().located().await.is_local(), "it is not known");
}
