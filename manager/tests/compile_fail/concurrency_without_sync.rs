use std::cell::Cell;

use edri_event::Request;
use edri_manager::{Concurrency, Host, manager};

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

struct Declared(Cell<u64>);

#[manager(concurrency = Unordered(8))]
impl Declared {
    #[request]
    fn add(&self, event: Add) -> u64 {
        self.0.get() + event.0
    }
}

struct Hosted(Cell<u64>);

#[manager]
impl Hosted {
    #[request]
    fn add(&self, event: Add) -> u64 {
        self.0.get() + event.0
    }
}

fn main() {
    let _ = Host::new(Hosted(Cell::new(0))).concurrency(Concurrency::PerKey(8));
}
