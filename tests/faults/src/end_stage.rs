//! The end of a scenario: all comes to its end, and the checker looks at what is left.

use crate::ask_engine::ask_engine;
use crate::asked::Asked;
use crate::checker::check;
use crate::evidence::{Evidence, now_us, read_log};
use crate::report::{Report, keep_offenders};
use crate::stage::Stage;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use tokio::time::sleep;

impl Stage {
    /// Waits for the loads and for the last delivery, ends the engine, and checks all.
    ///
    /// # Errors
    /// When a fault never struck, or the intake did not recover. What the checker finds is no error, but in the report.
    pub async fn finish(self) -> Result<Report> {
        Ok(self.finish_with_evidence().await?.0)
    }

    /// The same, with what it was checked by.
    ///
    /// # Errors
    /// As for [`Stage::finish`].
    pub async fn finish_with_evidence(mut self) -> Result<(Report, Evidence)> {
        self.loads_end().await?;
        self.terms.faults_over_us.get_or_insert_with(now_us);
        self.room.say(&format!("{} accepted; waiting for the last delivery", self.accepted()));
        self.settle().await;
        self.reader.abort();
        let asked = ask_engine(&self.cluster, &self.room.folder, self.terms.awaits_gauges).await;
        self.cluster.terminate_all();
        let evidence = self.gather(asked).await?;
        self.terms.troubles = self.cluster.troubles();
        std::fs::write(self.room.folder.join("troubles.json"), serde_json::to_vec_pretty(&self.terms.troubles)?)?;
        let verdict = check(&evidence, &self.terms);
        let seconds = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0)).as_secs_f64();
        let over = self.terms.faults_over_us.unwrap_or(0);
        let slowest = self.tallies.iter().map(|tally| tally.slowest_refusal_us).max().unwrap_or(0);
        let kills = self.cluster.kills();
        let report = Report {
            name: self.room.name.clone(),
            seed: self.seed,
            seconds: self.begun.elapsed().as_secs_f64(),
            kills,
            repeated_per_kill: Report::per_kill(verdict.counts.repeated, kills),
            longest_due_s: seconds(verdict.counts.oldest_due_us),
            settled_s: self.terms.settled_us.map(|at| seconds(at - over)),
            slowest_refusal_s: seconds(slowest),
            counts: verdict.counts,
            violations: verdict.violations,
            fired: self.fired,
            logs: None,
        };
        keep_offenders(&self.room.folder, &evidence, &report.violations)?;
        for (what, count) in &report.fired {
            ensure!(*count > 0, "the fault never struck: {what}");
        }
        ensure!(!report.fired.is_empty(), "the scenario names no fault that struck");
        Ok((report, evidence))
    }

    async fn settle(&mut self) {
        let since = now_us();
        let give_up = Instant::now() + self.settle_within;
        while Instant::now() < give_up {
            if self.pending(since) == Some(0) {
                self.terms.settled_us = Some(now_us());
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn gather(&self, asked: Asked) -> Result<Evidence> {
        let folder = &self.room.folder;
        let dump = self.cluster.source().dump().await.context("dump the database")?;
        self.cluster.source().close().await;
        std::fs::write(folder.join("dump.json"), serde_json::to_vec_pretty(&dump)?)?;
        Ok(Evidence {
            sent: read_log(&folder.join("sender.jsonl"))?,
            seen: read_log(&folder.join("receiver.jsonl"))?,
            acts: read_log(&folder.join("acts.jsonl"))?,
            readings: read_log(&folder.join("readings.jsonl"))?,
            asked,
            dump,
        })
    }
}
