use edri_manager::manager;

struct Calculator;

#[manager(restart = Sometimes)]
impl Calculator {}

struct Poisoned;

#[manager(redeliver = 0)]
impl Poisoned {}

struct Kept;

#[manager(restart = Never, redeliver = 2)]
impl Kept {}

struct Timeless;

#[manager(handler_timeout = "soon")]
impl Timeless {}

struct Impatient;

#[manager(abandon)]
impl Impatient {}

struct Insisting;

#[manager(essential = true)]
impl Insisting {}

fn main() {}
