use edri_manager::manager;

struct Calculator;

#[manager(capacty = 3)]
impl Calculator {}

fn main() {}
