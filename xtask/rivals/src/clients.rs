//! The clients of the market, each used as its own documentation shows: one client for all jobs, a workflow in, bytes out.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comfy_client::{Config, Credential, Outcome as End, Workflow};
use comfyui_client::{ClientBuilder, meta};
use futures_util::StreamExt;
use futures_util::future::{join, ready};
use serde_json::Value;
use tokio::sync::Notify;

use crate::{Outcome, work};

/// Those that this program runs itself, by the names that the figures bear; the first is ours.
pub const NAMES: [&str; 5] =
    [OURS, "rucomfyui 1.1.1", "comfyui-client 0.4.0", "comfyui-rs 0.2.0, polling", "comfyui-rs 0.2.0, over the WebSocket"];
pub const OURS: &str = concat!("comfy-client ", "0.1.0");

pub enum Client {
    Ours(comfy_client::Client),
    Rucomfyui(rucomfyui::Client),
    ComfyuiClient(comfyui_client::ComfyUIClient, Arc<Seen>),
    ComfyuiRs { client: comfyui_rs::ComfyClient, socket: bool },
}

impl Client {
    /// The client of that name, for the server at `url`. Only ours can show a token.
    pub async fn open(name: &str, url: &str, token_file: Option<&Path>) -> Outcome<Self> {
        Ok(match NAMES.iter().position(|known| *known == name).ok_or("an unknown client")? {
            0 => {
                let client = ours(url, token_file)?;
                // Before the clock starts, as comfyui-client does when it is built.
                client.connect().await;
                Self::Ours(client)
            }
            1 => Self::Rucomfyui(rucomfyui::Client::new(url)),
            2 => {
                let (client, mut events) = ClientBuilder::new(format!("{url}/")).build().await?;
                let seen = Arc::new(Seen::default());
                let teller = seen.clone();
                tokio::spawn(async move {
                    while let Some(event) = events.next().await {
                        teller.hear(event);
                    }
                });
                Self::ComfyuiClient(client, seen)
            }
            at => {
                // Its documented way shares one id among all processes; its own id is what a careful user gives it.
                let client = comfyui_rs::ComfyClient::new(url).with_client_id(format!("bench-{}", std::process::id()));
                Self::ComfyuiRs { client, socket: at == 4 }
            }
        })
    }

    /// Runs a workflow of one picture, and brings the picture home; returns when its bytes were in hand. The end of the run is
    /// waited for in any case, before the bytes or after them.
    pub async fn picture(&self, workflow: Value) -> Outcome<(usize, u64)> {
        match self {
            Self::Ours(client) => {
                let job = client.submit(&Workflow::from_value(workflow)?).await?;
                // The picture is fetched as soon as it is told of, while the end is waited for; what was not told is in the end.
                let mut told = job.events().filter_map(|event| ready(event.outputs().into_iter().next()));
                let early = async {
                    let output = told.next().await?;
                    Some((client.view(&output.file).await, output, work::micros()))
                };
                let (early, end) = join(early, job.wait(Duration::from_secs(600))).await;
                let End::Succeeded(run) = end? else { return Err("no success".into()) };
                let output = run.outputs.first().ok_or("no picture")?;
                match early {
                    Some((Ok(bytes), early, at)) if early == *output => Ok((bytes.len(), at)),
                    _ => Ok((client.view(&output.file).await?.len(), work::micros())),
                }
            }
            Self::Rucomfyui(client) => {
                let workflow = rucomfyui::Workflow::from_json(&workflow.to_string())?;
                let outputs = client.execute(&workflow).await?.outputs().await?;
                let picture = outputs.values().flat_map(|output| &output.images).next();
                Ok((picture.ok_or("no picture")?.len(), work::micros()))
            }
            Self::ComfyuiClient(client, seen) => {
                let prompt_id = client.post_prompt(&workflow).await?.prompt_id;
                // As its example does: the picture is fetched when it is told, and then the end is waited for.
                let file = seen.picture(&prompt_id).await;
                let got = (client.get_view(&file).await?.len(), work::micros());
                seen.end(&prompt_id).await;
                Ok(got)
            }
            Self::ComfyuiRs { client, socket } => {
                let prompt_id = client.queue_prompt(&workflow).await?;
                let limit = Duration::from_secs(600);
                let ended = if *socket {
                    client.wait_for_completion_ws(&prompt_id, limit, |_| {}).await?
                } else {
                    client.wait_for_completion(&prompt_id, limit).await?
                };
                let comfyui_rs::GenerationOutcome::Completed { images } = ended else { return Err("no success".into()) };
                Ok((client.image(images.first().ok_or("no picture")?).await?.len(), work::micros()))
            }
        }
    }
}

/// Our client, with the token in that file if there is one.
pub fn ours(url: &str, token_file: Option<&Path>) -> Outcome<comfy_client::Client> {
    let mut config = Config::new(url)?;
    if let Some(file) = token_file {
        let text = std::fs::read_to_string(file)?;
        config = config.credential(Credential::Bearer(text.lines().next().unwrap_or_default().trim().into()));
    }
    Ok(comfy_client::Client::new(config)?)
}

/// What `comfyui-client`'s one stream of events told of each prompt: sorting it is left to its user.
#[derive(Default)]
pub struct Seen {
    prompts: Mutex<HashMap<String, (Option<meta::FileInfo>, bool)>>,
    news: Notify,
}

impl Seen {
    fn hear(&self, event: comfyui_client::ClientResult<meta::Event>) {
        let mut prompts = self.prompts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Ok(meta::Event::Comfy(meta::ComfyEvent::Executed { data })) => {
                let images = data.output.and_then(|output| output.images).unwrap_or_default();
                prompts.entry(data.prompt_id).or_default().0 = images.into_iter().next();
            }
            Ok(meta::Event::Comfy(meta::ComfyEvent::ExecutionSuccess { data })) => {
                prompts.entry(data.prompt_id).or_default().1 = true;
            }
            _ => return,
        }
        drop(prompts);
        self.news.notify_waiters();
    }

    async fn picture(&self, prompt_id: &str) -> meta::FileInfo {
        self.told(prompt_id, |(file, _)| file.clone()).await
    }

    async fn end(&self, prompt_id: &str) {
        self.told(prompt_id, |(_, over)| over.then_some(())).await;
    }

    async fn told<T>(&self, prompt_id: &str, what: impl Fn(&(Option<meta::FileInfo>, bool)) -> Option<T>) -> T {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let prompts = self.prompts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(prompt_id).cloned();
            if let Some(told) = prompts.as_ref().and_then(&what) {
                return told;
            }
            news.await;
        }
    }
}
