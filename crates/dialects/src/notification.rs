//! What is told, independent of any dialect.

/// What is told, in the words of the intake API. All attempts of a delivery render it to the same body bytes.
#[derive(Clone, Copy, Debug)]
pub struct Notification<'a> {
    /// Paybell's id of the payment: the message's id.
    pub payment_id: &'a str,
    /// The gateway's own id.
    pub gateway_payment_id: &'a str,
    /// The merchant.
    pub merchant: &'a str,
    /// `payment.confirmed`.
    pub kind: &'a str,
    /// The order reference.
    pub pay_for: Option<&'a str>,
    /// What was paid.
    pub amount: Amount<'a>,
    /// What reaches the balance.
    pub balance: Option<Amount<'a>>,
    /// The payment method.
    pub method: Option<&'a str>,
    /// A description.
    pub description: Option<&'a str>,
    /// The payer's e-mail address.
    pub payer_email: Option<&'a str>,
    /// The payer's phone.
    pub payer_phone: Option<&'a str>,
    /// Free data: a JSON object.
    pub data: Option<&'a str>,
    /// When it was confirmed: RFC 3339.
    pub confirmed_at: &'a str,
    /// Whether it is a test.
    pub test: bool,
}

/// Money as it is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Amount<'a> {
    /// Minor units.
    pub minor: i64,
    /// ISO 4217.
    pub currency: &'a str,
    /// Digits of the minor unit.
    pub exponent: u32,
}

/// What is asked before a payment: whether the merchant will take it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Paybell's id of the check.
    pub check_id: &'a str,
    /// The merchant.
    pub merchant: &'a str,
    /// The order reference.
    pub pay_for: Option<&'a str>,
    /// What is to be paid.
    pub amount: Amount<'a>,
    /// What would reach the balance.
    pub balance: Option<Amount<'a>>,
    /// The payment method.
    pub method: Option<&'a str>,
    /// The payer's e-mail address.
    pub payer_email: Option<&'a str>,
    /// The payer's phone.
    pub payer_phone: Option<&'a str>,
    /// Free data: a JSON object.
    pub data: Option<&'a str>,
    /// When it was asked: RFC 3339.
    pub asked_at: &'a str,
    /// Whether it is a test.
    pub test: bool,
}
