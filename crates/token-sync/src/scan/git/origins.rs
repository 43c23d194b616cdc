//! Where git's objects with matches come from: whether anything leads to them, their path, the commit that brought them in.

use std::{collections::HashMap, ffi::OsStr, io::BufRead, os::unix::ffi::OsStrExt, path::PathBuf};

use super::{
    super::{
        control::Control,
        found::{Match, ObjectId, ObjectKind, Origin, Place},
    },
    Git,
};
use crate::Error;

/// For so many objects git looks for the oldest commit; each is a walk through the history.
const MOST_COMMITS: usize = 32;

impl Git {
    /// Fills in the origins of all matches in objects.
    pub(super) fn add_origins(&self, matches: &mut [Match], control: &Control) -> Result<(), Error> {
        let mut origins: HashMap<ObjectId, (ObjectKind, Origin)> = HashMap::new();
        for found in matches.iter() {
            if let Place::Object { object, kind, .. } = &found.place {
                origins.insert(object.clone(), (*kind, Origin::default()));
            }
        }
        if self.reach(&mut origins, control)? {
            for (_, origin) in origins.values_mut() {
                origin.reachable.get_or_insert(false);
            }
        }
        let mut asked: Vec<_> = origins.iter_mut().filter(|(_, (_, origin))| origin.reachable == Some(true)).collect();
        asked.sort_by(|one, other| one.0.cmp(other.0));
        for (object, (kind, origin)) in asked.into_iter().take(MOST_COMMITS) {
            if control.stopped() {
                break;
            }
            origin.commit = self.oldest_commit(object, *kind)?;
        }
        for found in matches {
            if let Place::Object { object, origin, .. } = &mut found.place
                && let Some((_, known)) = origins.get(object)
            {
                *origin = known.clone();
            }
        }
        Ok(())
    }

    /// One walk over all that references, reflogs and the index lead to; whether it came to its end.
    fn reach(&self, origins: &mut HashMap<ObjectId, (ObjectKind, Origin)>, control: &Control) -> Result<bool, Error> {
        let arguments = ["rev-list", "--objects", "--all", "--reflog", "--indexed-objects", "--missing=allow-any"];
        let mut running = self.start(&arguments, Vec::new())?;
        let mut line = Vec::new();
        while running.stdout.read_until(b'\n', &mut line).map_err(|error| self.failed(error))? > 0 {
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let (id, path) = match text.iter().position(|byte| *byte == b' ') {
                Some(at) => (&text[..at], &text[at + 1..]),
                None => (text, &[][..]),
            };
            if let Some((_, origin)) = ObjectId::parse(id).and_then(|id| origins.get_mut(&id)) {
                origin.reachable = Some(true);
                if !path.is_empty() {
                    origin.path.get_or_insert_with(|| PathBuf::from(OsStr::from_bytes(path)));
                }
            }
            if control.stopped() {
                return Ok(false);
            }
            line.clear();
        }
        Ok(running.success(self).is_ok())
    }

    /// The oldest commit that has `object` and whose parent has not.
    fn oldest_commit(&self, object: &ObjectId, kind: ObjectKind) -> Result<Option<ObjectId>, Error> {
        if kind == ObjectKind::Commit {
            return Ok(Some(object.clone()));
        }
        if kind == ObjectKind::Tag {
            return Ok(None);
        }
        let find = format!("--find-object={object}");
        let arguments = [
            "log",
            "--topo-order",
            "--all",
            "--reflog",
            "--root",
            "-m",
            "-t",
            "-s",
            "--no-ext-diff",
            "--no-textconv",
            "--format=%H",
            find.as_str(),
        ];
        let output = self.output(&arguments, Vec::new())?;
        let lines = output.stdout.split(|byte| *byte == b'\n');
        Ok(lines.filter_map(ObjectId::parse).next_back())
    }
}
