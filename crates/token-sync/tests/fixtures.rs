//! What each reader makes of small files of our own, told from the measured table. Unlike the shared conformance data, these
//! run everywhere.

use token_sync::{Dialect, Surroundings};

use Dialect as D;

/// Readers that take a value as it stands.
const BARE: &[D] = &[D::ComposeV2EnvFileRaw, D::DockerEnvFile, D::PodmanEnvFile];
const SHELLS: &[D] = &[D::PosixSh, D::Bash, D::BusyboxAsh];
const COMPOSE_2: &[D] = &[D::ComposeV2, D::ComposeV2EnvFile];
const PYTHON: &[D] = &[D::PythonDotenv, D::PythonDotenvPlain, D::ComposeV1];
const NODE: &[D] = &[D::NodeDotenv, D::NodeEnvFile20, D::NodeEnvFile24];

/// What `dialect` sees, as `key=value` joined by `|`; `!` where it refuses.
fn seen(dialect: Dialect, text: &str) -> String {
    let surroundings = Surroundings::from([("HOME".to_owned(), "/h".to_owned()), ("OUT".to_owned(), "o".to_owned())]);
    match dialect.read(text.as_bytes(), &surroundings) {
        Ok(entries) => {
            let pairs =
                entries.into_iter().map(|entry| format!("{}={}", entry.key, entry.value.unwrap_or_else(|| "∅".to_owned())));
            pairs.collect::<Vec<_>>().join("|")
        }
        Err(fault) => {
            assert!(fault.line >= 1 && !fault.what.is_empty());
            "!".to_owned()
        }
    }
}

#[track_caller]
fn check(text: &str, expected: &[(&[Dialect], &str)]) {
    let mut all: Vec<_> = Dialect::ALL.iter().filter(|dialect| is_lines(**dialect)).collect();
    for (dialects, result) in expected {
        for dialect in *dialects {
            assert_eq!(seen(*dialect, text), *result, "{dialect}: {text:?}");
            all.retain(|other| *other != dialect);
        }
    }
    assert!(all.is_empty(), "not checked: {all:?}");
}

fn is_lines(dialect: Dialect) -> bool {
    let others = [D::LoginPassword, D::TokenFile, D::ComposeYamlV1, D::ComposeYamlV2, D::JsonKey, D::TomlKey, D::YamlKey];
    !others.contains(&dialect)
}

const DOTENVY: &[D] = &[D::RustDotenvy];
const DIRENV: &[D] = &[D::DirenvDotenv];
const RUBY: &[D] = &[D::RubyDotenv];
const EXPAND: &[D] = &[D::NodeDotenvExpand];
const DOTENVX: &[D] = &[D::Dotenvx];
const SYSTEMD: &[D] = &[D::SystemdEnvironmentFile];

#[test]
fn a_hash_without_quotes() {
    check(
        "T=$2b$12$abc.D\n",
        &[
            (BARE, "T=$2b$12$abc.D"),
            (PYTHON, "T=$2b$12$abc.D"),
            (NODE, "T=$2b$12$abc.D"),
            (SYSTEMD, "T=$2b$12$abc.D"),
            (COMPOSE_2, "T=$2b$12.D"),
            (EXPAND, "T=$2b$12.D"),
            (DOTENVX, "T=$2b$12.D"),
            (SHELLS, "T=b2.D"),
            (DIRENV, "T=b2.D"),
            (DOTENVY, "T=.D"),
            (RUBY, "T=.D"),
        ],
    );
}

#[test]
fn a_comment_behind_quotes() {
    check(
        "T='v' # c\n",
        &[
            (BARE, "T='v' # c"),
            (SYSTEMD, "T=v# c"),
            (PYTHON, "T=v"),
            (NODE, "T=v"),
            (COMPOSE_2, "T=v"),
            (EXPAND, "T=v"),
            (DOTENVX, "T=v"),
            (SHELLS, "T=v"),
            (DIRENV, "T=v"),
            (DOTENVY, "T=v"),
            (RUBY, "T=v"),
        ],
    );
}

#[test]
fn a_sign_glued_to_the_value() {
    check(
        "T=v#c\n",
        &[
            (BARE, "T=v#c"),
            (SYSTEMD, "T=v#c"),
            (PYTHON, "T=v#c"),
            (COMPOSE_2, "T=v#c"),
            (SHELLS, "T=v#c"),
            (DOTENVY, "T=v#c"),
            (NODE, "T=v"),
            (EXPAND, "T=v"),
            (DOTENVX, "T=v"),
            (DIRENV, "T=v"),
            (RUBY, "T=v"),
        ],
    );
}

#[test]
fn an_export() {
    check(
        "export T='v'\n",
        &[
            (&[D::ComposeV2EnvFileRaw, D::DockerEnvFile], "!"),
            (&[D::PodmanEnvFile], "export T='v'"),
            (SYSTEMD, ""),
            (PYTHON, "T=v"),
            (COMPOSE_2, "T=v"),
            (SHELLS, "T=v"),
            (DOTENVY, "T=v"),
            (NODE, "T=v"),
            (EXPAND, "T=v"),
            (DOTENVX, "T=v"),
            (DIRENV, "T=v"),
            (RUBY, "T=v"),
        ],
    );
}

#[test]
fn references_in_double_quotes() {
    let text = "A=1\nT=\"${A}-${NO}-${OUT}\"\n";
    check(
        text,
        &[
            (BARE, "A=1|T=\"${A}-${NO}-${OUT}\""),
            (SYSTEMD, "A=1|T=${A}-${NO}-${OUT}"),
            (NODE, "A=1|T=${A}-${NO}-${OUT}"),
            (&[D::PythonDotenvPlain], "A=1|T=${A}-${NO}-${OUT}"),
            (&[D::PythonDotenv, D::ComposeV1], "A=1|T=1--o"),
            (COMPOSE_2, "A=1|T=1--o"),
            (SHELLS, "A=1|T=1--o"),
            (DOTENVY, "A=1|T=1--o"),
            (EXPAND, "A=1|T=1--o"),
            (DOTENVX, "A=1|T=1--o"),
            (DIRENV, "A=1|T=1--o"),
            (RUBY, "A=1|T=1--o"),
        ],
    );
}

#[test]
fn commands_are_never_run() {
    check(
        "T=$(id -u)\n",
        &[
            (BARE, "T=$(id -u)"),
            (SYSTEMD, "T=$(id -u)"),
            (NODE, "T=$(id -u)"),
            (PYTHON, "T=$(id -u)"),
            (COMPOSE_2, "T=$(id -u)"),
            (SHELLS, "!"),
            (DOTENVY, "!"),
            (EXPAND, "!"),
            (DOTENVX, "!"),
            (DIRENV, "!"),
            (RUBY, "!"),
        ],
    );
    for dialect in [D::Bash, D::Dotenvx, D::NodeDotenvExpand, D::RubyDotenv] {
        let fault = dialect.read(b"A=1\nT=$(id -u)\n", &Surroundings::new()).unwrap_err();
        assert_eq!(fault.line, 2);
        assert!(fault.what.contains("would run a program"), "{fault}");
    }
}

#[test]
fn a_key_alone_and_an_empty_value() {
    check(
        "OUT\nT=\n",
        &[
            (BARE, "OUT=o|T="),
            (COMPOSE_2, "OUT=o|T="),
            (SYSTEMD, "T="),
            (&[D::NodeDotenv], "T="),
            (&[D::NodeEnvFile20], "OUT\nT="),
            (&[D::NodeEnvFile24], "T="),
            (PYTHON, "OUT=∅|T="),
            (SHELLS, "T="),
            (DOTENVY, "!"),
            (EXPAND, "T="),
            (DOTENVX, "T="),
            (DIRENV, "!"),
            (RUBY, "T="),
        ],
    );
}

#[test]
fn quotes_over_lines() {
    check(
        "T=\"a\nb\"\nA=1\n",
        &[
            (&[D::ComposeV2EnvFileRaw, D::DockerEnvFile], "T=\"a|A=1"),
            (&[D::PodmanEnvFile], "T=\"a|A=1"),
            (COMPOSE_2, "T=a\nb|A=1"),
            (SYSTEMD, "T=a\nb|A=1"),
            (NODE, "T=a\nb|A=1"),
            (PYTHON, "T=a\nb|A=1"),
            (SHELLS, "T=a\nb|A=1"),
            (DOTENVY, "T=a\nb|A=1"),
            (EXPAND, "T=a\nb|A=1"),
            (DOTENVX, "T=a\nb|A=1"),
            (DIRENV, "!"),
            (RUBY, "T=\"a|A=1"),
        ],
    );
}

#[test]
fn bytes_that_are_not_utf_8() {
    let strict = [
        D::ComposeV2EnvFileRaw,
        D::ComposeV1,
        D::DockerEnvFile,
        D::PythonDotenv,
        D::PythonDotenvPlain,
        D::SystemdEnvironmentFile,
        D::RustDotenvy,
        D::RubyDotenv,
    ];
    for dialect in Dialect::ALL.iter().copied().filter(|dialect| is_lines(*dialect)) {
        let read = dialect.read(b"A=\xff\nT=v\n", &Surroundings::new());
        assert_eq!(read.is_err(), strict.contains(&dialect), "{dialect}");
        if let Ok(entries) = read {
            assert_eq!(entries[0].value.as_deref(), Some("\u{fffd}"), "{dialect}");
            assert_eq!(&b"A=\xff\nT=v\n"[entries[1].span.clone()], b"v", "{dialect}");
        }
    }
}

#[test]
fn shells_follow_values_and_refuse_programs() {
    let cases = [
        ("A=~/x:~\nB='~'\n", "A=/h/x:/h|B=~"),
        ("A='~_x'\nB=a~b\n", "A=~_x|B=a~b"),
        ("A=~_x\n", "!"), // the home folder of a user of that name, if there is one
        ("A=/bin:~root/bin\n", "!"),
        ("A=1; B=$A\n", "A=1|B=1"),
        ("A='it'\\''s'\n", "A=it's"),
        ("A=${NO:-'a b'}$OUT\n", "A=a bo"),
        ("A=1 ls\nB=2\n", "B=2"),
        (": ${OUT}\nB=2\n", "B=2"),
        ("if true; then A=1; fi\n", "!"),
        (". other\n", "!"),
        ("A=$((1+1))\n", "!"),
        ("A=1 | B\n", "!"),
        ("A='open\n", "!"),
        ("ls\n", "!"),
    ];
    for (text, expected) in cases {
        for shell in SHELLS {
            assert_eq!(seen(*shell, text), expected, "{shell}: {text:?}");
        }
    }
    assert_eq!(seen(D::Bash, "A=$'a\\n'\n"), "A=a\n");
    assert_eq!(seen(D::PosixSh, "A=$'a'\n"), "A=$a");
}

#[test]
fn files_that_are_no_lists_of_lines() {
    assert_eq!(seen(D::TokenFile, "\u{feff} abc \r\nnote\n"), "token=abc");
    assert_eq!(seen(D::LoginPassword, "abc\nann\n"), "token=abc|user=ann");
    let compose = "services:\n  x:\n    environment: [A=$$1, OUT, 'B=${NO:-d}']\n";
    assert_eq!(seen(D::ComposeYamlV2, compose), "A=$1|OUT=o|B=d");
    assert_eq!(seen(D::ComposeYamlV1, "services:\n  x:\n    environment: {A: $1}\n"), "!");
    assert_eq!(seen(D::JsonKey, "{\"a\": {\"b\": \"c\"}}"), "a.b=c");
    assert_eq!(seen(D::TomlKey, "[a]\nb = 'c'\n"), "a.b=c");
    assert_eq!(seen(D::YamlKey, "a: {b: c}\n"), "a.b=c");
}

#[test]
fn names_are_found_again() {
    for dialect in Dialect::ALL.iter().copied() {
        assert_eq!(Dialect::from_name(dialect.name()).unwrap(), dialect);
    }
    let error = Dialect::from_name("dotenv").unwrap_err();
    assert!(error.hints()[0].contains("`node-env-file-24`"));
}
