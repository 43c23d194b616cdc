//! TLS to an engine on another machine: its authority is the one that `ca.pem` names, and no other.

use std::{io, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use crate::{Error, ErrorKind, endpoint::Certificates};

/// What is trusted, and who we are.
pub(super) fn config(files: &Certificates) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(|error| unusable(&files.ca, error))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::InvalidConfig, "TLS can't be set up").because(error))?
        .with_root_certificates(roots);
    match &files.client {
        None => Ok(config.with_no_client_auth()),
        Some((certificate, key)) => {
            let shown = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
            config.with_client_auth_cert(certificates(certificate)?, shown).map_err(|error| unusable(certificate, error))
        }
    }
}

/// A connection to `HOST:PORT`, whose certificate names that host.
pub(super) async fn connect(address: &str, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(path, error))?;
    if read.is_empty() {
        return Err(Error::new(ErrorKind::InvalidConfig, format!("there is no certificate in `{}`", path.display())));
    }
    Ok(read)
}

fn unusable(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("`{}` can't be used for TLS", path.display())).because(error)
}
