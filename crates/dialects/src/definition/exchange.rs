//! An exchange: one request and its reply.

use super::{Reply, SignatureDefinition, ValueDefinition, is_default};
use crate::rendered::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request and its reply.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// The HTTP method.
    #[serde(default)]
    pub(crate) method: Method,
    /// How the fields are written.
    pub(crate) encoding: Encoding,
    /// The charset of request and reply, by its WHATWG label. By default UTF-8.
    #[serde(default = "utf_8", skip_serializing_if = "is_utf_8")]
    pub(crate) charset: String,
    /// The content type, where it is not the encoding's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    /// How long the merchant may take, in seconds, unless the endpoint says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_limit_s: Option<u32>,
    /// A template for the whole body, of the encoding `plain` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// Headers besides the content type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<Header>,
    /// The fields, in the order in which they are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
    /// Values of this exchange alone. They come before those of the whole dialect.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: BTreeMap<String, ValueDefinition>,
    /// Documents of their own that stand inside a field, by name: used as `{part.NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts: BTreeMap<String, Part>,
    /// The signatures, by name: used as `{signature.NAME}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) signatures: BTreeMap<String, SignatureDefinition>,
    /// What the merchant answers.
    pub(crate) reply: Reply,
}

/// A JSON document inside a field.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The document's fields.
    pub(crate) fields: Vec<Field>,
}

/// How fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encoding {
    /// `application/x-www-form-urlencoded` in the body.
    Form,
    /// The same, appended to the URL's own query.
    Query,
    /// A JSON object. A dot in a field's name goes one object deeper; a number is an index into an array.
    Json,
    /// XML elements. A dot in a field's name goes one element deeper.
    Xml,
    /// One template for the whole body.
    Plain,
}

/// A header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Its name.
    pub(crate) name: String,
    /// A template for its value. It is left out when all that the template names is absent.
    pub(crate) value: String,
}

/// A field: either `name` and `value`, or `each` and `prefix`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// Its name, in JSON and XML a path. With `each` in JSON and XML: the object that the members stand in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    /// A template for its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// Its type in JSON.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub(crate) json_type: JsonType,
    /// What is written when all that the template names is absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) absent: Absent,
    /// For a signature's field: a field that follows it while changed secrets overlap, with the signature by the secret
    /// before; those of older ones get `_2`, `_3` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<String>,
    /// In place of `value`: one field for each member of the free data whose name begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) each: Option<String>,
}

/// A field's type in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JsonType {
    /// A string.
    #[default]
    String,
    /// A number, with exactly the digits of the value.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`, whatever the value.
    Null,
    /// JSON text, to the letter.
    Raw,
}

/// What is written for a value that is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Absent {
    /// Nothing: the field is left out.
    #[default]
    Omit,
    /// The empty text.
    Empty,
    /// JSON's `null`.
    Null,
}

fn utf_8() -> String {
    "utf-8".to_owned()
}

fn is_utf_8(charset: &str) -> bool {
    charset == "utf-8"
}
