//! The plugin's PASSWORD file.
#![no_main]

use auth_core::{PasswordFile, PasswordFileFault};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let read = PasswordFile::parse(bytes);
    let sound = read.token().is_some() && read.user().is_some();
    assert!(sound || !read.faults().is_empty(), "what lacks a line has a fault");
    // Written again it holds the same, without the faults of its spelling.
    let written = PasswordFile::parse(&read.to_bytes());
    assert_eq!((written.token(), written.user()), (read.token(), read.user()));
    assert!(written.faults().iter().all(|fault| matches!(fault, PasswordFileFault::Open | PasswordFileFault::NoUser)));
    if let (Some(token), Some(user)) = (read.token(), read.user())
        && let Ok(new) = PasswordFile::new(token.clone(), user)
    {
        assert_eq!(PasswordFile::parse(&new.to_bytes()), new);
    }
});
