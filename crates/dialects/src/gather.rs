//! The fields' texts, as they go on the wire, before anything is signed or written.

use crate::DialectError;
use crate::definition::Absent;
use crate::fields::{Content, FieldPlan};
use crate::sign::SortedPlan;
use crate::template::{Filling, check_length};
use crate::values::{Members, text_of_member};
use std::borrow::Cow;

/// A field's text.
#[derive(Debug)]
pub(crate) enum Wire<'f> {
    /// It is left out.
    Omitted,
    /// JSON's `null`.
    Null,
    Text(Cow<'f, str>),
    /// Members of the free data with their names.
    Many(Vec<(&'f str, Cow<'f, str>)>),
    /// It has a signature and is made last.
    Signed,
}

impl Wire<'_> {
    fn len(&self) -> usize {
        match self {
            Wire::Text(text) => text.len(),
            Wire::Many(texts) => texts.iter().map(|(name, text)| name.len() + text.len()).sum(),
            Wire::Omitted | Wire::Null | Wire::Signed => 0,
        }
    }
}

/// Fills all fields but those with a signature.
pub(crate) fn gather<'f>(
    fields: &'f [FieldPlan],
    filling: &Filling<'f>,
    members: &'f Members<'f>,
) -> Result<Vec<Wire<'f>>, DialectError> {
    let mut wire = Vec::with_capacity(fields.len());
    let mut bytes = 0;
    for field in fields {
        wire.push(match &field.content {
            Content::Signed(_) => Wire::Signed,
            Content::Each(prefix) => Wire::Many(beginning_with(prefix, members)),
            Content::Value(template) => match (template.text(filling)?, field.absent) {
                (Some(text), _) => Wire::Text(text),
                (None, Absent::Omit) => Wire::Omitted,
                (None, Absent::Empty) => Wire::Text(Cow::Borrowed("")),
                (None, Absent::Null) => Wire::Null,
            },
        });
        bytes += wire.last().map_or(0, Wire::len);
        check_length(bytes)?;
    }
    Ok(wire)
}

/// The fields sorted and put together, as the signature wants them.
pub(crate) fn sort<'f>(
    plan: &'f SortedPlan,
    fields: &'f [FieldPlan],
    wire: &'f [Wire<'f>],
    filling: &Filling<'f>,
) -> Result<String, DialectError> {
    let mut items: Vec<(&str, &str)> = Vec::with_capacity(wire.len());
    for (field, wire) in fields.iter().zip(wire).filter(|(field, _)| !field.nested) {
        match wire {
            Wire::Text(text) => items.push((&field.name, text)),
            Wire::Many(texts) => items.extend(texts.iter().map(|(name, text)| (*name, &**text))),
            Wire::Omitted | Wire::Null | Wire::Signed => {}
        }
    }
    items.retain(|(name, _)| name.starts_with(&*plan.prefix) && !plan.leave_out.iter().any(|left| left == name));
    if let Some(name) = &plan.secret_as {
        items.push((name, filling.secret));
    }
    if plan.ignore_case {
        items.sort_by_cached_key(|(name, _)| name.to_lowercase());
    } else {
        items.sort_by_key(|(name, _)| *name);
    }
    let mut sorted = String::new();
    for (nth, item) in items.into_iter().enumerate() {
        if nth > 0 {
            sorted.push_str(&plan.join);
        }
        let filling = Filling { item, ..*filling };
        sorted.push_str(plan.each.text(&filling)?.as_deref().unwrap_or_default());
        check_length(sorted.len())?;
    }
    Ok(sorted)
}

fn beginning_with<'f>(prefix: &str, members: &'f Members<'f>) -> Vec<(&'f str, Cow<'f, str>)> {
    let all = members.iter().filter(|(name, _)| name.starts_with(prefix));
    all.filter_map(|(name, raw)| Some((name.as_str(), text_of_member(raw)?))).collect()
}
