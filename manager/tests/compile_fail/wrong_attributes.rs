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

    #[notification(from = Everything)]
    fn added_from_the_first(&self, _event: &Added) {}

    #[notification(from = Last)]
    fn added_lately(&self, _event: &Added) {}

    #[notification(from = All, from = All)]
    fn added_twice(&self, _event: &Added) {}

    #[started(from = All)]
    fn zero(&self) {}

    #[started]
    fn one(&self) {}

    #[started]
    fn two(&self) {}
}

fn main() {}
