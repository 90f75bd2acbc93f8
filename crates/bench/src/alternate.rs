//! Spans in turn, with and without something: a machine whose speed drifts, and what its disk does every half a minute, then
//! favour neither.

use crate::bench::Bench;
use crate::figures::{Figures, ratio};
use crate::paired::{Pair, Paired};
use crate::report::Report;
use crate::send_payments::Traffic;
use crate::stack::Stack;
use anyhow::Result;

/// What is compared.
pub(crate) struct InTurn {
    /// What spans are called without it, each with its number.
    pub(crate) without: &'static str,
    /// And with it.
    pub(crate) with: &'static str,
    /// How many pairs of neighbouring spans are to count; as many more may be measured in place of those that do not.
    pub(crate) pairs: u32,
    /// Whether a span may count, as others took no more than the figure bears; a pair counts when both of its spans may.
    pub(crate) counts: fn(&Figures) -> bool,
}

impl InTurn {
    /// Measures the traffic in turn, as long each time as the options say; `switch` brings what is compared (`true`) and
    /// takes it away. Every other pair begins with it: a machine that becomes faster or slower all the time favours neither.
    ///
    /// # Errors
    /// Those of `switch`.
    pub(crate) async fn measure(
        &self,
        bench: &mut Bench,
        stack: &Stack,
        traffic: &Traffic,
        mut switch: impl AsyncFnMut(bool) -> Result<()>,
    ) -> Result<()> {
        let (seconds, mut is_there, mut disturbed) = (bench.options.seconds, false, 0);
        bench.warm_up(self.without).await;
        for pair in 1..=2 * self.pairs {
            for with in [pair % 2 == 0, pair % 2 == 1] {
                let name = if with { self.with } else { self.without };
                if is_there != with {
                    switch(with).await?;
                    is_there = with;
                    bench.warm_up(&format!("{name} {pair} of {}", self.pairs)).await;
                }
                bench.measure(&format!("{name} {pair}"), stack, seconds, &[traffic]).await;
            }
            let counted = self.counted(&bench.report).count();
            disturbed = pair as usize - counted;
            eprintln!("{counted} of {} pairs count, {disturbed} were disturbed by others", self.pairs);
            if counted >= self.pairs as usize {
                break;
            }
        }
        bench.report.note("pairs_disturbed_by_others", disturbed as f64, "");
        if is_there {
            switch(false).await?;
        }
        Ok(())
    }

    /// What is left of a figure with it, from the pairs that count; nothing where they are fewer than were asked for.
    pub(crate) fn compare(&self, report: &Report, figure: fn(&Figures) -> f64) -> Option<Paired> {
        if self.counted(report).count() < self.pairs as usize {
            return None;
        }
        Paired::of(self.counted(report).filter_map(|(with, without)| ratio(figure(with), figure(without))))
    }

    /// What is left of a percentile of all that was measured, from the pairs that count; nothing where they are fewer than
    /// were asked for.
    pub(crate) fn pool(&self, report: &Report, times: fn(&Figures) -> &[u64], part: f64) -> Option<Paired> {
        let pair = |(with, without)| Pair { with: times(with), without: times(without) };
        let pairs: Vec<_> = self.counted(report).map(pair).collect();
        if pairs.len() < self.pairs as usize { None } else { Paired::pooled(&pairs, part) }
    }

    /// The pairs that count.
    fn counted<'a>(&self, report: &'a Report) -> impl Iterator<Item = (&'a Figures, &'a Figures)> {
        let pairs = report.named(self.with).zip(report.named(self.without));
        pairs.filter(|(with, without)| (self.counts)(with) && (self.counts)(without))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Spent;

    #[test]
    fn a_pair_counts_where_others_disturbed_neither_of_its_spans() {
        let mut report = Report::default();
        for (number, (alone, beside)) in [(0.0, 0.1), (0.11, 0.0), (0.0, 0.11), (0.05, 0.0)].into_iter().enumerate() {
            for (name, others_share) in [("alone", alone), ("beside", beside)] {
                let spent = Spent { others_share, ..Spent::default() };
                report.runs.push(Figures { name: format!("{name} {number}"), spent, ..Figures::default() });
            }
        }
        let in_turn = InTurn { without: "alone", with: "beside", pairs: 2, counts: Figures::is_undisturbed };
        let counted: Vec<_> = in_turn.counted(&report).map(|(with, without)| (&*with.name, &*without.name)).collect();
        assert_eq!(counted, [("beside 0", "alone 0"), ("beside 3", "alone 3")]);
        let compare = |pairs| InTurn { pairs, ..in_turn }.compare(&report, |run| run.spent.others_share + 1.0);
        assert!(compare(2).is_some());
        assert!(compare(3).is_none(), "fewer than were asked for say nothing");
        let pool = |pairs| InTurn { pairs, ..in_turn }.pool(&report, |_| &[1_000], 0.99);
        assert!(pool(2).is_some() && pool(3).is_none(), "nor do they together");
    }
}
