//! The one way from settings to a client, and from a client's error to a failure.
//!
//! A credential is shown only to a server that has answered as ComfyUI-Login does and has refused a request without one; an open
//! ComfyUI never sees it.
//!
//! ```
//! use flows::connect::{self, Door};
//! use settings::{Flags, Settings, World};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let project = tempfile::tempdir()?;
//! let world = World::for_tests(project.path());
//! let flags = Flags { url: Some("http://127.0.0.1:1".into()), ..Flags::default() };
//! let settings = Settings::load(&flags, &world)?;
//!
//! let failure = connect::client(&settings, &world, &Door::default()).await.unwrap_err();
//! assert_eq!(failure.kind, report::FailureKind::Unreachable);
//! # Ok(())
//! # })
//! # }
//! ```

use auth_core::BcryptHash;
use comfy_client::{Client, Credential, Error, ErrorKind, Secret, Setting};
use report::{Failure, FailureKind, Outcome};
use settings::{Settings, World};

use crate::{checks, subject::disk_failure};

/// How to come in, beyond what the settings say.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// A user and the password, to log in by the form instead of with the token.
    pub login: Option<(String, Secret)>,
    /// The `Origin` to send.
    pub origin: Option<String>,
}

/// A client for the service that `settings` mean. It was let in: whoever gets it may go on.
///
/// # Errors
/// A server that is not there, is not ComfyUI, or wants another credential; each with what to do.
pub async fn client(settings: &Settings, world: &World, door: &Door) -> Result<Client, Failure> {
    let config = settings.client(&world.entropy)?;
    let config = door.origin.iter().fold(config, |config, origin| config.origin(origin));
    let open = Client::new(config.clone()).map_err(|error| failure(&error))?;
    match open.health().await {
        Ok(_) => return Ok(open),
        Err(error) if error.is_refused() && !matches!(error.status(), Some(403 | 407)) => {}
        Err(error) => return Err(failure(&error)),
    }
    let finding = checks::answers_as_comfyui(&open).await;
    if finding.outcome != Outcome::Pass {
        return Err(Failure::new(FailureKind::Refused, finding.summary).hints(&finding.hints));
    }
    let (credential, likeliest) = credential(settings, door)?;
    let client = Client::new(config.credential(credential)).map_err(|error| failure(&error))?;
    match client.health().await {
        Ok(_) => Ok(client),
        Err(error) if error.is_refused() => {
            let failure = failure(&error);
            Err(Failure { hints: [likeliest, failure.hints].concat(), ..failure })
        }
        Err(error) => Err(failure(&error)),
    }
}

/// What to show, and what to say if the server does not take it.
fn credential(settings: &Settings, door: &Door) -> Result<(Credential, Vec<String>), Failure> {
    if let Some((user, password)) = &door.login {
        return Ok((Credential::Login { user: user.clone(), password: password.clone() }, Vec::new()));
    }
    let source = &settings.source.value;
    let (token, origin) = match &settings.token {
        Some(token) => (token.value.clone(), token.origin.to_string()),
        None => match source.load().map_err(|error| disk_failure(&error))? {
            Some(known) => (known.token().clone(), format!("source of truth `{}`", settings.shown(source.path()))),
            None => {
                return Err(Failure::new(
                    FailureKind::Refused,
                    format!("`{}` wants a login, and there is no token", settings.shown_url()),
                )
                .hint("name a file whose first line is the token with `--token-file`, or set `COMFYUI_API_TOKEN`")
                .hint("or log in with a password: `--login USER < FILE`"));
            }
        },
    };
    let mut hints = match BcryptHash::parse(token.expose()) {
        Ok(_) => vec![format!(
            "the server does not take the token from {origin}: if it was changed, restart ComfyUI, whose plugin reads it once, at its \
             start; `genai-auth validate` finds out more"
        )],
        Err(_) => vec![format!(
            "the token from {origin} is no bcrypt line: ComfyUI-Login takes the line that it stores as the token, not the password; \
             to log in with the password use `--login USER < FILE`"
        )],
    };
    if door.origin.is_none() {
        hints.push(
            "if ComfyUI runs with `--enable-cors-header ORIGIN`, it takes tokens with that origin only: `--origin ORIGIN`"
                .to_owned(),
        );
    }
    Ok((Credential::Bearer(Secret::new(token.expose())), hints))
}

/// What a client's error means for the whole of what was asked for.
pub fn failure(error: &Error) -> Failure {
    let kind = match error.kind() {
        ErrorKind::InvalidUrl | ErrorKind::InvalidConfig => FailureKind::Settings,
        ErrorKind::InvalidWorkflow | ErrorKind::Rejected | ErrorKind::NotFound => FailureKind::Declined,
        ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::NotComfy => FailureKind::Unreachable,
        ErrorKind::Refused | ErrorKind::TooLarge | ErrorKind::Unsupported | ErrorKind::Io => FailureKind::Refused,
        ErrorKind::Server if error.is_retryable() => FailureKind::Unreachable,
        _ => FailureKind::Unexpected,
    };
    let ours = |hint: &String| match error.setting() {
        Some(setting) if setting.hint() == hint => how_to_set(setting).to_owned(),
        _ => hint.clone(),
    };
    Failure::of(kind, error).hints(&error.hints().iter().map(ours).collect::<Vec<_>>())
}

/// The library's hint names what a program calls; this one what a person sets.
fn how_to_set(setting: Setting) -> &'static str {
    match setting {
        Setting::RootCertificates => {
            "an authority of your own is named with `--ca-file FILE`, `COMFYUI_CA_FILE`, or `ca_file` in `[connection]` of `genai.toml`"
        }
        Setting::AllowPlainHttp => "on a network that you trust, allow it with `--allow-plain-http`",
        Setting::ProxyLogin => "who we are at the proxy is said with `COMFYUI_PROXY_USER` and `COMFYUI_PROXY_PASSWORD`",
        other => other.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::test_project::Project;

    async fn told(project: &Project, door: &Door) -> Result<Client, String> {
        let client = client(&project.settings(), &project.world(), door).await;
        client.map_err(|failure| format!("{:?}: {failure}: {}", failure.kind, failure.hints.join("; ")))
    }

    #[tokio::test]
    async fn who_has_the_token_comes_in_and_who_has_not_hears_why() {
        let mut project = Project::new();
        project.save("pass word");
        project.sync();
        let _server = project.serve().await;
        let anyone = Door::default();
        let login = |password: &str| Door { login: Some(("ann".to_owned(), password.into())), ..Door::default() };
        told(&project, &anyone).await.unwrap();
        told(&project, &login("pass word")).await.unwrap();
        assert!(told(&project, &login("wrong")).await.unwrap_err().starts_with("Refused"));
        project.set_env("COMFYUI_API_TOKEN", "password");
        let said = told(&project, &anyone).await.unwrap_err();
        assert!(said.starts_with("Refused") && said.contains("no bcrypt line"), "{said}");
    }

    #[tokio::test]
    async fn what_is_not_comfyui_is_named_and_gets_no_token() {
        let mut project = Project::new();
        project.set_env("COMFYUI_API_TOKEN", "t0ken");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        project.set_url(&format!("http://{}", listener.local_addr().unwrap()));
        let stranger = tokio::spawn(async move {
            let mut heard = String::new();
            for _ in 0..2 {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                heard.push_str(&String::from_utf8_lossy(&request[..length]));
                let answer =
                    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            heard
        });
        let said = told(&project, &Door::default()).await.unwrap_err();
        assert!(said.starts_with("Refused: a login that is not ComfyUI-Login"), "{said}");
        assert!(!stranger.await.unwrap().contains("t0ken"));
    }
}
