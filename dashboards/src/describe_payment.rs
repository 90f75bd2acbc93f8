//! A payment and the request that tells of it, as people read them. Operators and merchants see the same.

use crate::Served;
use crate::say::moment;
use crate::texts::Lang;
use axum::http::Method;
use paybell_delivery::{Delivery, DeliveryId, Payment, State};
use serde_json::Value;

/// The payment in a few words.
pub(crate) fn title(l: Lang, payment: &Payment) -> String {
    match &payment.pay_for {
        Some(order) => format!("{} {order}", l.order()),
        None => format!("{} {}", l.payment(), payment.gateway_payment_id),
    }
}

/// What is known of it, by name.
pub(crate) fn facts(l: Lang, payment: &Payment) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (l.payment(), payment.gateway_payment_id.clone()),
        (l.type_of_payment(), payment.kind.clone()),
        (l.amount(), l.money(payment.amount)),
        (l.confirmed_at(), format!("{} UTC", moment(payment.confirmed_at))),
        (l.accepted_at(), format!("{} UTC", moment(payment.accepted_at))),
    ];
    let optional = [
        (l.order(), payment.pay_for.clone()),
        (l.balance(), payment.balance.map(|balance| l.money(balance))),
        (l.method(), payment.method.clone()),
        (l.description(), payment.description.clone()),
        (l.payer_email(), payment.payer_email.clone()),
        (l.payer_phone(), payment.payer_phone.clone()),
        (l.is_test(), payment.test.then(|| l.test_payment().to_owned())),
    ];
    facts.extend(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    facts
}

/// A delivery of a payment in a list of all of them.
pub(crate) struct Sibling {
    /// Its page; nothing for the one whose page this is.
    pub(crate) href: Option<String>,
    pub(crate) made: String,
    pub(crate) state: &'static str,
    pub(crate) state_word: &'static str,
}

/// All deliveries of a payment, whose pages are at `path`, each with its state in the visitor's words.
pub(crate) fn siblings(
    all: &[Delivery],
    here: DeliveryId,
    path: &str,
    word: impl Fn(State) -> &'static str,
) -> Vec<Sibling> {
    let sibling = |delivery: &Delivery| Sibling {
        href: (delivery.id != here).then(|| format!("{path}{}", delivery.id)),
        made: moment(delivery.created_at),
        state: delivery.state.as_str(),
        state_word: word(delivery.state),
    };
    all.iter().map(sibling).collect()
}

/// A request as people read it.
pub(crate) struct RequestShown {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl RequestShown {
    /// Of what the API shows of a request.
    pub(crate) fn read(request: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = request["headers"].as_array().into_iter().flatten();
        let lines = headers.map(|header| format!("{}: {}", text(&header["name"]), text(&header["value"])));
        Self {
            line: format!("{} {}", text(&request["method"]), text(&request["url"])),
            headers: lines.collect::<Vec<_>>().join("\n"),
            body: text(&request["body"]),
        }
    }
}

impl Served {
    /// The request as the API renders it for `name`; a page without it is better than none.
    pub(crate) async fn request_of(&self, name: &str, id: DeliveryId) -> Option<RequestShown> {
        let path = format!("/v1/deliveries/{id}/request");
        let rendered = self.act(name, Method::GET, &path, None).await.ok()?.ok()?;
        Some(RequestShown::read(&rendered))
    }
}
