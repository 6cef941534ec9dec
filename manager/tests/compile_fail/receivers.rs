use edri_event::Notification;
use edri_manager::manager;

#[derive(Notification)]
struct Added(u64);

struct Calculator;

#[manager]
impl Calculator {
    #[notification]
    fn without(_event: &Added) {}

    #[notification]
    fn by_value(self, _event: &Added) {}

    #[notification]
    fn boxed(self: Box<Self>, _event: &Added) {}

    #[started]
    fn start() {}
}

fn main() {}
