//! Disks that fail and are repaired.

use std::io::ErrorKind;
use std::time::Duration;

use edri_journal::testing::{Broken, Disk, Loss};
use edri_router::{Backoff, Jitter};

use super::process::{Came, Process, Start, link, numbers, until};
use super::{Extra, Order, folders};
use crate::bridge::DurableSettings;

/// As ever, only sooner.
pub(super) fn soon(settings: DurableSettings) -> DurableSettings {
    let (first, cap) = (Duration::from_millis(10), Duration::from_millis(80));
    settings.reopened_after(Backoff::doubling(first, cap).jitter(Jitter::Off))
}

pub(super) fn start(folder: &tempfile::TempDir, disk: Disk) -> Process {
    Start { durable: soon, ..Start::new(folder.path(), disk) }.go()
}

fn pair(folders: &[tempfile::TempDir; 2], came: &Came) -> (Process, Process) {
    let (mut source, mut there) = (start(&folders[0], Disk::new(1)), start(&folders[1], Disk::new(2)));
    there.consume(came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    source.notify(0..10);
    source.run(source.durable.delivered()).unwrap();
    (source, there)
}

/// Waits until it is told that a journal has failed, and could not be opened again at first.
fn until_it_is_told(process: &Process) {
    let told = |part: &str| process.durable.status().trouble.is_some_and(|trouble| trouble.contains(part));
    until("it is told that it has failed", || told("it is tried again in"));
    until("it could not be opened", || told("after it has failed"));
}

fn is_repaired(broken: Broken) {
    let (folders, came) = (folders(), Came::default());
    let (source, mut there) = pair(&folders, &came);
    source.disk.break_down(broken, ErrorKind::Other);
    source.notify(10..100);
    until_it_is_told(&source);
    assert_eq!(numbers(&came).len(), 10, "what is not on the disk does not go out");
    source.disk.repair();
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..100).collect::<Vec<_>>());
    let status = source.durable.status();
    assert_eq!((status.trouble, status.stored), (None, 100));
    assert!(status.reopened > 0);
    // It goes on as before, whatever becomes of it.
    source.notify(100..200);
    source.synced();
    let disk = source.kill(Loss::Everything);
    let mut source = start(&folders[0], disk);
    link(&mut source, &mut there);
    source.notify(200..210);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..210).collect::<Vec<_>>());
}

#[test]
fn when_the_disk_of_a_source_is_repaired_what_was_sent_meanwhile_arrives_once_and_lasts() {
    is_repaired(Broken::All);
}

#[test]
fn and_so_it_does_when_it_was_there_all_the_time_and_nobody_knew() {
    is_repaired(Broken::AllButWrites);
}

#[test]
fn when_the_disk_of_a_destination_is_repaired_what_came_meanwhile_is_handed_over_once() {
    let (folders, came) = (folders(), Came::default());
    let (mut source, there) = pair(&folders, &came);
    there.disk.break_down(Broken::All, ErrorKind::Other);
    source.notify(10..200);
    until_it_is_told(&there);
    assert!(there.durable.waiting() > 0);
    assert_eq!(numbers(&came).len(), 10, "what is not marked is not handed over");
    there.disk.repair();
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..200).collect::<Vec<_>>());
    until("it is well", || there.durable.status().trouble.is_none());
    assert!(there.durable.status().reopened > 0);
    let disk = there.kill(Loss::Everything);
    let mut there = start(&folders[1], disk);
    there.consume(&came, None);
    link(&mut source, &mut there);
    source.notify(200..210);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..210).collect::<Vec<_>>());
}

#[test]
fn what_is_wanted_while_the_disk_fails_is_known_after_it_was_repaired() {
    let (folders, came) = (folders(), Came::default());
    let (source, there) = pair(&folders, &came);
    source.disk.break_down(Broken::All, ErrorKind::StorageFull);
    let _wants_extras = there.router.subscribe::<Extra>();
    until("it is wanted", || source.router.has_subscribers::<Extra>());
    until_it_is_told(&source);
    source.disk.repair();
    source.synced();
    let disk = source.kill(Loss::Everything);
    let source = start(&folders[0], disk);
    assert!(source.router.has_subscribers::<Extra>(), "it was told that it is on the disk");
}

#[test]
fn what_waits_for_a_disk_that_is_repaired_while_a_program_stops_is_stored_before_it_has() {
    let (folders, came) = (folders(), Came::default());
    let (source, mut there) = pair(&folders, &came);
    source.disk.break_down(Broken::All, ErrorKind::Other);
    source.notify(10..50);
    until_it_is_told(&source);
    let disk = source.disk.clone();
    let repairs = std::thread::spawn(move || {
        // It is being stopped by then, or is stopped later: either will do.
        std::thread::sleep(Duration::from_millis(30));
        disk.repair();
    });
    let disk = source.stop().crash(Loss::Everything);
    repairs.join().unwrap();
    let mut source = start(&folders[0], disk);
    link(&mut source, &mut there);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..50).collect::<Vec<_>>());
}
