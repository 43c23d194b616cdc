//! What an HTTP answer means to somebody who guards a server.

use comfy_client::Answer;

/// Whether the server turned the request away: 401, 403, or off to its login page.
pub(crate) fn is_refusal(answer: &Answer) -> bool {
    match answer.status {
        401 | 403 => true,
        301 | 302 | 303 | 307 | 308 => leads_to_login(answer),
        _ => false,
    }
}

fn leads_to_login(answer: &Answer) -> bool {
    let path = answer.location.as_deref().map(|location| location.split(['?', '#']).next().unwrap_or_default());
    path.is_some_and(|path| path.trim_end_matches('/').ends_with("/login"))
}

/// Whether the request reached ComfyUI's own handlers: answered, or found wanting by them. What a proxy says of itself (429, 502 …)
/// proves nothing.
pub(crate) fn went_through(answer: &Answer) -> bool {
    matches!(answer.status, 101 | 200..=299 | 400 | 500)
}

/// Whether the request was answered: 200, or 101 for a socket.
pub(crate) fn is_accepted(answer: &Answer) -> bool {
    matches!(answer.status, 101 | 200)
}

/// The answer in a few words.
pub(crate) fn words(answer: &Answer) -> String {
    match &answer.location {
        Some(location) => format!("{} to {}", answer.status, location.escape_debug()),
        None => answer.status.to_string(),
    }
}

/// An error and its root cause, in one line. What libraries add in between says no more to a person.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    match std::iter::successors(error.source(), |error| error.source()).last() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn answer(status: u16, location: Option<&str>) -> Answer {
        let mut answer = Answer::of_status(status);
        answer.location = location.map(str::to_owned);
        answer
    }

    #[test]
    fn refusals() {
        let cases = [
            (401, None, true),
            (403, None, true),
            (302, Some("/login"), true),
            (302, Some("https://host/sub/login?next=/"), true),
            (302, Some("/login/"), true),
            (302, Some("/elsewhere"), false),
            (302, None, false),
            (200, None, false),
            (404, None, false),
            (500, None, false),
        ];
        for (status, location, refused) in cases {
            assert_eq!(is_refusal(&answer(status, location)), refused, "{status} {location:?}");
        }
    }
}
