//! Mounts: folders only, none that gives the machine away, and the one without which no login is proven.

use std::path::{Component, Path};

use super::{Found, ServiceSpec};
use crate::{Mount, MountRole};

/// Endings of names that are files.
const FILES: &[&str] =
    &["conf", "env", "ini", "json", "key", "pem", "pt", "pth", "py", "safetensors", "sh", "sock", "toml", "txt", "yaml", "yml"];
/// Files of the login's folder, and others without an ending.
const FILE_NAMES: &[&str] = &["GUEST_MODE", "PASSWORD", ".env", ".secret-key.txt"];
/// Where passwords themselves are kept.
const SECRETS: &str = ".secrets";
/// Folders with which a container owns the machine.
const MACHINE: &[&str] =
    &["/", "/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var", "/var/lib", "/var/lib/docker", "/var/run"];

pub(super) fn check(found: &mut Found, at: &str, service: &ServiceSpec) {
    for (nth, mount) in service.mounts.iter().enumerate() {
        let at = format!("{at}.mounts[{nth}]");
        source(found, &at, &mount.source);
        let target = Path::new(&mount.target);
        if !target.is_absolute() || target.components().any(|part| part == Component::ParentDir) {
            found.refuse(&at, "its path in the container is not absolute", "name it from the root of the file system");
        } else if target == Path::new("/") {
            found.refuse(&at, "it would hide the whole image", "mount it at a folder of its own");
        }
        if service.mounts[..nth].iter().any(|other| Path::new(&other.target) == target) {
            found.refuse(&at, format!("`{}` is mounted twice", mount.target.escape_debug()), "mount one folder there");
        }
        if mount.role == MountRole::Models && !mount.read_only {
            found.warn(&at, "models can be changed from the container", "let it be read only: every node may run code");
        }
    }
    if !service.mounts.iter().any(is_login) {
        let message = "no `login` folder is mounted, so nothing proves that the server is locked";
        found.refuse(&format!("{at}.mounts"), message, "mount ComfyUI's `login` folder, with PASSWORD in it");
    }
}

fn is_login(mount: &Mount) -> bool {
    mount.role == MountRole::Login
}

fn source(found: &mut Found, at: &str, source: &Path) {
    let shown = source.display();
    if !source.is_absolute() {
        found.refuse(at, format!("`{shown}` is not absolute"), "name it from the root of the file system");
    }
    let name = source.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = source.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    if name == "docker.sock" || MACHINE.iter().any(|folder| source == Path::new(folder)) {
        let message = format!("`{shown}` gives the whole machine to the container");
        found.refuse(at, message, "mount the folders that ComfyUI needs, and no more");
    } else if FILE_NAMES.contains(&name) || FILES.contains(&&*ending) {
        let message = format!("`{shown}` is a single file, which goes stale when it is replaced");
        found.refuse(at, message, "mount its folder");
    } else if source.components().any(|part| part.as_os_str() == SECRETS) {
        found.refuse(at, format!("`{shown}` holds passwords"), "mount the `login` folder: it holds the token alone");
    }
}
