mod failing;
mod process;
mod soak;

use std::time::Duration;

use edri_event::Notification;
use edri_journal::JournalError;
use edri_journal::testing::{Disk, Loss};
use edri_router::{InboxSettings, NotifyError, Overflow, Reason, Router};
use process::{Came, Letters, Order, Process, Start, link, numbers, until};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use super::{Durable, DurableError, DurableSettings};
use crate::durable::Interrupted;
use crate::settings::Settings;
use crate::wire::Identity;

fn wait_for_events(process: &Process, events: u64) {
    until("all is acknowledged but so many", || {
        process.durable.status().destinations.iter().map(|kept| kept.events).sum::<u64>() == events
    });
}

/// Two programs that know each other: the first sends, and the other has told what it wants.
fn pair(folders: &[tempfile::TempDir; 2], came: &Came) -> (Process, Process) {
    let mut source = Start::new(folders[0].path(), Disk::new(1)).go();
    let mut there = Start::new(folders[1].path(), Disk::new(2)).go();
    there.consume(came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    (source, there)
}

/// The destination is killed while it is at some of 300 orders, which are all on the source's disk: the destination's disk.
fn killed_at_work(source: &mut Process, mut there: Process, came: &Came) -> Disk {
    there.consume(came, Some(Duration::from_millis(5)));
    link(source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    source.notify(0..300);
    source.synced();
    until("some have come", || numbers(came).len() >= 20);
    there.kill(Loss::Everything)
}

fn folders() -> [tempfile::TempDir; 2] {
    [tempdir().unwrap(), tempdir().unwrap()]
}

#[test]
fn what_is_sent_arrives_once_and_in_order_and_is_not_kept_for_longer() {
    let (folders, came) = (folders(), Came::default());
    let (source, there) = pair(&folders, &came);
    source.notify(0..5_000);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..5_000).collect::<Vec<_>>());
    wait_for_events(&source, 0);
    let status = source.durable.status();
    assert_eq!((status.stored, status.interrupted, status.given_up, status.trouble), (5_000, 0, 0, None));
    assert_eq!(there.durable.status().received, 5_000);
}

#[test]
fn a_destination_that_was_stopped_gets_what_was_sent_meanwhile() {
    let (folders, came) = (folders(), Came::default());
    let (mut source, there) = pair(&folders, &came);
    source.notify(0..10);
    let disk = there.stop();
    source.notify(10..500);
    source.synced();
    let mut there = Start::new(folders[1].path(), disk).go();
    link(&mut source, &mut there);
    // It starts after its links, as a manager does.
    until("it is there, and wants nothing yet", || source.durable.status().destinations[0].is_connected);
    there.consume(&came, None);
    until("all has come", || numbers(&came).len() == 500);
    assert_eq!(numbers(&came), (0..500).collect::<Vec<_>>());
}

#[test]
fn a_source_that_was_killed_goes_on_where_it_stopped_and_sends_while_nobody_is_there() {
    let (folders, came) = (folders(), Came::default());
    let (source, there) = pair(&folders, &came);
    source.notify(0..10);
    let disk = there.stop();
    source.notify(10..200);
    source.synced();
    let disk_of_source = source.kill(Loss::Everything);
    let mut source = Start::new(folders[0].path(), disk_of_source).go();
    assert!(source.router.has_subscribers::<Order>(), "it knows who wants it though he is not there");
    source.notify(200..300);
    source.synced();
    let mut there = Start::new(folders[1].path(), disk).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("all has come", || numbers(&came).len() >= 300);
    assert_eq!(numbers(&came), (0..300).collect::<Vec<_>>());
    source.run(source.durable.delivered()).unwrap();
}

#[test]
fn what_a_router_knew_before_its_folder_was_opened_goes_out_once() {
    let (folders, came) = (folders(), Came::default());
    let (source, mut there) = pair(&folders, &came);
    source.notify(0..10);
    source.run(source.durable.delivered()).unwrap();
    let disk = source.kill(Loss::Everything);
    let start = Start::new(folders[0].path(), disk);
    let mut source = start.go_with(|router| assert!(!router.has_subscribers::<Order>()));
    source.notify(10..20);
    link(&mut source, &mut there);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_source_that_is_killed_while_its_destination_lives_loses_and_doubles_nothing() {
    let (folders, came) = (folders(), Came::default());
    let (mut source, mut there) = pair(&folders, &came);
    for round in 0..5 {
        source.notify(round * 100..(round + 1) * 100);
        source.synced();
        let disk = source.kill(Loss::Everything);
        source = Start::new(folders[0].path(), disk).go();
        link(&mut source, &mut there);
    }
    until("all has come", || numbers(&came).len() >= 500);
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..500).collect::<Vec<_>>());
}

#[test]
fn what_a_destination_had_when_it_was_killed_is_a_dead_letter_at_its_source_and_comes_no_more() {
    let (folders, came, letters) = (folders(), Came::default(), Letters::default());
    let mut source = Start::new(folders[0].path(), Disk::new(1)).go();
    source.note_letters(&letters);
    let there = Start::new(folders[1].path(), Disk::new(2)).go();
    let disk = killed_at_work(&mut source, there, &came);
    let before = numbers(&came);
    let mut there = Start::new(folders[1].path(), disk).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    source.notify(300..310);
    source.run(source.durable.delivered()).unwrap();
    until("all has come or is a letter", || {
        let letters = letters.lock().unwrap();
        let came = numbers(&came);
        (0..310).all(|number| letters.contains_key(&number) || came.contains(&number))
    });
    let came = numbers(&came);
    let mut once = came.clone();
    once.dedup();
    assert_eq!(came, once);
    assert!(came.is_sorted(), "in order: {came:?}");
    let letters = letters.lock().unwrap();
    for (number, reasons) in letters.iter() {
        assert!(
            matches!(&reasons[..], [Reason::Interrupted { peer }] if peer == "a program"),
            "{number}: {reasons:?}"
        );
        assert!(!came[before.len()..].contains(number), "{number} came after it was a letter");
    }
    assert!(!letters.is_empty());
    assert_eq!(source.durable.status().interrupted, letters.len() as u64);
    assert_eq!(source.router.dead_letter_counts().interrupted, letters.len() as u64);
}

#[test]
fn or_it_is_redelivered_and_marked_so_where_the_destination_says_so() {
    let (folders, came, letters) = (folders(), Came::default(), Letters::default());
    let mut source = Start::new(folders[0].path(), Disk::new(1)).go();
    source.note_letters(&letters);
    let redelivers = |folder, disk| {
        let durable = |settings: DurableSettings| settings.interrupted(Interrupted::Redeliver);
        Start { durable, ..Start::new(folder, disk) }.go()
    };
    let there = redelivers(folders[1].path(), Disk::new(2));
    let disk = killed_at_work(&mut source, there, &came);
    let before = came.lock().unwrap().len();
    let mut there = redelivers(folders[1].path(), disk);
    link(&mut source, &mut there);
    until("it is there, and wants nothing yet", || source.durable.status().destinations[0].is_connected);
    there.consume(&came, None);
    source.run(source.durable.delivered()).unwrap();
    let came = came.lock().unwrap().clone();
    let (first, second) = came.split_at(before);
    for number in 0..300 {
        assert!(came.iter().any(|(came, _)| *came == number), "{number} is missing");
    }
    assert!(first.iter().all(|(_, redelivered)| !redelivered));
    let twice = second.iter().filter(|(number, _)| first.iter().any(|(came, _)| came == number));
    assert!(twice.clone().count() > 0 && twice.clone().all(|(_, redelivered)| *redelivered));
    assert!(letters.lock().unwrap().is_empty());
    assert!(there.durable.status().redelivered > 0);
}

#[test]
fn when_what_is_kept_has_reached_its_bound_the_policy_of_the_inbox_holds_and_later_it_goes_on() {
    let (folders, came) = (folders(), Came::default());
    let (source, there) = pair(&folders, &came);
    source.notify(0..1);
    source.run(source.durable.delivered()).unwrap();
    let disk = source.stop();
    let disk_of_there = there.stop();
    let mut source = Start {
        inbox: InboxSettings::with_capacity(16).overflow(Overflow::Reject),
        durable: |settings| settings.events(200),
        ..Start::new(folders[0].path(), disk)
    }
    .go();
    let mut sent = vec![0];
    let refused = source.run(async {
        let mut number = 1;
        loop {
            let sending: Result<_, NotifyError> = source.router.notify(Order { number }).await;
            match sending {
                Ok(_) => {
                    sent.push(number);
                    number += 1;
                }
                Err(_) if source.durable.status().destinations[0].events >= 200 => return number,
                // It has not been taken out of the inbox yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    });
    assert!((200..2_000).contains(&refused), "refused at {refused}");
    let mut there = Start::new(folders[1].path(), disk_of_there).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    source.run(source.durable.delivered()).unwrap();
    source.notify(20_000..20_010);
    source.run(source.durable.delivered()).unwrap();
    sent.extend(20_000..20_010);
    assert_eq!(numbers(&came), sent);
}

#[test]
fn a_disk_that_is_full_stops_those_who_send_and_nothing_is_lost() {
    let (folders, came) = (folders(), Came::default());
    let mut source =
        Start { durable: |settings| settings.bytes(2 << 20), ..Start::new(folders[0].path(), Disk::new(1)) }
            .go();
    let mut there = Start::new(folders[1].path(), Disk::new(2)).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    source.notify(0..10);
    source.run(source.durable.delivered()).unwrap();
    source.disk.set_room(0);
    let all = {
        let router = source.router.clone();
        source.runtime.as_ref().unwrap().spawn(async move {
            for number in 10..100_000 {
                router.notify(Order { number }).await.unwrap();
            }
        })
    };
    until("the disk is full", || source.durable.status().trouble.is_some());
    assert!(source.durable.status().trouble.unwrap().contains("no space left"));
    source.disk.set_room(u64::MAX);
    source.run(all).unwrap();
    source.run(source.durable.delivered()).unwrap();
    assert_eq!(numbers(&came), (0..100_000).collect::<Vec<_>>());
    assert_eq!(source.durable.status().trouble, None);
}

#[test]
fn what_is_kept_for_one_who_does_not_come_back_becomes_dead_letters_with_the_reason() {
    let (folders, came, letters) = (folders(), Came::default(), Letters::default());
    let mut source = Start {
        durable: |settings| settings.keep_for(Duration::from_millis(300)),
        ..Start::new(folders[0].path(), Disk::new(1))
    }
    .go();
    source.note_letters(&letters);
    let mut there = Start::new(folders[1].path(), Disk::new(2)).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    source.notify(0..5);
    source.run(source.durable.delivered()).unwrap();
    there.stop();
    source.notify(5..100);
    until("they are letters", || letters.lock().unwrap().len() == 95);
    for reasons in letters.lock().unwrap().values() {
        let [Reason::LinkLost { reason, .. }] = &reasons[..] else { panic!("{reasons:?}") };
        assert_eq!(reason, "it did not come back within 300ms");
    }
    until("it is forgotten", || source.durable.status().destinations.is_empty());
    assert!(!source.router.has_subscribers::<Order>());
    until("all is counted", || source.durable.status().given_up == 95);
}

#[derive(Clone, Debug, Notification, Serialize, Deserialize)]
#[notification(shareable)]
struct Extra {
    number: u64,
}

#[test]
fn what_is_not_wanted_any_more_when_its_destination_is_back_is_a_dead_letter_and_all_else_goes_on() {
    let (folders, came) = (folders(), Came::default());
    let mut source = Start {
        durable: |settings| settings.resubscribe_within(Duration::from_millis(100)),
        ..Start::new(folders[0].path(), Disk::new(1))
    }
    .go();
    let mut extras = source.router.dead_letters::<Extra>();
    let mut there = Start::new(folders[1].path(), Disk::new(2)).go();
    there.consume(&came, None);
    let wants_extras = there.router.subscribe::<Extra>();
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Extra>());
    source.synced();
    let disk = there.stop();
    drop(wants_extras);
    source.run(async {
        source.router.notify(Extra { number: 7 }).await.unwrap();
        source.router.notify(Order { number: 8 }).await.unwrap();
    });
    source.synced();
    let mut there = Start::new(folders[1].path(), disk).go();
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("the other has come", || numbers(&came) == [8]);
    let lost = source.run(extras.recv()).unwrap();
    assert_eq!((lost.event.number, &lost.letter.reason), (7, &Reason::NoSubscriber));
    until("it is counted", || source.durable.status().given_up == 1);
}

#[test]
fn what_goes_to_a_router_that_keeps_nothing_goes_as_ever() {
    let (folders, came) = (folders(), Came::default());
    let mut source = Start::new(folders[0].path(), Disk::new(1)).go();
    let mut there = Start::new(folders[1].path(), Disk::new(2)).go();
    there.settings.durable = None;
    there.consume(&came, None);
    link(&mut source, &mut there);
    until("it is known what is wanted", || source.router.has_subscribers::<Order>());
    source.notify(0..100);
    until("all has come", || numbers(&came).len() == 100);
    assert!(source.durable.status().destinations.is_empty());
}

fn settings(router: &Router) -> Settings {
    Settings::new(Identity::new(router.id(), "here"))
}

#[tokio::test]
async fn a_folder_that_is_in_use_belongs_to_another_or_is_damaged_is_named() {
    let folder = tempdir().unwrap();
    let durable = DurableSettings::in_folder(folder.path());
    let router = Router::with_id(durable.router_id().unwrap());
    let open = Durable::open(&router, durable.clone(), &settings(&router)).await.unwrap();

    let again = Durable::open(&router, durable.clone(), &settings(&router)).await.unwrap_err();
    assert!(matches!(again, DurableError::Journal(JournalError::Locked { .. })), "{again}");
    open.close().await.unwrap();

    let other = Router::new();
    let error = Durable::open(&other, durable.clone(), &settings(&other)).await.unwrap_err().to_string();
    assert!(error.contains(&router.id().to_string()) && error.contains(&other.id().to_string()), "{error}");

    let small = Durable::open(&router, durable.clone().bytes(10), &settings(&router)).await.unwrap_err();
    assert!(small.to_string().contains("bytes 10: expected at least 1 MiB"), "{small}");

    let identity = folder.path().join("router");
    std::fs::write(&identity, "edri router 12\n").unwrap();
    let error = Durable::open(&router, durable, &settings(&router)).await.unwrap_err().to_string();
    assert!(error.contains("edri router 12") && error.contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_damaged_record_is_named_with_its_file() {
    let folder = tempdir().unwrap();
    let disk = Disk::new(1);
    let durable = DurableSettings::in_folder(folder.path()).on(disk.clone());
    let router = Router::with_id(durable.router_id().unwrap());
    let (journal, _) = durable.open_book().await.unwrap();
    journal.append([9, 9, 9]).await.unwrap();
    journal.close().await.unwrap();
    let error = Durable::open(&router, durable, &settings(&router)).await.unwrap_err().to_string();
    assert!(error.contains("book") && error.contains("at 1 is no entry"), "{error}");
}
