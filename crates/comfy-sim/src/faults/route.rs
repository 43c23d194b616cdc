//! Which requests a fault is about.

use std::str::FromStr;

use http::Method;
use serde::Deserialize;

/// Requests by method and path: `GET /history/*`, `/upload/*`, `*`.
///
/// Without a method all are meant. A `*` stands for any text. The query does not count, and neither does a leading `/api`,
/// since every route answers under both.
///
/// ```
/// let route: comfy_sim::Route = "POST /prompt".parse()?;
/// assert!("GET prompt".parse::<comfy_sim::Route>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Route {
    method: Option<Method>,
    path: String,
}

impl Route {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self { method: None, path: "*".to_owned() }
    }

    pub(super) fn takes(&self, method: &Method, path: &str) -> bool {
        let bare = path.strip_prefix("/api").filter(|rest| rest.starts_with('/')).unwrap_or(path);
        self.method.as_ref().is_none_or(|wanted| wanted == method) && fits(&self.path, bare)
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, path) = match text.split_once(' ') {
            None => (None, text),
            Some((method, path)) => (Some(method), path.trim_start()),
        };
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = match method {
            None => None,
            Some(name) => {
                Some(known.into_iter().find(|known| known == name).ok_or_else(|| format!("`{name}` in `{text}` is no method"))?)
            }
        };
        if !path.starts_with(['/', '*']) || path.contains(char::is_whitespace) {
            return Err(format!("`{path}` in `{text}` is no path: it begins with `/` or `*` and holds no blank"));
        }
        Ok(Self { method, path: path.to_owned() })
    }
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Route {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Route".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Requests by method and path, such as `GET /history/*`: `*` stands for any text, no method for all methods.",
            "type": "string",
            "pattern": "^((GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) +)?[/*][^\\s]*$",
        })
    }
}

/// Whether `text` is the pattern, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    // The pieces between stars are found from left to right, the last one at the end.
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_suffix(tail) else {
        return false;
    };
    for piece in middle.split('*') {
        let Some(at) = text.find(piece) else {
            return false;
        };
        text = &text[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_takes_what_it_names() {
        for (route, method, path, takes) in [
            ("*", "DELETE", "/", true),
            ("GET /history/*", "GET", "/history/7", true),
            ("GET /history/*", "GET", "/api/history/7", true),
            ("GET /history/*", "GET", "/history", false),
            ("GET /history/*", "POST", "/history/7", false),
            ("/prompt", "POST", "/api/prompt", true),
            ("/prompt", "POST", "/apiprompt", false),
            ("/a*b*c", "GET", "/axbbxc", true),
            ("/a*b*c", "GET", "/axxc", false),
            ("/a*a", "GET", "/a", false),
        ] {
            let method = method.parse().expect("a method");
            assert_eq!(route.parse::<Route>().expect("a route").takes(&method, path), takes, "{route} {method} {path}");
        }
    }

    #[test]
    fn what_is_no_route_is_refused_by_name() {
        for (text, blamed) in
            [("get /x", "`get`"), ("history", "`history`"), ("GET history", "`history`"), ("/a b", "`/a`"), ("", "``")]
        {
            let error = text.parse::<Route>().expect_err(text);
            assert!(error.contains(blamed), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_fits_what_its_stars_are_filled_with(pieces in proptest::collection::vec("[a-c/]{0,3}", 1..5), fill in "[a-c/]{0,4}") {
            assert!(fits(&pieces.join("*"), &pieces.join(&fill)));
        }
    }
}
