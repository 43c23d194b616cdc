//! The grammar of hosts, as Docker's command line has it.

use std::{
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use super::{Certificates, Endpoint, Ssh};
use crate::{Error, ErrorKind};

/// Where the engine listens unless a host says so.
pub(super) const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// The endpoint that `text` names; over TCP with TLS, if there are certificates for it.
pub(super) fn parse(text: &str, certificates: Option<Certificates>) -> Result<Endpoint, Error> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    match scheme {
        "unix" if rest.is_empty() => Ok(Endpoint::Unix(DEFAULT_SOCKET.into())),
        "unix" if rest.starts_with('/') => Ok(Endpoint::Unix(PathBuf::from(rest))),
        "unix" => Err(wrong(text, "the socket's path must begin with `/`").hint(format!("write `unix:///{rest}`"))),
        "tcp" => {
            let port = if certificates.is_some() { 2376 } else { 2375 };
            let address = address(rest, port).map_err(|why| wrong(text, why))?;
            Ok(match certificates {
                Some(certificates) => Endpoint::Tls { address, certificates },
                None => Endpoint::Tcp(address),
            })
        }
        "ssh" => ssh(rest).map(Endpoint::Ssh).map_err(|why| wrong(text, why)),
        "http" | "https" => Err(wrong(text, "it is written `tcp://`").hint(format!("write `tcp://{}`", hidden(rest))).hint(
            "TLS comes with `DOCKER_TLS_VERIFY=1` and the certificates in `DOCKER_CERT_PATH`, or with a context that has them",
        )),
        "npipe" => Err(wrong(text, "named pipes are Windows' own, and this program does not speak to them")
            .hint("let Docker Desktop listen on TCP, or run this in WSL, where its socket is")),
        "fd" => Err(wrong(text, "that is how systemd hands the engine its socket: only the engine knows it")),
        _ => Err(wrong(text, "the scheme is none of `unix`, `tcp` and `ssh`")),
    }
}

/// Whether only this machine reaches `address`.
pub(super) fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn wrong(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("`{}` can't be an engine's host: {why}", hidden(text).escape_debug()))
}

/// `text` without what stands before an `@`, which may be a password.
fn hidden(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or_else(String::new, |(scheme, _)| format!("{scheme}://"));
            format!("{scheme}…@{after}")
        }
        None => text.to_owned(),
    }
}

/// `HOST`, `:PORT` or `HOST:PORT`, filled up.
fn address(rest: &str, default: u16) -> Result<String, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err("an engine knows no users: TLS says who we are");
    }
    if rest.contains(['/', '?', '#']) {
        return Err("it has a path, which no engine listens at");
    }
    let (host, port) = host_and_port(rest)?;
    let host = match host {
        "" => "localhost".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("{host}:{}", port.unwrap_or(default)))
}

/// The host without brackets, and the port if it is there.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (ip, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
            ip.parse::<Ipv6Addr>().map_err(|_| "what stands in the brackets is no IPv6 address")?;
            (ip, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or("no port follows the brackets")?) })
        }
        None => match place.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err("an IPv6 address stands in square brackets"),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    if host.starts_with('-') || !host.chars().all(harmless) {
        return Err("the machine's name can't be one");
    }
    let number = |port: &str| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("the port is no number from 1 to 65535");
    Ok((host, port.map(number).transpose()?))
}

/// `[USER@]HOST[:PORT][/SOCKET]`. ssh and the far shell read these words, so they hold nothing that means more than itself.
fn ssh(rest: &str) -> Result<Ssh, &'static str> {
    let (place, socket) = match rest.find('/') {
        Some(slash) => (&rest[..slash], Some(&rest[slash..]).filter(|path| *path != "/")),
        None => (rest, None),
    };
    let (user, place) = place.rsplit_once('@').map_or((None, place), |(user, place)| (Some(user), place));
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password does not belong there: let ssh log in with a key");
    }
    let (host, port) = host_and_port(place)?;
    if host.is_empty() {
        return Err("it names no machine");
    }
    let harmless = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/+".contains(c));
    if user.is_some_and(|user| user.is_empty() || user.starts_with('-') || !harmless(user)) {
        return Err("the user's name can't be one");
    }
    if socket.is_some_and(|socket| !harmless(socket)) {
        return Err("the socket's path holds a character that a shell might take for its own");
    }
    let [user, socket] = [user, socket].map(|part| part.map(str::to_owned));
    Ok(Ssh { program: "ssh".into(), user, host: host.to_owned(), port, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_as_they_are_understood() {
        let told = |text: &str| match parse(text, None) {
            Ok(endpoint) => format!("{text} → {endpoint}{}", if endpoint.risk().is_some() { " (a risk)" } else { "" }),
            Err(error) => format!("{text} ✗ {error}"),
        };
        let texts = [
            "unix:///run/docker.sock",
            "unix://",
            "unix://run/docker.sock",
            "tcp://",
            "tcp://localhost",
            ":1234",
            "gpu-box",
            "gpu-box:99",
            "tcp://10.0.0.2:2375/",
            "tcp://[::1]:2375",
            "tcp://[fe80::1]",
            "tcp://::1",
            "tcp://box:0",
            "tcp://box:http",
            "tcp://me:hunter2@box",
            "tcp://box/engine",
            "https://box:2376",
            "ssh://box",
            "ssh://ann@box:22/run/docker.sock",
            "ssh://ann:hunter2@box",
            "ssh://-oProxyCommand=x",
            "ssh://box/run/$(x).sock",
            "npipe:////./pipe/docker_engine",
            "fd://",
            "udp://x",
        ];
        let all = texts.map(told).join("\n");
        let answers = all.lines().filter_map(|line| line.split_once(['→', '✗']));
        assert!(!answers.map(|(_, answer)| answer).any(|answer| answer.contains("hunter2")), "{all}");
        insta::assert_snapshot!(all, @"
        unix:///run/docker.sock → unix:///run/docker.sock
        unix:// → unix:///var/run/docker.sock
        unix://run/docker.sock ✗ `unix://run/docker.sock` can't be an engine's host: the socket's path must begin with `/`
        tcp:// → tcp://localhost:2375
        tcp://localhost → tcp://localhost:2375
        :1234 → tcp://localhost:1234
        gpu-box → tcp://gpu-box:2375 (a risk)
        gpu-box:99 → tcp://gpu-box:99 (a risk)
        tcp://10.0.0.2:2375/ → tcp://10.0.0.2:2375 (a risk)
        tcp://[::1]:2375 → tcp://[::1]:2375
        tcp://[fe80::1] → tcp://[fe80::1]:2375 (a risk)
        tcp://::1 ✗ `tcp://::1` can't be an engine's host: an IPv6 address stands in square brackets
        tcp://box:0 ✗ `tcp://box:0` can't be an engine's host: the port is no number from 1 to 65535
        tcp://box:http ✗ `tcp://box:http` can't be an engine's host: the port is no number from 1 to 65535
        tcp://me:hunter2@box ✗ `tcp://…@box` can't be an engine's host: an engine knows no users: TLS says who we are
        tcp://box/engine ✗ `tcp://box/engine` can't be an engine's host: it has a path, which no engine listens at
        https://box:2376 ✗ `https://box:2376` can't be an engine's host: it is written `tcp://`
        ssh://box → ssh://box
        ssh://ann@box:22/run/docker.sock → ssh://ann@box:22/run/docker.sock
        ssh://ann:hunter2@box ✗ `ssh://…@box` can't be an engine's host: a password does not belong there: let ssh log in with a key
        ssh://-oProxyCommand=x ✗ `ssh://-oProxyCommand=x` can't be an engine's host: the machine's name can't be one
        ssh://box/run/$(x).sock ✗ `ssh://box/run/$(x).sock` can't be an engine's host: the socket's path holds a character that a shell might take for its own
        npipe:////./pipe/docker_engine ✗ `npipe:////./pipe/docker_engine` can't be an engine's host: named pipes are Windows' own, and this program does not speak to them
        fd:// ✗ `fd://` can't be an engine's host: that is how systemd hands the engine its socket: only the engine knows it
        udp://x ✗ `udp://x` can't be an engine's host: the scheme is none of `unix`, `tcp` and `ssh`
        ");
    }

    proptest::proptest! {
        /// What is understood is understood the same way when it is written again.
        #[test]
        fn what_is_shown_can_be_read_again(text in "(unix|tcp|ssh)://[a-z@:/0-9.\\[\\]]{0,20}") {
            if let Ok(endpoint) = parse(&text, None) {
                assert_eq!(parse(&endpoint.to_string(), None).unwrap(), endpoint);
            }
        }
    }
}
