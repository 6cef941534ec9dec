//! Where the manifest goes.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

pub struct Output {
    pub writer: Box<dyn Write + Send>,
    /// Which file it is, if it is one. It is not hashed: its last line is yet to be written.
    pub identity: Option<Identity>,
    pub is_terminal: bool,
}

impl Output {
    /// A file, which is emptied if it is there.
    pub fn file(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (identity, is_terminal) = (Identity::of(&file.metadata()?), file.is_terminal());
        Ok(Self { writer: Box::new(file), identity, is_terminal })
    }

    /// The standard output, which a shell may have redirected to a file.
    pub fn stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        let (identity, is_terminal) = (Identity::of_stdout()?, stdout.is_terminal());
        Ok(Self { writer: Box::new(stdout), identity, is_terminal })
    }
}

/// What a file is known by, whatever its name: its device, and its number there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    number: u64,
}

#[cfg(unix)]
impl Identity {
    /// `None` for what is not a regular file.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        metadata.is_file().then(|| Self { device: metadata.dev(), number: metadata.ino() })
    }

    fn of_stdout() -> io::Result<Option<Self>> {
        use std::os::fd::AsFd as _;
        let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self::of(&stdout.metadata()?))
    }
}

/// Elsewhere the standard library cannot tell, and a manifest in the tree lists itself.
#[cfg(not(unix))]
impl Identity {
    pub fn of(_: &Metadata) -> Option<Self> {
        None
    }

    fn of_stdout() -> io::Result<Option<Self>> {
        Ok(None)
    }
}
