//! The project that this program was made for: three places, three tokens, and one of them no bcrypt can have printed.

use crate::drift::Place;

/// The tokens as they stood there; written in two parts, since a whole one has no place in a file of ours.
const TOKENS: [(&str, &str); 3] = [
    (".env", "03f3f6f91f4175e338c314f7bd96ebd3dd834b53c1813d69d830f"),
    (".secrets/qwen-api-user.token", "JH0/XSNNOqcjD.QBZTeQIebyfQblenBmsJdm3JjGmTVnrkE0jsCka"),
    ("docker-configurations/services/comfyui-qwen/PASSWORD", "NErya5UooY9bJnscVc/ec.hpVDX.nYM86/88bXIkF/hh2VeKRvU5ka"),
];

fn old_world() -> Place {
    let place = Place::empty();
    let token = |at: usize| format!("$2b$12${}", TOKENS[at].1);
    place.write(TOKENS[0].0, &format!("# the stack\nCOMFYUI_API_TOKEN={}\nOTHER=1\n", token(0)));
    place.write(TOKENS[1].0, &format!("{}\n", token(1)));
    place.write(TOKENS[2].0, &format!("{}\n", token(2)));
    place
}

#[test]
fn the_audit_tells_three_tokens_apart_and_names_the_impossible_one() {
    let place = old_world();
    let (code, out, _) = place.run(&["audit"]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("3 distinct tokens in 3 places"), "{out}");
    let env = out.lines().find(|line| line.contains(".env COMFYUI_API_TOKEN: ")).unwrap_or_default();
    assert!(env.contains("no bcrypt can have printed it"), "{out}");
    for (_, token) in TOKENS {
        assert!(!out.contains(&token[..20]), "a token is shown");
    }
}

#[test]
fn unify_from_one_place_makes_them_one_and_check_is_clean() {
    let place = old_world();
    let from = TOKENS[1].0;
    assert_eq!(place.run(&["unify", "--from", from]).0, 6, "nobody was asked, so nothing may be overwritten");
    assert_eq!(place.run(&["unify", "--from", "absent"]).0, 2);
    let (code, out, err) = place.run(&["unify", "--from", from, "--yes"]);
    assert_eq!(code, 0, "{out}{err}");
    let token = format!("$2b$12${}", TOKENS[1].1);
    assert_eq!(place.read(TOKENS[0].0), format!("# the stack\nCOMFYUI_API_TOKEN='{token}'\nOTHER=1\n"));
    assert_eq!(place.read(TOKENS[1].0), format!("{token}\n"));
    assert_eq!(place.read(TOKENS[2].0), format!("{token}\ncomfy\n"));
    assert_eq!(place.run(&["check"]).0, 0);
    let (code, out, _) = place.run(&["audit"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("one token in 4 places"), "{out}");
}
