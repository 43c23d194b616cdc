//! What must not be seen: a secret that `Debug` hides, and how it is shown to a server.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

/// A secret text. It is wiped from memory when the last copy goes, and nothing but [`Secret::expose`] shows it.
///
/// ```
/// let secret = comfy_client::Secret::new("made-up");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.expose(), "made-up");
/// # Ok::<(), comfy_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    ///
    /// ```
    /// let secret = comfy_client::Secret::new("made-up");
    /// assert!(!format!("{secret:?}").contains("made-up"));
    /// ```
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call of this is a place to look at in a review.
    ///
    /// ```
    /// assert_eq!(comfy_client::Secret::from("made-up").expose(), "made-up");
    /// ```
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// What a request shows to the server to be let in. The same goes with HTTP requests and with the WebSocket upgrade.
///
/// ```
/// use comfy_client::{Client, Config, Credential};
///
/// # fn example(password: String) -> Result<(), comfy_client::Error> {
/// let login = Credential::Login { user: "ali".into(), password: password.into() };
/// let client = Client::new(Config::new("http://127.0.0.1:8188")?.credential(login))?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// `Authorization: Bearer SECRET`, what ComfyUI-Login takes from programs.
    Bearer(Secret),
    /// `?token=SECRET`. Servers and proxies write addresses into their logs: prefer [`Credential::Bearer`].
    Query(Secret),
    /// A user and a password, as a browser's login form sends them to ComfyUI-Login. The session's cookie is shown from
    /// then on; when the server forgets it, the client logs in anew. Programs do better with [`Credential::Bearer`]:
    /// each login keeps ComfyUI from all else for a quarter of a second.
    Login {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// The whole value of the `Authorization` header, as it stands. It is for probing how a server treats a malformed one.
    RawAuthorization(Secret),
}

impl Credential {
    /// Whether this shows anything at all.
    ///
    /// ```
    /// use comfy_client::Credential;
    ///
    /// assert!(Credential::Bearer("made-up".into()).is_some() && !Credential::None.is_some());
    /// ```
    #[must_use]
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Finds what no server could take, and some take for nobody in particular: a credential that is blank, and a Bearer
    /// token in several words, at which ComfyUI-Login fails.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |message: &str, hint: &str| Err(Error::new(ErrorKind::InvalidConfig, message).hint(hint));
        let is_blank = |secret: &Secret| secret.expose().trim().is_empty();
        match self {
            Self::Bearer(token) | Self::Query(token) if is_blank(token) => wrong(
                "the token is blank",
                "is the variable or the file that holds it empty? no token at all is `Credential::None`",
            ),
            Self::Bearer(token) if token.expose().contains(char::is_whitespace) => {
                wrong("the Bearer token has blanks in it", "is there a line break at its end, or `Bearer` at its beginning?")
            }
            Self::Login { user, password } if user.trim().is_empty() || is_blank(password) => {
                wrong("the login has no user or no password", "is a variable empty?")
            }
            _ => Ok(()),
        }
    }

    /// Whether ComfyUI-Login fails at it in place of refusing it: an `Authorization` that is not two words.
    pub(crate) fn is_malformed(&self) -> bool {
        matches!(self, Self::RawAuthorization(value) if value.expose().split_whitespace().count() != 2)
    }

    /// The secret in it, if there is one.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Bearer(secret) | Self::Query(secret) | Self::RawAuthorization(secret) => Some(secret),
            Self::Login { password, .. } => Some(password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_secret() {
        let secret = Secret::new("open sesame");
        for shown in [
            format!("{secret:?}"),
            format!("{:?}", Credential::Bearer(secret.clone())),
            format!("{:#?}", Credential::Query(secret.clone())),
            format!("{:?}", Credential::RawAuthorization(secret.clone())),
            format!("{:?}", Credential::Login { user: "me".into(), password: secret.clone() }),
        ] {
            assert!(!shown.contains("sesame"), "{shown}");
            assert!(shown.contains("Secret(…)"), "{shown}");
        }
        assert_eq!(secret.expose(), "open sesame");
    }
}
