use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::writer::Sender;
use super::*;
use crate::report::{Batch, BatchIdentity, SourceId};
use crate::tracker::Bounds;

const BOUNDS: WriterBounds = WriterBounds {
    queue_batches_max: 8,
    window: ResendWindow {
        batches_max: 100,
        age_max: Duration::from_secs(3600),
    },
};

const NOW: ReceivedAt = ReceivedAt::from_micros(1_700_000_000_000_000);

fn source(number: u128) -> SourceId {
    SourceId::new(uuid::Uuid::from_u128(number))
}

fn batch(from: u128) -> Batch {
    Batch {
        source: source(from),
        source_name: None,
        technology: None,
        identity: None,
        reports: Vec::new(),
        rejected: Vec::new(),
    }
}

fn record(batch: Batch) -> Record {
    Record::new(Uuid::nil(), NOW, What::Reports(batch))
}

fn keyed(from: u128, key: &str) -> Batch {
    Batch {
        identity: Some(BatchIdentity::of_key(source(from), key.as_bytes())),
        ..batch(from)
    }
}

fn tracker(sources_max: usize) -> Arc<Tracker> {
    Arc::new(Tracker::new(Bounds {
        devices_max: 10,
        sources_max,
        ssids_per_device_max: 4,
        sources_per_device_max: 4,
        frequencies_per_device_max: 4,
        tags_per_device_max: 4,
        device_timeout: Duration::ZERO,
        ..Bounds::FOR_TESTS
    }))
}

fn keeper() -> AlertKeeper {
    AlertKeeper::open(
        None,
        &crate::config::alerts::Alerts::default(),
        uuid::Uuid::nil(),
    )
    .unwrap()
}

/// Sends all of `batches` before the writer takes any, and returns the answers.
async fn written_together(sources_max: usize, batches: Vec<Batch>) -> Vec<SubmitResult> {
    let events = Events::new(8);
    let tracker = tracker(sources_max);
    let fold = Fold::new(Arc::clone(&tracker), keeper(), events.clone());
    let log = Log::in_memory(usize::MAX);
    let waiting = Waiting::<Sender>::default();
    let writer_loop = WriterLoop {
        judge: fold.judge(&log, BOUNDS.window).unwrap(),
        log,
        tracker,
        events,
        waiting: waiting.clone(),
        commits: Arc::default(),
        times: Arc::default(),
        suspects_full_disk: false,
        fault: None,
    };
    let merger = Merger {
        runtime: Handle::current(),
        fold,
        waiting,
        times: Arc::default(),
        evictions: EvictionWarning::default(),
    };
    let (queue, jobs) = mpsc::channel(batches.len());
    let answers: Vec<_> = batches
        .into_iter()
        .map(|batch| {
            let (done, answer) = oneshot::channel();
            let record = record(batch);
            queue.try_send(Work::Write(Job { record, done })).unwrap();
            answer
        })
        .collect();
    drop(queue);
    let writing = spawn_blocking(move || writer_loop.write(jobs, merger));
    writing.await.unwrap().unwrap().unwrap();
    let mut told = Vec::new();
    for answer in answers {
        told.push(answer.await.unwrap());
    }
    told
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match Pin::new(&mut future).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_undo_its_batch() {
    let tracker = tracker(10);
    let (ready, is_ready) = oneshot::channel();
    let (ingest, mut writer) = start(
        Stores {
            log: Log::in_memory(usize::MAX),
            snapshots: None,
            accepts_loss: false,
            alerts: keeper(),
        },
        Arc::clone(&tracker),
        Events::new(8),
        NOW,
        BOUNDS,
        |_, _| ready.send(()).unwrap(),
    )
    .unwrap();
    is_ready.await.unwrap();
    let mut hung_up = Box::pin(ingest.submit(NOW, What::Reports(batch(1))));
    // The first poll sends the batch. Then the client disconnects.
    poll_once(hung_up.as_mut()).await;
    drop(hung_up);
    drop(ingest);
    writer.ended().await.unwrap();
    assert_eq!(tracker.sources().len(), 1);
}

#[test]
fn a_full_queue_takes_nothing() {
    let (queue, jobs) = mpsc::channel(1);
    let ingest = Ingest {
        queue,
        node: Uuid::nil(),
        ready: Arc::new(AtomicBool::new(true)),
        commits: Arc::default(),
        submitted: Arc::default(),
        times: Arc::default(),
    };
    let (done, _) = oneshot::channel();
    ingest
        .queue
        .try_send(Work::Write(Job {
            record: record(batch(1)),
            done,
        }))
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(
        runtime.block_on(ingest.submit(NOW, What::Reports(batch(2)))),
        Err(IngestError::Overloaded)
    );
    drop(jobs);
    assert_eq!(
        runtime.block_on(ingest.submit(NOW, What::Reports(batch(2)))),
        Err(IngestError::Stopped)
    );
    let starting = Ingest {
        ready: Arc::new(AtomicBool::new(false)),
        ..ingest
    };
    assert_eq!(
        runtime.block_on(starting.submit(NOW, What::Reports(batch(2)))),
        Err(IngestError::Starting)
    );
}

#[tokio::test]
async fn new_sources_of_one_group_count_against_the_bound_together() {
    let answers = written_together(2, vec![batch(1), batch(2), batch(1), batch(3)]).await;
    let refused = Err(IngestError::TooManySources(TooManySources { max: 2 }));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
    assert_eq!(answers.get(3), Some(&refused));
}

#[tokio::test]
async fn a_batch_sent_again_while_the_first_waits_is_counted_once() {
    let answers = written_together(
        9,
        vec![keyed(1, "a"), keyed(1, "a"), keyed(2, "a"), keyed(1, "b")],
    )
    .await;
    let told: Vec<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    let flags: Vec<_> = told
        .iter()
        .map(|receipt| (receipt.stored.position.get(), receipt.duplicate))
        .collect();
    assert_eq!(flags, [(1, false), (1, true), (2, false), (3, false)]);
}
