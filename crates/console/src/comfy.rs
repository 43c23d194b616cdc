//! What `genai-comfy` says of a server: for people as text and tables, for programs as JSON.

use comfy_table::{ContentArrangement, Table, presets};
use report::{Failure, Outcome};

use crate::{
    ExitCode, Format, Screen,
    harmless::harmless,
    json::{
        self,
        comfy_v1::{Answer, Document, Done, Node, Past, Status, WorkflowProblem},
    },
    style::{self, FAINT, HEADING},
};

impl Screen {
    /// Prints the answer in the format that the flags ask for. Returns the exit code that this stands for.
    pub fn answer(&self, document: Document) -> ExitCode {
        self.answer_with(document, &[])
    }

    /// The same where some of several came to nothing: the document names them, people are told on standard error. Returns the highest of
    /// their exit codes.
    pub fn answer_with(&self, document: Document, failures: &[Failure]) -> ExitCode {
        let answered = self.document(&match self.format() {
            Format::Json => json::pretty(&Answer { version: 1, document }),
            _ => text(&document),
        });
        let codes = failures.iter().map(|failure| match self.format() {
            Format::Json => ExitCode::for_kind(failure.kind),
            _ => self.fail(failure),
        });
        codes.fold(answered, |worst, code| if code as u8 > worst as u8 { code } else { worst })
    }

    /// Says why the command came to nothing, to people on standard error, to programs as a document on one line. Returns the exit code.
    pub fn answer_failed(&self, failure: &Failure) -> ExitCode {
        if self.format() != Format::Json {
            return self.fail(failure);
        }
        let code = ExitCode::for_kind(failure.kind);
        let document = Document::Failed { exit_code: code as u8, error: failure.into() };
        self.document(&json::line(&Answer { version: 1, document }));
        code
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
            runs.iter()
                .map(|run| [run.prompt_id.clone(), run.ending.word().to_owned(), seconds(run.ran_seconds), files(&run.files)]),
        ),
        Document::Cancelled { prompts, .. } => {
            let words = |done: Done| match done {
                Done::TakenOut => "taken out of the queue",
                Done::Interrupted => "interrupted while it ran",
                Done::Nothing => "neither waits nor runs: nothing was done",
            };
            prompts.iter().map(|one| format!("{}  {}\n", harmless(&one.prompt_id), words(one.done))).collect()
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
        Document::Uploaded { files, .. } if files.is_empty() => String::new(),
        Document::Uploaded { files, .. } => table(
            ["file", "name for the workflow", "size", ""],
            files.iter().map(|one| {
                let sent = if one.sent { "sent" } else { "was there" };
                [one.path.clone(), one.name.clone(), bytes(one.bytes), sent.to_owned()]
            }),
        ),
        Document::Downloaded { files, .. } => files.iter().map(|file| format!("{}\n", harmless(&file.path))).collect(),
        Document::Workflow { nodes } => table(
            ["node", "class", "title"],
            nodes.iter().map(|node| [node.id.clone(), node.class.clone(), node.title.clone().unwrap_or_default()]),
        ),
        Document::Checked { workflow, nodes, with_classes, problems } => checked(workflow, *nodes, *with_classes, problems),
        Document::Saved { path, changed: false, .. } => format!("{} is as it was\n", harmless(path)),
        Document::Saved { path, backup, seeds, .. } => {
            let seeds = seeds.iter().map(|set| format!("`{}.{}` is {}\n", harmless(&set.node), harmless(&set.input), set.value));
            let backup =
                backup.as_ref().map(|backup| format!("; what it was before is {}", harmless(backup))).unwrap_or_default();
            format!("{}wrote {}{backup}\n", seeds.collect::<String>(), harmless(path))
        }
        Document::Failed { error, .. } => format!("{}\n", harmless(&error.message)),
        Document::Done { what } => format!("{}\n", harmless(what)),
    }
}

fn checked(workflow: &str, nodes: usize, with_classes: bool, problems: &[WorkflowProblem]) -> String {
    let errors = problems.iter().filter(|problem| problem.error).count();
    let (fail, warn) = (style::of(&Outcome::Fail), style::of(&Outcome::Warn));
    let line = |problem: &WorkflowProblem| {
        let (sign, color) = if problem.error { fail } else { warn };
        format!("{color}{sign}{color:#} {}\n", harmless(&problem.message))
    };
    let what = if with_classes { "checked as the server would" } else { "the graph alone was checked" };
    let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let found = match (errors, problems.len() - errors) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, odd) => many(odd, "warning"),
        (errors, 0) => many(errors, "error"),
        (errors, odd) => format!("{}, {}", many(errors, "error"), many(odd, "warning")),
    };
    let told: String = problems.iter().map(line).collect();
    format!("{told}{}: {}, {what}: {found}\n", harmless(workflow), many(nodes, "node"))
}

fn status(status: &Status) -> String {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
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
    let title = if node.title == node.name { String::new() } else { format!(" {}", harmless(&node.title)) };
    let mut text = format!("{HEADING}{}{HEADING:#}{title}\n", harmless(&node.name));
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
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::comfy_v1::{Cancelled, Class, Device, Ending, Failed, File, Input, Output, Queued, Uploaded};

    fn status() -> Status {
        let device =
            Device { name: "cuda:0 RTX".into(), kind: "cuda".into(), vram_total: Some(24 << 30), vram_free: Some(20 << 30) };
        Status {
            url: "http://127.0.0.1:8188".into(),
            comfyui_version: Some("0.3.64".into()),
            python_version: Some("3.12.3 (main) [GCC]".into()),
            pytorch_version: None,
            os: Some("posix".into()),
            ram_total: Some(64 << 30),
            ram_free: Some(1536 << 20),
            devices: vec![device],
            running: 1,
            pending: 2,
            max_upload_size: Some(100 << 20),
        }
    }

    fn samples() -> Vec<Document> {
        let queued = |id: &str, number| Queued { prompt_id: id.into(), number, nodes: 7 };
        let past = |id: &str, files: &[&str]| Past {
            prompt_id: id.into(),
            ending: Ending::Succeeded,
            words: "succeeded with 1 file".into(),
            ran_seconds: Some(0.25),
            files: files.iter().map(ToString::to_string).collect(),
            texts: vec!["a text\u{1b}[2J".into()],
        };
        let input =
            |name: &str, choices, options| Input { name: name.into(), kind: "INT".into(), required: false, choices, options };
        let node = Node {
            name: "KSampler".into(),
            title: "KSampler".into(),
            category: "sampling".into(),
            python_module: "nodes".into(),
            output_node: true,
            inputs: vec![
                input("steps", None, json!({"default": 20, "min": 1, "max": 10000})),
                input("name", Some((0..10).map(|nth| json!(format!("n{nth}"))).collect()), json!({})),
            ],
            outputs: vec![Output { name: "LATENT".into(), kind: "LATENT".into() }],
        };
        let cancelled = |done| Cancelled { prompt_id: "p".into(), done };
        let stopped = || (&Failure::new(report::FailureKind::Refused, "no").hint("ask")).into();
        let failed = || vec![Failed { item: "output/dog.png".into(), error: stopped() }];
        let (path, sha256) = ("cat.png".to_owned(), "00".to_owned());
        let uploaded = Uploaded {
            path: path.clone(),
            file: "input/1f.png".into(),
            name: "1f.png".into(),
            bytes: 1000,
            sha256: sha256.clone(),
            sent: true,
        };
        vec![
            Document::Status(status()),
            Document::Queue { running: vec![queued("r", 3.0)], pending: vec![queued("a", -7.5)] },
            Document::Queue { running: vec![], pending: vec![] },
            Document::History { runs: vec![past("a", &["output/1.png", "output/2.png"]), past("b", &[])] },
            Document::History { runs: vec![past("a", &["output/1.png"])] },
            Document::History { runs: vec![] },
            Document::Cancelled {
                prompts: [Done::TakenOut, Done::Interrupted, Done::Nothing].map(cancelled).into(),
                failed: failed(),
            },
            Document::Nodes { classes: vec![Class { name: "A".into(), title: "The A".into(), category: "c/d".into() }] },
            Document::Nodes { classes: vec![] },
            Document::Node(node),
            Document::ModelFolders { folders: vec!["vae".into()] },
            Document::Models { folder: "vae".into(), models: vec!["x.pt".into()] },
            Document::Models { folder: "vae".into(), models: vec![] },
            Document::Uploaded { files: vec![uploaded], failed: failed() },
            Document::Downloaded {
                files: vec![File { path, file: "output/cat.png".into(), bytes: 1, sha256 }],
                failed: failed(),
            },
            Document::Failed { exit_code: 6, error: stopped() },
            Document::Done { what: "Nothing waits any more.".into() },
        ]
    }

    #[test]
    fn as_a_person_sees_it() {
        let text = samples().iter().map(text).collect::<Vec<_>>().join("──\n");
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r#"
         server   http://127.0.0.1:8188
         ComfyUI  0.3.64
         Python   3.12.3
         PyTorch  not known
         system   posix
         memory   1.5 GiB of 64.0 GiB free
         device   cuda:0 RTX (cuda), 20.0 GiB of 24.0 GiB free
         queue    1 running, 2 waiting
         upload   100.0 MiB at most
        ──
                  prompt  nodes  number
         runs     r       7      3
         waits 1  a       7      -7.5
        ──
        Nothing runs and nothing waits.
        ──
         prompt  ended      took    files
         a       succeeded  250 ms  output/1.png and 1 more
         b       succeeded  250 ms
        ──
        a succeeded with 1 file
          ran for 250 ms
          output/1.png
          a text\u{1b}[2J
        ──
        The server remembers no run.
        ──
        p  taken out of the queue
        p  interrupted while it ran
        p  neither waits nor runs: nothing was done
        ──
         class  title  category
         A      The A  c/d
        ──
        The server has no such node class.
        ──
        KSampler
          sampling, from nodes; a workflow may end in it

         input  type            values
         steps  INT   optional  default 20, min 1, max 10000
         name   INT   optional  n0, n1, n2, n3, n4, n5, n6, n7 … and 2 more

         slot  output  type
         0     LATENT  LATENT
        ──
        vae
        ──
        x.pt
        ──
        There is no model in `vae`.
        ──
         file     name for the workflow  size
         cat.png  1f.png                 1000 B  sent
        ──
        cat.png
        ──
        no
        ──
        Nothing waits any more.
        "#);
    }

    #[test]
    fn the_published_schema_holds_every_document() {
        for document in samples() {
            let line = json::line(&Answer { version: 1, document });
            assert!(json::tests::fits("comfy-v1.json", &line), "{line}");
            assert!(!json::tests::fits("comfy-v1.json", &line.replace("\"document\"", "\"documnt\"")), "{line}");
        }
    }

    #[test]
    fn sizes_and_times_are_read_at_a_glance() {
        let sizes = [0, 1023, 1024, 1536 << 10, 5 << 40, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 TiB", "16777216.0 TiB"]);
        assert_eq!([0.0, 0.0126, 1.0, 61.25].map(time), ["0 ms", "13 ms", "1.0 s", "61.2 s"]);
    }
}
