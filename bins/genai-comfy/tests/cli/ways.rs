//! Servers that can't simply be dialled: with a certificate of an authority of one's own, behind a Unix socket, behind a proxy.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};

use crate::stage::{command, said};

/// Answers one request as a ComfyUI with one folder of models; its first line.
fn answer(stream: &mut (impl Read + Write)) -> Option<String> {
    let mut request = vec![0; 1 << 16];
    let length = stream.read(&mut request).ok()?;
    let line = String::from_utf8_lossy(&request[..length]).lines().next()?.to_owned();
    let body = if line.contains("/models") { r#"["vae"]"# } else { r#"{"exec_info": {"queue_remaining": 0}}"# };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length";
    // Who has heard enough may leave.
    let _ = write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).and_then(|()| stream.flush());
    Some(line)
}

#[test]
fn an_authority_of_ones_own_is_named_with_a_file() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.into()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(&mut StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream));
        }
    });
    let (code, _, err) = said(&mut command(folder.path(), &url, &["models"]));
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("is not trusted") && err.contains("named with `--ca-file FILE`, `COMFYUI_CA_FILE`"), "{err}");
    let (code, out, err) = said(&mut command(folder.path(), &url, &["models", "--ca-file", "ca.pem"]));
    assert_eq!((code, out.as_str()), (0, "vae\n"), "{err}");
}

#[test]
fn a_unix_socket_takes_the_place_of_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("comfy.sock")).unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(|mut stream| drop(answer(&mut stream))));
    std::fs::write(folder.path().join("genai.toml"), "[connection]\nunix_socket = \"comfy.sock\"\n").unwrap();
    let (code, out, err) = said(&mut command(folder.path(), "http://comfyui", &["models"]));
    assert_eq!((code, out.as_str()), (0, "vae\n"), "{err}");
}

#[test]
fn a_proxy_is_gone_through() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let heard = thread::spawn(move || answer(&mut listener.incoming().flatten().next().unwrap()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    said(&mut command(folder.path(), "http://comfyui.example", &["models", "--proxy", &proxy]));
    assert_eq!(heard.join().unwrap(), "GET http://comfyui.example/prompt HTTP/1.1");
}

#[test]
fn a_proxy_that_wants_a_login_is_told_of_alike_before_http_and_https() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let refuse = |mut stream: std::net::TcpStream| {
        assert!(stream.read(&mut vec![0; 1 << 16]).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
    };
    thread::spawn(move || listener.incoming().flatten().for_each(refuse));
    let folder = tempfile::tempdir().unwrap();
    for url in ["http://comfyui.example", "https://comfyui.example"] {
        let (code, _, err) = said(&mut command(folder.path(), url, &["models", "--proxy", &proxy]));
        assert_eq!(code, 6, "{err}");
        assert!(err.starts_with(&format!("error: the proxy on the way to `{url}` wants a login\n")), "{err}");
        assert!(
            err.contains("`COMFYUI_PROXY_USER` and `COMFYUI_PROXY_PASSWORD`") && !err.contains("is ComfyUI running"),
            "{err}"
        );
    }
}
