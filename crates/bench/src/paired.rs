//! What pairs of measurements, with something and without, say of it, and how certainly.

use crate::figures::{mean, nearest_rank};

/// What is left of a figure under some condition, from pairs of measurements with and without it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Paired {
    /// The geometric mean of the pairs' ratios, or the ratio of all pairs together.
    pub(crate) ratio: f64,
    /// It is at least this, and at most that, with 95 % certainty: by Student's t, in logarithms.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Times that were measured with something and without.
#[derive(Clone, Copy)]
pub(crate) struct Pair<'a> {
    pub(crate) with: &'a [u64],
    pub(crate) without: &'a [u64],
}

/// Student's t for 95 %, two-sided, by degrees of freedom from 1; the last stands for more. From the usual tables.
const STUDENT: [f64; 12] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179];

impl Paired {
    /// Of the ratio of each pair; nothing of less than two.
    pub(crate) fn of(ratios: impl Iterator<Item = f64>) -> Option<Self> {
        let logs: Vec<f64> = ratios.map(f64::ln).collect();
        Self::around(mean(&logs), &logs)
    }

    /// Of a percentile of what all pairs measured with it, to the same of all without it; nothing of less than two pairs.
    /// A moment that was worse than all else weighs as what it is, one part of the time, where the mean of the pairs' ratios
    /// takes it for a pair. The certainty is the jackknife's: what is said without each of the pairs in turn (Tukey, 1958);
    /// of a percentile it is rough where the pairs are few.
    pub(crate) fn pooled(pairs: &[Pair<'_>], part: f64) -> Option<Self> {
        let of_all_but = |left_out: Option<usize>| {
            let kept =
                || pairs.iter().enumerate().filter(|(number, _)| Some(*number) != left_out).map(|(_, pair)| pair);
            let with = percentile(kept().flat_map(|pair| pair.with), part);
            let without = percentile(kept().flat_map(|pair| pair.without), part);
            (with > 0.0 && without > 0.0).then(|| (with / without).ln())
        };
        let (count, all) = (pairs.len() as f64, of_all_but(None)?);
        let without_one = (0..pairs.len()).map(|number| of_all_but(Some(number)));
        let weights: Vec<f64> =
            without_one.map(|one| Some(count * all - (count - 1.0) * one?)).collect::<Option<_>>()?;
        Self::around(all, &weights)
    }

    /// The margin is that of the values' mean.
    fn around(middle: f64, values: &[f64]) -> Option<Self> {
        let (count, their_mean) = (values.len() as f64, mean(values));
        let squares: f64 = values.iter().map(|value| (value - their_mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
        let margin = STUDENT[freedom.min(STUDENT.len()) - 1] * error;
        let [ratio, low, high] = [middle, middle - margin, middle + margin].map(f64::exp);
        Some(Self { ratio, low, high })
    }
}

fn percentile<'a>(times: impl Iterator<Item = &'a u64>, part: f64) -> f64 {
    let mut times: Vec<u64> = times.copied().collect();
    times.sort_unstable();
    nearest_rank(&times, part) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pair<'a>(with: &'a [u64], without: &'a [u64]) -> Pair<'a> {
        Pair { with, without }
    }

    #[test]
    fn pairs_tell_how_certain_their_mean_is() {
        assert_eq!(Paired::of([0.5].into_iter()), None);
        let same = Paired::of([0.5, 0.5].into_iter()).unwrap();
        assert!([same.ratio, same.low, same.high].iter().all(|of| (of - 0.5).abs() < 1e-12), "{same:?}");
        // Logarithms -ln 2 and ln 2: their mean is 0, its standard error ln 2.
        let apart = Paired::of([0.5, 2.0].into_iter()).unwrap();
        for (of, expected) in [(apart.ratio, 0.0), (apart.low, -12.706), (apart.high, 12.706)] {
            assert!((of.log2() - expected).abs() < 1e-9, "{apart:?}");
        }
        // Twenty pairs: the standard error is ln 2 / sqrt 19.
        let many = Paired::of([0.5, 2.0].into_iter().cycle().take(20)).unwrap();
        assert!((many.high.log2() - 2.179 / 19_f64.sqrt()).abs() < 1e-9, "{many:?}");
    }

    #[test]
    fn a_pool_weighs_a_bad_moment_as_one_part_of_the_time() {
        let (calm, worse): (Vec<u64>, Vec<u64>) = ((1..=100).collect(), (101..=200).collect());
        assert_eq!(Paired::pooled(&[pair(&worse, &calm)], 0.99), None, "one pair says nothing of itself");
        assert_eq!(Paired::pooled(&[pair(&worse, &[]); 2], 0.99), None);
        let same = Paired::pooled(&[pair(&worse, &calm); 2], 0.5).unwrap();
        assert!([same.ratio, same.low, same.high].iter().all(|of| (of - 3.0).abs() < 1e-9), "{same:?}");

        // Of one span of ten, two of a hundred took a thousand times as long: not the worst hundredth of all.
        let stalled: Vec<u64> = (1..=98).chain([99_000, 100_000]).collect();
        let mut pairs = vec![pair(&calm, &calm); 9];
        pairs.push(pair(&stalled, &calm));
        let pool = Paired::pooled(&pairs, 0.99).unwrap();
        assert!((pool.ratio - 1.0).abs() < 0.02 && pool.low <= 1.0 && pool.high >= 1.0, "{pool:?}");
        let mean = Paired::of([1.0; 9].into_iter().chain([1_000.0])).unwrap();
        assert!(mean.ratio > 1.9, "{mean:?}");
    }

    #[test]
    fn a_pool_is_less_certain_where_its_pairs_differ() {
        let pool = Paired::pooled(&[pair(&[10, 20], &[10]), pair(&[10, 40], &[10])], 0.75).unwrap();
        // Together 10, 10, 20, 40: the third is 20. Without the first 10, 40: 40; without the second 10, 20: 20.
        // In logarithms to base 2 of what they are to 10: weights 2 * 1 - 2 = 0 and 2 * 1 - 1 = 1, whose mean has the
        // standard error 1 / 2.
        assert!((pool.ratio - 2.0).abs() < 1e-9, "{pool:?}");
        assert!((pool.high.log2() - (1.0 + 12.706 / 2.0)).abs() < 1e-9, "{pool:?}");
        assert!((pool.low.log2() - (1.0 - 12.706 / 2.0)).abs() < 1e-9, "{pool:?}");
    }
}
