//! `genai-stack status`

use console::{ExitCode, Screen};
use docker_ops::{Endpoint, Engine};
use report::{Failure, FailureKind};

/// Which engine answers.
pub(crate) async fn run(screen: &Screen) -> ExitCode {
    match Engine::connect(&Endpoint::Unix("/var/run/docker.sock".into())).await {
        Ok(engine) => {
            screen.say(&format!("engine {} speaks {}", engine.endpoint(), engine.negotiated().used));
            ExitCode::Well
        }
        Err(error) => screen.fail(&Failure::new(FailureKind::Unreachable, error.to_string())),
    }
}
