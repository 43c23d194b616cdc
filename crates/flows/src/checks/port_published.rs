//! `port-published`: the host's port leads into the container, and from this machine only.

use docker_ops::autopsy::{PortFacts, StartFault};
use report::{CheckId, Finding};

use super::{fail, pass, skipped, warn};
use crate::doctor::{Patient, cause};

pub(crate) const ID: CheckId = CheckId("port-published");

pub(crate) fn judge(patient: &Patient<'_>) -> Finding {
    let ports = &patient.autopsy.ports;
    let shown = |port: &PortFacts| {
        format!("{}:{} → {}", if port.address.is_empty() { "0.0.0.0" } else { &port.address }, port.host, port.container)
    };
    let seen = |finding: Finding| ports.iter().fold(finding, |finding, port| finding.seen("port", shown(port)));
    if ports.is_empty() {
        return skipped(ID, "no port leads in", "none was asked for");
    }
    if matches!(patient.autopsy.state.start_fault, Some(StartFault::PortTaken(_))) {
        let cause = cause(&patient.autopsy, patient.kernel.as_ref());
        return seen(fail(ID, cause.what).hint(cause.hint));
    }
    if !patient.is_running() {
        return skipped(ID, "no port leads in", "the container doesn't run");
    }
    if let Some(port) = ports.iter().find(|port| port.bound.is_empty()) {
        return seen(
            fail(ID, format!("{} was asked for and leads nowhere", shown(port)))
                .hint("restart the container with `genai-stack restart`; its network was changed while it ran"),
        );
    }
    if let Some(port) = ports.iter().find(|port| !is_loopback(&port.address)) {
        return seen(
            warn(ID, format!("{}: other machines reach it, past the host's firewall", shown(port)))
                .hint("publish on 127.0.0.1, and let a gate or a proxy with TLS stand before it"),
        );
    }
    seen(pass(ID, ports.iter().map(shown).collect::<Vec<_>>().join(", ")))
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::patients::judged;

    #[test]
    fn leads_in_from_here_only() {
        let of = |address: &str, bound: &[&str], taken: Option<&str>| {
            judged(judge, |patient| {
                patient.autopsy.ports = vec![PortFacts {
                    container: "8188/tcp".into(),
                    address: address.into(),
                    host: "8188".into(),
                    bound: bound.iter().map(|one| (*one).to_owned()).collect(),
                    taken_by: taken.map(str::to_owned),
                }];
                patient.autopsy.state.start_fault = taken.map(|_| StartFault::PortTaken("port is already allocated".into()));
            })
        };
        assert_eq!(of("127.0.0.1", &["127.0.0.1:8188"], None).0, "pass");
        assert_eq!(of("", &["0.0.0.0:8188"], None).0, "warn");
        assert_eq!(of("127.0.0.1", &[], None).0, "fail");
        let taken = of("127.0.0.1", &[], Some("other")).1;
        assert!(taken.summary.contains("taken by container `other`"), "{taken:?}");
        assert_eq!(judged(judge, |_| {}).0, "skipped");
    }
}
