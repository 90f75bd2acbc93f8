//! Takes jobs from the queue ahead of the workers, and tells the queue in the same round trips which are finished.

use crate::backend::ReadyBackend;
use crate::inherit::{Heirs, Inheritance};
use crate::kept_places::KeptPlaces;
use crate::{Queue, QueueError, READY_MAX, Taken};
use metrics::counter;
use paybell_delivery::{EndpointId, Job};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The first and the longest rest after the queue failed.
const REST_MIN: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(1);

/// For how long what is finished may gather before the queue is told, where jobs may wait for it, and where none waits at
/// all.
const GATHER: Duration = Duration::from_millis(2);
const GATHER_UNWAITED: Duration = Duration::from_millis(10);

/// For how long places are kept at least, though somebody may wait for one.
const KEPT_FOR: Duration = Duration::from_millis(100);

/// How much a worker gets.
#[derive(Clone, Copy, Debug)]
pub struct FeedLimits {
    /// The most jobs that are taken and not finished.
    pub in_flight_max: usize,
    /// The most jobs in one batch.
    pub batch_max: usize,
    /// For how long after it was taken a place in flight may go from a finished job to the next one of its endpoint; see
    /// [`Finished::take_kept`]. By so much [`crate::QueueSettings::lease`] must exceed what a job may take.
    pub reuse_within: Duration,
}

/// Begins to take jobs for one worker. For every job that the worker gets, [`Finished::finished`] must be called once,
/// also when its handler panics.
///
/// At `stop` it takes no more, and the worker ends once it has drained; what it has not begun goes back to the queue.
/// A queue that fails is asked again, at first after 100 ms, later every second. It runs on the runtime that it is
/// called on.
pub fn feed(queue: Arc<dyn Queue>, limits: FeedLimits, stop: CancellationToken) -> (ReadyBackend, Finished) {
    let in_flight_max = limits.in_flight_max.max(1);
    let kept = Arc::new(KeptPlaces::new(Arc::clone(&queue), limits.reuse_within, in_flight_max));
    let heirs = Arc::new(Heirs::new(limits.reuse_within));
    let slots = Slots { max: in_flight_max, taken: Arc::default(), kept, heirs };
    let (jobs_in, jobs_out) = mpsc::channel(in_flight_max);
    let (reports_in, reports_out) = mpsc::unbounded_channel();
    let (running, ended) = watch::channel(());
    let feeder = Feeder {
        queue,
        slots: slots.clone(),
        finished: Vec::new(),
        returned: Vec::new(),
        reports: reports_out,
        failing: false,
        kept_since: Instant::now(),
        all_kept_since: Instant::now(),
        give_up: false,
        _running: running,
    };
    tokio::spawn(feeder.run(jobs_in, stop));
    (
        ReadyBackend::new(jobs_out, reports_in.clone(), limits.batch_max.max(1)),
        Finished { reports: reports_in, ended, slots },
    )
}

/// Tells the feed which jobs are done; cheap to clone.
#[derive(Clone)]
pub struct Finished {
    reports: mpsc::UnboundedSender<Report>,
    ended: watch::Receiver<()>,
    slots: Slots,
}

/// The slots of a worker, which it shares among what it takes by turns and what it is let in for.
#[derive(Clone)]
struct Slots {
    max: usize,
    /// How many jobs were taken and neither finished nor returned.
    taken: Arc<AtomicUsize>,
    /// Where finished jobs leave their places for the next ones.
    kept: Arc<KeptPlaces>,
    /// To whom they leave them before.
    heirs: Arc<Heirs>,
}

impl Slots {
    fn free(&self) -> usize {
        self.max.saturating_sub(self.taken.load(Ordering::Relaxed))
    }

    /// See [`Finished::spare`].
    fn spare(&self) -> usize {
        self.free().saturating_sub(self.max / 8)
    }

    /// Whether the queue need not be told of this finished job, as its place is kept. Where no slot is to spare the feed may
    /// wait for one, and is told.
    fn keep(&self, taken: Taken, let_in: bool) -> bool {
        let kept = self.spare() > 0 && self.kept.keep(taken, let_in);
        self.taken.fetch_sub(usize::from(kept), Ordering::Relaxed);
        kept
    }
}

impl Finished {
    /// The job is no longer in flight, whatever came of it. Never waits.
    pub fn finished(&self, taken: Taken) {
        self.end(taken, false);
    }

    /// The same of a job that was let in without waiting ([`Queue::admit`], [`Finished::take_kept`]): the next one of its
    /// endpoint may be, too.
    pub fn finished_let_in(&self, taken: Taken) {
        self.end(taken, true);
    }

    fn end(&self, taken: Taken, let_in: bool) {
        let inherited = self.slots.spare() > 0 && self.slots.heirs.leave(taken);
        if !inherited && !self.slots.keep(taken, let_in) {
            // After the feed has ended, the job's lease sees to it.
            let _ = self.reports.send(Report::Finished(taken));
        }
    }

    /// The places in flight that finished jobs of the same endpoints left for these jobs, which never waited; for each of
    /// the others ask [`Queue::admit`]. What is taken over must be finished as any other.
    pub fn take_kept(&self, jobs: &[Job]) -> Vec<Option<Taken>> {
        let places = self.slots.kept.take(jobs);
        self.note_admitted(places.iter().flatten().count());
        places
    }

    /// From now on finished jobs of this endpoint leave their places to the caller, who has its next jobs
    /// ([`Queue::withdraw`]); but not where no slot is to spare, nor those that are too old to be handed on. Nothing where
    /// somebody else gets them.
    pub fn inherit(&self, endpoint: EndpointId) -> Option<Inheritance> {
        Inheritance::begin(self, endpoint)
    }

    pub(crate) fn heirs(&self) -> &Heirs {
        &self.slots.heirs
    }

    /// How many more jobs may be let in whether or not the feed waits for slots: an eighth of all slots is left for what has
    /// its turn. No more is, as `n` endpoints that hang leave only one slot in `n + 1` free ([`crate`]), and the others are to
    /// go on being let in beside them.
    pub fn spare(&self) -> usize {
        self.slots.spare()
    }

    /// How many more jobs the worker may have in hand.
    pub fn free(&self) -> usize {
        self.slots.free()
    }

    /// Counts jobs that the worker got by [`Queue::admit`] rather than from the feed. They must be finished, too.
    pub fn note_admitted(&self, jobs: usize) {
        self.slots.taken.fetch_add(jobs, Ordering::Relaxed);
    }

    /// Waits until the feed has ended: after `stop`, when the queue knows all jobs as finished, or has failed.
    pub async fn all_told(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// What became of a job that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Report {
    /// It was handled.
    Finished(Taken),
    /// No worker began it.
    Returned(Taken),
}

struct Feeder {
    queue: Arc<dyn Queue>,
    slots: Slots,
    /// What the queue is to be told at the next turn.
    finished: Vec<Taken>,
    /// What the queue is to get back.
    returned: Vec<Job>,
    reports: mpsc::UnboundedReceiver<Report>,
    failing: bool,
    /// When the queue was last told of places that were kept, as they are waited for, and when of all.
    kept_since: Instant,
    all_kept_since: Instant,
    /// Whether it is to be told of those that are kept since, as somebody may wait for one.
    give_up: bool,
    _running: watch::Sender<()>,
}

impl Feeder {
    async fn run(mut self, jobs: mpsc::Sender<Taken>, stop: CancellationToken) {
        let mut rest = REST_MIN;
        while !stop.is_cancelled() && !jobs.is_closed() {
            match self.turn(self.slots.free()).await {
                Ok(taken) => {
                    rest = REST_MIN;
                    self.hand_out(&jobs, taken);
                    self.give_up |= self.wait(&stop).await;
                    if self.give_up && self.kept_since.elapsed() >= KEPT_FOR {
                        self.give_up_places().await;
                    }
                }
                Err(error) => {
                    self.note_failure(&error);
                    let _ = stop.run_until_cancelled(sleep(rest)).await;
                    rest = REST_MAX.min(rest * 2);
                }
            }
            self.collect();
        }
        drop(jobs);
        self.finished.extend(self.slots.kept.close());
        self.drain().await;
    }

    /// The queue is to be told of places that are kept: once a second of all, and before that of those that jobs wait for.
    /// Others would have to be asked for again.
    async fn give_up_places(&mut self) {
        (self.kept_since, self.give_up) = (Instant::now(), false);
        let kept = Arc::clone(&self.slots.kept);
        if self.all_kept_since.elapsed() < READY_MAX
            && let Ok(waited_for) = self.queue.waited_for(&kept.endpoints()).await
        {
            self.finished.extend(kept.give_up_of(&waited_for));
            return;
        }
        self.all_kept_since = self.kept_since;
        self.finished.extend(kept.give_up());
    }

    /// One round trip: tells what is finished, takes at most as many as there are `free` slots.
    async fn turn(&mut self, free: usize) -> Result<Vec<Taken>, QueueError> {
        let taken = self.queue.turn(&self.finished, free, free).await?;
        self.finished.clear();
        if std::mem::take(&mut self.failing) {
            tracing::info!("the queue is back");
        }
        Ok(taken)
    }

    fn hand_out(&mut self, jobs: &mpsc::Sender<Taken>, all: Vec<Taken>) {
        for taken in all {
            self.slots.taken.fetch_add(1, Ordering::Relaxed);
            // The channel holds as many as may be in flight, so it can only be closed.
            if jobs.try_send(taken).is_err() {
                self.note(Report::Returned(taken));
            }
        }
    }

    /// Waits until there is something to tell, or something to take and room for it. What is to be told may gather for a
    /// moment, as long as there is room: nobody waits for it but jobs of the same endpoint. Answers whether somebody may
    /// wait now for places that are kept, or a second has passed.
    async fn wait(&mut self, stop: &CancellationToken) -> bool {
        let has_room = self.slots.free() > 0;
        tokio::select! {
            () = stop.cancelled() => false,
            report = self.reports.recv() => {
                if let Some(report) = report {
                    self.note(report);
                }
                if !has_room {
                    return true;
                }
                let gather = if self.queue.none_waits() { GATHER_UNWAITED } else { GATHER };
                tokio::select! {
                    () = stop.cancelled() => false,
                    () = self.queue.ready() => true,
                    () = sleep(gather) => false,
                }
            }
            () = self.queue.ready(), if has_room => true,
            () = sleep_until(self.kept_since + KEPT_FOR), if self.give_up => true,
            // Should the room have come without a word.
            () = sleep(READY_MAX), if !has_room => true,
        }
    }

    /// Takes in all reports that are there: those of one round trip go into the next.
    fn collect(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            self.note(report);
        }
    }

    fn note(&mut self, report: Report) {
        self.slots.taken.fetch_sub(1, Ordering::Relaxed);
        match report {
            Report::Finished(taken) => self.finished.push(taken),
            Report::Returned(taken) => {
                self.finished.push(taken);
                self.returned.push(taken.job);
            }
        }
    }

    /// Goes on telling what is finished until nothing is in flight. A queue that fails now is left alone: the leases
    /// end by themselves, and what was not begun comes due again.
    async fn drain(mut self) {
        loop {
            self.collect();
            if !self.finished.is_empty()
                && let Err(error) = self.turn(0).await
            {
                self.note_failure(&error);
                return;
            }
            let returned = std::mem::take(&mut self.returned);
            if !returned.is_empty()
                && let Err(error) = self.queue.push(&returned).await
            {
                self.note_failure(&error);
            }
            if self.slots.taken.load(Ordering::Relaxed) == 0 {
                return;
            }
            match self.reports.recv().await {
                Some(report) => self.note(report),
                None => return,
            }
        }
    }

    /// Says it once when the queue begins to fail; counts every time.
    fn note_failure(&mut self, error: &QueueError) {
        counter!("paybell_queue_errors_total", "act" => "turn").increment(1);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = error as &dyn std::error::Error, "the queue is unavailable; trying again");
        }
    }
}
