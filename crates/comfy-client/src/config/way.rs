//! The way to the server: whom to trust, and through whom or what to go.

use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Config;
use crate::address::Address;
use crate::error::{Error, ErrorKind, Setting};
use crate::secret::Secret;

/// A proxy, and who we are there.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: Address,
    pub(crate) login: Option<(String, Secret)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.address.as_str()).field("login", &self.login.is_some()).finish()
    }
}

impl Config {
    /// Trusts the certificates in this text too, beside the system's (default: the system's alone): for a server whose
    /// certificate an authority of your own has signed. The text is PEM, of one certificate or more; each call adds some.
    ///
    /// ```no_run
    /// # fn example(pem: &str) -> Result<(), comfy_client::Error> {
    /// let config = comfy_client::Config::new("https://gpu.example.org")?.root_certificates(pem)?;
    /// # let _ = config;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a text without a certificate, or with a broken one.
    pub fn root_certificates(mut self, pem: &str) -> Result<Self, Error> {
        let known = self.roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            // What is broken may be a key that got here by mistake: it is not shown.
            let broken = |_| Error::new(ErrorKind::InvalidConfig, "the root certificates are no PEM that can be read");
            self.roots.push(certificate.map_err(broken)?);
        }
        if self.roots.len() == known {
            return Err(Error::new(ErrorKind::InvalidConfig, "there is no certificate among the root certificates")
                .hint("a certificate begins with `-----BEGIN CERTIFICATE-----`"));
        }
        Ok(self)
    }

    /// Goes through this proxy (default: none; the environment's is never used). With https the proxy sees the server's
    /// name alone; with http it sees all.
    ///
    /// ```
    /// let config = comfy_client::Config::new("https://gpu.example.org")?.proxy("http://proxy.example.org:3128")?;
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidUrl`] as for [`Config::new`].
    pub fn proxy(mut self, url: &str) -> Result<Self, Error> {
        self.proxy = Some(Proxy { address: Address::parse(url)?, login: None });
        Ok(self)
    }

    /// Who we are at the proxy; nothing without [`Config::proxy`].
    ///
    /// ```no_run
    /// # fn example(password: String) -> Result<(), comfy_client::Error> {
    /// let config = comfy_client::Config::new("https://gpu.example.org")?
    ///     .proxy("https://proxy.example.org")?
    ///     .proxy_login("ali", password.into());
    /// # let _ = config;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn proxy_login(mut self, user: &str, password: Secret) -> Self {
        if let Some(proxy) = &mut self.proxy {
            proxy.login = Some((user.to_owned(), password));
        }
        self
    }

    /// Goes through this Unix socket instead of the network; of the address, only the path and the name count then.
    ///
    /// ```
    /// let config = comfy_client::Config::new("http://comfyui")?.unix_socket("/run/comfyui.sock");
    /// # let _ = config;
    /// # Ok::<(), comfy_client::Error>(())
    /// ```
    #[cfg(unix)]
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.unix_socket = Some(path.into());
        self
    }

    /// Whether somebody on a network could read along.
    pub(super) fn is_exposed(&self) -> bool {
        let near = self.address.is_loopback() && self.proxy.as_ref().is_none_or(|proxy| proxy.address.is_loopback());
        !self.address.is_https() && !near && self.unix_socket.is_none()
    }

    /// Finds what does not go together.
    pub(super) fn check_way(&self) -> Result<(), Error> {
        if self.unix_socket.is_some() && self.proxy.is_some() {
            return Err(Error::new(ErrorKind::InvalidConfig, "a Unix socket and a proxy do not go together"));
        }
        let Some(proxy) = &self.proxy else { return Ok(()) };
        let plain = !proxy.address.is_https() && !proxy.address.is_loopback();
        if proxy.login.is_some() && plain && !self.allow_plain_http {
            let message = format!("a password would go over plain http to the proxy `{}`", proxy.address.as_str());
            return Err(Error::new(ErrorKind::InvalidConfig, message).hint_at(Setting::AllowPlainHttp));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credential;

    fn config(url: &str) -> Config {
        Config::new(url).unwrap().credential(Credential::Bearer("t".into()))
    }

    #[test]
    fn what_is_no_certificate_is_found_at_once_and_not_shown() {
        for pem in ["", "hunter2", "-----BEGIN CERTIFICATE-----\nhunter2 !\n-----END CERTIFICATE-----\n"] {
            let error = config("https://h").root_certificates(pem).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_proxy_elsewhere_may_not_read_along() {
        let through = |url, proxy| config(url).proxy(proxy).unwrap().check();
        assert!(through("http://127.0.0.1", "http://127.0.0.1:3128").is_ok());
        assert!(through("https://gpu.example.org", "http://proxy:3128").is_ok());
        assert!(through("http://127.0.0.1", "http://proxy:3128").is_err());
        assert!(through("http://gpu.example.org", "http://127.0.0.1:3128").is_err());
        let login = config("https://gpu.example.org").proxy("http://proxy:3128").unwrap().proxy_login("me", "hunter2".into());
        assert!(!format!("{login:?} {:?}", login.check()).contains("hunter2"));
        assert!(login.check().is_err());
        assert!(login.allow_plain_http(true).check().is_ok());
        assert_eq!(config("http://h").proxy("http://me:pw@proxy").unwrap_err().kind(), ErrorKind::InvalidUrl);
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_leaves_nothing_to_read() {
        assert!(config("http://comfyui").unix_socket("/run/comfy.sock").check().is_ok());
        let both = config("http://comfyui").proxy("http://127.0.0.1").unwrap().unix_socket("/run/comfy.sock");
        assert_eq!(both.check().unwrap_err().kind(), ErrorKind::InvalidConfig);
    }
}
