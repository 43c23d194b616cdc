//! Before anything is sent: the inputs are set, and the workflow is checked as the server would check it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use comfy_client::{Client, ObjectInfo, Seed, SeedSet, Workflow, WorkflowFile};
use futures_util::future::try_join_all;
use report::{Failure, FailureKind};

use crate::{
    comfy::workflow::{as_sent, assign, sow},
    connect::failure,
};

/// A workflow, and what is to be done to it before it is sent.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The server; it let us in.
    pub client: &'a Client,
    /// The workflow.
    pub file: WorkflowFile,
    /// What the user calls its file.
    pub shown: &'a Path,
    /// Inputs, as `--set` has them.
    pub set: &'a [String],
    /// The seeds; none to leave them.
    pub seed: Option<Seed>,
    /// Leave it to the server to judge.
    pub no_check: bool,
    /// Run what is left where the server would drop some of the outputs.
    pub allow_partial: bool,
    /// It is only checked.
    pub dry_run: bool,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// As it is sent.
    pub workflow: Workflow,
    /// Whether it was in UI format.
    pub converted: bool,
    /// The seeds that were set.
    pub seeds: Vec<SeedSet>,
    /// What may not be as it is meant.
    pub warnings: Vec<String>,
    /// Why it is not sent.
    pub refusal: Option<Failure>,
}

/// Sets the inputs, then the seeds, and checks the whole.
///
/// # Errors
/// A file that can't be converted, a flag that is wrong, a server that does not tell its node classes.
pub async fn prepare(draft: Draft<'_>) -> Result<Prepared, Failure> {
    let classes = classes(draft.client, &draft.file, draft.no_check).await?;
    let converted = draft.file.api().is_none();
    let mut workflow = as_sent(draft.file, classes.as_deref(), draft.shown)?;
    for one in draft.set {
        assign(&mut workflow, "--set ", one)?;
    }
    let seeds = sow(&mut workflow, draft.seed)?;
    let behind = workflow.ui_behind().iter();
    let behind = behind.map(|input| format!("`{input}` is set, but a picture opened in the editor will show it as it was"));
    let mut warnings: Vec<String> = behind.collect();
    // What the server would only drop is a warning where a part may run.
    let problems = classes.filter(|_| !draft.no_check).map(|classes| workflow.validate(&classes)).unwrap_or_default();
    let (errors, odd): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.is_error() && !draft.allow_partial);
    warnings.extend(odd.iter().map(ToString::to_string));
    let refusal = (!errors.is_empty()).then(|| {
        let message = format!("the server would refuse `{}`", draft.shown.display());
        let causes = errors.iter().map(ToString::to_string).collect();
        let hint = "if the server knows better (a node may judge its values itself), send it all the same with `--no-check`";
        let failure = Failure { causes, ..Failure::new(FailureKind::Declined, message) };
        if draft.dry_run { failure } else { failure.hint(hint) }
    });
    Ok(Prepared { workflow: workflow.allow_partial(draft.allow_partial), converted, seeds, warnings, refusal })
}

/// A workflow of no more classes asks for each of them: all together are megabytes where many packs are installed.
const FEW: usize = 12;

/// The node classes that convert and check the workflow; none where it is to be sent as it is.
async fn classes(client: &Client, file: &WorkflowFile, no_check: bool) -> Result<Option<Arc<ObjectInfo>>, Failure> {
    let all = async || client.object_info().await.map(Some).map_err(|error| failure(&error));
    let Some(workflow) = file.api() else { return all().await };
    if no_check {
        return Ok(None);
    }
    let named = workflow.nodes().values().filter_map(|node| node.get("class_type")?.as_str());
    let named: BTreeSet<&str> = named.collect();
    if named.len() <= FEW {
        let each = named.into_iter().map(async |name| {
            let class = client.object_info_class(name).await.map_err(|error| failure(&error))?;
            Ok::<_, Failure>(class.map(|class| (name.to_owned(), class)))
        });
        let found: Option<ObjectInfo> = try_join_all(each).await?.into_iter().collect();
        if let Some(found) = found {
            return Ok(Some(Arc::new(found)));
        }
    }
    // Where one is not there, all of them tell which was meant.
    all().await
}
