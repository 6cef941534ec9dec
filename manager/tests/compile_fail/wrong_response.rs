use edri_event::{Failure, Notification, Request};
use edri_manager::manager;

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

#[derive(Request)]
#[request(response = u64)]
struct Subtract(u64);

#[derive(Request)]
#[request(response = u64)]
struct Divide(u64);

#[derive(Notification)]
struct Added(u64);

struct NoError;

struct Calculator;

#[manager]
impl Calculator {
    #[request]
    fn add(&self, event: Add) -> String {
        event.0.to_string()
    }

    #[request]
    async fn subtract(&self, _event: Subtract) {}

    #[request]
    async fn divide(&self, event: Divide) -> Result<u64, NoError> {
        Ok(event.0)
    }

    #[notification]
    async fn added(&self, event: &Added) -> Result<u64, Failure> {
        Ok(event.0)
    }
}

fn main() {}
