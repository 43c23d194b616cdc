//! The server's address: what is accepted, how it is shown, and whether it leaves this machine.

use url::{Host, Url};

use crate::error::{Error, ErrorKind};

/// A checked base address: http or https, a host, perhaps a path; nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    base: Url,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let refuse =
            |why: &str, hint: &str| Err(Error::new(ErrorKind::InvalidUrl, format!("`{}` {why}", shown(text))).hint(hint));
        let text_trimmed = text.trim();
        let mut base = match Url::parse(text_trimmed) {
            Ok(base) => base,
            Err(cause) => {
                return refuse("is not a URL", "write it whole, as in `http://127.0.0.1:8188`").map_err(|e| e.because(cause));
            }
        };
        if !matches!(base.scheme(), "http" | "https") {
            return refuse("is neither http nor https", "write it whole, as in `http://127.0.0.1:8188`");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return refuse("holds a user name or a password", "leave them out, and give the token as a credential");
        }
        if base.query().is_some() {
            return refuse("holds a query", "leave out what follows the `?`; give the token as a credential");
        }
        if base.fragment().is_some() {
            return refuse("holds a fragment", "leave out what follows the `#`");
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { base })
    }

    /// The address of a route; `path` begins with a slash and is percent-encoded already.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let whole = format!("{}{path}", self.base.path().trim_end_matches('/'));
        url.set_path(&whole);
        url
    }

    /// As people write it: without a slash at the end.
    pub(crate) fn as_str(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether what is sent there stays on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
            // Of other names, `*.localhost` among them, the resolver alone knows where they lead.
            Some(Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }
}

/// A text that should have been an address, without what may be secret in it: user, password, query, fragment.
fn shown(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let (head, cut) = (&text[..end], end < text.len());
    let mut shown = match head.rfind('@') {
        Some(at) => {
            let scheme = head.find("//").filter(|slashes| *slashes < at).map_or("", |slashes| &head[..slashes + 2]);
            format!("{scheme}…{}", &head[at..])
        }
        None => head.to_owned(),
    };
    if cut {
        shown.push_str(&text[end..=end]);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_path_is_kept() {
        for (base, path, whole) in [
            ("http://127.0.0.1:8188", "/queue", "http://127.0.0.1:8188/queue"),
            ("http://127.0.0.1:8188/", "/queue", "http://127.0.0.1:8188/queue"),
            ("https://example.org/comfy/", "/history/a%2Fb", "https://example.org/comfy/history/a%2Fb"),
            ("  http://[::1]:8188 ", "/ws", "http://[::1]:8188/ws"),
        ] {
            let address = Address::parse(base).unwrap();
            assert_eq!(address.join(path).as_str(), whole);
            assert!(!address.as_str().ends_with('/'));
        }
    }

    #[test]
    fn refusals_name_the_operand_without_its_secrets() {
        let said: Vec<String> = [
            "127.0.0.1:8188",
            "ftp://127.0.0.1",
            "http://me:hunter2@host:8188/x",
            "http://host?token=hunter2",
            "127.0.0.1?token=hunter2",
            "http://host/#hunter2",
            "me:hunter2@host",
        ]
        .iter()
        .map(|text| {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidUrl);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            assert_eq!(error.hints().len(), 1);
            error.to_string()
        })
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `127.0.0.1:8188` is not a URL
        `ftp://127.0.0.1` is neither http nor https
        `http://…@host:8188/x` holds a user name or a password
        `http://host?…` holds a query
        `127.0.0.1?…` is not a URL
        `http://host/#…` holds a fragment
        `…@host` is neither http nor https
        ");
    }

    #[test]
    fn loopback_is_what_never_leaves_the_machine() {
        let loopback = |text| Address::parse(text).unwrap().is_loopback();
        for yes in ["http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]", "http://localhost:8188", "http://LOCALHOST."] {
            assert!(loopback(yes), "{yes}");
        }
        for no in [
            "http://10.0.0.1",
            "http://comfyui:8188",
            "http://localhost.example.org",
            "http://a.localhost",
            "http://0.0.0.0:8188",
        ] {
            assert!(!loopback(no), "{no}");
        }
    }
}
