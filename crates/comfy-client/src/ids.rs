//! Random ids: of prompts, of this client, of temporary files.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};

/// Where 16 random bytes come from.
#[derive(Clone, Default)]
pub(crate) enum Ids {
    #[default]
    System,
    Given(Arc<dyn Fn() -> [u8; 16] + Send + Sync>),
}

impl Ids {
    pub(crate) fn draw(&self) -> Result<[u8; 16], Error> {
        match self {
            Self::System => system(),
            Self::Given(source) => Ok(source()),
        }
    }

    /// A canonical lowercase UUID (version 4): the only shape of a prompt id that newer servers take.
    pub(crate) fn prompt_id(&self) -> Result<String, Error> {
        Ok(uuid(self.draw()?).hyphenated().to_string())
    }

    /// The same without hyphens: a client id, which nobody reads.
    pub(crate) fn client_id(&self) -> Result<String, Error> {
        Ok(uuid(self.draw()?).simple().to_string())
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Given(_) => "Given",
        })
    }
}

fn uuid(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one door to the system's randomness: an id that another client could guess would let it take our events"
)]
fn system() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|cause| Error::new(ErrorKind::Io, "the system gave no random bytes").because(cause))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_id_is_a_canonical_lowercase_uuid_of_version_4() {
        let ids = Ids::Given(Arc::new(|| [0xAB; 16]));
        assert_eq!(ids.prompt_id().unwrap(), "abababab-abab-4bab-abab-abababababab");
        assert_eq!(ids.client_id().unwrap(), "abababababab4bababababababababab");
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        assert_ne!(Ids::System.prompt_id().unwrap(), Ids::System.prompt_id().unwrap());
    }
}
