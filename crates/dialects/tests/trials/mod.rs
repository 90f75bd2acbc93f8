//! Trials: what no bytes may bring about, whoever sends them. Each takes bytes as they come, so that the fuzzer (`fuzz/`),
//! the property tests (`hostile.rs`) and the seeds (`seeds.rs`) feed the same functions.
//!
//! Cast:
//! - [`answers`]: an answer to a payment or a check is judged. [`definitions`]: a file is read as a definition.
//!   [`requests`]: a payment with arbitrary texts is rendered.
//! - [`oracle`]: what each dialect's yes is, written down a second time and read by readers of its own: [`read_json`],
//!   [`read_xml`].

pub(crate) mod answers;
mod definitions;
mod oracle;
mod read_json;
mod read_xml;
pub(crate) mod requests;

pub(crate) use answers::{judge_answer, judge_check_answer};
pub(crate) use definitions::load_definition;
pub(crate) use requests::render_request;

use paybell_dialects::{Amount, Dialect, Notification, Parameters, Question, Signing};
use std::sync::LazyLock;

/// The order reference of what is told and asked.
pub(crate) const PAY_FOR: &str = "55";

/// Characters of words for people, at most: some texts of 80 characters, each perhaps escaped, and what stands between.
const WORDS_MAX: usize = 1_500;

fn notification(pay_for: Option<&str>) -> Notification<'_> {
    Notification {
        payment_id: "0190a3d2-7c1e-7000-8000-000000000001",
        gateway_payment_id: "7261069",
        merchant: "shop-7",
        kind: "payment.confirmed",
        pay_for,
        amount: Amount { minor: 10_050, currency: "RUB", exponent: 2 },
        balance: None,
        method: Some("card"),
        description: Some("Два кофе"),
        payer_email: Some("p@example.org"),
        payer_phone: None,
        data: None,
        confirmed_at: "2026-11-21T09:30:00.000000Z",
        test: false,
    }
}

fn question(pay_for: Option<&str>) -> Question<'_> {
    let n = notification(pay_for);
    Question {
        check_id: "0190a3d2-7c1e-7000-8000-000000000002",
        merchant: n.merchant,
        pay_for: n.pay_for,
        amount: n.amount,
        balance: n.balance,
        method: n.method,
        payer_email: n.payer_email,
        payer_phone: n.payer_phone,
        data: n.data,
        asked_at: n.confirmed_at,
        test: n.test,
    }
}

/// A dialect with all that its trials need of it.
struct Prepared {
    dialect: Dialect,
    secret: String,
    parameters: Parameters,
    definition: serde_json::Value,
}

static BUILT_IN: LazyLock<Vec<Prepared>> = LazyLock::new(|| Dialect::built_in().iter().map(Prepared::of).collect());

impl Prepared {
    fn of(dialect: &Dialect) -> Self {
        Prepared {
            dialect: dialect.clone(),
            secret: dialect.new_secret(&[7; 32]),
            parameters: parameters_of(dialect),
            definition: serde_json::from_str(&dialect.definition_json()).expect("it is JSON"),
        }
    }

    /// Calls with what its requests are signed with.
    fn signing<T>(&self, act: impl FnOnce(&Signing<'_>) -> T) -> T {
        act(&Signing { secrets: &[self.secret.as_str()], parameters: &self.parameters, unix_seconds: 1_700_000_000 })
    }
}

/// Parameters that suit the dialect, as far as a few texts can.
fn parameters_of(dialect: &Dialect) -> Parameters {
    const TEXTS: [&str; 4] = ["123", "R123456789012", "+03:00", "x"];
    let alone = |name: &str, text: &str| Parameters::from([(name.to_owned(), text.to_owned())]);
    let named = |name: &str| format!("the parameter {name} must");
    let suits = |name: &str, text: &str| {
        let problems = dialect.check_endpoint("", &alone(name, text)).err().unwrap_or_default();
        !problems.iter().any(|problem| problem.starts_with(&named(name)))
    };
    let needed = dialect.parameters().iter().filter(|(_, parameter)| parameter.default.is_none());
    let text_of = |name: &str, choices: &[String]| {
        let texts = choices.iter().map(String::as_str).chain(TEXTS);
        texts.into_iter().find(|text| suits(name, text)).unwrap_or("123").to_owned()
    };
    needed.map(|(name, parameter)| (name.clone(), text_of(name, &parameter.choices))).collect()
}

/// Words for people are bounded, and nothing in them can move a terminal's cursor or a line's end.
fn check_words(words: &str) {
    assert!(words.chars().count() <= WORDS_MAX, "{} characters: {words}", words.chars().count());
    assert!(!words.chars().any(char::is_control), "a control character: {words:?}");
}
