//! The checks: one condition each, one file each, one heading each in `docs/reference/checks.md`.
//!
//! A check gathers facts and judges them. What can't be decided is `unknown` and never a pass; what need not be decided is
//! `skipped`, with its reason.

mod answers_as_comfyui;
mod auth_enforced;
mod backups_kept_out_of_git;
mod comfyui_folder_known;
mod container_healthy;
mod container_running;
mod credential_within_policy;
mod disk_sufficient;
mod empty_token_refused;
mod engine_reachable;
mod every_path_guarded;
mod gpu_available;
mod gpu_reachable;
mod guest_mode_off;
mod image_available;
mod image_generated;
mod image_matches_machine;
mod memory_sufficient;
mod mounts_current;
mod mounts_readable;
mod mounts_usable;
mod no_leak;
mod no_stray_password;
mod no_token_in_inspect;
mod nothing_left;
mod old_token_refused;
mod one_token;
mod password_before_start;
mod password_in_place;
mod password_readable_by_comfyui;
mod password_readable_in_container;
mod password_refused_as_bearer;
mod plugin_installed;
mod plugin_intact;
mod port_free;
mod port_published;
mod secrets_kept_out_of_git;
mod server_reachable;
mod socket_auth_enforced;
mod source_present;
mod source_private;
mod source_well_formed;
mod stack_in_sync;
mod stack_sound;
mod targets_in_sync;
mod token_accepted;
mod token_in_force;
mod token_in_place;
mod token_matches_password;

#[cfg(test)]
pub(crate) mod test_project;

use std::{future::Future, pin::Pin};

use comfy_client::{Answer, Error};
use report::{CheckId, Finding, Outcome};

use crate::{answers, doctor::Patient, subject::Subject};

pub(crate) use container_healthy::{
    not_started_yet as container_not_started_yet, silent as container_silent, waited as container_healthy,
};
pub(crate) use container_running::{absent as no_container, vanished as container_vanished};
pub(crate) use disk_sufficient::judge as disk_sufficient;
pub(crate) use engine_reachable::judge as engine_reachable;
pub(crate) use gpu_available::judge as gpu_available;
pub(crate) use gpu_reachable::given as gpu_given;
pub(crate) use guest_mode_off::look as guest_mode_off;
pub(crate) use image_available::judge as image_available;
pub(crate) use image_generated::{ID as IMAGE_GENERATED, run_with as generate_image};
pub(crate) use mounts_usable::{elsewhere as mounts_elsewhere, judge as mounts_usable};
pub(crate) use no_leak::{judge as leaks, unknown_tokens as leaks_unknown};
pub(crate) use nothing_left::judge as nothing_left;
pub(crate) use old_token_refused::{ID as OLD_TOKEN_REFUSED, run_with as refuse_old_token};
pub(crate) use one_token::judge as one_token;
pub(crate) use password_before_start::{
    Held, elsewhere as password_elsewhere, judge as password_before_start, look as held_password, unmounted as password_unmounted,
};
pub(crate) use password_readable_in_container::judge as password_readable_in_container;
pub(crate) use plugin_intact::{
    elsewhere as plugin_elsewhere, in_image as plugin_in_image, inside as plugin_inside, judge as plugin_intact,
    unread as plugin_unread, unseen as plugin_unseen, vanished as plugin_vanished,
};
pub(crate) use port_free::judge as port_free;
pub(crate) use secrets_kept_out_of_git::look as secrets_in_git;
pub(crate) use source_well_formed::CHECK as SOURCE_WELL_FORMED;
pub(crate) use stack_in_sync::judge as stack_in_sync;
pub(crate) use stack_sound::judge as stack_sound;
pub(crate) use targets_in_sync::judge as judge_target;
pub(crate) use token_accepted::CHECK as TOKEN_ACCEPTED;
pub(crate) use token_in_force::CHECK as TOKEN_IN_FORCE;
pub(crate) use token_in_place::{judge as place, refused as refused_place};

type Running<'a> = Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// A condition that can be looked at.
pub struct Check {
    /// The condition's name.
    pub id: CheckId,
    run: for<'a> fn(&'a Subject<'_>) -> Running<'a>,
}

impl Check {
    pub(crate) fn run<'a>(&self, subject: &'a Subject<'_>) -> Running<'a> {
        (self.run)(subject)
    }
}

/// Of the project: is the source of truth sound, and does every target hold what it says?
pub const PROJECT: &[&Check] = &[
    &source_present::CHECK,
    &source_private::CHECK,
    &source_well_formed::CHECK,
    &token_matches_password::CHECK,
    &credential_within_policy::CHECK,
    &targets_in_sync::CHECK,
    &backups_kept_out_of_git::CHECK,
];

/// Of the project, without what takes long (bcrypt) and without a server.
pub const QUICK: &[&Check] = &[
    &source_present::CHECK,
    &source_private::CHECK,
    &source_well_formed::CHECK,
    &credential_within_policy::CHECK,
    &targets_in_sync::CHECK,
];

/// Of the source of truth alone, as quickly.
pub(crate) const SOURCE: &[&Check] = &[&source_present::CHECK, &source_private::CHECK, &source_well_formed::CHECK];

/// Of ComfyUI's own folder, before anything is written; the first decides whether the others make sense.
pub const FOLDER: &[&Check] = &[&comfyui_folder_known::CHECK, &plugin_installed::CHECK, &no_stray_password::CHECK];

/// Of what is written there.
pub const WRITTEN: &[&Check] = &[&password_readable_by_comfyui::CHECK];

/// Of the server, before anything secret is sent to it. A failure of one of these ends a validation.
pub const SERVER: [&Check; 2] = [&server_reachable::CHECK, &answers_as_comfyui::CHECK];

/// Of the two doors, without any credential. The first decides whether there is a login at all.
pub const DOORS: [&Check; 2] = [&auth_enforced::CHECK, &socket_auth_enforced::CHECK];

/// Of the login: skipped on a server that asks nobody for a credential, so that none is shown to it.
pub const LOGIN: &[&Check] = &[
    &empty_token_refused::CHECK,
    &password_refused_as_bearer::CHECK,
    &token_accepted::CHECK,
    &token_in_force::CHECK,
    &guest_mode_off::CHECK,
    &every_path_guarded::CHECK,
];

/// Of the work: does an image come out?
pub const WORK: &[&Check] = &[&image_generated::CHECK];

/// Again after a rotation.
pub(crate) const AFTER_ROTATION: &[&Check] =
    &[&targets_in_sync::CHECK, &token_matches_password::CHECK, &token_accepted::CHECK, &token_in_force::CHECK];

/// Checks that a journey runs with something that only it knows.
pub const JOURNEYS: &[CheckId] = &[
    old_token_refused::ID,
    secrets_kept_out_of_git::ID,
    no_leak::ID,
    token_in_place::ID,
    one_token::ID,
    stack_sound::ID,
    image_available::ID,
    port_free::ID,
    mounts_usable::ID,
    disk_sufficient::ID,
    gpu_available::ID,
    password_before_start::ID,
    password_readable_in_container::ID,
    nothing_left::ID,
];

/// Of the containers, as `genai-stack doctor` runs them.
pub const STACK: &[CheckId] = &[
    engine_reachable::ID,
    container_running::ID,
    container_healthy::ID,
    memory_sufficient::ID,
    gpu_reachable::ID,
    port_published::ID,
    mounts_readable::ID,
    mounts_current::ID,
    image_matches_machine::ID,
    password_in_place::ID,
    no_token_in_inspect::ID,
    plugin_intact::ID,
    stack_in_sync::ID,
];

/// Those of them that need nothing but the facts about one container, in the order they run.
pub(crate) const CONTAINER: &[fn(&Patient<'_>) -> Finding] = &[
    container_running::judge,
    container_healthy::judge,
    memory_sufficient::judge,
    gpu_reachable::judge,
    port_published::judge,
    mounts_readable::judge,
    mounts_current::judge,
    image_matches_machine::judge,
    password_in_place::judge,
    no_token_in_inspect::judge,
];

/// The ids of all checks, in the order they run.
pub fn ids() -> impl Iterator<Item = CheckId> {
    all().map(|check| check.id).chain(JOURNEYS.iter().copied()).chain(STACK.iter().copied())
}

fn all() -> impl Iterator<Item = &'static Check> {
    [PROJECT, FOLDER, WRITTEN, &SERVER, &DOORS, LOGIN, WORK].into_iter().flatten().copied()
}

/// Whether what answers this client, which shows no credential, is ComfyUI or the login before it.
pub(crate) async fn answers_as_comfyui(client: &comfy_client::Client) -> Finding {
    answers_as_comfyui::ask(client).await
}

/// The finding for a source of truth that was open before it was written anew.
pub(crate) fn was_open(summary: String) -> Finding {
    warn(source_private::CHECK.id, summary)
}

/// The finding where no port of this machine leads to the container `name`, so that nobody can be asked.
pub(crate) fn no_door(id: CheckId, name: &str) -> Finding {
    unknown(id, format!("`{name}` can't be asked"), "no port of this machine leads to it")
        .hint("make it anew: `genai-stack up --recreate`")
}

/// The finding for a check of a login that was not seen to stand.
pub(crate) fn not_tried(id: CheckId, door: &Outcome) -> Finding {
    let reason = match door {
        Outcome::Fail => "the server asks nobody for a credential, and none is shown to it",
        _ => "it is not known whether the server asks for a credential, and none is shown to it",
    };
    skipped(id, "not tried", reason)
}

/// The finding for a check that would show the token to somebody who is not known to be ComfyUI.
pub(crate) fn not_shown(id: CheckId) -> Finding {
    skipped(id, "not tried", "it is not known that ComfyUI answers there, and no token is sent to anything else")
}

fn pass(id: CheckId, summary: impl Into<String>) -> Finding {
    Finding::new(id, Outcome::Pass, summary)
}

fn warn(id: CheckId, summary: impl Into<String>) -> Finding {
    Finding::new(id, Outcome::Warn, summary)
}

fn fail(id: CheckId, summary: impl Into<String>) -> Finding {
    Finding::new(id, Outcome::Fail, summary)
}

fn skipped(id: CheckId, summary: impl Into<String>, reason: impl Into<String>) -> Finding {
    Finding::new(id, Outcome::Skipped(reason.into()), summary)
}

fn unknown(id: CheckId, summary: impl Into<String>, reason: impl Into<String>) -> Finding {
    Finding::new(id, Outcome::Unknown(reason.into()), summary)
}

/// The finding before a start through an engine whose folders are not ours to look at. `is_allowed`, whether somebody said to go on.
fn elsewhere(id: CheckId, summary: impl Into<String>, is_allowed: bool) -> Finding {
    let reason = "the engine may be on another machine";
    if is_allowed {
        return skipped(id, summary, format!("{reason}, whose folders can't be looked at from here"));
    }
    unknown(id, summary, reason).hint("run this on the engine's machine; or go on with `--allow-unseen`, and see after the start")
}

/// The finding with each answer as evidence.
fn with_answers<N: Into<String>>(finding: Finding, seen: impl IntoIterator<Item = (N, Result<Answer, Error>)>) -> Finding {
    seen.into_iter().fold(finding, |finding, (name, answer)| match answer {
        Ok(answer) => finding.seen(name, answers::words(&answer)),
        Err(error) => finding.seen(name, answers::chain(&error)),
    })
}
