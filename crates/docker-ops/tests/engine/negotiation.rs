//! The version that is agreed on.

use libtest_mimic::Trial;

use crate::rig::Rig;

pub(crate) fn trials(rig: &'static Rig) -> Vec<Trial> {
    vec![rig.trial("the version is the engine's newest that we know", |rig| async {
        let newest = rig.docker(&["version", "--format", "{{.Server.APIVersion}}"]);
        assert_eq!(rig.engine.negotiated().newest.to_string(), newest);
        assert!(rig.engine.negotiated().used <= rig.engine.negotiated().newest);
    })]
}
