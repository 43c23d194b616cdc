//! The program that looks from inside the container whether the server is there and still asks for a credential.

use super::Probe;

/// Asks for `/queue` without a credential. It ends well only if it is refused, or sent to the login; its last line says what it saw. The
/// first argument is the port.
const ASK: &str = concat!(
    "import http.client,sys;",
    "sys.tracebacklimit=0;",
    "c=http.client.HTTPConnection('127.0.0.1',int(sys.argv[1]),timeout=5);",
    "c.request('GET','/queue');",
    "a=c.getresponse();",
    "n=a.status;",
    "to=(a.getheader('Location')or'').split('?')[0];",
    "asks=n in(401,403)or n in(302,303,307)and to.endswith('/login');",
    "open_=200<=n<300;",
    "print(n,'the server asks for a credential'if asks else",
    " 'nothing guards the server: it answered without a credential'if open_ else",
    " 'neither a login nor ComfyUI answers so');",
    "sys.exit(not asks)",
);

impl Probe {
    /// The program and its arguments, to be run in the container without a shell; `None` where nothing is run there.
    #[must_use]
    pub fn argv(&self) -> Option<Vec<String>> {
        match self {
            Probe::Python { interpreter, port } => {
                Some(vec![interpreter.clone(), "-c".to_owned(), ASK.to_owned(), port.to_string()])
            }
            Probe::Command(argv) => Some(argv.clone()),
            Probe::Host => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        process::Command,
    };

    use super::*;

    /// What the probe says of a server that sends `answer`, and whether it ended well; `None` without a Python.
    fn asked(answer: Option<&str>) -> Option<(bool, String)> {
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
        let argv = Probe::Python { interpreter: "python3".to_owned(), port }.argv().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the probe is a program")]
        let done = match Command::new(&argv[0]).args(&argv[1..]).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            done => done.unwrap(),
        };
        if let Some(server) = server {
            let request = server.join().unwrap();
            assert_eq!(request[0], "GET /queue HTTP/1.1");
            assert!(!request.iter().any(|line| line.to_lowercase().starts_with("authorization")), "{request:?}");
        }
        let said = [done.stdout, done.stderr].concat();
        Some((done.status.success(), String::from_utf8(said).unwrap().trim_end().to_owned()))
    }

    #[test]
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
            let Some(seen) = asked(answer) else {
                eprintln!("skipped: there is no `python3` here");
                return;
            };
            assert_eq!(seen, (well, words.to_owned()), "{answer:?}");
        }
    }

    #[test]
    fn the_probe_holds_nothing_that_compose_would_interpolate() {
        assert!(!ASK.contains('$') && !ASK.contains('\n'));
    }
}
