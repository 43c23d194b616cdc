//! Requests as plain values: built here, sent elsewhere, readable in tests.

use std::borrow::Cow;

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::files::Payload;
use crate::secret::{Credential, Secret};

/// What a path segment may hold unescaped.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One path segment, percent-encoded: a slash in it does not part it. What every reader of addresses resolves away, however
/// it is written, cannot be one.
pub(crate) fn segment(what: &str, text: &str) -> Result<String, Error> {
    match text {
        "" => Err(Error::new(ErrorKind::InvalidConfig, format!("the {what} is empty"))),
        "." | ".." => Err(Error::new(ErrorKind::InvalidConfig, format!("`{text}` cannot be the {what}"))),
        text => Ok(utf8_percent_encode(text, SEGMENT).to_string()),
    }
}

/// What is sent besides the head.
#[derive(Clone, Debug, Default)]
pub(crate) enum Body {
    #[default]
    Empty,
    Json(String),
    /// JSON with a key in it.
    SecretJson(Secret),
    /// A form's pairs, of which one is a password.
    Form(Secret),
    Upload(Upload),
}

/// A file and its fields, sent as a form.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) payload: Payload,
    pub(crate) fields: Vec<(&'static str, String)>,
}

/// A request before the configuration is laid over it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Begins with a slash, is percent-encoded, and follows the base path.
    pub(crate) path: String,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    pub(crate) accept: String,
    /// In place of the configuration's.
    pub(crate) credential: Option<Credential>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Body,
}

impl Request {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            accept: "application/json".to_owned(),
            credential: None,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn json(self, value: &serde_json::Value) -> Self {
        self.body(Body::Json(value.to_string()))
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    pub(crate) fn accept(mut self, accept: impl Into<String>) -> Self {
        self.accept = accept.into();
        self
    }

    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Method and path, as messages name it: no query, no secret.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The whole head: address with query, and headers. Pure.
    pub(crate) fn head(&self, config: &Config) -> Result<Head, Error> {
        let credential = self.credential.as_ref().unwrap_or(&config.credential);
        config.admits(credential)?;
        let mut url = config.address.join(&self.path);
        {
            let mut pairs = url.query_pairs_mut();
            for (key, value) in &self.query {
                pairs.append_pair(key, value);
            }
            if let Credential::Query(secret) = credential {
                pairs.append_pair("token", secret.expose());
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, plain(&ACCEPT, &self.accept)?);
        if let Some(value) = authorization(credential)? {
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(origin) = &config.origin {
            headers.insert(ORIGIN, plain(&ORIGIN, origin)?);
        }
        let kind = match self.body {
            Body::Json(_) | Body::SecretJson(_) => Some("application/json"),
            Body::Form(_) => Some("application/x-www-form-urlencoded"),
            Body::Empty | Body::Upload(_) => None,
        };
        headers.extend(kind.map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind))));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), plain(name, value)?);
        }
        Ok(Head { url, headers })
    }
}

/// A request's address and headers. It holds the secret: it is not shown.
pub(crate) struct Head {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

fn plain(name: &HeaderName, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|cause| {
        let message = format!("`{}` cannot stand in the header `{name}`", value.escape_debug());
        Error::new(ErrorKind::InvalidConfig, message).because(cause)
    })
}

/// The `Authorization` header that shows this credential.
pub(crate) fn authorization(credential: &Credential) -> Result<Option<HeaderValue>, Error> {
    let text = match credential {
        Credential::None | Credential::Query(_) | Credential::Login { .. } => return Ok(None),
        Credential::Bearer(secret) => zeroize::Zeroizing::new(format!("Bearer {}", secret.expose())),
        Credential::RawAuthorization(secret) => zeroize::Zeroizing::new(secret.expose().to_owned()),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_secret| {
        Error::new(ErrorKind::InvalidConfig, "the credential holds bytes that no header can carry")
            .hint("is there a line break at its end?")
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request as text, the way it goes over the wire, with its secrets in plain sight: they are made up.
    fn wire(request: &Request, config: &Config) -> String {
        let head = request.head(config).unwrap();
        let mut lines = vec![format!("{} {}", request.method, head.url)];
        lines.extend(head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
        match &request.body {
            Body::Empty => {}
            Body::Json(text) => lines.push(text.clone()),
            Body::Form(secret) | Body::SecretJson(secret) => lines.push(secret.expose().to_owned()),
            Body::Upload(upload) => lines.push(format!("{} {:?}", upload.name, upload.fields)),
        }
        lines.join("\n")
    }

    fn config() -> Config {
        Config::new("http://127.0.0.1:8188/sub").unwrap()
    }

    #[test]
    fn each_credential_has_its_place() {
        let request = Request::get("/queue");
        let shown: Vec<String> = [
            Credential::None,
            Credential::Bearer("$to.ken/1".into()),
            Credential::Query("$to.ken/1 &c".into()),
            Credential::RawAuthorization("Bearer".into()),
        ]
        .into_iter()
        .map(|credential| wire(&request, &config().credential(credential)))
        .collect();
        insta::assert_snapshot!(shown.join("\n\n"), @"
        GET http://127.0.0.1:8188/sub/queue
        accept: application/json

        GET http://127.0.0.1:8188/sub/queue
        accept: application/json
        authorization: Bearer $to.ken/1

        GET http://127.0.0.1:8188/sub/queue?token=%24to.ken%2F1+%26c
        accept: application/json

        GET http://127.0.0.1:8188/sub/queue
        accept: application/json
        authorization: Bearer
        ");
    }

    #[test]
    fn a_request_says_its_own_credential_and_the_configured_origin() {
        let request = Request::post("/prompt").query("a", "b c").json(&serde_json::json!({"x": 1})).credential(Credential::None);
        let config = config().credential(Credential::Bearer("t".into())).origin("https://app.example.org");
        insta::assert_snapshot!(wire(&request, &config), @r#"
        POST http://127.0.0.1:8188/sub/prompt?a=b+c
        accept: application/json
        origin: https://app.example.org
        content-type: application/json
        {"x":1}
        "#);
    }

    #[test]
    fn a_probe_cannot_carry_a_credential_where_the_client_may_not() {
        let config = Config::new("http://gpu.example.org").unwrap();
        assert!(Request::get("/queue").head(&config).is_ok());
        let refused = Request::get("/queue").credential(Credential::Bearer("t".into())).head(&config);
        assert_eq!(refused.err().unwrap().kind(), ErrorKind::InvalidConfig);
    }

    #[test]
    fn a_segment_stays_one_segment() {
        let config = config();
        for text in ["../a b?#%/é", "..\\..", "%2e%2e", ".%2E", "...", "a\tb"] {
            let path = format!("/x/{}/y", segment("folder", text).unwrap());
            let url = Request::get(&path).head(&config).unwrap().url;
            let parts: Vec<String> = url.path_segments().unwrap().map(str::to_owned).collect();
            assert_eq!((parts.len(), &*parts[1], &*parts[3]), (4, "x", "y"), "{url}");
            assert_eq!(percent_encoding::percent_decode_str(&parts[2]).decode_utf8().unwrap(), text);
        }
        for text in ["", ".", ".."] {
            assert_eq!(segment("folder", text).unwrap_err().kind(), ErrorKind::InvalidConfig);
        }
    }

    #[test]
    fn secrets_are_marked_for_every_library_that_logs_headers() {
        assert!(authorization(&Credential::Bearer("t".into())).unwrap().unwrap().is_sensitive());
    }
}
