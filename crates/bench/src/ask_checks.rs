//! The gateway's questions before payments: at a fixed rate in an open loop, each with the time that the merchant itself
//! took.

use crate::figures::Percentiles;
use anyhow::{Context, Result};
use paybell_testkit::Api;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// How the order references of checks begin, so that the sink finds them without parsing.
const PREFIX: &str = "asked-";

/// Every check of a run, by its number.
#[derive(Default)]
pub(crate) struct CheckBook(Mutex<Vec<Entry>>);

#[derive(Clone, Copy, Default)]
struct Entry {
    /// From the gateway's sending to the answer; zero for not yet.
    took_us: u64,
    /// What the merchant itself took of that; zero where it never answered.
    handled_us: u64,
    answer: Option<&'static str>,
}

impl CheckBook {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_sent(&self) -> usize {
        let mut entries = self.entries();
        entries.push(Entry::default());
        entries.len() - 1
    }

    fn note_answer(&self, number: usize, took: Duration, answer: &'static str) {
        if let Some(entry) = self.entries().get_mut(number) {
            (entry.took_us, entry.answer) = (micros(took), Some(answer));
        }
    }

    /// Notes how long the merchant took for a question.
    pub(crate) fn note_handled(&self, body: &[u8], took: Duration) {
        if let Some(number) = number_in(body)
            && let Some(entry) = self.entries().get_mut(number)
        {
            entry.handled_us = micros(took).max(1);
        }
    }

    /// How many were sent.
    pub(crate) fn sent(&self) -> usize {
        self.entries().len()
    }

    /// What came of the checks from this number on.
    pub(crate) fn since(&self, first: usize) -> Answers {
        let entries = self.entries();
        let (mut counts, mut overhead_us) = (BTreeMap::new(), Vec::new());
        for entry in entries.get(first..).unwrap_or_default() {
            *counts.entry(entry.answer.unwrap_or("none")).or_insert(0) += 1;
            if entry.handled_us > 0 && entry.took_us > 0 {
                overhead_us.push(entry.took_us.saturating_sub(entry.handled_us));
            }
        }
        overhead_us.sort_unstable();
        Answers { counts, overhead_ms: Percentiles::of_us(&overhead_us) }
    }
}

/// What came of checks.
pub(crate) struct Answers {
    /// How many there were of each answer.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// What an answer took beyond the merchant's own time, of merchants who answered.
    pub(crate) overhead_ms: Percentiles,
}

/// Questions that go on being asked.
pub(crate) struct Asking {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<()>>,
}

impl Asking {
    /// Asks so many a second, the merchants in turn, whatever becomes of the questions before.
    pub(crate) fn start(api: &Api, book: &Arc<CheckBook>, merchants: &Arc<Vec<String>>, rate: f64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let loop_ = ask_all(api.clone(), Arc::clone(book), Arc::clone(merchants), rate, Arc::clone(&stop));
        Self { stop, task: tokio::spawn(loop_) }
    }

    /// Stops asking and waits for the answers that are due.
    ///
    /// # Errors
    /// When the API did not answer a question: a benchmark of errors would be none.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.store(true, Relaxed);
        self.task.await?
    }
}

async fn ask_all(
    api: Api,
    book: Arc<CheckBook>,
    merchants: Arc<Vec<String>>,
    rate: f64,
    stop: Arc<AtomicBool>,
) -> Result<()> {
    let mut every = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    while !stop.load(Relaxed) {
        every.tick().await;
        let number = book.note_sent();
        let merchant = merchants.get(number % merchants.len().max(1)).context("no merchants")?.clone();
        asked.spawn(ask(api.clone(), Arc::clone(&book), merchant, number));
        while let Some(done) = asked.try_join_next() {
            done??;
        }
    }
    while let Some(done) = asked.join_next().await {
        done??;
    }
    Ok(())
}

async fn ask(api: Api, book: Arc<CheckBook>, merchant: String, number: usize) -> Result<()> {
    let question =
        json!({ "merchant": merchant, "pay_for": format!("{PREFIX}{number}"), "amount": 10_050, "currency": "EUR" });
    let begun = Instant::now();
    let answer = api.post("/v1/checks", &question).await?;
    let took = begun.elapsed();
    let answer = answer.expect_success()?;
    let known = ["allow", "refuse", "unavailable"].into_iter().find(|known| answer["answer"] == **known);
    book.note_answer(number, took, known.with_context(|| format!("an unknown answer: {answer}"))?);
    Ok(())
}

/// The number of the check that a question's body tells of.
fn number_in(body: &[u8]) -> Option<usize> {
    let at = body.windows(PREFIX.len()).position(|window| window == PREFIX.as_bytes())?;
    let digits = body.get(at + PREFIX.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_what_the_merchant_did_not_take_itself() {
        let book = CheckBook::default();
        let ms = Duration::from_millis;
        for (took, handled, answer) in
            [(25, Some(20), "allow"), (30, Some(20), "refuse"), (10_000, None, "unavailable")]
        {
            let number = book.note_sent();
            if let Some(handled) = handled {
                book.note_handled(format!("type=check&pay_for={PREFIX}{number}&x=1").as_bytes(), ms(handled));
            }
            book.note_answer(number, ms(took), answer);
        }
        book.note_sent();
        let answers = book.since(0);
        assert_eq!(answers.counts, [("allow", 1), ("none", 1), ("refuse", 1), ("unavailable", 1)].into());
        assert_eq!((answers.overhead_ms.p50, answers.overhead_ms.p99), (5.0, 10.0));
        assert_eq!(book.since(3).counts, [("none", 1)].into());
    }
}
