//! TLS for one client: the ring provider, and the certificates that the system trusts, or the configuration does.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::{BuilderVerifierExt, Verifier};

use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// A TLS configuration of this client alone: the process's default provider is neither needed nor set.
///
/// A plain http address never gets to TLS, since redirects are not followed; so a machine without any trusted
/// certificate can still talk to its own ComfyUI.
pub(super) fn client_config(config: &Config) -> Result<ClientConfig, Error> {
    let failed = |cause: rustls::Error| {
        Error::new(ErrorKind::InvalidConfig, "TLS cannot be set up on this machine")
            .because(cause)
            .hint("are the system's trusted certificates installed (package `ca-certificates`)?")
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().map_err(failed)?;
    let proxied = config.proxy.as_ref().is_some_and(|proxy| proxy.address.is_https());
    let builder = if !config.address.is_https() && !proxied {
        builder.with_root_certificates(RootCertStore::empty())
    } else if config.roots.is_empty() {
        builder.with_platform_verifier().map_err(failed)?
    } else {
        let verifier = Verifier::new_with_extra_roots(config.roots.iter().cloned(), provider).map_err(failed)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    Ok(builder.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_default_provider_is_needed_and_one_that_exists_does_no_harm() {
        let plain = Config::new("http://127.0.0.1:8188").unwrap();
        let secure = Config::new("https://gpu.example.org").unwrap();
        for _ in 0..2 {
            client_config(&plain).unwrap();
            // A machine without any trusted certificate says so.
            if let Err(error) = client_config(&secure) {
                assert_eq!(error.kind(), ErrorKind::InvalidConfig);
                assert!(error.hints()[0].contains("ca-certificates"));
            }
            rustls::crypto::ring::default_provider().install_default().ok();
        }
    }
}
