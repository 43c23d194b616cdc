//! What the image decides where the specification does not.

use super::{Found, ServiceSpec, flags};
use crate::{ImageFacts, holds_secret};

/// Where Python keeps all that it compiled, if it is set.
pub(super) const COMPILED: &str = "PYTHONPYCACHEPREFIX";

pub(super) fn check(found: &mut Found, at: &str, service: &ServiceSpec, image: &ImageFacts) {
    let of_image = image.env.iter().find_map(|pair| pair.strip_prefix(COMPILED)?.strip_prefix('='));
    if of_image.is_some_and(|folder| !folder.is_empty()) && !service.environment.contains_key(COMPILED) {
        let message = format!("the image sets `{COMPILED}`: Python may run what lies there, not the plugin's files");
        found.refuse(&format!("{at}.environment"), message, format!("set it to nothing: `{COMPILED} = \"\"`"));
    }
    if !service.command.is_empty() {
        return;
    }
    let field = format!("{at}.flags");
    if let (Some(first), []) = (service.flags.first(), &*image.entrypoint) {
        let own = if holds_secret(&image.cmd) { "[…]".to_owned() } else { format!("{:?}", image.cmd) };
        let message = format!("the image has no ENTRYPOINT, so `{}` would be run as a program", first.escape_debug());
        return found.refuse(&field, message, format!("name the program too; the image's own is `command = {own}`"));
    }
    let cmd = if service.flags.is_empty() { &image.cmd[..] } else { &[] };
    let whole = ServiceSpec { command: [&image.entrypoint, cmd].concat(), ..service.clone() };
    let (mut alone, mut together) = (Found::default(), Found::default());
    flags::check(&mut alone, at, service);
    flags::check(&mut together, at, &whole);
    for one in together.0.into_iter().filter(|one| !alone.0.contains(one)) {
        found.add(one.severity, &field, format!("with what the image runs, {}", one.message), one.hint);
    }
    let image = ServiceSpec { flags: Vec::new(), ..whole };
    for flag in ["--listen", "--port"] {
        let (Some(first), Some(last)) = (flags::value(&image, flag), flags::value(service, flag)) else { continue };
        if first != last && !(flags::is_open(first) && flags::is_open(last)) {
            let (first, last) = (first.escape_debug(), last.escape_debug());
            let message = format!("the image's ENTRYPOINT says `{flag} {first}`, and the flags say `{flag} {last}`");
            found.warn(&field, message, "the last one counts; to have but one, name the whole program in `command`");
        }
    }
}
