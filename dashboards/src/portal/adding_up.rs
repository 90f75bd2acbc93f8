//! Adding a day up takes as long as the day has payments. So it goes on beside the page that asked for it, which waits a
//! moment for the end and otherwise shows how far it is; whoever comes again sees it further on.

use super::figures_of_day::FiguresOfDay;
use super::reconciliation::Day;
use crate::Pages;
use crate::failure::Failure;
use paybell_delivery::MerchantId;
use paybell_store::manage::PageRequest;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// For how long a page waits for the end.
const WAIT: Duration = Duration::from_millis(20);
/// For how long figures are shown at least before they are added up anew; what took longer is shown as long as it took.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// What nobody asked for again within this time is given up.
const WANTED_FOR: Duration = Duration::from_secs(15);
/// How many payments are added up between two looks at whether it is still wanted.
const AT_A_TIME: u32 = 1_000;
/// How many days are added up at once.
static PLACES: Semaphore = Semaphore::const_new(2);

/// How far the adding up of a day is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) figures: FiguresOfDay,
    /// When it ended, and how.
    ended: Option<(Instant, Result<(), Failure>)>,
}

impl Progress {
    /// Whether the figures are those of the whole day.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended.is_some()
    }
}

type Key = (MerchantId, Day);

struct Kept {
    begun_at: Instant,
    asked_at: Instant,
    progress: watch::Receiver<Progress>,
}

impl Kept {
    fn may_be_shown(&self) -> bool {
        match &self.progress.borrow().ended {
            // Where its teller is gone without a word, it will not go on.
            None => self.progress.has_changed().is_ok(),
            Some((_, Err(_))) => false,
            Some((at, Ok(()))) => at.elapsed() < FRESH_FOR.max(at.duration_since(self.begun_at)),
        }
    }
}

/// Days that are being added up, or were a moment ago.
#[derive(Default)]
pub(crate) struct Days(Mutex<HashMap<Key, Kept>>);

impl Days {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins what goes on or is fresh, or else begins anew: then the side to tell it from comes too.
    fn join(&self, key: &Key) -> (watch::Receiver<Progress>, Option<watch::Sender<Progress>>) {
        let (mut days, now) = (self.lock(), Instant::now());
        days.retain(|_, kept| kept.may_be_shown());
        if let Some(kept) = days.get_mut(key) {
            kept.asked_at = now;
            return (kept.progress.clone(), None);
        }
        let (teller, progress) = watch::channel(Progress::default());
        days.insert(key.clone(), Kept { begun_at: now, asked_at: now, progress: progress.clone() });
        (progress, Some(teller))
    }

    fn is_wanted(&self, key: &Key) -> bool {
        self.lock().get(key).is_some_and(|kept| kept.asked_at.elapsed() < WANTED_FOR)
    }
}

/// The figures of a merchant's day, as far as they are.
///
/// # Errors
/// What kept it from going on.
pub(crate) async fn add_up(pages: &Pages, merchant: &MerchantId, day: Day) -> Result<Progress, Failure> {
    let key = (merchant.clone(), day);
    let (mut progress, teller) = pages.days.join(&key);
    if let Some(teller) = teller {
        let pages = Pages::clone(pages);
        tokio::spawn(async move {
            let end = go_through(&pages, &key, &teller).await;
            teller.send_modify(|progress| progress.ended = Some((Instant::now(), end)));
        });
    }
    // When the time is over, what is there is shown.
    let _ = tokio::time::timeout(WAIT, progress.wait_for(Progress::is_whole)).await;
    let seen = progress.borrow().clone();
    match seen.ended {
        Some((_, Err(failure))) => Err(failure),
        _ => Ok(seen),
    }
}

async fn go_through(pages: &Pages, key: &Key, teller: &watch::Sender<Progress>) -> Result<(), Failure> {
    let _place = PLACES.acquire().await.map_err(|error| Failure::internal(&error))?;
    let mut page = PageRequest { limit: AT_A_TIME, after: None };
    while pages.days.is_wanted(key) {
        let found = pages.reconciled(&key.0, key.1, &page).await?;
        teller.send_modify(|progress| found.items.iter().for_each(|payment| progress.figures.add(payment)));
        page.after = found.next;
        if page.after.is_none() {
            return Ok(());
        }
    }
    Err(Failure::Unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::Timestamp;

    #[test]
    fn who_comes_joins_what_goes_on_and_begins_anew_what_broke_off() {
        let days = Days::default();
        let key = (MerchantId::new("shop").expect("an id"), Day::of(Timestamp(0)));
        let (_, teller) = days.join(&key);
        assert!(teller.is_some() && days.join(&key).1.is_none(), "the second joins the first");
        drop(teller);
        assert!(days.join(&key).1.is_some(), "its teller is gone");
    }
}
