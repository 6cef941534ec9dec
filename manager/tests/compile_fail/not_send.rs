use std::rc::Rc;

use edri_event::Notification;
use edri_manager::manager;

#[derive(Notification)]
struct Added(u64);

struct Calculator;

#[manager]
impl Calculator {
    #[notification]
    async fn added(&self, event: &Added) {
        let sum = Rc::new(event.0);
        std::future::ready(()).await;
        drop(sum);
    }
}

fn main() {}
