use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::sparse::Sparse;
use super::world::{Asked, Broken, Fault, Going, World};
use crate::error::JournalError;
use crate::journal::Journal;
use crate::log::Recovered;
use crate::settings::Settings;
use crate::storage::{File, FileSystem, Lock};

/// A disk in memory; its clones are the same disk. What happens by chance is the same for the same seed.
#[derive(Clone, Debug)]
pub struct Disk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    /// Changes go on.
    released: Condvar,
}

impl Shared {
    fn new(world: World) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), released: Condvar::new() })
    }

    fn now(&self) -> MutexGuard<'_, World> {
        self.world.lock()
    }

    /// A change is asked for: it waits while changes are held up, and says how it goes.
    fn change(&self, what: Asked) -> io::Result<(MutexGuard<'_, World>, Going)> {
        let mut world = self.world.lock();
        world.waiting += 1;
        self.released.wait_while(&mut world, |world| world.holds > 0 && !world.is_down);
        world.waiting -= 1;
        let going = world.change(what)?;
        Ok((world, going))
    }
}

/// Holds up every change of a disk until it is dropped: what a journal does meanwhile, it does without the disk.
#[derive(Debug)]
#[must_use = "changes go on when it is dropped"]
pub struct Hold {
    shared: Arc<Shared>,
}

impl Hold {
    /// How many changes are held up now.
    pub fn waiting(&self) -> usize {
        self.shared.now().waiting
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.now().holds -= 1;
        self.shared.released.notify_all();
    }
}

/// What a crash does to that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it is lost.
    Everything,
    /// All of it is there.
    Nothing,
    /// Of each write, some bytes are there, in whatever order they were written; the same ones for the same seed.
    ByChance(u64),
}

impl Disk {
    /// An empty disk with all the room in the world.
    pub fn new(seed: u64) -> Self {
        Self { shared: Shared::new(World::new(seed)) }
    }

    /// Opens a journal on it, as [`Journal::open`] does on a real one.
    ///
    /// # Errors and cancel safety
    /// As [`Journal::open`].
    pub async fn open(
        &self,
        directory: impl Into<PathBuf>,
        settings: Settings,
    ) -> Result<(Journal, Recovered), JournalError> {
        Journal::open_with(Arc::new(self.clone()), directory, settings).await
    }

    /// How many changes were asked for so far: of files, their lengths, their names, and syncs.
    pub fn calls(&self) -> u64 {
        self.shared.now().calls
    }

    /// The machine goes down in the middle of the change that is asked for as number `call`, counted from zero: from then
    /// on everything fails, until it is brought [up again](Self::crash).
    pub fn crash_at(&self, call: u64) {
        self.shared.now().faults.insert(call, Fault::Crash);
    }

    /// The change that is asked for as number `call` fails; part of it may be done.
    pub fn fail_at(&self, call: u64, error: io::ErrorKind) {
        self.shared.now().faults.insert(call, Fault::Error(error));
    }

    /// This fails from now on, until the disk is [repaired](Self::repair).
    pub fn break_down(&self, what: Broken, error: io::ErrorKind) {
        self.shared.now().broken = Some((what, error));
    }

    /// Changes go well again.
    pub fn repair(&self) {
        self.shared.now().broken = None;
    }

    /// Whoever asks for the change that is asked for as number `call` panics.
    #[cfg(test)]
    pub(crate) fn panic_at(&self, call: u64) {
        self.shared.now().faults.insert(call, Fault::Panic);
    }

    /// How often something was read so far.
    pub fn reads(&self) -> u64 {
        self.shared.now().reads
    }

    /// How many bytes were read at a time, at most.
    pub fn largest_read(&self) -> usize {
        self.shared.now().largest_read
    }

    /// What is read as number `read`, counted from zero, cannot be.
    pub fn fail_read_at(&self, read: u64, error: io::ErrorKind) {
        self.shared.now().read_faults.insert(read, error);
    }

    /// How many bytes all files may take; [`u64::MAX`] for no bound.
    pub fn set_room(&self, bytes: u64) {
        self.shared.now().room = bytes;
    }

    /// The machine goes down now, and comes up again with what is left. For whoever still uses this disk, it stays down.
    #[must_use = "what is left is on the disk that is returned"]
    pub fn crash(&self, loss: Loss) -> Self {
        let mut world = self.shared.now();
        world.is_down = true;
        let mut left = world.clone();
        drop(world);
        self.shared.released.notify_all();
        left.crash(loss);
        Self { shared: Shared::new(left) }
    }

    /// Holds up every change from now on, as a disk that is busy does.
    pub fn hold(&self) -> Hold {
        self.shared.now().holds += 1;
        Hold { shared: self.shared.clone() }
    }

    /// Whether the machine went down.
    pub fn is_down(&self) -> bool {
        self.shared.now().is_down
    }

    /// A copy of this disk as it is now, with nobody who uses it.
    #[must_use = "the copy is returned"]
    pub fn copy(&self) -> Self {
        let mut world = self.shared.now().clone();
        world.locks.clear();
        world.holds = 0;
        world.waiting = 0;
        Self { shared: Shared::new(world) }
    }

    /// The files in a directory, with what is in them.
    pub fn files(&self, directory: impl AsRef<Path>) -> Vec<(PathBuf, Vec<u8>)> {
        let world = self.shared.now();
        let paths = world.names_in(directory.as_ref());
        paths
            .map(|path| {
                (
                    path.into(),
                    world
                        .find(path)
                        .ok()
                        .and_then(|file| world.seen(file))
                        .map_or(Vec::new(), Sparse::to_vec),
                )
            })
            .collect()
    }

    /// Changes a byte of a file, as a medium does that goes bad.
    ///
    /// # Errors
    /// If there is no such file, or it is not as long.
    pub fn corrupt(
        &self,
        path: impl AsRef<Path>,
        offset: u64,
        change: impl FnOnce(u8) -> u8,
    ) -> io::Result<()> {
        let mut world = self.shared.now();
        let file = world.find(path.as_ref())?;
        if offset >= world.seen(file).map_or(0, Sparse::length) as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        world.file(file).corrupt(offset as usize, change);
        Ok(())
    }

    fn handle(&self, file: u64) -> Box<dyn File> {
        Box::new(Handle { shared: self.shared.clone(), file })
    }
}

impl FileSystem for Disk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        if self.shared.now().is_directory(path) {
            return self.shared.now().check();
        }
        let (mut world, going) = self.shared.change(Asked::Other)?;
        match going {
            Going::Well => {
                world.make_directory(path);
                Ok(())
            }
            Going::Wrong(error) => Err(error),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut world = self.shared.now();
        world.check()?;
        if !world.locks.insert(path.into()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { shared: self.shared.clone(), path: path.into() })))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let world = self.shared.now();
        world.check()?;
        let names = world.names_in(directory).filter_map(|path| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        let file = world.create(path);
        match going {
            Going::Well => Ok(self.handle(file)),
            Going::Wrong(error) => Err(error),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let world = self.shared.now();
        world.check()?;
        world.find(path).map(|file| self.handle(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        FileSystem::open(self, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        match going {
            Going::Well => world.rename(from, to),
            Going::Wrong(error) => {
                if world.is_down {
                    let _ = world.rename(from, to);
                }
                Err(error)
            }
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        match going {
            Going::Well => world.remove(path),
            Going::Wrong(error) => {
                if world.is_down {
                    let _ = world.remove(path);
                }
                Err(error)
            }
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        match going {
            Going::Well => {
                world.sync_directory(path);
                Ok(())
            }
            Going::Wrong(error) => Err(error),
        }
    }

    fn draw(&self) -> u64 {
        self.shared.now().chance.number()
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    file: u64,
}

impl File for Handle {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.shared.now();
        world.read(buffer.len())?;
        Ok(world.seen(self.file).map_or(0, |content| content.read(offset as usize, buffer)))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Write)?;
        let end = offset + bytes.len() as u64;
        let granted = world.take_room(self.file, end).saturating_sub(offset) as usize;
        let (written, result) = match going {
            Going::Well if granted < bytes.len() => (granted, Err(io::ErrorKind::StorageFull.into())),
            Going::Well => (bytes.len(), Ok(())),
            Going::Wrong(error) if world.is_down => (granted.min(bytes.len()), Err(error)),
            Going::Wrong(error) => {
                let part = world.chance.below(bytes.len() as u64 + 1) as usize;
                (part.min(granted), Err(error))
            }
        };
        world.file(self.file).write(offset as usize, &bytes[..written]);
        result
    }

    fn length(&self) -> io::Result<u64> {
        let world = self.shared.now();
        world.check()?;
        Ok(world.seen(self.file).map_or(0, Sparse::length) as u64)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        if world.is_down || matches!(going, Going::Well) {
            world.file(self.file).set_length(length as usize);
        }
        match going {
            Going::Well => Ok(()),
            Going::Wrong(error) => Err(error),
        }
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        let granted = world.take_room(self.file, length);
        match going {
            Going::Well if granted < length => Err(io::ErrorKind::StorageFull.into()),
            Going::Well => {
                world.file(self.file).allocate(length as usize);
                Ok(())
            }
            Going::Wrong(error) => {
                if world.is_down {
                    world.file(self.file).allocate(length as usize);
                }
                Err(error)
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let (mut world, going) = self.shared.change(Asked::Other)?;
        match going {
            Going::Well => {
                world.file(self.file).sync();
                Ok(())
            }
            Going::Wrong(error) => {
                // Where the machine goes down in the middle, the crash decides what was synced.
                if !world.is_down {
                    let mut chance = world.chance.clone();
                    world.file(self.file).fail_to_sync(&mut chance);
                    world.chance = chance;
                }
                Err(error)
            }
        }
    }
}

#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.now().locks.remove(&self.path);
    }
}
