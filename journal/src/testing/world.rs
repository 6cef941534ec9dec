use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::chance::Chance;
use super::disk::Loss;
use super::file::{Content, Fate};
use super::sparse::Sparse;

/// All that is on a disk, and how it fails.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// Files by their number: their names are something else.
    files: BTreeMap<u64, Content>,
    /// Names, as those see them who look.
    names: BTreeMap<PathBuf, u64>,
    /// Names, as they last.
    lasting: BTreeMap<PathBuf, u64>,
    /// What was done to names since their directory was synced.
    changes: Vec<Change>,
    directories: BTreeSet<PathBuf>,
    pub(super) locks: BTreeSet<PathBuf>,
    next_file: u64,
    pub(super) chance: Chance,
    /// How many changes were asked for.
    pub(super) calls: u64,
    /// How often something was read.
    pub(super) reads: u64,
    /// The most that was asked for at a time.
    pub(super) largest_read: usize,
    pub(super) read_faults: BTreeMap<u64, io::ErrorKind>,
    /// How many bytes files may take together.
    pub(super) room: u64,
    pub(super) faults: BTreeMap<u64, Fault>,
    /// What fails, and why, if anything does.
    pub(super) broken: Option<(Broken, io::ErrorKind)>,
    /// How many hold up changes.
    pub(super) holds: usize,
    /// How many changes wait for them.
    pub(super) waiting: usize,
    /// Nothing works any more.
    pub(super) is_down: bool,
}

/// What happens instead of what is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It fails, and is done in part or not at all.
    Error(io::ErrorKind),
    /// The machine goes down in the middle of it.
    Crash,
    /// Whoever asks for it panics.
    #[cfg(test)]
    Panic,
}

/// What of a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Every change; part of it may be done.
    All,
    /// Every change but writes: they are seen, and nothing of them lasts for sure.
    AllButWrites,
}

/// What change is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Write,
    Other,
}

/// A change of names: all of it lasts, or nothing.
#[derive(Clone, Debug)]
struct Change {
    directory: PathBuf,
    gone: Option<PathBuf>,
    there: Option<(PathBuf, u64)>,
}

impl Change {
    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        if let Some(gone) = self.gone {
            names.remove(&gone);
        }
        names.extend(self.there);
    }
}

/// How a change goes that is asked for.
pub(super) enum Going {
    Well,
    /// This is the error; part of it may be done.
    Wrong(io::Error),
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            lasting: BTreeMap::new(),
            changes: Vec::new(),
            directories: BTreeSet::new(),
            locks: BTreeSet::new(),
            next_file: 0,
            chance: Chance::new(seed),
            calls: 0,
            reads: 0,
            largest_read: 0,
            read_faults: BTreeMap::new(),
            room: u64::MAX,
            faults: BTreeMap::new(),
            broken: None,
            holds: 0,
            waiting: 0,
            is_down: false,
        }
    }

    /// A change is asked for: says how it goes.
    pub(super) fn change(&mut self, what: Asked) -> io::Result<Going> {
        self.check()?;
        let fault = self.faults.remove(&self.calls);
        self.calls += 1;
        Ok(match fault {
            None => match self.broken {
                Some((Broken::AllButWrites, _)) if what == Asked::Write => Going::Well,
                Some((_, kind)) => Going::Wrong(kind.into()),
                None => Going::Well,
            },
            #[cfg(test)]
            Some(Fault::Panic) => panic!("as it was told"),
            Some(Fault::Error(kind)) => Going::Wrong(kind.into()),
            Some(Fault::Crash) => {
                self.is_down = true;
                Going::Wrong(down())
            }
        })
    }

    /// Something is read: says whether it can be.
    pub(super) fn read(&mut self, bytes: usize) -> io::Result<()> {
        self.check()?;
        self.largest_read = self.largest_read.max(bytes);
        let fault = self.read_faults.remove(&self.reads);
        self.reads += 1;
        fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_down { Err(down()) } else { Ok(()) }
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    pub(super) fn make_directory(&mut self, path: &Path) {
        self.directories.insert(path.into());
    }

    pub(super) fn names_in<'w>(&'w self, directory: &'w Path) -> impl Iterator<Item = &'w Path> {
        self.names.keys().map(PathBuf::as_path).filter(move |path| path.parent() == Some(directory))
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn file(&mut self, file: u64) -> &mut Content {
        self.files.entry(file).or_default()
    }

    /// What is in a file, as those see it who read.
    pub(super) fn seen(&self, file: u64) -> Option<&Sparse> {
        self.files.get(&file).map(|content| &content.seen)
    }

    pub(super) fn create(&mut self, path: &Path) -> u64 {
        let file = self.next_file;
        self.next_file += 1;
        self.files.insert(file, Content::default());
        self.rename_to(None, path, file);
        file
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from)?;
        self.rename_to(Some(from), to, file);
        Ok(())
    }

    fn rename_to(&mut self, from: Option<&Path>, to: &Path, file: u64) {
        let directory = to.parent().unwrap_or(Path::new("")).into();
        self.rearrange(Change { directory, gone: from.map(Into::into), there: Some((to.into(), file)) });
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        let directory = path.parent().unwrap_or(Path::new("")).into();
        self.rearrange(Change { directory, gone: Some(path.into()), there: None });
        Ok(())
    }

    fn rearrange(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.changes.push(change);
    }

    pub(super) fn sync_directory(&mut self, path: &Path) {
        let (synced, others) =
            std::mem::take(&mut self.changes).into_iter().partition(|change| change.directory == path);
        self.changes = others;
        let synced: Vec<Change> = synced;
        synced.into_iter().for_each(|change| change.apply(&mut self.lasting));
    }

    /// Of `bytes` more in this file up to `end`, how many there is room for.
    pub(super) fn take_room(&mut self, file: u64, end: u64) -> u64 {
        let used: u64 =
            self.names.values().map(|file| self.files.get(file).map_or(0, |file| file.takes)).sum();
        let takes = self.file(file).takes;
        let granted = end.min(takes.saturating_add(self.room.saturating_sub(used)));
        self.file(file).takes = takes.max(granted);
        granted
    }

    /// The machine goes down and comes up again.
    pub(super) fn crash(&mut self, loss: Loss) {
        let mut chance = match loss {
            Loss::ByChance(seed) => Chance::new(seed),
            Loss::Everything | Loss::Nothing => Chance::new(0),
        };
        for change in std::mem::take(&mut self.changes) {
            let is_kept = match loss {
                Loss::Everything => false,
                Loss::Nothing => true,
                Loss::ByChance(_) => chance.one_in(2),
            };
            if is_kept {
                change.apply(&mut self.lasting);
            }
        }
        self.names.clone_from(&self.lasting);
        for content in self.files.values_mut() {
            content.crash(match loss {
                Loss::Everything => Fate::Lost,
                Loss::Nothing => Fate::Kept,
                Loss::ByChance(_) => Fate::ByChance(&mut chance),
            });
        }
        self.locks.clear();
        self.faults.clear();
        self.broken = None;
        self.calls = 0;
        self.read_faults.clear();
        self.reads = 0;
        self.largest_read = 0;
        self.holds = 0;
        self.waiting = 0;
        self.is_down = false;
    }
}

fn down() -> io::Error {
    io::Error::other("the machine is down")
}
