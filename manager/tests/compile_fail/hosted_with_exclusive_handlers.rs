use edri_event::Request;
use edri_manager::{Concurrency, Host, manager};

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

struct Calculator(u64);

#[manager]
impl Calculator {
    #[request]
    fn add(&mut self, event: Add) -> u64 {
        self.0 += event.0;
        self.0
    }
}

struct NoManager;

fn main() {
    let _ = Host::new(Calculator(0)).concurrency(Concurrency::PerKey(8));
    let _ = Host::new(NoManager);
}
