//! What git holds beside the files: its index, and every object of its history, also those that nothing leads to any more.

mod objects;
mod origins;
mod program;
mod standing;

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use super::{
    Scanner,
    control::{Control, Meter, Stage},
    found::{Match, ObjectId, ObjectKind, Origin, Place, Scan, SkipReason},
    searcher::Searcher,
};
use crate::Error;
use objects::Object;
pub use standing::{GitStanding, IgnoreRule};

/// A repository, asked through the `git` program, which also knows of packs, alternates, work trees and its own rules.
///
/// Git is started without a shell, writes nothing, fetches nothing and runs no hook. The variables of the environment that
/// git reads are passed on, so that inside of a hook it is asked about the right index.
#[derive(Debug, Clone)]
pub struct Git {
    program: OsString,
    folder: PathBuf,
}

impl Git {
    /// The repository that `folder` is in; `program` is git's path, or `git` to look for it where programs are.
    pub fn new(program: impl Into<OsString>, folder: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), folder: folder.into() }
    }
}

impl Scanner {
    /// Searches every file as it stands in the index: what the next commit would hold.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Absent`] if there is no git program, [`crate::ErrorKind::Target`] if there is no repository,
    /// [`crate::ErrorKind::Io`] if it has no work tree or git fails.
    pub fn git_index(&self, git: &Git, control: &Control) -> Result<Scan, Error> {
        let listed = git.output(&["ls-files", "--stage", "-z", "--full-name", ":/"], Vec::new())?.success(git)?;
        let paths = staged(&listed);
        let mut ids = Vec::with_capacity(paths.len() * 41);
        for id in paths.keys() {
            ids.extend_from_slice(id.as_str().as_bytes());
            ids.push(b'\n');
        }
        control.stage(Stage::Index, |meter| {
            let mut searcher = Searcher::new(&self.engine, meter);
            git.objects(&["--buffer"], ids, &mut searcher)?;
            let mut scan = std::mem::take(&mut searcher.scan);
            let every_path = |id: &ObjectId| paths.get(id).map_or(&[][..], Vec::as_slice);
            scan.matches = scan.matches.into_iter().flat_map(|found| in_index(found, every_path)).collect();
            Ok(self.engine.finish(scan))
        })
    }

    /// Searches every object of the repository, reachable or not: files, commit and tag messages, and file names.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Absent`] if there is no git program, [`crate::ErrorKind::Target`] if there is no repository,
    /// [`crate::ErrorKind::Io`] if git fails.
    pub fn git_history(&self, git: &Git, control: &Control) -> Result<Scan, Error> {
        let mut scan = control.stage(Stage::History, |meter: &Meter<'_>| {
            let mut searcher = Searcher::new(&self.engine, meter);
            git.objects(&["--buffer", "--batch-all-objects", "--unordered"], Vec::new(), &mut searcher)?;
            Ok::<_, Error>(std::mem::take(&mut searcher.scan))
        })?;
        if !scan.matches.is_empty() && !control.stopped() {
            control.stage(Stage::Origins, |_| git.add_origins(&mut scan.matches, control))?;
        }
        Ok(self.engine.finish(scan))
    }
}

impl Git {
    /// Searches what `git cat-file --batch` gives for these options and ids. A git that fails after its first object, most
    /// often over a damaged one, leaves a scan that is not complete.
    fn objects(&self, options: &[&str], ids: Vec<u8>, searcher: &mut Searcher<'_>) -> Result<(), Error> {
        let arguments: Vec<&str> = ["cat-file", "--batch"].iter().chain(options).copied().collect();
        let mut running = self.start(&arguments, ids)?;
        let ended = self.each_object(&mut running, searcher).and_then(|()| {
            // A git that was stopped is ended by dropping it.
            if searcher.scan.stopped { Ok(()) } else { running.success(self) }
        });
        if ended.is_err() && searcher.scan.counts.files > 0 {
            searcher.scan.stopped = true;
            return Ok(());
        }
        ended
    }

    fn each_object(&self, running: &mut program::Running, searcher: &mut Searcher<'_>) -> Result<(), Error> {
        while let Some(object) = objects::next(&mut running.stdout).map_err(|error| self.failed(error))? {
            match object {
                Object::Missing(object) => {
                    let place = Place::Object { object, kind: ObjectKind::Blob, origin: Origin::default() };
                    searcher.skip_for(place, SkipReason::Missing);
                }
                Object::Found { object, kind, size } => {
                    let place = || Place::Object { object: object.clone(), kind, origin: Origin::default() };
                    let mut body = objects::Body::new(&mut running.stdout, size);
                    searcher.search(&mut body, place);
                    if searcher.stopped() {
                        searcher.scan.stopped = true;
                        return Ok(());
                    }
                    body.finish().map_err(|error| self.failed(error))?;
                }
            }
        }
        Ok(())
    }
}

/// The files of the index by their objects; a file in conflict has several objects, an object may be several files.
fn staged(listed: &[u8]) -> HashMap<ObjectId, Vec<PathBuf>> {
    let mut paths: HashMap<ObjectId, Vec<PathBuf>> = HashMap::new();
    for entry in listed.split(|byte| *byte == 0) {
        // `100644 <id> 0<tab>path`; 160000 is a commit of another repository.
        let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else { continue };
        let mut words = entry[..tab].split(|byte| *byte == b' ');
        let (Some(mode), Some(id)) = (words.next(), words.next().and_then(ObjectId::parse)) else { continue };
        if mode != b"160000" {
            let known = paths.entry(id).or_default();
            let path = PathBuf::from(OsStr::from_bytes(&entry[tab + 1..]));
            if !known.contains(&path) {
                known.push(path);
            }
        }
    }
    paths
}

/// A match in an object as matches in the files of the index that are this object.
fn in_index<'a>(found: Match, paths: impl Fn(&ObjectId) -> &'a [PathBuf]) -> Vec<Match> {
    let Place::Object { object, .. } = &found.place else { return vec![found] };
    let place = |path: &PathBuf| Place::Index { path: path.clone(), object: object.clone() };
    paths(object).iter().map(|path| Match { place: place(path), ..found.clone() }).collect()
}
