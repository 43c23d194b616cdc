//! The items of a batch: each line with its workflow, read twice, first to find what is wrong.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
};

use comfy_client::{BatchItem, Error, ObjectInfo, Workflow, WorkflowFile};
use report::{Failure, FailureKind};

use super::{
    Order,
    lines::{Line, Reader, Set, Wrong},
};
use crate::comfy::workflow::{as_sent, halves, read};

/// So many wrong lines are told at once.
const MOST_WRONG: usize = 10;

pub(super) struct Items<'a> {
    order: &'a Order<'a>,
    template: Option<WorkflowFile>,
    /// What UI format means.
    classes: Option<Arc<ObjectInfo>>,
    set: Vec<(String, String)>,
}

impl<'a> Items<'a> {
    pub(super) fn new(order: &'a Order<'a>) -> Result<Self, Failure> {
        let set = order.set.iter().map(|one| halves("--set ", one));
        let set = set.map(|one| one.map(|(address, value)| (address.to_owned(), value.to_owned()))).collect::<Result<_, _>>()?;
        let template = order.workflow.map(|path| read(&order.world.current_dir.join(path), path)).transpose()?;
        Ok(Self { order, template, classes: None, set })
    }

    /// Whether a workflow is in UI format: what it means only a server's node classes tell.
    pub(super) fn want_classes(&self) -> Result<bool, Failure> {
        if self.template.as_ref().is_some_and(is_ui) {
            return Ok(true);
        }
        let path = self.path();
        let lines = Reader::open(&path, self.order.file, &self.order.world.entropy)?;
        // What is wrong with a line or with its workflow is told as it is checked.
        let named: BTreeSet<PathBuf> = lines.filter_map(|line| line.ok()?.workflow).collect();
        Ok(named.iter().any(|named| read(&path.with_file_name(named), named).is_ok_and(|file| is_ui(&file))))
    }

    /// The same items, those in UI format converted for a server with these classes.
    pub(super) fn with_classes(self, classes: Arc<ObjectInfo>) -> Self {
        Self { classes: Some(classes), ..self }
    }

    fn path(&self) -> PathBuf {
        self.order.world.current_dir.join(self.order.file)
    }

    /// Reads every line, and gives their ids. Ids are no other's; each line can be made to a workflow.
    pub(super) fn check(&self) -> Result<Vec<String>, Failure> {
        let mut first: HashMap<String, u64> = HashMap::new();
        let (mut ids, mut wrong) = (Vec::new(), Vec::new());
        for item in self.read()? {
            match item {
                Ok((number, item)) => match first.insert(item.id().to_owned(), number) {
                    None => ids.push(item.id().to_owned()),
                    Some(before) => {
                        let what = format!("the id `{}` is that of line {before} too; give each its own", item.id());
                        wrong.push(Wrong::new(number, what));
                    }
                },
                Err(error) => wrong.push(error),
            }
            if wrong.len() > MOST_WRONG {
                break;
            }
        }
        let shown = self.order.file.display();
        if wrong.is_empty() && ids.is_empty() {
            return Err(Failure::new(FailureKind::Declined, format!("there is no item in `{shown}`")).hint("write one a line"));
        }
        if wrong.is_empty() {
            return Ok(ids);
        }
        let count = match wrong.len() {
            1 => "1 line".to_owned(),
            count if count > MOST_WRONG => format!("more than {MOST_WRONG} lines"),
            count => format!("{count} lines"),
        };
        let causes = wrong.iter().take(MOST_WRONG).map(|wrong| format!("line {}: {}", wrong.number, wrong.what)).collect();
        let failure = Failure::new(FailureKind::Declined, format!("{count} of `{shown}` can't be used; nothing was sent"));
        Err(Failure { causes, ..failure }.hint("put them right, and run the same command again"))
    }

    /// The same items again, those whose `ids` were given before. A line that is another by now, or gone, is the last.
    pub(super) fn again(
        &self,
        ids: Arc<[String]>,
    ) -> Result<impl Iterator<Item = Result<BatchItem, Failure>> + Send + use<'a>, Failure> {
        let shown = self.order.file.display().to_string();
        let changed = move |what: String| {
            Failure::new(FailureKind::Declined, format!("`{shown}` was changed while its batch ran: {what}"))
                .hint("what was sent before went on; put it right, and run the rest")
        };
        let (mut lines, mut at, mut ended) = (self.read()?, 0, false);
        Ok(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let item = match (lines.next(), ids.get(at)) {
                (None, None) => return None,
                (None, Some(id)) => Err(format!("there is no line of `{id}` any more")),
                (Some(Err(wrong)), _) => Err(format!("line {}: {}", wrong.number, wrong.what)),
                (Some(Ok((number, item))), id) if id.is_none_or(|id| id != item.id()) => {
                    Err(format!("line {number} is of `{}`, which was not there", item.id()))
                }
                (Some(Ok((_, item))), _) => Ok(item),
            };
            (at, ended) = (at + 1, item.is_err());
            Some(item.map_err(&changed))
        }))
    }

    /// The items, each made when it is asked for.
    pub(super) fn read(&self) -> Result<impl Iterator<Item = Result<(u64, BatchItem), Wrong>> + Send + use<'a>, Failure> {
        let path = self.path();
        let reader = Reader::open(&path, self.order.file, &self.order.world.entropy)?;
        let template = match (&self.template, self.order.workflow) {
            (Some(file), Some(shown)) => Some(Arc::new(as_sent(file.clone(), self.classes.as_deref(), shown)?)),
            _ => None,
        };
        let mut maker = Maker { items: path, template, classes: self.classes.clone(), set: self.set.clone(), last: None };
        Ok(reader.map(move |line| {
            let line = line?;
            let number = line.number;
            maker.item(line).map(|item| (number, item)).map_err(|what| Wrong { number, what })
        }))
    }
}

/// Makes items of lines.
struct Maker {
    /// The file of the items: workflows are named from its folder.
    items: PathBuf,
    template: Option<Arc<Workflow>>,
    classes: Option<Arc<ObjectInfo>>,
    set: Vec<(String, String)>,
    /// The workflow of the line before: lines of one workflow often stand together.
    last: Option<(PathBuf, Arc<Workflow>)>,
}

impl Maker {
    fn item(&mut self, line: Line) -> Result<BatchItem, String> {
        let mut workflow = Workflow::clone(&*self.workflow(line.workflow)?);
        for (address, text) in &self.set {
            workflow.set_text(address, text).map_err(|error| format!("`--set {address}={text}`: {}", told(&error)))?;
        }
        if let Some(seed) = line.seed {
            workflow.set_seeds(seed).map_err(|error| told(&error))?;
        }
        for (address, value) in line.set {
            let set = match value {
                Set::Text(text) => workflow.set_text(&address, &text),
                Set::Value(value) => workflow.set_value(&address, value),
            };
            set.map_err(|error| told(&error))?;
        }
        BatchItem::new(line.id.unwrap_or_else(|| line.number.to_string()), workflow).map_err(|error| told(&error))
    }

    fn workflow(&mut self, named: Option<PathBuf>) -> Result<Arc<Workflow>, String> {
        let Some(named) = named else {
            let missing = "it names no workflow; give one for all lines with `--workflow FILE`";
            return self.template.clone().ok_or_else(|| missing.to_owned());
        };
        if let Some((_, known)) = self.last.as_ref().filter(|(path, _)| *path == named) {
            return Ok(known.clone());
        }
        let file = read(&self.items.with_file_name(&named), &named);
        let read = file.and_then(|file| as_sent(file, self.classes.as_deref(), &named));
        let read = read.map_err(|failure| [vec![failure.message], failure.causes, failure.hints].concat().join("; "))?;
        let read = Arc::new(read);
        self.last = Some((named, read.clone()));
        Ok(read)
    }
}

fn is_ui(file: &WorkflowFile) -> bool {
    file.api().is_none() && file.ui().is_some()
}

/// The error and what to do, on one line.
fn told(error: &Error) -> String {
    std::iter::once(error.to_string()).chain(error.hints().iter().cloned()).collect::<Vec<_>>().join("; ")
}
