//! What existing dashboards are given: the Grafana dashboards and Prometheus's alerts in `dashboards/`, held against a real
//! scrape and checked by promtool.
//!
//! Cast: [`named`]: what the dashboards and alerts name. [`check_rules`]: promtool's own judgement, and what each alert must
//! say of itself. [`scrape`]: a running engine that has lived through a bad day; all that is named is in what it shows.

mod check_rules;
mod named;
mod scrape;
