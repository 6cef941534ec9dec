use edri_event::{Notification, Request};
use edri_manager::manager;

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

#[derive(Notification)]
struct Added(u64);

struct Calculator;

#[manager]
impl Calculator {
    #[request]
    fn add(&self, event: Add) -> u64 {
        event.0
    }

    #[request]
    fn add_again(&self, event: Add) -> u64 {
        event.0
    }

    #[notification]
    fn added(&self, _event: &Added) {}

    #[notification]
    fn added_again(&self, _event: &Added) {}
}

fn main() {}
