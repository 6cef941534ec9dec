//! What a worker may say, and what it is told.

use edri_router::Router;

use crate::program::{Do, hands, job, within};

#[tokio::test]
async fn a_job_is_a_line_and_so_is_its_answer() {
    within(async {
        let router = Router::new();
        let _pool = hands::<Do>(2).start(&router).unwrap();
        for number in 0..100 {
            let text = format!("number {number}, with \"quotes\", a\nline feed and ů");
            assert_eq!(router.request(job("echo").text(&text)).await, Ok(text));
        }
    })
    .await;
}
