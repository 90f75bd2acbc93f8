//! The flags of `paybell dialects`.

use crate::cli::OutputFlags;
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub(crate) const DIALECTS_EXAMPLES: &str = "\
A dialect is how a merchant's receiver wants to be told: method, fields, signature, acknowledgement. It is data: TOML or
JSON, described in crates/dialects/README.md. To write one of your own, begin with one that is built in.

Examples:
  paybell dialects list
  paybell dialects show onpay-1
  paybell dialects try onpay-1 --check --answer-body '<result><code>2</code></result>'
  paybell dialects check my-gateway.toml && paybell dialects try my-gateway.toml --parameter shop_id=7
  paybell dialects add my-gateway.toml

check and try need no database; show needs one only for a dialect of your own.";

#[derive(Args, Debug)]
pub(crate) struct DialectsFlags {
    #[command(subcommand)]
    pub(crate) command: DialectsCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum DialectsCommand {
    /// List the built-in dialects, and your own where there is a database
    List(OutputFlags),
    /// Show a dialect with its definition
    Show(NameFlags),
    /// Check a definition, and say what is wrong with it and where
    Check(FileFlags),
    /// Show what would be sent of a sample payment, and what an answer would mean; nothing is sent
    #[command(after_help = TRY_EXAMPLES)]
    Try(TryFlags),
    /// Store a dialect of your own, or change it: its endpoints use it from their next attempt on
    Add(FileFlags),
    /// Delete a dialect of your own that no endpoint uses
    Remove(NameFlags),
}

#[derive(Args, Debug)]
pub(crate) struct NameFlags {
    /// The dialect's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Args, Debug)]
pub(crate) struct FileFlags {
    /// The definition: JSON where its name ends with .json, TOML otherwise
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

const TRY_EXAMPLES: &str = "\
Examples:
  paybell dialects try standard
  paybell dialects try ok-body --answer-body OK
  paybell dialects try onpay-1 --check --pay-for 1 --amount 10000 --currency RUB --secret test-secret-0
  paybell dialects try my-gateway.toml --parameter shop_id=7 --answer-status 500

Where no secret is given one is made up, always the same. Exits with 1 when the sample cannot be sent.";

#[derive(Args, Debug)]
pub(crate) struct TryFlags {
    /// A built-in dialect's name, or a file with a definition
    pub(crate) dialect: String,
    /// The question before a payment rather than the notification
    #[arg(long)]
    pub(crate) check: bool,
    /// The endpoint's URL, with its own query
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The endpoint's secret
    #[arg(long)]
    pub(crate) secret: Option<String>,
    /// What the dialect wants to know of the endpoint; may be said several times
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = crate::cli::parse_pair)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The order reference
    #[arg(long)]
    pub(crate) pay_for: Option<String>,
    /// In minor units: 10000 is 100.00
    #[arg(long)]
    pub(crate) amount: Option<i64>,
    /// A code of ISO 4217
    #[arg(long)]
    pub(crate) currency: Option<String>,
    /// The status of the merchant's answer
    #[arg(long, value_name = "STATUS")]
    pub(crate) answer_status: Option<u16>,
    /// The body of the merchant's answer
    #[arg(long, value_name = "BODY")]
    pub(crate) answer_body: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}
