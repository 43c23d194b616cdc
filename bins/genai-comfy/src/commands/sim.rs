//! `genai-comfy sim`: the embedded ComfyUI as a process.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use auth_core::{BcryptHash, DEFAULT_COST, LoginToken, Password, PasswordFile};
use comfy_sim::{Builder, ErrorKind, Login, Scenario, Server};
use console::{ExitCode, Format, Screen};
use report::{Failure, FailureKind};
use settings::World;

use crate::cli::{Cli, Sim};

/// Who logs in where the password file names nobody.
const USER: &str = "comfy";

pub(super) async fn run(world: &World, cli: &Cli, args: &Sim, screen: &Screen) -> Result<ExitCode, Failure> {
    refuse_foreign_flags(cli)?;
    let (folder, made) = comfy_dir(world, args)?;
    let builder = Server::builder().comfy_dir(&folder).listen(SocketAddr::new(args.listen, args.port));
    let builder = builder.step_time(Duration::from_millis(args.step_time)).previews(args.previews);
    let mut builder = args.checkpoint.iter().fold(builder, Builder::checkpoint);
    if let Some(file) = &args.password_file {
        login(world, &world.current_dir.join(file), &folder).await?;
    }
    let guarded = args.plugin || args.password_file.is_some();
    if guarded {
        builder = builder.login(Login::Plugin);
    }
    if let Some(file) = &args.scenario {
        builder = builder.scenario(&scenario(&world.current_dir.join(file))?);
    }
    // From before anybody hears of the server, so that no wish to end it is lost.
    let stopped = console::interrupted();
    let server = start(world, builder).await?;
    let serving = console::json::Serving { url: server.url(), login: guarded, comfy_dir: folder.display().to_string() };
    let told = match cli.shared.format {
        Format::Json => screen.document(&serving.line()),
        _ => screen.document(&(told(&serving) + "\n")),
    };
    if told == ExitCode::Well {
        stopped.await;
    }
    server.shutdown().await;
    drop(made);
    Ok(told)
}

fn refuse_foreign_flags(cli: &Cli) -> Result<(), Failure> {
    let shared = &cli.shared;
    let foreign = [
        ("--project", shared.project.is_some()),
        ("--service", shared.service.is_some()),
        ("--url", !shared.url.is_empty()),
        ("--token-file", shared.token_file.is_some()),
        ("--ca-file", shared.ca_file.is_some()),
        ("--proxy", shared.proxy.is_some()),
        ("--unix-socket", shared.unix_socket.is_some()),
        ("--login", cli.entry.login.is_some()),
        ("--origin", cli.entry.origin.is_some()),
    ];
    match foreign.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::new(FailureKind::Usage, format!("`{flag}` means nothing to the embedded server"))
            .hint("choose where it listens with `--port` and `--listen`, and its login with `--password-file`")),
        None => Ok(()),
    }
}

/// The folder, and the guard that removes it at the end if it is a temporary one.
fn comfy_dir(world: &World, args: &Sim) -> Result<(PathBuf, Option<tempfile::TempDir>), Failure> {
    if let Some(folder) = &args.comfy_dir {
        return Ok((world.current_dir.join(folder), None));
    }
    let made = tempfile::Builder::new().prefix("genai-comfy-").tempdir();
    let made = made.map_err(|error| {
        Failure::new(FailureKind::Refused, format!("can't make a temporary folder: {error}"))
            .hint("choose a folder with `--comfy-dir`")
    })?;
    Ok((made.path().to_owned(), Some(made)))
}

fn scenario(path: &Path) -> Result<Scenario, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::new(FailureKind::Settings, format!("can't read the scenario `{shown}`: {error}")))?;
    Scenario::parse(&text).map_err(|error| {
        let told = error.to_string();
        let mut lines = told.lines().filter(|line| line.trim() != "|").map(str::to_owned);
        let message = format!("`{shown}`: {}", lines.next().unwrap_or_default());
        // The lines below show the place.
        Failure { causes: lines.collect(), ..Failure::new(FailureKind::Settings, message) }
            .hint("docs/reference/scenario.md tells every word of a scenario")
    })
}

/// Puts the login where the server reads it. A login that is there already is another's, unless it is the same.
async fn login(world: &World, from: &Path, folder: &Path) -> Result<(), Failure> {
    let to = folder.join("login").join("PASSWORD");
    let refused = |what: String| Failure::new(FailureKind::Refused, what);
    let bytes = token_sync::read_file(from).map_err(|error| Failure::of(FailureKind::Settings, &error).hints(error.hints()))?;
    let bytes = bytes.ok_or_else(|| {
        Failure::new(FailureKind::Settings, format!("there is no `{}`", from.display()))
            .hint("write a password into it, or name the plugin's own `login/PASSWORD`")
    })?;
    let there =
        token_sync::read_password_file(&to).map_err(|error| Failure::of(FailureKind::Refused, &error).hints(error.hints()))?;
    let content = content(world, &bytes, there.as_ref().map(|(file, _)| file)).await?;
    if let Some((there, _)) = there {
        return match there.token().zip(PasswordFile::parse(&content).token()).is_some_and(|(a, b)| a == b) {
            true => Ok(()),
            false => Err(refused(format!("`{}` holds another login", to.display()))
                .hint("choose another `--comfy-dir`, or give that file with `--password-file`")),
        };
    }
    let written = fs::create_dir_all(folder.join("login"))
        .and_then(|()| fs::set_permissions(folder.join("login"), fs::Permissions::from_mode(0o700)))
        .and_then(|()| fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to))
        .and_then(|mut file| file.write_all(&content));
    written.map_err(|error| refused(format!("can't write `{}`: {error}", to.display())))
}

/// The bytes of the plugin's file: those given, or made of a password. A password that fits what is there makes the same.
async fn content(world: &World, given: &[u8], there: Option<&PasswordFile>) -> Result<Vec<u8>, Failure> {
    let wrong = |error: auth_core::Error| Failure::of(FailureKind::Settings, &error).hints(error.hints());
    let text = std::str::from_utf8(given)
        .map_err(|_| Failure::new(FailureKind::Settings, "the password file is no text").hint("write it in UTF-8"))?;
    let line = text.lines().next().unwrap_or_default();
    if line.starts_with("$2") {
        return match BcryptHash::parse(line.trim()) {
            Ok(_) => Ok(given.to_vec()),
            Err(fault) => Err(Failure::new(FailureKind::Settings, format!("the password file holds a damaged token: {fault}"))
                .hint("`genai-tokens audit` finds the places that hold a whole one")),
        };
    }
    let password = Password::new(line).map_err(wrong)?;
    if let Some(there) = there
        && there.token().is_some_and(|token| token.matches(&password))
    {
        return Ok(there.to_bytes());
    }
    let salt = world.entropy.bytes();
    let hashed = tokio::task::spawn_blocking(move || BcryptHash::of(&password, DEFAULT_COST, salt)).await;
    let hashed = hashed.map_err(|error| Failure::new(FailureKind::Unexpected, format!("no hash was made: {error}")))?;
    Ok(PasswordFile::new(LoginToken::from(hashed.map_err(wrong)?), USER).map_err(wrong)?.to_bytes())
}

async fn start(world: &World, builder: Builder) -> Result<Server, Failure> {
    let (clock, entropy) = (world.clock.clone(), world.entropy.clone());
    let builder = builder.clock(move || clock.now().into()).entropy(move |bytes| entropy.fill(bytes));
    builder.spawn().await.map_err(|error| {
        let failure = Failure::of(FailureKind::Refused, &error);
        match error.kind() {
            ErrorKind::AddressInUse => failure.hint("stop what listens there, or let `--port 0` choose a free port"),
            _ => failure,
        }
    })
}

fn told(serving: &console::json::Serving) -> String {
    let console::json::Serving { url, login, comfy_dir } = serving;
    let unset = || !Path::new(comfy_dir).join("login/PASSWORD").exists();
    let door = if *login && unset() {
        format!("no password yet: the first login at {url}/login sets it")
    } else if *login {
        format!("log in at {url}/login, or send the token that is line 1 of {comfy_dir}/login/PASSWORD")
    } else {
        "open to everybody who can reach it; `--password-file` turns the login on".to_owned()
    };
    format!("The embedded ComfyUI answers at {url} until you press Ctrl-C.\n  login     {door}\n  pictures  {comfy_dir}/output")
}
