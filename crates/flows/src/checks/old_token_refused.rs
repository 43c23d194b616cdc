//! `old-token-refused`: after a rotation and a restart the token from before opens nothing.

use auth_core::LoginToken;
use comfy_client::{Answer, Error, Probe};
use report::{CheckId, Finding};

use super::{fail, pass, unknown, with_answers};
use crate::{answers, subject::Subject};

pub(crate) const ID: CheckId = CheckId("old-token-refused");

pub(crate) async fn run_with(subject: &Subject<'_>, old: &LoginToken) -> Finding {
    let by_header = subject.client.probe(&Probe::get("/queue").credential(Subject::bearer(old))).await;
    let socket = subject.client.probe_socket(&Subject::bearer(old)).await;
    judge([("GET /queue with the old token", by_header), ("/ws with the old token", socket)])
}

fn judge(seen: [(&str, Result<Answer, Error>); 2]) -> Finding {
    let lost = seen.iter().find_map(|(_, answer)| answer.as_ref().err());
    let accepted = seen.iter().any(|(_, answer)| answer.as_ref().is_ok_and(|answer| !answers::is_refusal(answer)));
    let finding = match lost {
        _ if accepted => fail(ID, "the token from before the rotation still works")
            .hint("restart ComfyUI: the plugin reads its PASSWORD once, at its start"),
        Some(error) => unknown(ID, "the request got no answer", answers::chain(error)),
        None => pass(ID, "the token from before the rotation is refused"),
    };
    with_answers(finding, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::tests::answer;

    #[test]
    fn both_doors_must_refuse() {
        let of = |http, socket| judge([("a", Ok(answer(http, None))), ("b", Ok(answer(socket, None)))]).outcome;
        assert_eq!(of(401, 401).name(), "pass");
        assert_eq!(of(200, 401).name(), "fail");
        assert_eq!(of(401, 101).name(), "fail");
    }
}
