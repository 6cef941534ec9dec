use edri_event::Notification;
use edri_manager::manager;

#[derive(Notification)]
struct Added(u64);

struct Calculator;

#[manager]
impl Calculator {
    #[notification]
    #[request]
    fn added(&self, _event: &Added) {}

    #[notification]
    #[notification]
    fn added_again(&self, _event: &Added) {}

    #[notification(high)]
    fn added_at_last(&self, _event: &Added) {}

    #[started]
    fn one(&self) {}

    #[started]
    fn two(&self) {}
}

fn main() {}
