use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edri_event::RouterId;

use super::error::DurableError;

/// The file with the identity of the router that a folder belongs to.
const ROUTER: &str = "router";

/// What the file says before the identity, which is 32 hexadecimal digits.
const SAYS: &str = "edri router ";

/// The identity of the router that a folder belongs to. The folder is made if it is not there, for a router with a fresh
/// one.
///
/// # Errors
/// What the operating system refuses, and [`DurableError::Identity`].
pub(super) fn identity_in(folder: &Path) -> Result<RouterId, DurableError> {
    let path = folder.join(ROUTER);
    match fs::read_to_string(&path) {
        Ok(text) => read(&text).ok_or_else(|| {
            let found = text.chars().take(60).collect();
            DurableError::Identity { path, found }
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let fresh = RouterId::fresh();
            write(folder, &path, fresh).map_err(|(doing, path, source)| DurableError::Io {
                doing,
                path,
                source: Arc::new(source),
            })?;
            Ok(fresh)
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(DurableError::Identity { path, found: "bytes that are no text".to_owned() })
        }
        Err(source) => Err(DurableError::Io { doing: "read", path, source: Arc::new(source) }),
    }
}

fn read(text: &str) -> Option<RouterId> {
    let digits = text.strip_prefix(SAYS)?.strip_suffix('\n')?;
    let is_whole = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bits = u128::from_str_radix(digits, 16).ok().filter(|_| is_whole)?;
    Some(RouterId::from_bits(bits))
}

/// All of it or nothing, whenever the machine goes down.
fn write(folder: &Path, path: &Path, router: RouterId) -> Result<(), (&'static str, PathBuf, io::Error)> {
    let with = |doing, path: &Path| {
        let path = path.to_owned();
        move |error| (doing, path, error)
    };
    fs::create_dir_all(folder).map_err(with("make", folder))?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished).map_err(with("make", &unfinished))?;
    let written = file.write_all(format!("{SAYS}{router}\n").as_bytes()).and_then(|()| file.sync_all());
    written.map_err(with("write", &unfinished))?;
    fs::rename(&unfinished, path).map_err(with("rename", &unfinished))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(with("sync", folder))
}
