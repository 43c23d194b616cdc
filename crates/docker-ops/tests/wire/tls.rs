//! An engine behind TLS: it is trusted by its authority alone, and sees who we are.

use std::{path::Path, sync::Arc};

use docker_ops::{Certificates, Endpoint, Engine};
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, UnixStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer, server::WebPkiClientVerifier},
};

use crate::{
    stand_in::{StandIn, Step},
    told,
};

type Authority = Issuer<'static, KeyPair>;

/// An authority, and its certificate as DER.
fn authority() -> (Authority, rcgen::Certificate) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (Issuer::new(params, key), certificate)
}

fn signed(by: &Authority, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, by).unwrap(), key)
}

/// An engine behind TLS that lets in who has a certificate of `by`; its address.
async fn serve(by: &Authority, root: &rcgen::Certificate, name: &str, stand_in: &StandIn) -> String {
    let (certificate, key) = signed(by, name);
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let (acceptor, path) = (TlsAcceptor::from(Arc::new(config)), stand_in.path.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, path) = (acceptor.clone(), path.clone());
            tokio::spawn(async move {
                match acceptor.accept(stream).into_fallible().await {
                    Ok(mut stream) => drop(copy_bidirectional(&mut stream, &mut UnixStream::connect(path).await.unwrap()).await),
                    // Who hangs up on what was sent may take back the reason as well.
                    Err((_, mut stream)) => drop(stream.read_to_end(&mut Vec::new()).await),
                }
            });
        }
    });
    address
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn who_belongs_together_meets_and_nobody_else() {
    let stand_in = StandIn::engine("1.41", "1.12", |_| vec![Step::Close]);
    let (ours, root) = authority();
    let (theirs, foreign) = authority();
    let folder = tempfile::tempdir().unwrap();
    let ca = write(folder.path(), "ca.pem", &root.pem());
    let foreign = write(folder.path(), "foreign.pem", &foreign.pem());
    let client = |by: &Authority, name: &str| {
        let (certificate, key) = signed(by, "ann");
        let certificate = write(folder.path(), &format!("{name}-cert.pem"), &certificate.pem());
        Some((certificate, write(folder.path(), &format!("{name}-key.pem"), &key.serialize_pem())))
    };
    let (good, bad) = (client(&ours, "good"), client(&theirs, "bad"));
    let address = serve(&ours, &root, "127.0.0.1", &stand_in).await;
    let misnamed = serve(&ours, &root, "10.9.9.9", &stand_in).await;
    let connect = async |address: &str, ca: &Path, client: &Option<_>| {
        let certificates = Certificates { ca: ca.to_owned(), client: client.clone() };
        Engine::connect(&Endpoint::Tls { address: address.to_owned(), certificates }).await
    };
    assert_eq!(connect(&address, &ca, &good).await.unwrap().negotiated().used.to_string(), "1.41");
    for (address, ca, client) in
        [(&address, &foreign, &good), (&address, &ca, &bad), (&address, &ca, &None), (&misnamed, &ca, &good)]
    {
        let error = connect(address, ca, client).await.unwrap_err();
        assert_eq!(error.kind(), docker_ops::ErrorKind::Untrusted, "{}", told(&error));
    }
    let plain = Engine::connect(&Endpoint::Tcp(address.clone())).await.unwrap_err();
    assert_eq!(plain.kind(), docker_ops::ErrorKind::NotAnEngine, "{}", told(&plain));
    let empty = write(folder.path(), "empty.pem", "");
    let error = connect(&address, &empty, &good).await.unwrap_err();
    assert_eq!(error.kind(), docker_ops::ErrorKind::InvalidConfig, "{}", told(&error));
}
