use edri_event::Request;
use edri_manager::manager;

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

struct Calculator(u64);

#[manager(concurrency = PerKey(8))]
impl Calculator {
    #[request]
    fn add(&mut self, event: Add) -> u64 {
        self.0 += event.0;
        self.0
    }

    #[started]
    fn begin(&mut self) {}
}

fn main() {}
