//! From what is told to the request that tells it: make the values, fill the fields, sign, write.

use crate::definition::Encoding;
use crate::fields::{Content, FieldPlan};
use crate::gather::{Wire, gather, sort};
use crate::plan::{Document, ExchangePlan};
use crate::secrets::{Key, SecretPlan};
use crate::sources::Subject;
use crate::template::{Filling, Template};
use crate::values::{Given, Members, Values, members_of};
use crate::write_form::write_form;
use crate::write_json::{Written, write_json};
use crate::write_xml::write_xml;
use crate::{DialectError, Rendered, Signing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::cell::RefCell;
use std::sync::Arc;

/// A request on its way: what is known before the first signature.
pub(crate) struct Request<'f> {
    pub(crate) exchange: &'f ExchangePlan,
    pub(crate) keys: &'f [Key<'f>],
    pub(crate) secrets: &'f [&'f str],
    pub(crate) filling: Filling<'f>,
    pub(crate) wire: Vec<Wire<'f>>,
    /// The signatures that were made.
    made: RefCell<Vec<String>>,
}

pub(crate) fn render(
    exchange: &ExchangePlan,
    secret: &SecretPlan,
    subject: Subject<'_>,
    signing: &Signing<'_>,
) -> Result<Rendered, DialectError> {
    let keys = secret.keys(signing.secrets)?;
    let members = members_of(subject, exchange.needs_members)?;
    let values = Values::make(&exchange.values, Given::new(subject, signing, &members))?;
    let parts = write_parts(exchange, &Filling::of(&values), &members)?;
    let filling = Filling { parts: &parts, ..Filling::of(&values) };
    let wire = gather(&exchange.document.fields, &filling, &members)?;
    let request = Request { exchange, keys: &keys, secrets: signing.secrets, filling, wire, made: RefCell::default() };
    let (query, body) = request.write()?;
    let headers = request.headers(&body)?;
    let signatures = request.made.into_inner();
    Ok(Rendered { method: exchange.method, query, headers, body, signatures })
}

impl Request<'_> {
    /// The query and the body.
    fn write(&self) -> Result<(Option<String>, Vec<u8>), DialectError> {
        let exchange = self.exchange;
        let Document { fields, tree } = &exchange.document;
        let signed = |field: &FieldPlan| self.signed_text(field, 0, &[]);
        let written = Written { fields, wire: &self.wire, signed: &signed };
        let body = match exchange.encoding {
            Encoding::Form => write_form(self)?.into_bytes(),
            Encoding::Query => return Ok((Some(write_form(self)?), Vec::new())),
            Encoding::Json => write_json(tree, &written)?,
            Encoding::Xml => write_xml(tree, &exchange.charset.name(), &written)?,
            Encoding::Plain => self.plain()?.into_bytes(),
        };
        if exchange.charset.is_utf_8() || exchange.encoding == Encoding::Form {
            return Ok((None, body));
        }
        let text = String::from_utf8_lossy(&body);
        Ok((None, exchange.charset.encode(&text).into_owned()))
    }

    fn plain(&self) -> Result<String, DialectError> {
        let Some(template) = &self.exchange.body else { return Ok(String::new()) };
        let signatures = self.signatures(template, 0, &[])?;
        let filling = Filling { signatures: &signatures, ..self.filling };
        Ok(template.text(&filling)?.map(std::borrow::Cow::into_owned).unwrap_or_default())
    }

    fn headers(&self, body: &[u8]) -> Result<Vec<(Arc<str>, String)>, DialectError> {
        let mut headers = Vec::with_capacity(self.exchange.headers.len() + 3);
        headers.extend(self.exchange.content_type.clone());
        for (name, template) in &self.exchange.headers {
            let signatures = self.signatures(template, 0, body)?;
            let filling = Filling { signatures: &signatures, ..self.filling };
            let Some(text) = template.text(&filling)? else { continue };
            if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err(DialectError::value(name, "a header must have visible ASCII characters and spaces only"));
            }
            headers.push((name.clone(), text.into_owned()));
        }
        Ok(headers)
    }

    /// The text of a field with a signature by the n-th secret over `body`.
    pub(crate) fn signed_text(
        &self,
        field: &FieldPlan,
        nth: usize,
        body: &[u8],
    ) -> Result<Option<String>, DialectError> {
        let Content::Signed(template) = &field.content else { return Ok(None) };
        let signatures = self.signatures(template, nth, body)?;
        let filling = Filling { signatures: &signatures, ..self.filling };
        Ok(template.text(&filling)?.map(std::borrow::Cow::into_owned))
    }

    /// The signatures that the template names, by the n-th secret over `body`; at the places of the others nothing.
    fn signatures(&self, template: &Template, nth: usize, body: &[u8]) -> Result<Vec<Option<String>>, DialectError> {
        let mut signatures = Vec::new();
        for index in template.signatures() {
            signatures.resize(signatures.len().max(index + 1), None);
            let plan = &self.exchange.signatures[index];
            let filling = Filling { secret: self.secrets.get(nth).copied().unwrap_or_default(), body, ..self.filling };
            let sorted = match &plan.sorted {
                Some(sorted) => sort(sorted, &self.exchange.document.fields, &self.wire, &filling)?,
                None => String::new(),
            };
            let filling = Filling { sorted: &sorted, ..filling };
            let keys = self.keys.get(nth..).unwrap_or_default();
            let signature = plan.sign(&filling, keys, self.exchange.charset)?;
            self.made.borrow_mut().push(signature.clone());
            signatures[index] = Some(signature);
        }
        Ok(signatures)
    }
}

/// The documents that stand inside fields, in base64.
fn write_parts(
    exchange: &ExchangePlan,
    filling: &Filling<'_>,
    members: &Members<'_>,
) -> Result<Vec<String>, DialectError> {
    let mut parts = Vec::with_capacity(exchange.parts.len());
    for Document { fields, tree } in &exchange.parts {
        let wire = gather(fields, filling, members)?;
        let written = Written { fields, wire: &wire, signed: &|_| Ok(None) };
        parts.push(BASE64.encode(write_json(tree, &written)?));
    }
    Ok(parts)
}
