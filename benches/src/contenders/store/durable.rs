//! A hundred writers, each of whom goes on when its write is synced; and those who sync a hundred at a time.

use std::{fs::File, io::Write, sync::Arc};

use edri::prelude::{Host, Router, Store, StoreHandle};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{
    keys::{VALUE, keys},
    redis::PIPELINED_DURABLE,
};
use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    runtime::on_two_workers,
    scenario::Scenario,
};

/// How many write at a time, and how many writes share a sync where that is said.
const WRITERS: u64 = PIPELINED_DURABLE;

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");

pub(super) fn contenders() -> Vec<Contender> {
    vec![
        Contender::new(Scenario::KvDurable, "raw append, fdatasync per 100", raw).base(),
        Contender::new(Scenario::KvDurable, "redb, 100 per commit", redb),
        Contender::new(Scenario::KvDurable, "edri, 100 writers", edri),
    ]
}

fn raw(operations: u64) -> Sample {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let mut file = File::create(directory.path().join("log")).expect("a file can be made");
    let keys = keys();
    let mut batch = Vec::new();
    let stopwatch = Stopwatch::start();
    for number in 0..operations {
        batch.extend_from_slice(keys[number as usize % keys.len()].as_bytes());
        batch.extend_from_slice(&VALUE);
        if (number + 1) % WRITERS == 0 || number + 1 == operations {
            file.write_all(&batch).expect("there is room");
            file.sync_data().expect("a disk takes it");
            batch.clear();
        }
    }
    stopwatch.stop(operations)
}

fn redb(operations: u64) -> Sample {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let database = Database::create(directory.path().join("redb")).expect("a database can be made");
    let keys = keys();
    let stopwatch = Stopwatch::start();
    let mut number = 0;
    while number < operations {
        let write = database.begin_write().expect("nobody else writes");
        {
            let mut table = write.open_table(TABLE).expect("it is a table");
            for _ in 0..WRITERS.min(operations - number) {
                let key = keys[number as usize % keys.len()].as_str();
                table.insert(key, VALUE.as_slice()).expect("there is room");
                number += 1;
            }
        }
        write.commit().expect("a disk takes it");
    }
    let sample = stopwatch.stop(operations);
    let read = database.begin_read().expect("it can be read");
    let table = read.open_table(TABLE).expect("it is a table");
    assert!(table.first().expect("it can be read").is_some());
    sample
}

fn edri(operations: u64) -> Sample {
    on_two_workers(async move {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let router = Router::new();
        let _managed =
            Host::new(Store::durable(directory.path())).start(&router).await.expect("the store starts");
        let store = StoreHandle::on(&router);
        let keys = keys();
        let each = operations.div_ceil(WRITERS);
        let stopwatch = Stopwatch::start();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, keys) = (store.clone(), Arc::clone(&keys));
                tokio::spawn(async move {
                    for number in 0..each {
                        let key = &keys[(writer * each + number) as usize % keys.len()];
                        store.set_bytes(key, VALUE).await.expect("a disk takes it");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.expect("a writer panicked");
        }
        stopwatch.stop(each * WRITERS)
    })
}
