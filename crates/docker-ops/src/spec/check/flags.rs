//! ComfyUI's own flags: those that open what the login closes, and the one without which a container can't be reached.

mod known;

use std::path::Path;

use super::{Found, ServiceSpec};
use crate::{MountRole, spec::PLUGIN};

/// ComfyUI's program.
const PROGRAM: &str = "main.py";
/// Where ComfyUI listens unless it is told.
const PORT: u16 = 8188;

pub(super) fn check(found: &mut Found, at: &str, service: &ServiceSpec) {
    let field = format!("{at}.flags");
    if has(service, "--disable-all-custom-nodes") {
        let listed = values(service, "--whitelist-custom-nodes").any(|name| name == PLUGIN);
        if !listed {
            let message = "`--disable-all-custom-nodes` leaves the login away too: everybody gets in";
            found.refuse(&field, message, format!("add `--whitelist-custom-nodes {PLUGIN}`, or remove the flag"));
        }
    }
    base(found, &field, service);
    if has(service, "--enable-cors-header") {
        match value(service, "--enable-cors-header") {
            None | Some("*") => {
                let message = "`--enable-cors-header` lets pages of every site speak to ComfyUI";
                found.refuse(&field, message, "name the one site after it, or remove the flag");
            }
            Some(_) => {
                let message = "`--enable-cors-header` makes the login refuse tokens that come without a browser";
                found.warn(&field, message, "remove it where programs use the token");
            }
        }
    }
    if !is_comfyui(service) || service.ports.is_empty() {
        return;
    }
    let hint = "add `--listen 0.0.0.0`: `ports` still say which address of the host it gets";
    match (has(service, "--listen"), value(service, "--listen")) {
        (false, _) => found.warn(&field, "without `--listen` the port can't be reached from the host", hint),
        (true, Some(addresses)) if !is_open(addresses) => {
            let message = format!("`--listen {}` can't be reached from the host", addresses.escape_debug());
            found.refuse(&field, message, hint);
        }
        (true, _) => {}
    }
    let listens = value(service, "--port").map_or(Some(PORT), |port| port.parse().ok());
    if let Some(listens) = listens.filter(|listens| service.ports.iter().all(|port| port.container_port != *listens)) {
        let message = format!("ComfyUI listens on port {listens} of the container, which is not published");
        found.refuse(&field, message, "let `--port` and `container_port` be the same");
    }
}

/// Whether a `--listen` takes who comes from the host.
pub(super) fn is_open(addresses: &str) -> bool {
    addresses.split(',').any(|address| matches!(address, "0.0.0.0" | "::"))
}

/// ComfyUI loads `custom_nodes` of its base folder alone: of another one than ours, it loads no login.
fn base(found: &mut Found, at: &str, service: &ServiceSpec) {
    let Some(base) = value(service, "--base-directory") else { return };
    let mounted = |role| service.mounts.iter().find(|mount| mount.role == role).map(|mount| Path::new(&mount.target));
    let own = mounted(MountRole::CustomNodes).or_else(|| mounted(MountRole::Login)).and_then(Path::parent);
    if own != Some(Path::new(base)) {
        let message = format!("`--base-directory {}` leads to other `custom_nodes`, without the login", base.escape_debug());
        found.refuse(at, message, "remove it, or let it be `comfy_path`");
    }
}

/// Whether the command line that is known is ComfyUI's. Of an image's own command nothing is known.
pub(super) fn is_comfyui(service: &ServiceSpec) -> bool {
    !service.flags.is_empty() || service.command.iter().any(|word| word.split([' ', '/']).any(|part| part == PROGRAM))
}

/// Whether the flag is given, with or without a value.
pub(super) fn has(service: &ServiceSpec, flag: &str) -> bool {
    has_flag(&service.command, flag) || has_flag(&service.flags, flag)
}

/// Whether a command line gives ComfyUI this flag, whole or shortened, with or without a value.
#[must_use]
pub fn has_flag(line: &[String], flag: &str) -> bool {
    words(line).any(|word| known::read(word).is_some_and(|(name, _)| name == flag))
}

/// The flag's last value: the last one counts.
pub(super) fn value<'a>(service: &'a ServiceSpec, flag: &'a str) -> Option<&'a str> {
    values(service, flag).last()
}

/// What follows the flag, up to the next one.
fn values<'a>(service: &'a ServiceSpec, flag: &'a str) -> impl Iterator<Item = &'a str> {
    let (mut inside, mut last) = (false, Vec::new());
    for word in words(&service.command).chain(words(&service.flags)) {
        if !word.starts_with("--") {
            last.extend(Some(word).filter(|_| inside));
            continue;
        }
        let (name, value) = known::read(word).unwrap_or_default();
        inside = name == flag && value.is_none();
        if name == flag {
            last = value.into_iter().collect();
        }
    }
    last.into_iter()
}

/// The command line's words, also of a line for a shell.
fn words(line: &[String]) -> impl Iterator<Item = &str> {
    line.iter().flat_map(|argument| argument.split_whitespace()).map(|word| word.trim_matches(['"', '\'']))
}
