//! The words for what can go wrong: the same in Rust and in a scenario file.

use serde::Deserialize;

use super::route::Route;

/// Something that goes wrong with real servers. Each has *occasions*, on which [`Planned`] counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// A request of this route is refused before anything looks at it, not even the login. Occasion: such a request.
    Refuse {
        /// Which requests.
        route: Route,
        /// With what.
        status: Refusal,
    },
    /// A request of this route is acted on, and its answer is kept back for a while. Occasion: such a request.
    Delay {
        /// Which requests.
        route: Route,
        /// For how long.
        millis: u64,
    },
    /// The connection of a request of this route is closed; nothing was done. Occasion: such a request.
    LoseRequest {
        /// Which requests.
        route: Route,
    },
    /// A request of this route is acted on, then its connection is closed without an answer: the client can't know
    /// whether its prompt was taken. Occasion: such a request.
    LoseAnswer {
        /// Which requests.
        route: Route,
    },
    /// A request of this route is answered, and the connection closed in the middle of the answer's body, which is shorter
    /// then than its `Content-Length` says. Occasion: such a request whose answer has a longer body.
    CutBody {
        /// Which requests.
        route: Route,
        /// How many bytes of the body go out.
        after_bytes: u64,
    },
    /// The last of several output nodes fails its validation: the answer is 200 with `node_errors`, and the rest runs.
    /// Occasion: a valid prompt with several output nodes.
    PartialPrompt,
    /// An output node gets an `ExecutionBlocker`: an `execution_error` that ends nothing and that the history does not
    /// keep. Occasion: an output node that is about to run.
    Blocked {
        /// The blocker's message.
        message: String,
    },
    /// The history shows a prompt only a while after its `execution_success`, as real servers do for up to 7 ms, and
    /// longer when they unload models. Occasion: a prompt that ends.
    HistoryLag {
        /// For how long.
        millis: u64,
    },
    /// The worker dies of a prompt: it stays in the queue as running for ever, and so does all that waits. The end of the
    /// fault, or a restart, brings a worker back. Occasion: a prompt that is about to run.
    DeadWorker,
    /// The server is killed and started anew: connections are cut, queue and history are lost, files and the password
    /// remain. Occasion: a prompt that is about to run. [`Server::restart`](crate::Server::restart) does it at once.
    Restart {
        /// How long the port refuses connections; with 0 it never does.
        down_millis: u64,
    },
    /// A socket's connection is cut, without a closing frame. Occasion: a frame for a socket that had that many.
    CutSocket {
        /// How many frames the socket gets before.
        after_frames: u64,
    },
    /// A socket stays open and answers pings, and never gets another frame. This is what becomes of the second socket of
    /// a client id once the first ends; that happens here without any fault, as it does in ComfyUI (issue 16010).
    /// Occasion: a frame for a socket that had that many.
    DeafSocket {
        /// How many frames the socket gets before.
        after_frames: u64,
    },
    /// Frames go out one after the other, whoever they are for, as in the real server: a client that stops reading
    /// holds up all others until its socket is closed, here once 64 MiB wait for it. Occasion: a frame.
    SharedDelivery,
    /// JSON and text are compressed for clients that take it, as with `--enable-compress-response-body`; like there, a
    /// client that takes `gzip, deflate` gets deflate. Occasion: such an answer.
    Compress,
    /// `/view` finds a file of this name in `output`, as long as wished, on a few blocks of the disk: zeros, and at every
    /// multiple of 16 MiB that offset as eight bytes in big-endian order. It is made when it is first asked for, and
    /// stays. Occasion: a request for it.
    SparseFile {
        /// The file's name, without folder.
        filename: String,
        /// Its length.
        bytes: u64,
    },
    /// `/system_stats` tells of a card whose free memory gets less with every answer, down to nothing. Occasion: such an
    /// answer.
    FallingVram {
        /// The card's memory in bytes.
        total: u64,
        /// What is free of it at first.
        free: u64,
        /// How much less it is each time.
        step: u64,
    },
}

impl Fault {
    /// The fault for the next `count` occasions; then it is gone.
    pub fn times(self, count: u32) -> Planned {
        Planned::from(self).times(count)
    }

    /// The fault from the occasion after the next `count`.
    pub fn after(self, count: u32) -> Planned {
        Planned::from(self).after(count)
    }
}

/// A [`Fault`] and when it happens: on every occasion, unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[must_use]
pub struct Planned {
    pub(super) fault: Fault,
    /// How many occasions go well before it.
    #[serde(default)]
    pub(super) after: u32,
    /// On how many occasions it happens; on all if this is left out.
    #[serde(default)]
    pub(super) times: Option<u32>,
}

impl Planned {
    /// Ends the fault after it happened on `count` occasions.
    pub fn times(self, count: u32) -> Self {
        Self { times: Some(count), ..self }
    }

    /// Lets `count` occasions go well first.
    pub fn after(self, count: u32) -> Self {
        Self { after: count, ..self }
    }
}

impl From<Fault> for Planned {
    fn from(fault: Fault) -> Self {
        Self { fault, after: 0, times: None }
    }
}

/// How a request is refused: the answers of ComfyUI, of ComfyUI-Login, and of the proxies before them. In a scenario it is
/// the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub enum Refusal {
    /// 302 to `/login`, as for a browser that is not logged in.
    LoginPage,
    /// 401, as for a program without the token.
    Unauthorized,
    /// 403 without a body, as for a page of another origin.
    Forbidden,
    /// 413, as for a body over 100 MB.
    TooLarge,
    /// 429, as of a proxy that counts.
    TooManyRequests,
    /// 500, as after any exception.
    Broken,
    /// 502, as of a proxy that can't reach the server.
    BadGateway,
    /// 503, as of a proxy whose server starts.
    Unavailable,
    /// 504, as of a proxy that waited too long.
    GatewayTimeout,
}

impl Refusal {
    const ALL: [(u16, Self); 9] = [
        (302, Self::LoginPage),
        (401, Self::Unauthorized),
        (403, Self::Forbidden),
        (413, Self::TooLarge),
        (429, Self::TooManyRequests),
        (500, Self::Broken),
        (502, Self::BadGateway),
        (503, Self::Unavailable),
        (504, Self::GatewayTimeout),
    ];

    /// The status code.
    #[must_use]
    pub fn code(self) -> u16 {
        Self::ALL.iter().find(|(_, refusal)| *refusal == self).map_or(500, |(code, _)| *code)
    }
}

impl TryFrom<u16> for Refusal {
    type Error = String;

    fn try_from(code: u16) -> Result<Self, String> {
        let known = || Self::ALL.map(|(code, _)| code.to_string()).join(", ");
        let found = Self::ALL.iter().find(|(known, _)| *known == code);
        found.map(|(_, refusal)| *refusal).ok_or_else(|| format!("`{code}` is none of {}", known()))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Refusal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Refusal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "How a request is refused, by status code.",
            "enum": Self::ALL.map(|(code, _)| code),
        })
    }
}
