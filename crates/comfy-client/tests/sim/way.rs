//! The ways to a server: TLS with an authority of one's own, a proxy, a Unix socket.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use comfy_client::{Client, Config, Credential, ErrorKind, Setting};
use comfy_sim::Server;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};

use crate::wire::Wire;

/// An authority, made for one test: its certificate as PEM, and what signs with its key.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
}

const HEALTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\nConnection: close\r\n\r\n{\"exec_info\": {\"queue_remaining\":0}}";

/// A server with a certificate of this authority that answers each request alike, for as many connections as said.
fn secure(connections: usize, authority: &Issuer<'_, KeyPair>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.into()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let serve = move || {
        let connection = || {
            let (tcp, _) = listener.accept().unwrap();
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let (mut stream, mut piece) = (rustls::StreamOwned::new(tls, tcp), vec![0; 16 << 10]);
            // A client that does not trust us leaves in the middle of the greeting.
            let Ok(read) = stream.read(&mut piece) else { return String::new() };
            stream.write_all(HEALTH).unwrap();
            stream.conn.send_close_notify();
            stream.flush().ok();
            String::from_utf8_lossy(&piece[..read]).into_owned()
        };
        (0..connections).map(|_| connection()).collect()
    };
    (url, std::thread::spawn(serve))
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named_and_only_then() {
    let ((root, issuer), (other_root, _)) = (authority(), authority());
    let (url, server) = secure(2, &issuer);
    let config = || Config::new(&url).unwrap().credential(Credential::Bearer("t0ken".into()));
    let stranger = Client::new(config().root_certificates(&other_root).unwrap()).unwrap().health().await.unwrap_err();
    assert_eq!(stranger.kind(), ErrorKind::InvalidConfig);
    assert_eq!(stranger.to_string(), format!("the certificate of `{url}` is not trusted"));
    assert!(!stranger.was_sent() && !stranger.is_retryable());
    let client = Client::new(config().root_certificates(&root).unwrap()).unwrap();
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    let seen = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
    assert_eq!(seen[0], "");
    assert!(seen[1].contains("authorization: Bearer t0ken"));
}

#[tokio::test]
async fn a_proxy_is_gone_through_when_it_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.unwrap();
    let proxy = Wire::to(&server).await;
    // Nobody listens at the address itself: only the proxy knows the way.
    let client = Client::new(Config::new("http://127.0.0.1:1").unwrap().proxy(&proxy.url).unwrap()).unwrap();
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    server.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_carries_requests_and_the_websocket() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.unwrap();
    let path = folder.path().join("comfy.sock");
    let task = tokio::spawn(carry(path.clone(), server.url().trim_start_matches("http://").to_owned()));
    while !Path::new(&path).exists() {
        tokio::task::yield_now().await;
    }
    let config = Config::new("http://comfyui").unwrap().credential(Credential::Bearer("t".into()));
    let client = Client::new(config.unix_socket(&path)).unwrap();
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    assert_eq!(client.probe_socket(&Credential::None).await.unwrap().status, 101);
    task.abort();
    server.shutdown().await;
}

#[cfg(unix)]
async fn carry(path: std::path::PathBuf, there: String) {
    let listener = tokio::net::UnixListener::bind(path).unwrap();
    while let Ok((mut near, _)) = listener.accept().await {
        let mut far = tokio::net::TcpStream::connect(&there).await.unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
    }
}

/// A proxy that wants a login, and the heads of the requests that came to it.
async fn guarded_proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, heads) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let record = heads.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(near.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            record.lock().unwrap().push(head.clone());
            if !head.to_ascii_lowercase().contains("\r\nproxy-authorization: basic ") {
                let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                near.write_all(refusal).await.unwrap();
                continue;
            }
            let there = head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap();
            let mut far = tokio::net::TcpStream::connect(there).await.unwrap();
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
        }
    });
    (url, heads)
}

#[tokio::test]
async fn a_proxy_that_wants_a_login_says_so_before_either_kind_of_server() {
    let (root, issuer) = authority();
    let (url, server) = secure(1, &issuer);
    let (proxy, heads) = guarded_proxy().await;
    let config = |url: &str| {
        let config = Config::new(url).unwrap().credential(Credential::Bearer("t0ken".into())).root_certificates(&root).unwrap();
        config.proxy(&proxy).unwrap()
    };
    for url in [url.as_str(), "http://127.0.0.1:1"] {
        let error = Client::new(config(url)).unwrap().health().await.unwrap_err();
        assert_eq!(error.to_string(), format!("the proxy on the way to `{url}` wants a login"));
        assert_eq!((error.kind(), error.status()), (ErrorKind::Refused, Some(407)));
        assert_eq!((error.setting(), error.hints()), (Some(Setting::ProxyLogin), &[Setting::ProxyLogin.hint().to_owned()][..]));
        assert_eq!(error.was_sent(), !url.starts_with("https"), "behind CONNECT nothing came to the server");
    }
    let client = Client::new(config(&url).proxy_login("ali", "hunter2".into())).unwrap();
    assert_eq!(client.health().await.unwrap().queue_remaining, 0);
    let seen = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
    assert!(seen[0].contains("authorization: Bearer t0ken") && !seen[0].contains("proxy-authorization"), "{seen:?}");
    let heads = heads.lock().unwrap();
    let (refused, let_through) = (&heads[0], &heads[2]);
    assert!(refused.starts_with("CONNECT ") && let_through.starts_with("CONNECT "), "{heads:?}");
    assert!(!refused.contains("t0ken") && !let_through.contains("t0ken"), "the proxy reads no token");
}
