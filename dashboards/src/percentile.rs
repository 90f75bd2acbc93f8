//! Percentiles of what was counted in buckets.

use paybell_store::manage::Figures;
use std::time::Duration;

/// The time within which the part `p` (0 to 1) of what was counted fell, taken evenly within its bucket; nothing where
/// nothing was counted.
pub(crate) fn percentile(figures: &Figures, p: f64) -> Option<Duration> {
    let total: u64 = figures.acknowledged_within.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = as_float(total) * p;
    let mut below = 0.0;
    for (n, count) in figures.acknowledged_within.iter().enumerate() {
        let count = as_float(*count);
        if below + count >= wanted && count > 0.0 {
            let begin = if n == 0 { Duration::ZERO } else { Figures::bucket_end(n - 1) };
            let part = ((wanted - below) / count).clamp(0.0, 1.0);
            return Some(begin + (Figures::bucket_end(n) - begin).mul_f64(part));
        }
        below += count;
    }
    Some(Figures::bucket_end(Figures::BUCKETS - 1))
}

/// Several spans as one.
pub(crate) fn total<'a>(spans: impl IntoIterator<Item = &'a Figures>) -> Figures {
    let mut total = Figures::default();
    for figures in spans {
        total.accepted += figures.accepted;
        total.delivered += figures.delivered;
        total.undelivered += figures.undelivered;
        total.expired += figures.expired;
        total.attempts += figures.attempts;
        total.first_attempts += figures.first_attempts;
        total.first_acknowledged += figures.first_acknowledged;
        for (sum, count) in total.acknowledged_within.iter_mut().zip(&figures.acknowledged_within) {
            *sum += count;
        }
    }
    total
}

/// A count as a number to divide by.
pub(crate) fn as_float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_within_their_bucket() {
        let mut figures = Figures::default();
        assert_eq!(percentile(&figures, 0.5), None);
        figures.acknowledged_within[4] = 90;
        figures.acknowledged_within[10] = 10;
        let (p50, p99) = (percentile(&figures, 0.5).expect("counted"), percentile(&figures, 0.99).expect("counted"));
        assert!(p50 > Figures::bucket_end(3) && p50 <= Figures::bucket_end(4), "{p50:?}");
        assert!(p99 > Figures::bucket_end(9) && p99 <= Figures::bucket_end(10), "{p99:?}");
        assert_eq!(total([&figures, &figures]).acknowledged_within[4], 180);
    }
}
