//! The source of truth: the one document that every target is written from.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, LoginToken, Password};

/// The source of truth, version 2, or read from either older shape. Unknown fields are kept and written again.
#[derive(Clone, PartialEq)]
pub struct SourceOfTruth {
    shape: SourceShape,
    created_at: Option<String>,
    rotated_at: Option<String>,
    password: Option<Password>,
    token: LoginToken,
    user: Option<String>,
    targets: Vec<TargetEntry>,
    previous: Option<LoginToken>,
    unknown: Map<String, Value>,
}

/// The shape a source of truth was read in; it is always written in the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceShape {
    /// No version; `targets` is a list of paths.
    Unversioned,
    /// Version "1.0"; `locations` is a list of objects.
    Locations,
    /// Version "2".
    Version2,
}

/// A place that must hold the token, as the source of truth names it.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetEntry {
    /// Where, relative to the project folder, with `/` between the parts.
    pub path: String,
    /// The reader's dialect by name; absent in the oldest shape.
    pub dialect: Option<String>,
    /// Further readers of the same file, by the names of their dialects.
    pub readers: Vec<String>,
    /// The variable that holds the token, for dialects of many keys.
    pub key: Option<String>,
    /// Fields of the entry that this program doesn't know.
    pub unknown: Map<String, Value>,
}

impl TargetEntry {
    /// An entry without unknown fields.
    pub fn new(path: impl Into<String>, dialect: impl Into<String>, key: Option<&str>) -> Self {
        let (path, dialect, key) = (path.into(), Some(dialect.into()), key.map(str::to_owned));
        Self { path, dialect, readers: Vec::new(), key, unknown: Map::new() }
    }
}

impl SourceOfTruth {
    /// A new source, made at `created_at` (RFC 3339).
    pub fn new(password: Option<Password>, token: LoginToken, user: &str, created_at: &str, targets: Vec<TargetEntry>) -> Self {
        Self {
            shape: SourceShape::Version2,
            created_at: Some(created_at.to_owned()),
            rotated_at: None,
            password,
            token,
            user: Some(user.to_owned()),
            targets,
            previous: None,
            unknown: Map::new(),
        }
    }

    /// Reads a source of any known shape.
    ///
    /// # Errors
    /// [`ErrorKind::Source`] if it is not a JSON object of one of these shapes (the message names the field, or line and
    /// column); [`ErrorKind::SourceVersion`] if its version is newer than 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: Value = serde_json::from_slice(bytes).map_err(|error| {
            source_error(format!("not JSON: {error}"))
                .hint("restore it from a backup, or run `genai-auth setup` with the file moved away")
        })?;
        if !document.is_object() {
            return Err(source_error("not a JSON object"));
        }
        // Of an object nothing else can be wrong, so that the words hold a field's name and no value.
        let Unrepeated(mut fields) = serde_json::from_slice(bytes).map_err(|error| source_error(error.to_string()))?;
        let version = take_text(&mut fields, "version")?;
        let shape = match version.as_deref() {
            None => SourceShape::Unversioned,
            Some("1" | "1.0") => SourceShape::Locations,
            Some("2" | "2.0") => SourceShape::Version2,
            Some(other) => {
                return Err(Error::new(
                    ErrorKind::SourceVersion,
                    format!("version `{other}` is newer than this program knows (2)"),
                )
                .hint("use the program that wrote it, or a newer genai-auth"));
            }
        };
        let token = take_text(&mut fields, "bcrypt_hash")?.ok_or_else(|| source_error("the field `bcrypt_hash` is absent"))?;
        let token = LoginToken::new(token).map_err(|error| source_error(format!("the field `bcrypt_hash`: {error}")))?;
        let password = match take_text(&mut fields, "raw_token")? {
            Some(text) => Some(Password::new(text).map_err(|error| source_error(format!("the field `raw_token`: {error}")))?),
            None => None,
        };
        let previous = match take_text(&mut fields, "previous_hash")? {
            Some(text) => {
                Some(LoginToken::new(text).map_err(|error| source_error(format!("the field `previous_hash`: {error}")))?)
            }
            None => None,
        };
        let list = match (fields.shift_remove("targets"), fields.shift_remove("locations")) {
            (Some(_), Some(_)) => {
                return Err(source_error("two lists of targets: `targets` and `locations`").hint("keep the right one of the two"));
            }
            (targets, locations) => targets.or(locations),
        };
        let targets = list.map_or_else(|| Ok(Vec::new()), read_targets)?;
        Ok(Self {
            shape,
            created_at: take_text(&mut fields, "created_at")?,
            rotated_at: take_text(&mut fields, "rotated_at")?,
            password,
            token,
            user: take_text(&mut fields, "user")?,
            targets,
            previous,
            unknown: fields,
        })
    }

    /// The document in version 2, with a line end.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut fields = Map::new();
        fields.insert("version".into(), json!("2"));
        fields.insert("created_at".into(), json!(self.created_at));
        fields.insert("rotated_at".into(), json!(self.rotated_at));
        fields.insert("user".into(), json!(self.user));
        fields.insert("raw_token".into(), json!(self.password.as_ref().map(Password::expose)));
        fields.insert("bcrypt_hash".into(), json!(self.token.expose()));
        if let Some(previous) = &self.previous {
            fields.insert("previous_hash".into(), json!(previous.expose()));
        }
        fields.insert("targets".into(), self.targets.iter().map(write_target).collect());
        fields.extend(self.unknown.clone());
        let mut text =
            serde_json::to_vec_pretty(&Value::Object(fields)).unwrap_or_else(|_| unreachable!("a JSON value can be written"));
        text.push(b'\n');
        Zeroizing::new(text)
    }

    /// The same source after a rotation at `rotated_at` (RFC 3339): new password and token, everything else kept.
    #[must_use]
    pub fn rotated(mut self, password: Option<Password>, token: LoginToken, rotated_at: &str) -> Self {
        self.shape = SourceShape::Version2;
        self.password = password;
        self.token = token;
        self.rotated_at = Some(rotated_at.to_owned());
        self
    }

    /// The same source, in the middle of a rotation: `previous` is the token that must be proven dead before it is forgotten.
    #[must_use]
    pub fn pending(mut self, previous: LoginToken) -> Self {
        self.previous = Some(previous);
        self
    }

    /// The same source after a rotation that was proven.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.previous = None;
        self
    }

    /// The token from before a rotation that is not proven yet.
    pub fn previous(&self) -> Option<&LoginToken> {
        self.previous.as_ref()
    }

    /// The same source with other targets.
    #[must_use]
    pub fn with_targets(mut self, targets: Vec<TargetEntry>) -> Self {
        self.shape = SourceShape::Version2;
        self.targets = targets;
        self
    }

    /// The same source with `user` as the login's name.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The shape it was read in.
    pub fn shape(&self) -> SourceShape {
        self.shape
    }

    /// The token that every target must hold.
    pub fn token(&self) -> &LoginToken {
        &self.token
    }

    /// The password, unless the operator chose not to keep it.
    pub fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }

    /// The login's user name.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The places that must hold the token.
    pub fn targets(&self) -> &[TargetEntry] {
        &self.targets
    }

    /// When it was made, as written.
    pub fn created_at(&self) -> Option<&str> {
        self.created_at.as_deref()
    }

    /// When it was last rotated, as written.
    pub fn rotated_at(&self) -> Option<&str> {
        self.rotated_at.as_deref()
    }
}

impl fmt::Debug for SourceOfTruth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOfTruth")
            .field("shape", &self.shape)
            .field("token", &self.token)
            .field("targets", &self.targets.len())
            .finish_non_exhaustive()
    }
}

fn source_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Source, message)
}

/// Takes a text field out of `fields`; absent and `null` are both `None`. Taken out, so that no copy of a secret stays.
fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match fields.shift_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(source_error(format!("the field `{name}` is not a text"))),
    }
}

fn read_targets(list: Value) -> Result<Vec<TargetEntry>, Error> {
    let Value::Array(entries) = list else {
        return Err(source_error("the list of targets is not a list"));
    };
    entries.into_iter().enumerate().map(|(at, entry)| read_target(at, entry)).collect()
}

fn read_target(at: usize, entry: Value) -> Result<TargetEntry, Error> {
    let mut fields = match entry {
        Value::String(path) => {
            return Ok(TargetEntry { path, dialect: None, readers: Vec::new(), key: None, unknown: Map::new() });
        }
        Value::Object(fields) => fields,
        _ => return Err(source_error(format!("target {at} is neither a path nor an object"))),
    };
    let path = take_text(&mut fields, "path")?.ok_or_else(|| source_error(format!("target {at} has no `path`")))?;
    let mut key = take_text(&mut fields, "key")?;
    let readers = match fields.shift_remove("readers") {
        None | Some(Value::Null) => Vec::new(),
        Some(list) => serde_json::from_value(list)
            .map_err(|_| source_error(format!("the `readers` of target {at} are not a list of names")))?,
    };
    let dialect = match (take_text(&mut fields, "dialect")?, take_text(&mut fields, "type")?.as_deref()) {
        (Some(dialect), _) => Some(dialect),
        (None, Some("env")) => Some("compose-v2-dotenv".to_owned()),
        (None, _) => None,
    };
    // The older shape kept what it wrote as `content`: a stale copy of the token. Only the variable's name is taken from it.
    if let Some(content) = take_text(&mut fields, "content")?.map(Zeroizing::new)
        && key.is_none()
        && dialect.is_some()
    {
        key = content.split_once('=').and_then(|(name, _)| variable(name));
    }
    Ok(TargetEntry { path, dialect, readers, key, unknown: fields })
}

/// The variable's name before a `=`, if it is one. Anything else might be a part of a secret and is not taken.
fn variable(text: &str) -> Option<String> {
    let text = text.trim();
    let name = text.strip_prefix("export ").unwrap_or(text).trim();
    let starts = name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let goes_on = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (starts && goes_on).then(|| name.to_owned())
}

fn write_target(entry: &TargetEntry) -> Value {
    let mut fields = Map::new();
    fields.insert("path".into(), json!(entry.path));
    if let Some(dialect) = &entry.dialect {
        fields.insert("dialect".into(), json!(dialect));
    }
    if !entry.readers.is_empty() {
        fields.insert("readers".into(), json!(entry.readers));
    }
    if let Some(key) = &entry.key {
        fields.insert("key".into(), json!(key));
    }
    fields.extend(entry.unknown.clone());
    Value::Object(fields)
}

/// An object in which no field stands twice: of two tokens nobody knows the right one.
struct Unrepeated(Map<String, Value>);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Unrepeated;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Unrepeated, A::Error> {
                let mut seen = Map::new();
                while let Some((name, value)) = fields.next_entry::<String, Value>()? {
                    if seen.contains_key(&name) {
                        return Err(A::Error::custom(format!("the field `{}` stands twice", name.escape_debug())));
                    }
                    seen.insert(name, value);
                }
                Ok(Unrepeated(seen))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_written_reads_back(
            bytes in any::<Vec<u8>>(),
            password in proptest::option::of("[^\\x00]{1,17}"),
            token in "[!-~]{1,80}",
            user in "\\PC{1,20}",
            paths in proptest::collection::vec("\\PC{1,20}", 0..4),
            note in "\\PC{0,20}",
        ) {
            let _ = SourceOfTruth::parse(&bytes);
            let targets = paths.into_iter().map(|path| TargetEntry::new(path, "compose-v2-dotenv", Some("K"))).collect();
            let password = password.map(|text| Password::new(text).unwrap());
            let mut source = SourceOfTruth::new(password, LoginToken::new(token).unwrap(), &user, "then", targets);
            source.unknown.insert("note".to_owned(), json!(note));
            prop_assert_eq!(SourceOfTruth::parse(&source.to_bytes()).unwrap(), source);
        }
    }

    fn sample() -> SourceOfTruth {
        let targets = vec![
            TargetEntry::new(".env", "compose-v2-dotenv", Some("K")),
            TargetEntry::new("login/PASSWORD", "login-password", None),
        ];
        SourceOfTruth::new(
            Some(Password::new("pw").unwrap()),
            LoginToken::new("tok").unwrap(),
            "ann",
            "2026-01-02T03:04:05Z",
            targets,
        )
    }

    #[test]
    fn version_2_as_it_is_written() {
        let text = String::from_utf8(sample().to_bytes().to_vec()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "version": "2",
          "created_at": "2026-01-02T03:04:05Z",
          "rotated_at": null,
          "user": "ann",
          "raw_token": "pw",
          "bcrypt_hash": "tok",
          "targets": [
            {
              "path": ".env",
              "dialect": "compose-v2-dotenv",
              "key": "K"
            },
            {
              "path": "login/PASSWORD",
              "dialect": "login-password"
            }
          ]
        }
        "#);
        assert_eq!(SourceOfTruth::parse(text.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn the_older_shapes_are_read() {
        let one = br#"{"raw_token": "pw", "bcrypt_hash": "tok", "created_at": "then", "targets": [".env", "a/PASSWORD"]}"#;
        let read = SourceOfTruth::parse(one).unwrap();
        assert_eq!((read.shape(), read.token().expose(), read.targets().len()), (SourceShape::Unversioned, "tok", 2));
        assert_eq!(read.targets()[1].dialect, None);

        let two = br#"{"version": "1.0", "created_at": "then", "raw_token": null, "bcrypt_hash": "tok", "description": "kept",
            "locations": [{"name": "qwen", "path": "q/.env", "type": "env", "content": "TOKEN=stale-secret"},
                          {"name": "pw", "path": "q/PASSWORD", "type": "bcrypt", "content": "stale-secret"}]}"#;
        let read = SourceOfTruth::parse(two).unwrap();
        assert_eq!((read.shape(), read.password()), (SourceShape::Locations, None));
        assert_eq!(read.targets()[0].key.as_deref(), Some("TOKEN"));
        let written = String::from_utf8(read.to_bytes().to_vec()).unwrap();
        assert!(written.contains(r#""description": "kept""#) && written.contains(r#""name": "qwen""#), "unknown fields are kept");
        assert!(!written.contains("stale-secret"), "a stale copy of the token is not carried on");
    }

    /// Found by fuzzing: each reading changed their order, so that a file with nothing to change was written again.
    #[test]
    fn unknown_fields_keep_their_order() {
        let read = br#"{"version": "2", "b": 1, "a": 2, "bcrypt_hash": "t", "c": 3, "user": "u", "targets": [{"z": 1, "path": ".env", "y": 2, "x": 3}]}"#;
        let once = SourceOfTruth::parse(read).unwrap().to_bytes();
        let text = String::from_utf8(once.to_vec()).unwrap();
        let at = |name: &str| text.find(&format!("\"{name}\":")).unwrap();
        assert!(at("b") < at("a") && at("a") < at("c") && at("z") < at("y") && at("y") < at("x"), "{text}");
        assert_eq!(SourceOfTruth::parse(&once).unwrap().to_bytes(), once);
    }

    #[test]
    fn only_a_variables_name_is_taken_from_an_old_copy() {
        for (content, key) in
            [("TOKEN=x", Some("TOKEN")), ("export TOKEN=x", Some("TOKEN")), ("s3cret=pw", None), ("$2b$=", None), ("x", None)]
        {
            assert_eq!(
                variable(content.split('=').next().unwrap_or_default()).as_deref(),
                key.filter(|_| content.contains('=')),
                "{content}"
            );
        }
    }

    #[test]
    fn what_is_no_source_is_refused_by_name() {
        let cases: [(&[u8], ErrorKind, &str); 9] = [
            (b"", ErrorKind::Source, "not JSON: EOF while parsing a value at line 1 column 0"),
            (b"[]", ErrorKind::Source, "not a JSON object"),
            (b"{}", ErrorKind::Source, "the field `bcrypt_hash` is absent"),
            (br#"{"bcrypt_hash": 5}"#, ErrorKind::Source, "the field `bcrypt_hash` is not a text"),
            (br#"{"bcrypt_hash": ""}"#, ErrorKind::Source, "the field `bcrypt_hash`: the token is empty"),
            (br#"{"bcrypt_hash": "t", "raw_token": ""}"#, ErrorKind::Source, "the field `raw_token`: the password is empty"),
            (br#"{"bcrypt_hash": "t", "targets": [5]}"#, ErrorKind::Source, "target 0 is neither a path nor an object"),
            (
                br#"{"bcrypt_hash": "t", "targets": ["a"], "locations": [{"path": "b"}]}"#,
                ErrorKind::Source,
                "two lists of targets: `targets` and `locations`",
            ),
            (
                br#"{"version": "3", "bcrypt_hash": "t"}"#,
                ErrorKind::SourceVersion,
                "version `3` is newer than this program knows (2)",
            ),
        ];
        for (bytes, kind, message) in cases {
            let error = SourceOfTruth::parse(bytes).unwrap_err();
            assert_eq!((error.kind(), &*error.to_string()), (kind, message));
        }
    }

    #[test]
    fn a_rotation_that_is_not_proven_yet_keeps_the_token_from_before() {
        let pending = sample().rotated(None, LoginToken::new("new").unwrap(), "now").pending(LoginToken::new("old").unwrap());
        let read = SourceOfTruth::parse(&pending.to_bytes()).unwrap();
        assert_eq!(read.previous().map(LoginToken::expose), Some("old"));
        let settled = read.settled();
        assert_eq!(settled.previous(), None);
        assert!(!String::from_utf8(settled.to_bytes().to_vec()).unwrap().contains("old"));
    }

    #[test]
    fn rotation_keeps_what_it_does_not_change() {
        let before =
            SourceOfTruth::parse(br#"{"bcrypt_hash": "t", "created_at": "then", "note": 5, "targets": [".env"]}"#).unwrap();
        let after = before.rotated(None, LoginToken::new("u").unwrap(), "now");
        let text = String::from_utf8(after.to_bytes().to_vec()).unwrap();
        assert!(
            text.contains(r#""note": 5"#) && text.contains(r#""created_at": "then""#) && text.contains(r#""rotated_at": "now""#)
        );
        assert_eq!(after.token().expose(), "u");
        assert!(!format!("{after:?}").contains("\"u\""));
    }
}
