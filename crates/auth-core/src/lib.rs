//! The words and decisions of authentication for a ComfyUI that is guarded by the ComfyUI-Login plugin.
//!
//! The plugin's odd design is what this crate gives names to: the server takes the **stored bcrypt line itself** as Bearer
//! token. So that line is a secret ([`LoginToken`]), never a harmless "hash"; what a person types is a [`Password`].
//!
//! This crate opens nothing: no file, no socket, no clock, no environment, no random source. Bytes come in, decisions go out.
//! No `Debug`, `Display` or error of it shows a secret; [`Fingerprint`] is what may be shown instead.
//!
//! ```
//! use auth_core::{BcryptHash, LoginToken, Password, PasswordFile};
//!
//! let password = Password::new("correct horse battery staple")?;
//! let hash = BcryptHash::of(&password, 4, [7; 16])?; // cost 4 only to keep the example quick
//! assert!(hash.verify(&password));
//!
//! let token = LoginToken::from(hash);
//! let file = PasswordFile::new(token.clone(), "artist")?;
//! assert!(PasswordFile::parse(&file.to_bytes()).token().is_some_and(|read| read == &token));
//! # Ok::<(), auth_core::Error>(())
//! ```

mod password;
pub use password::Password;

mod bcrypt_hash;
pub use bcrypt_hash::{BcryptHash, DEFAULT_COST, HashFault};

mod mangling;
pub use mangling::Mangling;

mod token;
pub use token::{LoginToken, Shape};

mod fingerprint;
pub use fingerprint::{Fingerprint, FingerprintKey};

mod password_file;
pub use password_file::{PasswordFile, PasswordFileFault};

mod source;
pub use source::{SourceOfTruth, SourceShape, TargetEntry};

mod policy;
pub use policy::{DEFAULT_POLICY, Policy, PolicyFault};

mod error;
pub use error::{Error, ErrorKind};
