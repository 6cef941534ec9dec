use edri_manager::manager;
use edri_router::{Context, Health};

struct Changing;

#[manager]
impl Changing {
    #[health]
    fn health(&mut self) -> Health {
        Health::ok()
    }
}

struct Waiting;

#[manager]
impl Waiting {
    #[health]
    async fn health(&self) -> Health {
        Health::ok()
    }
}

struct Circumstantial;

#[manager]
impl Circumstantial {
    #[health]
    fn health(&self, _cx: &Context) -> Health {
        Health::ok()
    }
}

struct Silent;

#[manager]
impl Silent {
    #[health]
    fn health(&self) {}
}

fn main() {}
