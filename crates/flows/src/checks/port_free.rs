//! `port-free`: nobody else listens where the container's port is to be.

use std::net::SocketAddr;

use docker_ops::PortFact;
use report::{CheckId, Finding};

use super::{fail, pass, skipped};

pub(super) const ID: CheckId = CheckId("port-free");

/// Judges what was seen of each address. Those of a container of the project that runs already are not among them.
pub(crate) fn judge(seen: &[(SocketAddr, PortFact)]) -> Finding {
    let taken: Vec<String> =
        seen.iter().filter(|(_, fact)| *fact == PortFact::Taken).map(|(address, _)| format!("`{address}`")).collect();
    let unknown = seen.iter().find_map(|(_, fact)| match fact {
        PortFact::Unknown(because) => Some(because),
        _ => None,
    });
    match (taken.is_empty(), unknown) {
        (false, _) => {
            let port = seen.iter().find(|(_, fact)| *fact == PortFact::Taken).map_or(0, |(address, _)| address.port());
            fail(ID, format!("somebody else listens at {}", taken.join(", ")))
                .hint(format!("see who it is: `sudo ss --listening --tcp --processes 'sport = :{port}'`"))
                .hint("stop it, or choose another `port` in `[stack]` of genai.toml")
        }
        (true, Some(because)) => skipped(ID, "the ports were not tried", because),
        (true, None) => pass(ID, "nobody else listens there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_taken_decides() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let far = || PortFact::Unknown("far away".into());
        assert_eq!(judge(&[]).outcome.name(), "pass");
        assert_eq!(judge(&[(at(1), PortFact::Free)]).outcome.name(), "pass");
        assert_eq!(judge(&[(at(1), PortFact::Free), (at(2), far())]).outcome.name(), "skipped");
        let taken = judge(&[(at(1), far()), (at(8188), PortFact::Taken)]);
        assert_eq!(taken.summary, "somebody else listens at `127.0.0.1:8188`");
        assert!(taken.hints[0].contains("sport = :8188"), "{:?}", taken.hints);
    }
}
