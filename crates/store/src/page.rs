//! Cursor pagination: a page ends with the last id that it showed.

use crate::ids::first_id_at;
use crate::manage::{Page, PageRequest};
use crate::{Result, StoreError};
use paybell_delivery::Timestamp;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// The most items of a page.
const LIMIT_MAX: u32 = 1_000;

/// By how much the moment for which an id was made may differ from its row's date. A process makes both by the same
/// clock, so they differ by the time that a batch waits, unless the clock was set meanwhile. The ids of a stretch of time
/// are sought with this margin, and the rows are then judged by their dates; all of the margin has to be gone through.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(60);

/// How many rows to read: one more than the page shows, to know whether another page follows.
pub(crate) fn rows_wanted(page: &PageRequest) -> i64 {
    i64::from(page.limit.clamp(1, LIMIT_MAX)) + 1
}

/// Where the page before ended.
pub(crate) fn after<T: FromStr>(page: &PageRequest) -> Result<Option<T>> {
    let read = |cursor: &String| cursor.parse().map_err(|_| malformed(cursor));
    page.after.as_ref().map(read).transpose()
}

/// A cursor that no page ended with.
pub(crate) fn malformed(cursor: &str) -> StoreError {
    let shown: String = cursor.chars().take(64).collect();
    StoreError::Refused(format!("{shown:?} is not a cursor; take the one that the page before ended with"))
}

/// The page from the rows that were read, given the id of each.
pub(crate) fn page<T, Id: Display>(mut items: Vec<T>, page: &PageRequest, id: impl Fn(&T) -> Id) -> Page<T> {
    let limit = usize::try_from(rows_wanted(page) - 1).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|item| id(item).to_string());
    Page { items, next }
}

/// An id that sorts before all of rows dated at or after `since`.
pub(crate) fn id_floor(since: Timestamp) -> Uuid {
    first_id_at(since.before(CLOCKS_DIFFER_MAX))
}

/// An id that sorts after all of rows dated before `before`.
pub(crate) fn id_ceiling(before: Timestamp) -> Uuid {
    first_id_at(before + CLOCKS_DIFFER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::id_at;

    #[test]
    fn ids_sort_by_the_moment_they_were_made_for() {
        let moment = Timestamp(1_795_253_400_123_456);
        let ids: Vec<Uuid> = (0..5_000).map(|us| id_at(moment + Duration::from_micros(us))).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| id.get_version_num() == 7));
        let (earlier, later) = (id_at(moment), id_at(moment + Duration::from_millis(1)));
        assert!(earlier < later);
        assert!(id_floor(moment) < earlier && later < id_ceiling(moment));
        assert!(id_floor(Timestamp(0)) <= id_at(Timestamp(0)));
    }

    #[test]
    fn the_last_page_has_no_next() {
        let request = PageRequest { limit: 2, after: None };
        let full = page(vec![1, 2, 3], &request, |n| *n);
        assert_eq!((full.items, full.next.as_deref()), (vec![1, 2], Some("2")));
        let last = page(vec![1, 2], &request, |n| *n);
        assert_eq!((last.items, last.next), (vec![1, 2], None));
    }
}
