//! The walk through the tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use walkdir::{DirEntry, Error, WalkDir};

use crate::events::Unreadable;
use crate::output::Identity;

/// How far the walk goes ahead of whoever takes what it finds.
const AHEAD: usize = 256;

/// What is in a tree beside directories.
pub enum Found {
    File(Arc<Path>),
    Unreadable(Unreadable),
    /// Not a regular file, or one that was to be left out.
    Other,
}

/// Everything under `root`, sorted by name within each directory: the same tree gives the same manifest.
/// Symbolic links are found, not followed; the file `except` is left out.
///
/// It runs on a thread of its own, because reading directories blocks, and ends when nobody takes what it
/// finds. To sort, it holds all names in the directories from the root to where it is.
pub fn walk(root: PathBuf, except: Option<Identity>) -> impl Stream<Item = Found> {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let entries = WalkDir::new(&root).follow_root_links(false).sort_by_file_name();
        for entry in entries {
            let found = match entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) if entry.file_type().is_file() && !is(&entry, except) => {
                    Found::File(entry.into_path().into())
                }
                Ok(_) => Found::Other,
                Err(error) => Found::Unreadable(unreadable(error, &root)),
            };
            if sender.blocking_send(found).is_err() {
                return;
            }
        }
    });
    poll_fn(move |cx| receiver.poll_recv(cx))
}

fn is(entry: &DirEntry, file: Option<Identity>) -> bool {
    file.is_some() && entry.metadata().is_ok_and(|metadata| Identity::of(&metadata) == file)
}

fn unreadable(error: Error, root: &Path) -> Unreadable {
    let path = error.path().unwrap_or(root).into();
    // The other kind of error is a loop of links, which are not followed.
    let reason = error.into_io_error().map_or_else(|| "a loop".to_owned(), |error| error.to_string());
    Unreadable { path, reason }
}
