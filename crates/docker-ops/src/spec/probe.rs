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

/// What its last line says of a server that let it in.
pub(crate) const OPEN: &str = "nothing guards the server";

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
    use super::*;

    #[test]
    fn the_probe_holds_nothing_that_compose_would_interpolate() {
        assert!(!ASK.contains('$') && !ASK.contains('\n'));
        assert!(ASK.contains(OPEN));
    }
}
