//! What workers write beside their answers.

use edri_router::Router;
use edri_worker::{Stream, WorkerOutput};

use crate::program::{Do, death, hands, job, within};

#[tokio::test]
async fn what_a_worker_writes_beside_its_answers_is_told_line_by_line() {
    within(async {
        let router = Router::new();
        let mut output = router.subscribe::<WorkerOutput>();
        let _pool = hands::<Do>(1).start(&router).unwrap();
        let pid = router.request(job("pid")).await.unwrap();
        router.request(job("stderr").number(3)).await.unwrap();
        for number in 0..3 {
            let said = output.recv().await.unwrap();
            assert_eq!((said.worker.as_str(), said.stream), ("hand-0", Stream::Stderr));
            assert_eq!(
                (said.process.to_string(), said.line.clone()),
                (pid.clone(), format!("line {number}"))
            );
        }
        let _ = router.request(job("raw").text("DEBUG: here")).await;
        let said = output.recv().await.unwrap();
        assert_eq!((said.line.as_str(), said.stream), ("DEBUG: here", Stream::Stdout));
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_says_very_much_is_left_out_in_part_and_keeps_its_last_words() {
    within(async {
        let router = Router::new();
        let mut output =
            router.subscribe_with::<WorkerOutput>(edri_router::InboxSettings::with_capacity(100_000));
        let _pool = hands::<Do>(1).start(&router).unwrap();
        router.request(job("stderr").number(50_000)).await.unwrap();
        let death = death(router.request(job("exit").number(1)).await);
        assert_eq!(death.stderr.last().unwrap(), "the last words");
        assert_eq!(death.stderr.len(), 20);
        let mut told = 0;
        while output.try_recv().is_some() {
            told += 1;
        }
        assert!((1_000..50_000).contains(&told), "{told} lines were told");
    })
    .await;
}
