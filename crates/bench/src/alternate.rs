//! Spans in turn, with and without something: a machine whose speed drifts, and what its disk does every half a minute, then
//! favour neither.

use crate::bench::Bench;
use crate::figures::{Figures, Paired, ratio};
use crate::send_payments::Traffic;
use crate::stack::Stack;
use anyhow::Result;

/// What is compared.
pub(crate) struct InTurn {
    /// What spans are called without it, each with its number.
    pub(crate) without: &'static str,
    /// And with it.
    pub(crate) with: &'static str,
    /// How many pairs of neighbouring spans there are.
    pub(crate) pairs: u32,
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
        let (seconds, mut is_there) = (bench.options.seconds, false);
        bench.warm_up(self.without).await;
        for pair in 1..=self.pairs {
            for with in [pair % 2 == 0, pair % 2 == 1] {
                let name = if with { self.with } else { self.without };
                if is_there != with {
                    switch(with).await?;
                    is_there = with;
                    bench.warm_up(&format!("{name} {pair} of {}", self.pairs)).await;
                }
                bench.measure(&format!("{name} {pair}"), stack, seconds, &[traffic]).await;
            }
        }
        if is_there {
            switch(false).await?;
        }
        Ok(())
    }

    /// What is left of a figure with it, from the pairs that were measured.
    pub(crate) fn compare(&self, bench: &Bench, figure: fn(&Figures) -> f64) -> Option<Paired> {
        let pairs = bench.report.named(self.with).zip(bench.report.named(self.without));
        Paired::of(pairs.filter_map(|(with, without)| ratio(figure(with), figure(without))))
    }
}
