//! Is this answer ComfyUI's, a refusal, or something else? Pure: status, headers and body in, verdict out.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::rejection;
use crate::secret::Secret;

/// What aiohttp, ComfyUI's web server, says of a request that made it fail: nothing was put into the queue.
const TROUBLE: &[u8] = b"Server got itself in trouble";

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) length: Option<u64>,
    pub(crate) etag: Option<String>,
    /// The cookies that it sets, as they are sent back.
    pub(crate) cookies: Option<Secret>,
    pub(crate) body: Bytes,
}

/// What ComfyUI answers to this request when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// JSON.
    Json,
    /// 200 and no body: what POST to queue, history and interrupt gives.
    Nothing,
    /// A file's bytes.
    File,
}

impl Reply {
    /// Judges the answer to `asked` (method and path), from `base`.
    pub(crate) fn judge(&self, base: &str, asked: &str, due: Due) -> Result<(), Error> {
        let error = |kind, message: String| Err(Error::new(kind, message).with_status(self.status));
        match self.status {
            200..=299 => self.judge_success(base, asked, due),
            300..=399 => Err(self.redirected(base)),
            401 => Err(refused(base, 401)),
            407 => Err(Error::proxy_login(base)),
            403 => Err(refused(base, 403)
                .hint("403 is also ComfyUI's answer to an `Origin` that it does not expect: check the configured origin")),
            400 => Err(rejection::rejected(&self.body)
                .unwrap_or_else(|| Error::new(ErrorKind::Rejected, format!("comfyui declined `{asked}`")))
                .with_status(400)),
            404 if due == Due::File => error(ErrorKind::NotFound, format!("`{base}` has no such file")),
            404 | 405 => Err(not_comfy(base, &format!("does not know `{asked}`")).with_status(self.status)),
            413 => Err(Error::new(ErrorKind::TooLarge, format!("`{asked}` is longer than `{base}` takes"))
                .with_status(413)
                .hint("ComfyUI takes 100 MB unless it is started with `--max-upload-size`, in MB; a proxy before it may take less")),
            429 => Err(Error::new(ErrorKind::Server, format!("`{base}` asks to wait before `{asked}`"))
                .with_status(429)
                .with_retry_after(self.retry_after)),
            500 => Err(Error::new(ErrorKind::Server, format!("`{base}` failed at `{asked}`"))
                .with_status(500)
                .declined(self.is_comfys_own_failure())
                .hint("ComfyUI answers 500 to malformed requests too, such as a malformed `Authorization` header; its log has the reason")),
            status @ 501..=599 => Err(Error::new(ErrorKind::Server, format!("`{base}` answered {status} to `{asked}`"))
                .with_status(status)
                .with_retry_after(self.retry_after)),
            status => error(ErrorKind::Protocol, format!("`{base}` answered {status} to `{asked}`")),
        }
    }

    fn judge_success(&self, base: &str, asked: &str, due: Due) -> Result<(), Error> {
        if self.is_html() {
            return Err(if self.looks_like_a_login_page() {
                refused(base, self.status)
            } else {
                not_comfy(base, &format!("answered `{asked}` with a web page")).with_status(self.status)
            });
        }
        // A session that may only look is answered so, and nothing happens.
        if due == Due::Nothing && self.body.trim_ascii() == b"{}" {
            return Err(refused(base, self.status).hint("this credential may look, but not act"));
        }
        Ok(())
    }

    fn redirected(&self, base: &str) -> Error {
        if self.leads_to_login() {
            return refused(base, self.status);
        }
        let path = self.location_path();
        not_comfy(base, &format!("redirects to `{path}`"))
            .with_status(self.status)
            .hint("redirects are not followed, so that a token stays where it belongs: give the final address")
    }

    /// Where it redirects to, without what follows the path.
    fn location_path(&self) -> &str {
        self.location.as_deref().unwrap_or_default().split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether it sends a browser to the login page.
    pub(crate) fn leads_to_login(&self) -> bool {
        let last = self.location_path().trim_end_matches('/').rsplit('/').next();
        (300..400).contains(&self.status) && last.is_some_and(|last| last.eq_ignore_ascii_case("login"))
    }

    /// Whether it asks who is there: what a session gets that the server has forgotten.
    pub(crate) fn asks_for_login(&self) -> bool {
        self.status == 401 || self.leads_to_login()
    }

    /// The JSON of an answer that was judged well.
    pub(crate) fn json<T: DeserializeOwned>(&self, base: &str, asked: &str) -> Result<T, Error> {
        let text = String::from_utf8_lossy(&self.body);
        crate::json::parse(&text).map_err(|cause: serde_json::Error| {
            let what = if cause.is_data() { "not what ComfyUI says" } else { "not JSON" };
            not_comfy(base, &format!("answered `{asked}` with something that is {what}")).with_status(self.status).because(cause)
        })
    }

    /// Whether ComfyUI's web server says that a request made it fail, and not a proxy that something is wrong.
    fn is_comfys_own_failure(&self) -> bool {
        self.status == 500
            && self.body.starts_with(b"500 Internal Server Error")
            && self.body.windows(TROUBLE.len()).any(|words| words == TROUBLE)
    }

    /// Whether the server has no such route: ComfyUI looks for an unknown one among its files, which take no POST.
    pub(crate) fn lacks_route(&self) -> bool {
        let octets = self.content_type.as_deref().is_some_and(|kind| kind.starts_with("application/octet-stream"));
        self.status == 405 || (self.status == 404 && (octets || self.body.is_empty()))
    }

    fn is_html(&self) -> bool {
        let kind = self.content_type.as_deref().map(|kind| kind.trim_start().to_ascii_lowercase());
        kind.map_or_else(|| self.begins_as_page(), |kind| kind.starts_with("text/html"))
    }

    /// Of an answer without a type: whether it is a web page.
    fn begins_as_page(&self) -> bool {
        let begin = self.body.trim_ascii_start();
        ["<!doctype html", "<html"]
            .iter()
            .any(|mark| begin.get(..mark.len()).is_some_and(|b| b.eq_ignore_ascii_case(mark.as_bytes())))
    }

    fn looks_like_a_login_page(&self) -> bool {
        let page = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        ["login", "log in", "sign in", "signin", "password"].iter().any(|word| page.contains(word))
    }
}

pub(crate) fn refused(base: &str, status: u16) -> Error {
    Error::new(ErrorKind::Refused, format!("`{base}` wants a valid credential"))
        .with_status(status)
        .hint("ComfyUI-Login takes the first line of `login/PASSWORD` as the token, and reads it when ComfyUI starts")
}

/// An answer of a shape that ComfyUI does not give.
pub(crate) fn not_comfy(base: &str, what: &str) -> Error {
    Error::new(ErrorKind::NotComfy, format!("`{base}` {what}"))
        .sent(true)
        .hint("is this ComfyUI's address, with the path that a proxy may put before it?")
}

/// Refuses a 200 that does not name what it took: an empty object is what a session gets that may only look, and
/// nothing happened.
pub(crate) fn unnamed(base: &str, body: &Value, what: &str) -> Error {
    if body.as_object().is_some_and(serde_json::Map::is_empty) {
        refused(base, 200).hint("this credential may look, but not act")
    } else {
        not_comfy(base, what).with_status(200)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://127.0.0.1:8188";

    fn reply(status: u16, content_type: &str, body: &str) -> Reply {
        Reply {
            status,
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            body: Bytes::from(body.to_owned()),
            ..Reply::default()
        }
    }

    fn kind(reply: &Reply, due: Due) -> Result<(), ErrorKind> {
        reply.judge(BASE, "GET /queue", due).map_err(|error| {
            assert_eq!(error.status(), Some(reply.status));
            assert!(error.was_sent());
            error.kind()
        })
    }

    #[test]
    fn a_proxy_that_wants_a_login_is_not_taken_for_the_server() {
        let error = reply(407, "", "").judge(BASE, "GET /queue", Due::Json).unwrap_err();
        assert_eq!(error.to_string(), "the proxy on the way to `http://127.0.0.1:8188` wants a login");
        assert_eq!(error.hints(), ["who we are at the proxy is said with `proxy_login`"]);
    }

    #[test]
    fn every_shape_of_refusal_is_told_from_its_neighbours() {
        let json = "application/json; charset=utf-8";
        let html = "text/html; charset=utf-8";
        let cases = [
            (reply(200, json, "{}"), Due::Json, Ok(())),
            (reply(200, "", ""), Due::Nothing, Ok(())),
            (reply(206, "image/png", "x"), Due::File, Ok(())),
            (reply(401, json, r#"{"error": "Authentication required."}"#), Due::Json, Err(ErrorKind::Refused)),
            (reply(401, json, ""), Due::File, Err(ErrorKind::Refused)),
            (reply(401, html, "<h1>401</h1>"), Due::Nothing, Err(ErrorKind::Refused)),
            (reply(401, "", ""), Due::Json, Err(ErrorKind::Refused)),
            (reply(407, "", ""), Due::Json, Err(ErrorKind::Refused)),
            (reply(403, "", ""), Due::Json, Err(ErrorKind::Refused)),
            (reply(403, html, "<h1>Forbidden</h1>"), Due::File, Err(ErrorKind::Refused)),
            (reply(200, "", " <!DOCTYPE html><title>Sign in</title>"), Due::Json, Err(ErrorKind::Refused)),
            (reply(200, html, "<title>ComfyUI Login</title>"), Due::Json, Err(ErrorKind::Refused)),
            (reply(200, html, "<title>ComfyUI Login</title>"), Due::File, Err(ErrorKind::Refused)),
            (reply(200, html, "<h1>It works!</h1>"), Due::Json, Err(ErrorKind::NotComfy)),
            (reply(200, json, " {} "), Due::Nothing, Err(ErrorKind::Refused)),
            (reply(400, "", ""), Due::Json, Err(ErrorKind::Rejected)),
            (reply(404, "", ""), Due::Json, Err(ErrorKind::NotComfy)),
            (reply(404, "", ""), Due::File, Err(ErrorKind::NotFound)),
            (reply(405, "", ""), Due::Nothing, Err(ErrorKind::NotComfy)),
            (reply(413, "text/plain", "Maximum request body size 104857600 exceeded"), Due::Json, Err(ErrorKind::TooLarge)),
            (reply(429, "", ""), Due::Json, Err(ErrorKind::Server)),
            (reply(500, "text/plain", "500 Internal Server Error"), Due::Json, Err(ErrorKind::Server)),
            (reply(502, html, "login"), Due::Json, Err(ErrorKind::Server)),
            (reply(100, "", ""), Due::Json, Err(ErrorKind::Protocol)),
        ];
        for (reply, due, expected) in cases {
            assert_eq!(kind(&reply, due), expected, "{reply:?}");
        }
    }

    #[test]
    fn a_redirect_to_the_login_is_a_refusal_and_any_other_is_not() {
        let to = |location: &str| {
            let [found, other] = [302, 303].map(|status| {
                let reply = Reply { location: Some(location.to_owned()), ..reply(status, "text/plain", "Found") };
                reply.judge(BASE, "GET /queue", Due::Json).unwrap_err()
            });
            assert_eq!(found.kind(), other.kind());
            found
        };
        for login in ["/login", "/login?wrong_password=1", "http://127.0.0.1:8188/comfy/login/", "/Login"] {
            assert!(to(login).is_refused(), "{login}");
        }
        let other = to("https://gpu.example.org/queue?token=hunter2");
        assert_eq!(other.kind(), ErrorKind::NotComfy);
        assert_eq!(other.to_string(), "`http://127.0.0.1:8188` redirects to `https://gpu.example.org/queue`");
    }

    #[test]
    fn what_is_not_json_is_not_comfyui() {
        let error = reply(200, "text/plain", "hello").json::<Value>(BASE, "GET /queue").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotComfy);
        assert!(reply(200, "", "[1]").json::<Value>(BASE, "GET /queue").is_ok());
        let infinite: Value = reply(200, "", r#"{"max": Infinity}"#).json(BASE, "GET /object_info").unwrap();
        assert_eq!(infinite, serde_json::json!({"max": null}));
    }

    #[test]
    fn a_prompt_accepted_without_an_id_was_not_accepted() {
        assert!(unnamed(BASE, &serde_json::json!({}), "x").is_refused());
        assert_eq!(unnamed(BASE, &serde_json::json!({"ok": true}), "x").kind(), ErrorKind::NotComfy);
    }

    #[test]
    fn messages_people_read() {
        let said: Vec<String> =
            [reply(401, "", ""), reply(403, "", ""), reply(404, "", ""), reply(413, "", ""), reply(500, "", "")]
                .iter()
                .map(|reply| {
                    let error = reply.judge(BASE, "GET /queue", Due::Json).unwrap_err();
                    format!("{error}\n  {}", error.hints().join("\n  "))
                })
                .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        `http://127.0.0.1:8188` wants a valid credential
          ComfyUI-Login takes the first line of `login/PASSWORD` as the token, and reads it when ComfyUI starts
        `http://127.0.0.1:8188` wants a valid credential
          ComfyUI-Login takes the first line of `login/PASSWORD` as the token, and reads it when ComfyUI starts
          403 is also ComfyUI's answer to an `Origin` that it does not expect: check the configured origin
        `http://127.0.0.1:8188` does not know `GET /queue`
          is this ComfyUI's address, with the path that a proxy may put before it?
        `GET /queue` is longer than `http://127.0.0.1:8188` takes
          ComfyUI takes 100 MB unless it is started with `--max-upload-size`, in MB; a proxy before it may take less
        `http://127.0.0.1:8188` failed at `GET /queue`
          ComfyUI answers 500 to malformed requests too, such as a malformed `Authorization` header; its log has the reason
        ");
    }
}
