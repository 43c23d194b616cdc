//! The login page.

/// What the page depends on.
pub(super) struct Page<'p> {
    /// There is no password yet.
    pub(super) first_time: bool,
    pub(super) username: Option<&'p str>,
    pub(super) wrong_password: bool,
    pub(super) guests: bool,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let note = if self.first_time {
            "<p id=\"note\">No password is set yet. The one you enter now becomes the password of this server.</p>".to_owned()
        } else {
            let greeting = self.username.map(|name| format!("<p id=\"greeting\">Signed up as {}.</p>", escape(name)));
            let wrong = "<p id=\"wrong\">That password does not fit.</p>";
            format!("{}{}", greeting.unwrap_or_default(), if self.wrong_password { wrong } else { "" })
        };
        let username = if self.username.is_none() {
            "<label for=\"username\">Username</label><input id=\"username\" name=\"username\" required>"
        } else {
            ""
        };
        let guest = if self.guests {
            "<button id=\"guest\" name=\"guest_mode\" value=\"1\" formnovalidate>Guest Mode</button>"
        } else {
            "<input name=\"guest_mode\" type=\"hidden\">"
        };
        format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>comfy-sim: log in</title></head>\
             <body><h1>Log in</h1>{note}<form id=\"login\" action=\"/login\" method=\"post\">{username}\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" required autofocus>\
             <button id=\"submit\">Log in</button>{guest}</form></body></html>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_what_the_server_lacks() {
        let page = Page { first_time: true, username: None, wrong_password: false, guests: false }.html();
        assert!(page.contains("name=\"username\"") && page.contains("name=\"password\""));
        assert!(page.contains("guest_mode") && !page.contains("Guest Mode"));
        let known = Page { first_time: false, username: Some("<b>"), wrong_password: true, guests: true }.html();
        assert!(!known.contains("name=\"username\"") && known.contains("&lt;b&gt;"));
        assert!(known.contains("id=\"wrong\"") && known.contains("value=\"1\"") && known.contains("Guest Mode"));
    }
}
