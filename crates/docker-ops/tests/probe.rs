//! The probe that a container runs by its image's Python, run by this machine's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the probe is a program")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, ExitCode},
};

use docker_ops::Probe;
use libtest_mimic::{Arguments, Completion, Trial};

const PYTHON: &str = "python3";

fn main() -> ExitCode {
    let name = "only a server that asks for a credential is well";
    let trial = match Command::new(PYTHON).arg("--version").output() {
        Ok(_) => Trial::test(name, || {
            only_a_server_that_asks_for_a_credential_is_well();
            Ok(())
        }),
        Err(_) => Trial::ignorable_test(name, || Ok(Completion::ignored_with("there is no `python3` here"))),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

/// What the probe says of a server that sends `answer`, and whether it ended well.
fn asked(answer: Option<&str>) -> (bool, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = answer.map(str::to_owned).map(|answer| {
        let listener = listener.try_clone().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let request: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
            request
        })
    });
    drop(listener);
    let argv = Probe::Python { interpreter: PYTHON.to_owned(), port }.argv().unwrap();
    let done = Command::new(&argv[0]).args(&argv[1..]).output().unwrap();
    if let Some(server) = server {
        let request = server.join().unwrap();
        assert_eq!(request[0], "GET /queue HTTP/1.1");
        assert!(!request.iter().any(|line| line.to_lowercase().starts_with("authorization")), "{request:?}");
    }
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8(said).unwrap().trim_end().to_owned())
}

fn only_a_server_that_asks_for_a_credential_is_well() {
    let cases = [
        (Some("401 Unauthorized"), true, "401 the server asks for a credential"),
        (Some("403 Forbidden"), true, "403 the server asks for a credential"),
        (Some("302 Found\r\nLocation: /login?next=1"), true, "302 the server asks for a credential"),
        (Some("302 Found\r\nLocation: /elsewhere"), false, "302 neither a login nor ComfyUI answers so"),
        (Some("200 OK"), false, "200 nothing guards the server: it answered without a credential"),
        (Some("500 Internal Server Error"), false, "500 neither a login nor ComfyUI answers so"),
        (None, false, "ConnectionRefusedError: [Errno 111] Connection refused"),
    ];
    for (answer, well, words) in cases {
        assert_eq!(asked(answer), (well, words.to_owned()), "{answer:?}");
    }
}
