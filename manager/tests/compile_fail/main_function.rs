mod not_async {
    #[edri_manager_derive::main]
    fn main() {}
}

mod with_arguments {
    #[edri_manager_derive::main]
    async fn main(_arguments: Vec<String>) {}
}

mod generic {
    #[edri_manager_derive::main]
    async fn main<T>() {}
}

mod unknown_option {
    #[edri_manager_derive::main(threads = 4)]
    async fn main() {}
}

mod wrong_values {
    #[edri_manager_derive::main(flavor = "fast")]
    async fn one() {}

    #[edri_manager_derive::main(worker_threads = 0)]
    async fn two() {}

    #[edri_manager_derive::main(flavor = "current_thread", worker_threads = 2)]
    async fn three() {}

    #[edri_manager_derive::main(worker_threads = 2, worker_threads = 2)]
    async fn four() {}
}

mod no_function {
    #[edri_manager_derive::main]
    struct Main;
}

fn main() {}
