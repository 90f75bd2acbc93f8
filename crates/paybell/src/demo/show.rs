//! The live table on a terminal, plain lines elsewhere, and the summary.

use super::client::Client;
use super::judge::Summary;
use super::look::Deliveries;
use super::merchants::Merchant;
use super::send_payments::Sent;
use paybell_delivery::Timestamp;
use paybell_store::Clock;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(1);

/// Where the demo is shown.
pub(crate) enum Screen {
    /// A terminal: the table is drawn over itself; holds how many lines it has.
    Live(usize),
    /// A file or a pipe: holds when the last line was written.
    Plain(Option<Duration>),
    /// JSON is wanted: nothing until the end.
    Silent,
}

/// A merchant's line.
#[derive(Default)]
struct Row {
    accepted: usize,
    delivered: usize,
    waiting: usize,
    undelivered: usize,
    attempts: u64,
    next_at: Option<Timestamp>,
}

impl Screen {
    /// The screen of this process.
    pub(crate) fn new(json: bool) -> Self {
        match (json, std::io::stdout().is_terminal()) {
            (true, _) => Screen::Silent,
            (false, true) => Screen::Live(0),
            (false, false) => Screen::Plain(None),
        }
    }

    /// Says what is going to happen.
    pub(crate) fn introduce(&self, merchants: &[Merchant], payments: u32, base: &str) {
        if matches!(self, Screen::Silent) {
            return;
        }
        println!("Paybell runs embedded at {base}, with SQLite in a temporary folder.");
        println!("{payments} payments go through its API to {} local merchants:", merchants.len());
        for merchant in merchants {
            println!("  {:9} {}", merchant.part.id, merchant.part.words);
        }
        println!();
    }

    /// Shows where things stand.
    pub(crate) fn update(&mut self, merchants: &[Merchant], sent: &Sent, deliveries: &Deliveries, elapsed: Duration) {
        let rows = || merchants.iter().map(|merchant| (merchant.part.id, row(merchant.part.id, sent, deliveries)));
        match self {
            Screen::Silent => {}
            Screen::Live(lines) => {
                let table = table(rows(), elapsed, Clock::default().now());
                let up = if *lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") };
                print!("{up}{table}");
                let _ = std::io::stdout().flush();
                *lines = table.lines().count();
            }
            Screen::Plain(last) => {
                if last.is_none_or(|last| elapsed >= last + PLAIN_EVERY) {
                    *last = Some(elapsed);
                    println!("{}", plain_line(rows().map(|(_, row)| row), elapsed));
                }
            }
        }
    }

    /// Shows what came of it all.
    pub(crate) fn conclude(&self, summary: &Summary) {
        if matches!(self, Screen::Silent) {
            println!("{}", serde_json::json!(summary));
            return;
        }
        let total = &summary.total;
        println!();
        println!(
            "accepted {}   delivered {}   undelivered {}   lost {}",
            total.accepted, total.delivered, total.undelivered, total.lost
        );
        println!(
            "{} attempts in {:.1} s. Lost is counted: the receivers' own logs against the API.",
            total.attempts, summary.seconds
        );
        if total.undelivered > 0 {
            println!("Undelivered payments stay visible with every attempt, for a person to resend or settle.");
        }
        if !summary.all_is_well() {
            println!("Something is wrong: {} lost, {} still waiting.", total.lost, total.waiting);
        }
    }
}

/// Says how to call the API of a demo that stays.
pub(crate) fn show_how_to_go_on(client: &Client, operator_key: &str, on_stderr: bool) {
    let (base, key) = (client.base(), client.key());
    let text = format!(
        "\nIt keeps running at {base} until Ctrl-C. Its API key:\n  {key}\nSend a payment:\n  \
         curl -s {base}/v1/payments -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n    \
         -d '{{\"merchant\":\"bakery\",\"id\":\"my-1\",\"amount\":1990,\"currency\":\"EUR\",\"confirmed_at\":\"2026-01-15T10:00:00Z\"}}'\n\
         And see where its notification stands:\n  \
         curl -s '{base}/v1/deliveries?merchant=bakery&limit=1' -H 'Authorization: Bearer {key}'\n\
         The operators' page: {base}/ (sign in with this operator's key)\n  {operator_key}"
    );
    if on_stderr { eprintln!("{text}") } else { println!("{text}") }
}

fn row(merchant: &str, sent: &Sent, deliveries: &Deliveries) -> Row {
    let mut row = Row { accepted: sent.accepted_of(merchant).len(), ..Row::default() };
    for shown in deliveries.of_merchant(merchant) {
        row.attempts += u64::from(shown.attempts);
        match shown.state.as_str() {
            "delivered" => row.delivered += 1,
            "undelivered" => row.undelivered += 1,
            "pending" => {
                row.waiting += 1;
                row.next_at = [row.next_at, shown.due_at()].into_iter().flatten().min();
            }
            _ => {}
        }
    }
    row
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, Row)>, elapsed: Duration, now: Timestamp) -> String {
    let mut text = format!(
        "{:9} {:>9} {:>10} {:>8} {:>12} {:>13} {:>9}\n",
        "merchant", "accepted", "delivered", "waiting", "undelivered", "next attempt", "attempts"
    );
    for (name, row) in rows {
        let next = match row.next_at.map(|at| at.since(now)) {
            None => "-".to_owned(),
            Some(Duration::ZERO) => "now".to_owned(),
            Some(time) => format!("in {:.1} s", time.as_secs_f64()),
        };
        text += &format!(
            "{name:9} {:>9} {:>10} {:>8} {:>12} {next:>13} {:>9}\n",
            row.accepted, row.delivered, row.waiting, row.undelivered, row.attempts
        );
    }
    text + &format!("{:.1} s\n", elapsed.as_secs_f64())
}

fn plain_line(rows: impl Iterator<Item = Row>, elapsed: Duration) -> String {
    let mut total = Row::default();
    for row in rows {
        total.accepted += row.accepted;
        total.delivered += row.delivered;
        total.waiting += row.waiting;
        total.undelivered += row.undelivered;
        total.attempts += row.attempts;
    }
    format!(
        "{:>5.1} s  accepted {}  delivered {}  waiting {}  undelivered {}  attempts {}",
        elapsed.as_secs_f64(),
        total.accepted,
        total.delivered,
        total.waiting,
        total.undelivered,
        total.attempts
    )
}

#[cfg(test)]
mod tests {
    use super::super::look::Shown;
    use super::*;

    #[test]
    fn the_table_and_the_line_count_the_same() {
        let mut deliveries = Deliveries::default();
        for (payment, state, attempts) in [("a", "delivered", 1), ("b", "pending", 2), ("c", "undelivered", 5)] {
            deliveries.add(Shown::new(payment, "shop", state, attempts));
        }
        let rows = || std::iter::once(("shop", row("shop", &Sent::default(), &deliveries)));
        let table = table(rows(), Duration::from_millis(1500), Timestamp(0));
        let line: Vec<_> = table.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(line, ["shop", "0", "1", "1", "1", "-", "8"]);
        let plain = plain_line(rows().map(|(_, row)| row), Duration::from_millis(1500));
        assert_eq!(plain, "  1.5 s  accepted 0  delivered 1  waiting 1  undelivered 1  attempts 8");
    }
}
