//! What stands before every handler: the check of `Origin`, `OPTIONS`, the login, and the headers of all answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, DATE, EXPECT, HOST, ORIGIN, SERVER,
};
use http::{Method, StatusCode, Version};

use crate::app::App;
use crate::clock::http_date;
use crate::login::Check;
use crate::py::Raised;
use crate::reply::{Answer, Fault, Response, empty, set, set_default};
use crate::request::Request;
use crate::router::Router;

/// How the server names itself.
pub(crate) const NAME: &str = concat!("comfy-sim/", env!("CARGO_PKG_VERSION"));

/// Answers one request.
pub(crate) async fn serve(app: Arc<App>, router: Arc<Router>, request: http::Request<Body>) -> Response {
    let request = Request::new(request);
    let path = request.path.clone();
    let (clock, faults) = (app.clock.clone(), app.faults.clone());
    let accepted = request.header(ACCEPT_ENCODING);
    let accepts_html = request.header(ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    let mut response = match answer(app, &router, request).await {
        Ok(mut response) => {
            cache_headers(&path, &mut response);
            faults.compress(accepted.as_deref(), response).await
        }
        Err(fault) => fault.into_response(accepts_html),
    };
    let seconds = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    set(&mut response, DATE, &http_date(seconds));
    set_default(&mut response, SERVER, NAME);
    response
}

async fn answer(app: Arc<App>, router: &Router, request: Request) -> Answer {
    // The one that is known is met before it comes here.
    if let Some(expect) = request.header(EXPECT).filter(|expect| !expect.is_empty() && request.version == Version::HTTP_11) {
        return Err(Fault::Expected(expect));
    }
    let Some(origin) = app.cors.clone() else {
        if let (Some(host), Some(origin)) = (request.header(HOST), request.header(ORIGIN))
            && foreign(&host, &origin)?
        {
            return Ok(empty(StatusCode::FORBIDDEN));
        }
        return checked(app, router, request).await;
    };
    // What a handler raises passes this layer by, and so lacks the headers.
    let mut response = checked(app, router, request).await?;
    set(&mut response, ACCESS_CONTROL_ALLOW_ORIGIN, &origin);
    set(&mut response, ACCESS_CONTROL_ALLOW_METHODS, "POST, GET, DELETE, PUT, OPTIONS");
    set(&mut response, ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Authorization");
    set(&mut response, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    Ok(response)
}

async fn checked(app: Arc<App>, router: &Router, request: Request) -> Answer {
    if request.method == Method::OPTIONS {
        return Ok(empty(StatusCode::OK));
    }
    let Some(guard) = &app.guard else {
        return router.answer(app, request).await;
    };
    match guard.check(&request)? {
        Check::Instead(response) => Ok(response),
        Check::Pass => {
            let root = request.path == "/";
            let mut response = router.answer(app, request).await?;
            if root {
                set_default(&mut response, CACHE_CONTROL, "no-cache");
            }
            Ok(response)
        }
    }
}

/// Whether a page of another site asks a loopback server. A port counts only if both sides name one.
fn foreign(host: &str, origin: &str) -> Result<bool, Raised> {
    let host = Authority::parse(&host.to_lowercase())?;
    let origin = origin.split_once("://").map_or("", |(_, rest)| rest);
    let netloc = origin.split(['/', '?', '#']).next().unwrap_or_default().to_lowercase();
    let origin = Authority::parse(&netloc)?;
    if !host.is_loopback() {
        return Ok(false);
    }
    let (mut left, mut right) = (host.whole.as_str(), origin.whole.as_str());
    if origin.port.is_none() {
        left = &host.name;
    }
    if host.port.is_none() {
        right = &origin.name;
    }
    Ok(!left.is_empty() && !right.is_empty() && left != right)
}

/// `user@name:port`.
struct Authority {
    whole: String,
    name: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(whole: &str) -> Result<Self, Raised> {
        if whole.contains('[') != whole.contains(']') {
            return Err(Raised::new("ValueError", "Invalid IPv6 URL"));
        }
        let bare = whole.rsplit_once('@').map_or(whole, |(_, bare)| bare);
        let (name, port) = match bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':')),
            None => bare.split_once(':').map_or((bare, None), |(name, port)| (name, Some(port))),
        };
        let port = match port.filter(|port| !port.is_empty()) {
            None => None,
            Some(port) => {
                let wrong = |_| Raised::new("ValueError", "Port could not be cast to integer value");
                Some(port.parse().map_err(wrong)?)
            }
        };
        Ok(Self { whole: whole.to_owned(), name: name.to_owned(), port })
    }

    /// By name, not by looking the name up.
    fn is_loopback(&self) -> bool {
        self.name == "localhost" || self.name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

const PICTURES: [&str; 9] = [".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"];

/// Who may keep the answer. A missing static file counts as found here, as in the real server, where its status is set
/// only after this layer.
fn cache_headers(path: &str, response: &mut Response) {
    let name = path.rsplit('/').next().unwrap_or_default();
    if path.ends_with(".js") || path.ends_with(".css") || (name.starts_with("index") && name.ends_with(".json")) {
        set_default(response, CACHE_CONTROL, "no-cache");
    } else if PICTURES.iter().any(|end| path.to_lowercase().ends_with(end)) {
        let is_static = response.status() == StatusCode::NOT_FOUND && response.headers().contains_key("content-type");
        match response.status().as_u16() {
            404 if !is_static => set_default(response, CACHE_CONTROL, "public, max-age=3600"),
            200..=206 | 301 | 308 | 404 => {
                set_default(response, CACHE_CONTROL, "public, max-age=86400");
            }
            302 | 303 | 307 => set_default(response, CACHE_CONTROL, "no-cache"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_header_breaks_the_check(host in ".*", origin in "https?://.*|.*") {
            let _ = foreign(&host, &origin);
            assert_ne!(foreign("comfy.example", &origin), Ok(true));
        }
    }

    #[test]
    fn another_site_is_kept_from_a_loopback_server() {
        for (host, origin, verdict) in [
            ("127.0.0.1:8188", "http://127.0.0.1:8188", false),
            ("127.0.0.1:8188", "http://127.0.0.1:3000", true),
            ("127.0.0.1:8188", "https://evil.example", true),
            ("127.0.0.1:8188", "http://127.0.0.1", false),
            ("localhost", "http://localhost:8188", false),
            ("[::1]:8188", "http://[::1]:8188", false),
            ("[::1]:8188", "http://evil.example:8188", true),
            ("127.0.0.1:8188", "null", false),
            ("comfy.example", "https://evil.example", false),
        ] {
            assert_eq!(foreign(host, origin), Ok(verdict), "{host} {origin}");
        }
        assert!(foreign("localhost:x", "http://localhost").is_err());
    }
}
