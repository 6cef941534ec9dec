use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::crew::Begun;

/// Which executable children run.
///
/// At first it is the one that this process runs, whatever has become of the file since: what this program can name, its
/// children find. From the first reload on that has gone well it is the file as it is then.
#[derive(Debug)]
pub(super) struct Image {
    file: PathBuf,
    /// Of this process.
    is_own: bool,
    is_renewed: AtomicBool,
}

/// What this process runs.
const OWN: &str = "/proc/self/exe";
/// What Linux adds to the path of a file that is not there any more.
const DELETED: &[u8] = b" (deleted)";

impl Image {
    /// That of this process.
    pub(super) fn own() -> io::Result<Self> {
        let file = path_of(std::fs::read_link(OWN)?);
        Ok(Self { file, is_own: true, is_renewed: AtomicBool::new(false) })
    }

    /// A file that is the same program, and `main` of which children can enter.
    pub(super) fn of(file: PathBuf) -> Self {
        Self { file, is_own: false, is_renewed: AtomicBool::new(false) }
    }

    /// What a life that is begun so runs.
    pub(super) fn program(&self, begun: Begun) -> &Path {
        let as_before = begun == Begun::AsBefore && !self.is_renewed.load(Ordering::Relaxed);
        if self.is_own && as_before { Path::new(OWN) } else { &self.file }
    }

    /// A life that was begun so is up.
    pub(super) fn is_up(&self, begun: Begun) {
        if begun == Begun::Anew {
            self.is_renewed.store(true, Ordering::Relaxed);
        }
    }
}

/// Where the file was, and where another may be by now.
fn path_of(link: PathBuf) -> PathBuf {
    match link.as_os_str().as_bytes().strip_suffix(DELETED) {
        Some(path) if !link.exists() => std::ffi::OsString::from_vec(path.to_vec()).into(),
        _ => link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_run_this_program_until_one_was_begun_anew() {
        let image = Image::own().unwrap();
        assert_eq!(image.program(Begun::AsBefore), Path::new(OWN));
        assert_eq!(image.program(Begun::Anew), std::env::current_exe().unwrap());
        image.is_up(Begun::AsBefore);
        assert_eq!(image.program(Begun::AsBefore), Path::new(OWN));
        image.is_up(Begun::Anew);
        assert_eq!(image.program(Begun::AsBefore), std::env::current_exe().unwrap());
    }

    #[test]
    fn a_file_that_was_replaced_is_looked_for_where_it_was() {
        assert_eq!(path_of("/nowhere/app (deleted)".into()), Path::new("/nowhere/app"));
        assert_eq!(path_of("/bin/sh".into()), Path::new("/bin/sh"));
    }
}
