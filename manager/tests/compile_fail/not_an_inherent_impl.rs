use edri_manager::manager;

#[manager]
struct Calculator;

#[manager]
impl Default for Calculator {
    fn default() -> Self {
        Self
    }
}

struct Borrowing<'a>(&'a str);

#[manager]
impl<'a> Borrowing<'a> {}

fn main() {}
