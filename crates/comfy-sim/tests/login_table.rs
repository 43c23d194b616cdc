//! The login row by row, as the conformance table of ComfyUI-Login numbers it; each row that accepts is followed by
//! what refuses.

mod wire;

use std::path::{Path, PathBuf};

use comfy_sim::{Login, Server};
use serde_json::json;
use tempfile::TempDir;
use wire::{Reply, call, get, post};

const FORM: &str = "application/x-www-form-urlencoded";
const WORD: &str = "made-up-word";

/// A server with the plugin, and the folder that it works in.
struct Site {
    server: Server,
    folder: TempDir,
    token: String,
}

fn password_file(folder: &Path) -> PathBuf {
    folder.join("login").join("PASSWORD")
}

/// The cheap hash of a made-up word; the salt makes two of them differ.
fn hash(word: &str, salt: u8) -> String {
    bcrypt::hash_with_salt(word, 4, [salt; 16]).expect("hashes").to_string()
}

fn write(folder: &Path, content: &str) {
    std::fs::create_dir_all(folder.join("login")).expect("a folder");
    std::fs::write(password_file(folder), content).expect("written");
}

async fn start(folder: &Path) -> Server {
    Server::builder().comfy_dir(folder).login(Login::Plugin).spawn().await.expect("starts")
}

impl Site {
    /// With a password and the user `admin`.
    async fn new() -> Self {
        Self::with(|token| format!("{token}\nadmin")).await
    }

    async fn with(content: impl Fn(&str) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let token = hash(WORD, 1);
        write(folder.path(), &content(&token));
        Self { server: start(folder.path()).await, folder, token }
    }

    /// Without a password.
    async fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { server: start(folder.path()).await, folder, token: String::new() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        get(self.server.addr(), path, headers).await
    }

    async fn status(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.get(path, headers).await.status
    }

    async fn log_in(&self, form: &str) -> Reply {
        post(self.server.addr(), "/login", FORM, &[], form).await
    }

    async fn cookie(&self) -> String {
        cookie(&self.log_in(&format!("password={WORD}")).await)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

fn cookie(reply: &Reply) -> String {
    let set = reply.header("Set-Cookie").expect("a cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}

fn location(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("Location"))
}

#[tokio::test]
async fn row_01_who_accepts_html_is_sent_to_the_login() {
    let site = Site::new().await;
    for accept in ["text/html", "text/html,application/xhtml+xml", "*/*, text/html;q=0"] {
        for (method, path) in [("GET", "/system_stats"), ("POST", "/prompt"), ("DELETE", "/nowhere")] {
            let reply = call(site.server.addr(), method, path, &[("Accept", accept)], b"").await;
            assert_eq!(location(&reply), (302, Some("/login")), "{method} {path} {accept}");
            assert_eq!(reply.text(), "302: Found");
        }
    }
}

#[tokio::test]
async fn row_02_all_others_are_refused_everywhere() {
    let site = Site::new().await;
    for headers in [vec![], vec![("Accept", "*/*")], vec![("Accept", "TEXT/HTML")]] {
        for path in ["/queue", "/api/queue", "/nowhere", "/ws"] {
            let reply = site.get(path, &headers).await;
            assert_eq!((reply.status, reply.text().as_str()), (401, r#"{"error": "Authentication required."}"#));
            assert_eq!(reply.header("Content-Type"), Some("application/json; charset=utf-8"));
        }
    }
    assert_eq!(call(site.server.addr(), "HEAD", "/queue", &[], b"").await.status, 401);
}

#[tokio::test]
async fn row_03_options_is_answered_before_any_check() {
    let site = Site::new().await;
    for path in ["/queue", "/nowhere", "/login"] {
        let reply = call(site.server.addr(), "OPTIONS", path, &[], b"").await;
        assert_eq!((reply.status, reply.body.len()), (200, 0), "{path}");
    }
}

#[tokio::test]
async fn row_04_some_paths_are_open_to_every_method() {
    let site = Site::new().await;
    for path in ["/x.js", "/x.css", "/x.css.map", "/x.ico", "/queue%2Ejs", "/queue.j%73"] {
        assert_eq!(site.status(path, &[]).await, 404, "{path}");
    }
    // The hole: a setting whose name ends like a script is written and read by a stranger.
    let stored = post(site.server.addr(), "/settings/x.js", "application/json", &[], "\"mine\"").await;
    assert_eq!(stored.status, 200);
    assert_eq!(site.get("/settings/x.js", &[]).await.json(), json!("mine"));
    for path in ["/login/", "/api/login", "/logout", "/guest_mode", "/x.js/", "/x.JS", "/queue?a=.js", "/x.map"] {
        assert_eq!(site.status(path, &[]).await, 401, "{path}");
    }
}

#[tokio::test]
async fn row_05_the_bearer_token_opens() {
    let site = Site::new().await;
    let token = &site.token;
    for good in [format!("Bearer {token}"), format!("Bearer   {token}"), format!("Bearer\t{token}")] {
        assert_eq!(site.status("/queue", &[("Authorization", &good)]).await, 200, "{good:?}");
    }
    for bad in [format!("bearer {token}"), format!("Bearer {WORD}"), "Bearer x".to_owned()] {
        assert_eq!(site.status("/queue", &[("Authorization", &bad)]).await, 401, "{bad:?}");
    }
}

#[tokio::test]
async fn row_06_a_header_of_one_or_three_words_is_an_error() {
    let site = Site::new().await;
    for bad in ["Bearer ", "abc", "Bearer a b"] {
        for path in ["/queue".to_owned(), format!("/queue?token={}", site.token)] {
            let reply = site.get(&path, &[("Authorization", bad)]).await;
            assert_eq!(reply.status, 500, "{bad} {path}");
            assert_eq!(reply.text(), "500 Internal Server Error\n\nServer got itself in trouble");
            assert_eq!(reply.header("Content-Type"), Some("text/plain; charset=utf-8"));
        }
    }
    assert_eq!(site.status("/queue", &[("Authorization", "")]).await, 401, "an empty header is none");
}

#[tokio::test]
async fn row_07_basic_is_no_token_but_the_query_still_counts() {
    let site = Site::new().await;
    let basic = [("Authorization", "Basic YWRtaW46eA==")];
    assert_eq!(site.status("/queue", &basic).await, 401);
    assert_eq!(site.status(&format!("/queue?token={}", site.token), &basic).await, 200);
}

#[tokio::test]
async fn row_08_the_token_in_the_query_opens() {
    let site = Site::new().await;
    let (token, coded) = (&site.token, site.token.replace('$', "%24").replace('/', "%2F"));
    let (wrong, right) = ([("Authorization", "Bearer x")], site.bearer());
    for path in [format!("/queue?token={token}"), format!("/queue?token={coded}"), format!("/queue?token={token}&token=x")] {
        assert_eq!(site.status(&path, &[]).await, 200);
        assert_eq!(site.status(&path, &wrong).await, 200, "a wrong header does not spoil the query");
    }
    assert_eq!(site.status("/queue?token=x", &[("Authorization", &right)]).await, 200);
    for path in [format!("/queue?token=x&token={token}"), "/queue?token=".to_owned(), "/queue?token".to_owned()] {
        assert_eq!(site.status(&path, &[]).await, 401);
    }
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let by_header: Vec<_> = upgrade.into_iter().chain([("Authorization", right.as_str())]).collect();
    let reply = site.get("/ws?clientId=a", &by_header).await;
    assert_eq!((reply.status, reply.header("Sec-WebSocket-Accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert_eq!(site.status(&format!("/ws?clientId=b&token={token}"), &upgrade).await, 101);
    assert_eq!(site.status("/ws?clientId=c", &upgrade).await, 401);
}

#[tokio::test]
async fn row_09_an_empty_token_opens_while_there_is_no_password() {
    let bare = Site::bare().await;
    assert_eq!(bare.status("/queue?token=", &[]).await, 200);
    assert_eq!(bare.status("/queue", &[]).await, 401, "the token must be given, empty as it is");
    for content in ["", "\nadmin", "  \n"] {
        let site = Site::with(|_| content.to_owned()).await;
        assert_eq!(site.status("/queue?token=", &[]).await, 200, "{content:?}");
    }
    // The token is read again while it is empty, and never after that.
    write(bare.folder.path(), "first\nadmin");
    assert_eq!(bare.status("/queue?token=", &[]).await, 401);
    assert_eq!(bare.status("/queue?token=first", &[]).await, 200);
    write(bare.folder.path(), "second\nadmin");
    assert_eq!(bare.status("/queue?token=second", &[]).await, 401);
    assert_eq!(bare.status("/queue?token=first", &[]).await, 200);
}

#[tokio::test]
async fn row_10_without_cors_tokens_count_from_every_origin() {
    let site = Site::new().await;
    let away = [("Host", "comfy.example"), ("Origin", "https://app.example"), ("Authorization", &site.bearer())];
    assert_eq!(site.status("/queue", &away).await, 200);
    assert_eq!(site.status("/queue", &away[..2]).await, 401);
    let here = [("Origin", "https://app.example"), ("Authorization", &site.bearer())];
    let reply = site.get("/queue", &here).await;
    assert_eq!((reply.status, reply.body.len()), (403, 0), "another site may not ask a loopback server");
}

#[tokio::test]
async fn row_11_a_cors_origin_shuts_tokens_of_others_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = hash(WORD, 1);
    write(folder.path(), &format!("{token}\nadmin"));
    let builder = Server::builder().comfy_dir(folder.path()).login(Login::Plugin).cors("https://app");
    let site = Site { server: builder.spawn().await.expect("starts"), folder, token };
    let bearer = site.bearer();
    let from = |origin| [("Origin", origin), ("Authorization", bearer.as_str())];
    assert_eq!(site.status("/queue", &from("https://app")).await, 200);
    assert_eq!(site.status("/queue", &from("https://other")).await, 401);
    assert_eq!(site.status("/queue", &from("https://app")[1..]).await, 401);
    assert_eq!(site.status(&format!("/queue?token={}", site.token), &[]).await, 401);
    let cookie = site.cookie().await;
    assert_eq!(site.status("/queue", &[("Origin", "https://other"), ("Cookie", &cookie)]).await, 200);
}

#[tokio::test]
async fn row_12_cors_headers_are_on_answers_but_not_on_what_is_raised() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "t\nadmin");
    let builder = Server::builder().comfy_dir(folder.path()).login(Login::Plugin).cors("*");
    let addr = builder.spawn().await.map(|server| (server.addr(), server)).expect("starts");
    for (method, path, headers, status, there) in [
        ("GET", "/queue?token=t", vec![], 200, true),
        ("GET", "/queue", vec![], 401, true),
        ("OPTIONS", "/queue", vec![], 200, true),
        ("GET", "/queue", vec![("Accept", "text/html")], 302, false),
    ] {
        let reply = call(addr.0, method, path, &headers, b"").await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("Access-Control-Allow-Origin"), there.then_some("*"), "{status}");
        assert_eq!(reply.header("Access-Control-Allow-Credentials"), there.then_some("true"), "{status}");
    }
}

#[tokio::test]
async fn row_13_the_login_page_greets_strangers_by_name() {
    let site = Site::new().await;
    let page = site.get("/login", &[]).await;
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("admin") && page.text().contains("name=\"password\""));
    let cookie = site.cookie().await;
    assert_eq!(location(&site.get("/login", &[("Cookie", &cookie)]).await), (302, Some("/")));
    let put = call(site.server.addr(), "PUT", "/login", &[], b"").await;
    assert_eq!((put.status, put.header("Allow")), (405, Some("GET,HEAD,POST")));
}

#[tokio::test]
async fn row_14_the_right_password_makes_a_session() {
    let site = Site::new().await;
    let addr = site.server.addr();
    let form = format!("password={WORD}");
    let multipart = format!("--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{WORD}\r\n--b--\r\n");
    for (kind, body) in [(FORM, &form), ("multipart/form-data; boundary=b", &multipart)] {
        let reply = post(addr, "/login", kind, &[], body).await;
        assert_eq!(location(&reply), (302, Some("/")), "{kind}");
        assert_eq!(site.status("/queue", &[("Cookie", &cookie(&reply))]).await, 200);
    }
    let wrong = site.log_in("password=another").await;
    assert_eq!(location(&wrong), (302, Some("/login?wrong_password=1")));
    assert_eq!(wrong.header("Set-Cookie"), None);
    let long = format!("password={}", "p".repeat(73));
    for (kind, body) in [("application/json", r#"{"password": "x"}"#), (FORM, "username=a"), (FORM, ""), (FORM, &long)] {
        assert_eq!(post(addr, "/login", kind, &[], body).await.status, 500, "{kind} {body}");
    }
}

#[tokio::test]
async fn row_15_the_first_to_come_sets_the_password() {
    let site = Site::bare().await;
    assert!(site.get("/login", &[]).await.text().contains("name=\"username\""));
    let reply = site.log_in(&format!("username=me&password={WORD}")).await;
    assert_eq!(location(&reply), (302, Some("/")));
    assert_eq!(site.status("/queue", &[("Cookie", &cookie(&reply))]).await, 200);
    let stored = std::fs::read_to_string(password_file(site.folder.path())).expect("a file");
    let (line, name) = stored.split_once('\n').expect("two lines");
    assert!(line.starts_with("$2b$12$") && line.len() == 60);
    assert_eq!(name, "me");
    assert_eq!(site.status("/queue", &[("Authorization", &format!("Bearer {line}"))]).await, 200);
    assert_eq!(location(&site.log_in("password=another").await), (302, Some("/login?wrong_password=1")));
    assert_eq!(location(&site.log_in(&format!("password={WORD}")).await), (302, Some("/")));
}

#[tokio::test]
async fn row_15_without_a_username_the_server_is_left_open() {
    let site = Site::bare().await;
    assert_eq!(site.log_in(&format!("password={WORD}")).await.status, 500);
    assert_eq!(std::fs::read(password_file(site.folder.path())).expect("a file"), b"");
    assert_eq!(site.status("/queue?token=", &[]).await, 200);
    assert_eq!(location(&site.log_in(&format!("password={WORD}")).await), (302, Some("/login?wrong_password=1")));
}

#[tokio::test]
async fn row_16_a_cookie_outlives_logout_restart_and_password() {
    let site = Site::new().await;
    let set = site.log_in(&format!("password={WORD}")).await.header("Set-Cookie").map(str::to_owned);
    let set = set.expect("a cookie");
    assert!(set.starts_with("AIOHTTP_SESSION=") && set.ends_with("; HttpOnly; Path=/"), "{set}");
    let cookie = site.cookie().await;
    let out = site.get("/logout", &[("Cookie", &cookie)]).await;
    assert_eq!(location(&out), (302, Some("/login")));
    let after = self::cookie(&out);
    assert_eq!(site.status("/queue", &[("Cookie", &after)]).await, 401, "the browser's copy is out");
    assert_eq!(site.status("/queue", &[("Cookie", &cookie)]).await, 200, "a kept copy is not");

    let folder = site.folder;
    site.server.shutdown().await;
    write(folder.path(), &format!("{}\nadmin", hash("another-word", 2)));
    let again = Site { server: start(folder.path()).await, folder, token: String::new() };
    assert_eq!(again.status("/queue", &[("Cookie", &cookie)]).await, 200);
}

#[tokio::test]
async fn row_17_a_cookie_that_is_not_ours_is_no_session() {
    let site = Site::new().await;
    let cookie = site.cookie().await;
    let cut = &cookie[..cookie.len() - 2];
    for bad in ["AIOHTTP_SESSION=garbage", "AIOHTTP_SESSION=", "OTHER=x", cut] {
        assert_eq!(site.status("/queue", &[("Cookie", bad)]).await, 401, "{bad}");
    }
    let other = Server::builder()
        .comfy_dir(tempfile::tempdir().expect("a folder").keep())
        .login(Login::Plugin)
        .entropy(|bytes| bytes.fill(9))
        .spawn()
        .await
        .expect("starts");
    assert_eq!(get(other.addr(), "/queue", &[("Cookie", &cookie)]).await.status, 401, "another server's key");
}

#[tokio::test]
async fn row_18_logout_and_guest_mode_need_a_credential() {
    let site = Site::new().await;
    for path in ["/logout", "/guest_mode"] {
        assert_eq!(site.status(path, &[]).await, 401, "{path}");
    }
    let bearer = site.bearer();
    assert_eq!(location(&site.get("/logout", &[("Authorization", &bearer)]).await), (302, Some("/login")));
    let mode = site.get("/guest_mode", &[("Authorization", &bearer)]).await;
    assert_eq!(mode.text(), r#"{"guestMode": false}"#);
}

#[tokio::test]
async fn row_19_the_first_page_is_not_kept() {
    let site = Site::new().await;
    let page = site.get("/", &[("Authorization", &site.bearer())]).await;
    assert_eq!((page.status, page.header("Cache-Control")), (200, Some("no-cache")));
    assert_eq!(site.status("/", &[]).await, 401);
}

#[tokio::test]
async fn row_20_a_guest_reads_everything_and_may_post_two_things() {
    let site = Site::new().await;
    let addr = site.server.addr();
    let ask = "password=&guest_mode=1";
    assert_eq!(site.log_in(ask).await.header("Location"), Some("/login?wrong_password=1"), "no file, no guests");
    let file = site.folder.path().join("login/GUEST_MODE");
    std::fs::write(&file, "").expect("written");
    assert!(site.get("/login", &[]).await.text().contains("Guest Mode"));
    assert_eq!(site.log_in("guest_mode=1").await.status, 500, "the password field must be there");
    let reply = site.log_in(ask).await;
    assert_eq!(location(&reply), (302, Some("/")));
    let cookie = cookie(&reply);
    let guest = [("Cookie", cookie.as_str())];
    assert_eq!(site.get("/guest_mode", &guest).await.json(), json!({"guestMode": true}));
    for path in ["/settings", "/history", "/api/queue"] {
        assert_eq!(site.status(path, &guest).await, 200, "{path}");
    }
    assert_eq!(post(addr, "/prompt", "application/json", &guest, "{}").await.status, 400, "this one is read");
    assert_eq!(post(addr, "/upload/image", FORM, &guest, "").await.status, 400, "and this one");
    for path in ["/api/prompt", "/interrupt", "/settings"] {
        let reply = post(addr, path, "application/json", &guest, "{}").await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{path} does nothing");
    }
    let head = call(addr, "HEAD", "/queue", &guest, b"").await;
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("2")));
    let shadowed = [("Cookie", cookie.as_str()), ("Authorization", &site.bearer())];
    assert_eq!(post(addr, "/interrupt", "application/json", &shadowed, "{}").await.text(), "{}");
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(site.status("/queue", &guest).await, 200, "a guest stays");
}

#[tokio::test]
async fn the_password_file_has_its_own_rules() {
    // An older file beside the server takes the place of the one in `login`.
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "newer\nadmin");
    std::fs::write(folder.path().join("PASSWORD"), "older\nadmin").expect("written");
    let server = start(folder.path()).await;
    assert_eq!(get(server.addr(), "/queue?token=older", &[]).await.status, 200);
    assert_eq!(get(server.addr(), "/queue?token=newer", &[]).await.status, 401);
    assert!(!folder.path().join("PASSWORD").exists());

    // One line: the login asks for a name, and without one breaks the file.
    let one = Site::with(str::to_owned).await;
    assert!(one.get("/login", &[]).await.text().contains("name=\"username\""));
    assert_eq!(one.log_in(&format!("username=late&password={WORD}")).await.status, 302);
    assert_eq!(std::fs::read_to_string(password_file(one.folder.path())).expect("a file"), format!("{}\nlate", one.token));
    let broken = Site::with(str::to_owned).await;
    assert_eq!(broken.log_in(&format!("password={WORD}")).await.status, 500);
    assert_eq!(std::fs::read(password_file(broken.folder.path())).expect("a file"), b"");
    assert_eq!(broken.status("/queue", &[("Authorization", &broken.bearer())]).await, 200, "the token is still kept");

    // CRLF: the token works, no password does. No bcrypt at all: the token works, the login breaks.
    let crlf = Site::with(|token| format!("{token}\r\nadmin\r\n")).await;
    assert_eq!(crlf.status("/queue", &[("Authorization", &crlf.bearer())]).await, 200);
    assert_eq!(crlf.log_in(&format!("password={WORD}")).await.header("Location"), Some("/login?wrong_password=1"));
    let plain = Site::with(|_| "machine-token\nadmin".to_owned()).await;
    assert_eq!(plain.status("/queue?token=machine-token", &[]).await, 200);
    assert_eq!(plain.log_in(&format!("password={WORD}")).await.status, 500);

    // A changed file counts at the next start, not before; a removed one lets a stranger in.
    let site = Site::new().await;
    assert!(!site.cookie().await.is_empty());
    let new = hash("another-word", 2);
    write(site.folder.path(), &format!("{new}\nadmin"));
    assert_eq!(site.status("/queue", &[("Authorization", &site.bearer())]).await, 200);
    assert_eq!(site.status("/queue", &[("Authorization", &format!("Bearer {new}"))]).await, 401);
    assert_eq!(site.log_in("password=another-word").await.header("Location"), Some("/login?wrong_password=1"));
    std::fs::remove_file(password_file(site.folder.path())).expect("removed");
    assert_eq!(site.log_in("username=stranger&password=claimed").await.header("Location"), Some("/"));
}

#[tokio::test]
async fn without_the_plugin_everything_is_open_and_there_is_no_login() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::builder().comfy_dir(folder.path()).spawn().await.expect("starts");
    assert_eq!(get(server.addr(), "/queue", &[]).await.status, 200);
    assert_eq!(get(server.addr(), "/login", &[]).await.status, 404);
    assert_eq!(post(server.addr(), "/login", FORM, &[], "password=x").await.status, 405);
}

#[tokio::test]
async fn of_three_first_logins_one_sets_the_password() {
    let site = Site::bare().await;
    let (a, b, c) = tokio::join!(
        site.log_in("username=a&password=word-a"),
        site.log_in("username=b&password=word-b"),
        site.log_in("username=c&password=word-c")
    );
    let mut places = [&a, &b, &c].map(|reply| reply.header("Location").unwrap_or_default());
    places.sort_unstable();
    assert_eq!(places, ["/", "/login?wrong_password=1", "/login?wrong_password=1"]);
}
