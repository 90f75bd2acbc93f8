//! The form of an endpoint's settings, and what it means to the API.

use crate::form::Form;
use paybell_delivery::{Endpoint, ReplySignature};
use serde_json::{Map, Value, json};

/// The fields as somebody typed them, or as they stand.
#[derive(Default)]
pub(super) struct EndpointForm {
    pub(super) url: String,
    pub(super) check_url: String,
    pub(super) dialect: String,
    pub(super) parameters: String,
    pub(super) concurrency_max: String,
    pub(super) time_limit_s: String,
    pub(super) lifetime_s: String,
    pub(super) ignore_whitespace: bool,
    pub(super) ignore_case: bool,
    pub(super) reply_signature: String,
}

impl EndpointForm {
    /// Of an endpoint as it stands.
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let seconds =
            |time: Option<std::time::Duration>| time.map(|time| time.as_secs().to_string()).unwrap_or_default();
        let parameters = endpoint.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let reply_signature = match endpoint.options.reply_signature {
            None => "",
            Some(ReplySignature::Off) => "off",
            Some(ReplySignature::Warn) => "warn",
            Some(ReplySignature::Strict) => "strict",
        };
        Self {
            url: endpoint.url.clone(),
            check_url: endpoint.check_url.clone().unwrap_or_default(),
            dialect: endpoint.dialect.clone(),
            parameters: parameters.collect::<Vec<_>>().join("\n"),
            concurrency_max: endpoint.concurrency_max.to_string(),
            time_limit_s: seconds(endpoint.time_limit),
            lifetime_s: seconds(endpoint.lifetime),
            ignore_whitespace: endpoint.options.ignore_whitespace,
            ignore_case: endpoint.options.ignore_case,
            reply_signature: reply_signature.to_owned(),
        }
    }

    /// As it was typed.
    pub(super) fn typed(form: &Form) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        Self {
            url: text("url"),
            check_url: text("check_url"),
            dialect: text("dialect"),
            parameters: text("parameters"),
            concurrency_max: text("concurrency_max"),
            time_limit_s: text("time_limit_s"),
            lifetime_s: text("lifetime_s"),
            ignore_whitespace: form.is_ticked("ignore_whitespace"),
            ignore_case: form.is_ticked("ignore_case"),
            reply_signature: text("reply_signature"),
        }
    }

    /// What the API is asked for; of `merchant`'s new endpoint, where it is one. An empty field clears what stands; a
    /// number that is none goes as it is, so that the API says its rule.
    pub(super) fn for_api(&self, merchant: Option<&str>) -> Value {
        let number = |text: &str| match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::from(text),
        };
        let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
        let mut options = Map::new();
        options.insert("ignore_whitespace".to_owned(), self.ignore_whitespace.into());
        options.insert("ignore_case".to_owned(), self.ignore_case.into());
        if !self.reply_signature.is_empty() {
            options.insert("reply_signature".to_owned(), self.reply_signature.as_str().into());
        }
        let mut body = json!({
            "url": self.url,
            "check_url": text(&self.check_url),
            "dialect": self.dialect,
            "parameters": self.parameters(),
            "options": options,
            "time_limit_s": number(&self.time_limit_s),
            "lifetime_s": number(&self.lifetime_s),
        });
        if !self.concurrency_max.is_empty() {
            body["concurrency_max"] = number(&self.concurrency_max);
        }
        if let Some(merchant) = merchant {
            body["merchant"] = merchant.into();
        }
        body
    }

    fn parameters(&self) -> Value {
        let pairs = self.parameters.lines().filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), Value::from(value.trim())));
        Value::Object(pairs.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_what_the_api_reads() {
        let form = Form::parse(
            b"url=https%3A%2F%2Fa&dialect=onpay-1&parameters=shop%3D7%0Akey+%3D+x&time_limit_s=5&ignore_case=on",
        );
        let json = EndpointForm::typed(&form).for_api(Some("shop"));
        assert_eq!(json["parameters"], json!({ "shop": "7", "key": "x" }));
        assert_eq!(
            (&json["time_limit_s"], &json["lifetime_s"], &json["check_url"]),
            (&json!(5), &Value::Null, &Value::Null)
        );
        assert_eq!(json["options"], json!({ "ignore_case": true, "ignore_whitespace": false }));
        assert_eq!(json["merchant"], json!("shop"));
        assert!(json.get("concurrency_max").is_none());
    }
}
