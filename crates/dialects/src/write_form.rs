//! Fields as `application/x-www-form-urlencoded`, in the body or in the query.

use crate::DialectError;
use crate::charset::Charset;
use crate::gather::Wire;
use crate::render::Request;

/// The form, in the exchange's charset. A field with a signature signs what stands before it.
pub(crate) fn write_form(request: &Request<'_>) -> Result<String, DialectError> {
    let charset = request.exchange.charset;
    let mut form = String::with_capacity(768);
    for (field, wire) in request.exchange.document.fields.iter().zip(&request.wire) {
        match wire {
            Wire::Omitted | Wire::Null => {}
            Wire::Text(text) => append(&mut form, &field.name, text, charset),
            Wire::Many(texts) => texts.iter().for_each(|(name, text)| append(&mut form, name, text, charset)),
            Wire::Signed => {
                let signed = form.len();
                if let Some(text) = request.signed_text(field, 0, &form.as_bytes()[..signed])? {
                    append(&mut form, &field.name, &text, charset);
                }
                let Some(previous) = &field.previous else { continue };
                for nth in 1..request.keys.len() {
                    let Some(text) = request.signed_text(field, nth, &form.as_bytes()[..signed])? else { continue };
                    let name = if nth == 1 { previous.to_string() } else { format!("{previous}_{nth}") };
                    append(&mut form, &name, &text, charset);
                }
            }
        }
    }
    Ok(form)
}

fn append(form: &mut String, name: &str, text: &str, charset: Charset) {
    if !form.is_empty() {
        form.push('&');
    }
    form.extend(form_urlencoded::byte_serialize(&charset.encode(name)));
    form.push('=');
    form.extend(form_urlencoded::byte_serialize(&charset.encode(text)));
}
