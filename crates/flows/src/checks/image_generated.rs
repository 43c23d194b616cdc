//! `image-generated`: a real workflow runs, and the image that comes out is the right one, pixel by pixel.

use std::path::Path;

use comfy_client::Credential;
use report::{CheckId, Finding, Sink, Unit};

use super::{Check, fail, pass, warn};
use crate::{generate, subject::Subject};

pub(crate) const ID: CheckId = CheckId("image-generated");
pub(super) const CHECK: Check =
    Check { id: CheckId("image-generated"), run: |subject| Box::pin(async { run_with(subject, None, &Sink::silent()).await }) };

pub(crate) async fn run_with(subject: &Subject<'_>, save_to: Option<&Path>, sink: &Sink) -> Finding {
    let id = ID;
    let credential = subject.token().map_or(Credential::None, |(token, _)| Subject::bearer(token));
    let client = match subject.client_with(credential) {
        Ok(client) => client,
        Err(failure) => return fail(id, failure.message),
    };
    match generate::image(&client, &subject.tag(), save_to, sink).await {
        Ok(made) => {
            let what = format!("LoadImage → ImageInvert → SaveImage, {} × {}, every pixel compared", made.width, made.height);
            let finding = match made.steps_seen {
                0 => warn(id, format!("{what}; but the WebSocket brought no word of it"))
                    .hint("a proxy before ComfyUI must pass `Upgrade` on; without the WebSocket there is no progress"),
                _ => pass(id, what),
            };
            finding
                .seen("prompt", made.prompt_id)
                .seen(made.saved.map_or(made.name, |path| subject.settings.shown(&path)), format!("{} bytes", made.bytes))
                .measure("submitted to fetched", made.took.as_secs_f64(), Unit::Seconds)
                .measure("nodes followed over the WebSocket", made.steps_seen as f64, Unit::Count)
        }
        Err(reason) => {
            fail(id, format!("no image came out: {reason}")).hint("read ComfyUI's own log; its queue is at `GET /queue`")
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::checks::test_project::{Project, finding, outcome};

    #[tokio::test]
    async fn with_the_token_an_image_comes_out_without_it_none() {
        let mut project = Project::new();
        project.save("pw");
        project.sync();
        let _server = project.serve().await;
        let made = finding("image-generated", &project).await;
        assert_eq!(made.outcome.name(), "pass", "{made:?}");
        assert!(made.summary.contains("192 × 128"));
        project.set_env("COMFYUI_API_TOKEN", "wrong");
        assert_eq!(outcome("image-generated", &project).await, "fail");
    }
}
