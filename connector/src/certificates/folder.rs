use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// A folder of certificates and keys: `NAME.pem` and `NAME.key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

/// Why certificates could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It is there, and is not written over.
    #[error("{} exists already and is not written over", .0.display())]
    Exists(PathBuf),
    /// It cannot be read or written.
    #[error("{}: {reason}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A name that no certificate can be for.
    #[error("{name:?} cannot be in a certificate: expected {expected}")]
    Name {
        /// The name.
        name: String,
        /// What it could be.
        expected: &'static str,
    },
    /// A validity that no certificate can have.
    #[error("a certificate cannot be valid for {0:?}: expected up to 100 years")]
    Validity(std::time::Duration),
    /// The cryptography failed.
    #[error("the certificate could not be made: {0}")]
    Made(String),
}

/// A key, and the certificate that belongs to it; both in PEM.
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) certificate: String,
}

impl Folder {
    /// It is made when something is put into it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the certificate of that name is, if there is one.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    /// Where its key is, if there is one.
    pub fn key(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.key"))
    }

    pub(super) fn read(file: &Path) -> Result<String, FolderError> {
        fs::read_to_string(file)
            .map_err(|error| FolderError::file(file, format!("it cannot be read: {error}")))
    }

    /// Fails if there is anything of that name.
    pub(super) fn keep(&self, name: &str, pair: &Pair) -> Result<(), FolderError> {
        let (key, certificate) = (self.key(name), self.certificate(name));
        for file in [&key, &certificate] {
            if file.exists() {
                return Err(FolderError::Exists(file.clone()));
            }
        }
        fs::create_dir_all(&self.0)
            .map_err(|error| FolderError::file(&self.0, format!("the folder cannot be made: {error}")))?;
        write_new(&key, &pair.key, Readers::Owner)?;
        let written = write_new(&certificate, &pair.certificate, Readers::All);
        if written.is_err() {
            // A key alone would be in the way of another try.
            let _ = fs::remove_file(&key);
        }
        written
    }
}

#[derive(Clone, Copy)]
enum Readers {
    Owner,
    All,
}

fn write_new(file: &Path, text: &str, readers: Readers) -> Result<(), FolderError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _ = readers;
    let written = options.open(file).and_then(|mut open| {
        open.write_all(text.as_bytes())?;
        open.sync_all()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => FolderError::Exists(file.to_owned()),
        _ => FolderError::file(file, format!("it cannot be written: {error}")),
    })
}

impl FolderError {
    pub(super) fn file(file: &Path, reason: String) -> Self {
        Self::File { file: file.to_owned(), reason }
    }

    pub(super) fn made(error: &rcgen::Error) -> Self {
        Self::Made(error.to_string())
    }
}
