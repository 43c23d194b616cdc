//! The one list of what may differ from the real server. Only ids, times and memory figures are left out of the
//! comparison without a line here.

/// A difference that is known, and why it stays.
pub(crate) struct Allowed {
    /// A scenario's name, what is asked (its method and the path without its query), or both with a blank between; a path
    /// that ends in `*` stands for all that begin so. Empty for all.
    at: &'static str,
    part: Part,
    /// Why it is so.
    #[expect(dead_code, reason = "it is for the reader")]
    why: &'static str,
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part {
    All,
    Status,
    Headers,
    Header(&'static str),
    Body,
    Frames,
    /// The order of the list of this key, of a text's lines, or, without a key, of the body itself.
    Order(&'static str),
    /// The value of this key but for what can be told without Python.
    Key(&'static str),
    /// Texts that start so.
    Text(&'static str),
    /// The file of a picture, not its kind, size and pixels.
    File,
    /// The pixels of a picture in a binary frame that is encoded with a loss.
    Pixels,
    /// The same of one in an answer, but for its mean colour, about.
    Shades,
    /// The folder that the server works in.
    Folder,
}

const fn entry(at: &'static str, part: Part, why: &'static str) -> Allowed {
    Allowed { at, part, why }
}

const SET: &str = "a set in Python: its order is drawn anew in every process";
const LISTED: &str = "the order in which the file system holds the files";

const ALLOWED: &[Allowed] = &[
    entry("", Part::Header("server"), "it names itself"),
    entry("", Part::Folder, "each works in a folder of its own"),
    entry("", Part::Key("traceback"), "it has the calls of execution.py, without the code of their lines and what they call"),
    entry("", Part::Text("tensor("), "torch shows a tensor's numbers, this server its shape"),
    entry("", Part::Order("current_outputs"), SET),
    entry("", Part::Order("executed"), SET),
    entry("", Part::Order("errors"), SET),
    entry("", Part::Order("details"), SET),
    entry("", Part::Order("dependent_outputs"), SET),
    entry("", Part::Order("prompt"), SET),
    entry("GET /userdata", Part::Order(""), LISTED),
    entry("GET /api/userdata", Part::Order(""), LISTED),
    entry("GET /experiment/models/*", Part::Order(""), LISTED),
    entry("ws", Part::Pixels, "a JPEG there is the preview of a simulated sampler, its own picture"),
    entry("made-pictures GET /view", Part::File, "its encoders make other files of the same pixels"),
    entry("made-pictures GET /view", Part::Shades, "its JPEG loses something else, and its WebP nothing"),
    entry("made-pictures GET /view", Part::Header("etag"), "the size of such a file"),
    entry("made-pictures GET /experiment/models/preview/*", Part::File, "the same of a model's picture"),
    entry("made-pictures GET /experiment/models/preview/*", Part::Shades, "the same"),
    entry("GET /system_stats", Part::Body, "it says that it is comfy-sim, and has no Python, torch or memory"),
    entry("GET /api/system_stats", Part::Body, "the same"),
    entry("HEAD /system_stats", Part::Headers, "the same, shorter"),
    entry("GET /login", Part::Body, "the login page is its own"),
    entry("HEAD /login", Part::Headers, "the same, shorter"),
    entry("plugin-files GET /old_css/style.css", Part::Body, "the plugin's style sheet has another one in its place"),
    entry("plugin-files GET /old_css/style.css", Part::Header("etag"), "the same, shorter"),
    entry("plugin-files HEAD /old_css/style.css", Part::Headers, "the same"),
    entry("front-page", Part::Body, "it has no front end, and a page of its own in its place"),
    entry("front-page", Part::Header("etag"), "the same, shorter"),
    entry("GET /extensions", Part::Body, "no front end, no scripts"),
    entry("GET /internal/logs", Part::Body, "it says less, and never a token"),
    entry("GET /internal/logs/raw", Part::Body, "the same"),
    entry("HEAD /experiment/models", Part::Headers, "the length of its folder's name"),
    entry("GET /models/custom_nodes", Part::Body, "its login is no node pack with files"),
    entry("deflate", Part::Headers, "it takes no offer to compress WebSocket messages"),
    entry("outside-of-input", Part::All, "no node reads outside of its folder, where LoadImage can"),
    entry("queue-and-interrupt ws", Part::Frames, "it loads no model, so the interruption finds the sampler"),
    entry("queue-and-interrupt GET /history", Part::Body, "the same"),
    entry("queue-and-interrupt GET /history/*", Part::Body, "the same"),
];

/// Whether a part may differ here; a place is a scenario's name, a blank, and what is asked.
pub(crate) fn is_allowed(place: &str, part: Part) -> bool {
    let (scenario, request) = place.split_once(' ').unwrap_or((place, ""));
    let path = request.split_once('?').map_or(request, |(path, _)| path);
    let is_asked = |at: &str| at.strip_suffix('*').map_or(path == at, |start| path.starts_with(start));
    let is_both = |at: &str| at.split_once(' ').is_some_and(|(of, asked)| of == scenario && is_asked(asked));
    let is_here = |at: &str| at.is_empty() || at == scenario || is_asked(at) || is_both(at);
    ALLOWED.iter().any(|a| (a.part == part || a.part == Part::All) && is_here(a.at))
}
