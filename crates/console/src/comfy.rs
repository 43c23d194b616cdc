//! What `genai-comfy` says of a server: for people as text and tables, for programs as JSON.

use comfy_table::{ContentArrangement, Table, presets};

use crate::{
    ExitCode, Format, Screen,
    harmless::harmless,
    json::{
        self,
        comfy_v1::{Answer, Document, Node, Past, Status},
    },
    style::{FAINT, HEADING},
};

impl Screen {
    /// Prints the answer in the format that the flags ask for. Returns the exit code that this stands for.
    pub fn answer(&self, document: Document) -> ExitCode {
        self.document(&match self.format() {
            Format::Json => json::pretty(&Answer { version: 1, document }),
            _ => text(&document),
        })
    }
}

fn text(document: &Document) -> String {
    match document {
        Document::Status(status) => self::status(status),
        Document::Queue { running, pending } if running.is_empty() && pending.is_empty() => {
            "Nothing runs and nothing waits.\n".to_owned()
        }
        Document::Queue { running, pending } => {
            let state = running.iter().map(|item| ("runs".to_owned(), item));
            let rows = state.chain(pending.iter().enumerate().map(|(nth, item)| (format!("waits {}", nth + 1), item)));
            table(
                ["", "prompt", "nodes", "number"],
                rows.map(|(state, item)| [state, item.prompt_id.clone(), item.nodes.to_string(), item.number.to_string()]),
            )
        }
        Document::History { runs } if runs.is_empty() => "The server remembers no run.\n".to_owned(),
        Document::History { runs } if runs.len() == 1 => past(&runs[0]),
        Document::History { runs } => table(
            ["prompt", "ended", "took", "files"],
            runs.iter().map(|run| [run.prompt_id.clone(), run.ending.clone(), seconds(run.ran_seconds), files(&run.files)]),
        ),
        Document::Cancelled { prompts } => {
            let words = |done: &str| match done {
                "taken-out" => "taken out of the queue",
                "interrupted" => "interrupted while it ran",
                _ => "neither waits nor runs: nothing was done",
            };
            prompts.iter().map(|one| format!("{}  {}\n", harmless(&one.prompt_id), words(&one.done))).collect()
        }
        Document::Nodes { classes } if classes.is_empty() => "The server has no such node class.\n".to_owned(),
        Document::Nodes { classes } => table(
            ["class", "title", "category"],
            classes.iter().map(|class| [class.name.clone(), class.title.clone(), class.category.clone()]),
        ),
        Document::Node(node) => self::node(node),
        Document::ModelFolders { folders } => lines(folders),
        Document::Models { folder, models } if models.is_empty() => format!("There is no model in `{}`.\n", harmless(folder)),
        Document::Models { models, .. } => lines(models),
        Document::Uploaded { files } => table(
            ["file", "name for the workflow", "size", ""],
            files.iter().map(|one| {
                let sent = if one.sent { "sent" } else { "was there" };
                [one.path.clone(), one.name.clone(), bytes(one.bytes), sent.to_owned()]
            }),
        ),
        Document::Downloaded { files } => files.iter().map(|file| format!("{}\n", harmless(&file.path))).collect(),
        Document::Done { what } => format!("{}\n", harmless(what)),
    }
}

fn status(status: &Status) -> String {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let memory = |free: Option<u64>, total: Option<u64>| match (free, total) {
        (Some(free), Some(total)) if total > 0 => format!("{} of {} free", bytes(free), bytes(total)),
        _ => "not known".to_owned(),
    };
    // Python says more of itself than its number.
    let python = said(&status.python_version);
    let mut rows = vec![
        ["server".to_owned(), status.url.clone()],
        ["ComfyUI".to_owned(), said(&status.comfyui_version)],
        ["Python".to_owned(), python.split(' ').next().unwrap_or_default().to_owned()],
        ["PyTorch".to_owned(), said(&status.pytorch_version)],
        ["system".to_owned(), said(&status.os)],
        ["memory".to_owned(), memory(status.ram_free, status.ram_total)],
    ];
    rows.extend(status.devices.iter().map(|device| {
        ["device".to_owned(), format!("{} ({}), {}", device.name, device.kind, memory(device.vram_free, device.vram_total))]
    }));
    rows.push(["queue".to_owned(), format!("{} running, {} waiting", status.running, status.pending)]);
    rows.extend(status.max_upload_size.map(|size| ["upload".to_owned(), format!("{} at most", bytes(size))]));
    pairs(rows)
}

fn past(run: &Past) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#} {}\n", harmless(&run.prompt_id), harmless(&run.words));
    if run.ran_seconds.is_some() {
        text.push_str(&format!("  {FAINT}ran for {}{FAINT:#}\n", seconds(run.ran_seconds)));
    }
    for line in run.files.iter().chain(&run.texts) {
        text.push_str(&format!("  {}\n", harmless(line)));
    }
    text
}

fn node(node: &Node) -> String {
    let mut text = format!("{HEADING}{}{HEADING:#} {}\n", harmless(&node.name), harmless(&node.title));
    let end = if node.output_node { "; a workflow may end in it" } else { "" };
    text.push_str(&format!("  {FAINT}{}, from {}{end}{FAINT:#}\n\n", harmless(&node.category), harmless(&node.python_module)));
    let inputs = node.inputs.iter().map(|input| {
        let need = if input.required { "" } else { "optional" };
        [input.name.clone(), input.kind.clone(), need.to_owned(), settings(input)]
    });
    text.push_str(&table(["input", "type", "", "values"], inputs));
    if !node.outputs.is_empty() {
        text.push('\n');
        let outputs = node.outputs.iter().enumerate();
        text.push_str(&table(
            ["slot", "output", "type"],
            outputs.map(|(slot, one)| [slot.to_string(), one.name.clone(), one.kind.clone()]),
        ));
    }
    text
}

/// The choices, the first of them if there are many; else default and limits.
fn settings(input: &json::comfy_v1::Input) -> String {
    const SHOWN: usize = 8;
    let value = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(choices) = &input.choices {
        let shown: Vec<_> = choices.iter().take(SHOWN).map(value).collect();
        let more = choices.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" … and {more} more") } else { String::new() };
        return format!("{}{more}", shown.join(", "));
    }
    let known = ["default", "min", "max"].into_iter().filter_map(|key| Some((key, input.options.get(key)?)));
    known.map(|(key, given)| format!("{key} {}", value(given))).collect::<Vec<_>>().join(", ")
}

fn files(files: &[String]) -> String {
    match files {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

fn lines(names: &[String]) -> String {
    names.iter().map(|name| format!("{}\n", harmless(name))).collect()
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, time)
}

/// A time as people read it.
pub(crate) fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

/// A size as people read it.
pub(crate) fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut scaled = size as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while scaled >= 1024.0 && units.len() > 0 {
        scaled /= 1024.0;
        unit = units.next();
    }
    format!("{scaled:.1} {}", unit.copied().unwrap_or_default())
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Rows under a header; text from elsewhere is made harmless.
fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = plain();
    table.set_header(header);
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell).into_owned()));
    }
    trimmed(&table)
}

fn pairs(rows: Vec<[String; 2]>) -> String {
    let mut table = plain();
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell).into_owned()));
    }
    trimmed(&table)
}

/// Without the blanks that fill up the last column.
fn trimmed(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
