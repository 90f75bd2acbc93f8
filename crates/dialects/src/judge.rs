//! What an answer means: its status, then its decisive value, then its own signature.

use crate::charset::begins_well;
use crate::definition::{Meaning, Otherwise, ReplyFormat};
use crate::plan::{ExchangePlan, ReplyPlan, RulePlan, Statuses};
use crate::quote::{quote, quote_text};
use crate::read_reply::{BODY_MAX, ReadReply, read_reply};
use crate::secrets::SecretPlan;
use crate::sources::Subject;
use crate::template::Filling;
use crate::values::{Given, Values, members_of};
use crate::verify_reply::wrong_signature;
use crate::{Answer, DialectError, Signing, Tolerance, Verify};

/// Characters that are kept of a merchant's code and words.
const KEPT_MAX: usize = 500;

/// What was found in an answer.
#[derive(Debug)]
pub(crate) enum Finding {
    WrongStatus(String),
    WrongBody(String),
    WrongReplySignature(String),
    Decided(Decided),
}

/// What a rule decided.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) means: Meaning,
    pub(crate) code: String,
    pub(crate) comment: Option<String>,
    pub(crate) detail: String,
    pub(crate) warning: Option<String>,
}

/// All that is needed to judge, beside the answer.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'j> {
    pub(crate) exchange: &'j ExchangePlan,
    pub(crate) secret: &'j SecretPlan,
    pub(crate) signing: &'j Signing<'j>,
    pub(crate) subject: Subject<'j>,
    pub(crate) tolerance: Tolerance,
}

impl Judge<'_> {
    pub(crate) fn judge(&self, answer: &Answer<'_>) -> Finding {
        let (reply, status) = (&self.exchange.reply, answer.status);
        if !reply.statuses.iter().any(|statuses| statuses.have(status)) {
            let redirect = if (300..400).contains(&status) { "; redirects are not followed" } else { "" };
            return Finding::WrongStatus(format!("{status}, not {}{redirect}", words_for(&reply.statuses)));
        }
        if reply.format == ReplyFormat::None {
            let detail = format!("{status}, {}", accepted_words(&reply.statuses));
            return Finding::Decided(decided(Meaning::Accepted, status.to_string(), None, detail));
        }
        let unreadable = |why: &str| {
            let shown = quote(answer.body, answer.truncated);
            Finding::WrongBody(format!("{status}, but the body was {shown}, {why}"))
        };
        let wanted = || format!("not {}", wanted_words(reply, self));
        if answer.truncated || answer.body.len() > BODY_MAX {
            let is_text = reply.format == ReplyFormat::Text;
            return unreadable(&if is_text { wanted() } else { "too long to be read".to_owned() });
        }
        let text = match self.exchange.charset.decode(answer.body, reply.format == ReplyFormat::Xml) {
            Ok(text) => text,
            Err(_) if reply.format == ReplyFormat::Text => return unreadable(&wanted()),
            Err(charset) => return unreadable(&format!("which is not in its charset, {charset}")),
        };
        // A text's byte order mark matters, unless white space does not.
        if reply.format == ReplyFormat::Text && !begins_well(answer.body, self.ignores().0) {
            return unreadable(&wanted());
        }
        match read_reply(reply.format, &text, self.exchange.charset) {
            Ok(read) => self.decide(answer, &read),
            Err(why) => unreadable(&why),
        }
    }

    fn decide(&self, answer: &Answer<'_>, read: &ReadReply<'_>) -> Finding {
        let (exchange, reply, status) = (self.exchange, &self.exchange.reply, answer.status);
        let members = match members_of(self.subject, reply.needs_members) {
            Ok(members) => members,
            Err(error) => return unjudged(status, &error),
        };
        let values = match Values::make(&reply.values, Given::new(self.subject, self.signing, &members)) {
            Ok(values) => values,
            Err(error) => return unjudged(status, &error),
        };
        let filling = Filling { reply: Some(read), ..Filling::of(&values) };
        let found = reply.rules.iter().find(|rule| self.fits(rule, &filling));
        let mut decided = match found {
            Some(rule) => by_rule(reply, rule, status, &filling),
            None => match self.without_rule(answer, read) {
                Ok(decided) => decided,
                Err(detail) => return Finding::WrongBody(detail),
            },
        };
        let (Some(plan), Meaning::Accepted | Meaning::Refused) = (&reply.signature, decided.means) else {
            return Finding::Decided(decided);
        };
        let verify = self.tolerance.reply_signature.unwrap_or(plan.verify);
        if verify == Verify::Off {
            return Finding::Decided(decided);
        }
        match wrong_signature(plan, &filling, self.secret, self.signing, exchange.charset) {
            Some(words) if verify == Verify::Strict => {
                return Finding::WrongReplySignature(format!("{}, but {words}", decided.detail));
            }
            Some(words) if decided.means == Meaning::Refused => decided.detail.push_str(&format!("; {words}")),
            warning => decided.warning = warning,
        }
        Finding::Decided(decided)
    }

    /// Whether white space and letter case do not matter.
    fn ignores(&self) -> (bool, bool) {
        let reply = &self.exchange.reply;
        let endpoint = if reply.fixed { Tolerance::default() } else { self.tolerance };
        (reply.ignore_whitespace || endpoint.ignore_whitespace, reply.ignore_case || endpoint.ignore_case)
    }

    fn fits(&self, rule: &RulePlan, filling: &Filling<'_>) -> bool {
        let Some(said) = filling.reply.and_then(|reply| reply.get(&rule.at)) else { return false };
        let Some(is) = &rule.is else { return true };
        let Ok(Some(expected)) = is.text(filling) else { return false };
        let (whitespace, case) = self.ignores();
        let said = if whitespace { trim(&said) } else { &said };
        if case { said.eq_ignore_ascii_case(&expected) } else { said == expected }
    }

    /// What an answer means that no rule fits; or the words for a wrong body.
    fn without_rule(&self, answer: &Answer<'_>, read: &ReadReply<'_>) -> Result<Decided, String> {
        let (reply, status) = (&self.exchange.reply, answer.status);
        let wanted = wanted_words(reply, self);
        let said = reply.rules.iter().find_map(|rule| Some((&rule.at, read.get(&rule.at)?)));
        let detail = match &said {
            Some((at, said)) if !at.is_whole() => {
                format!(
                    "{status}, but {at} was {}, which the dialect does not know; it wants {wanted}",
                    quote_text(said)
                )
            }
            Some(_) => format!("{status}, but the body was {}, not {wanted}", quote(answer.body, false)),
            None => format!("{status}, but the body was {}, without {}", quote(answer.body, false), places(reply)),
        };
        match (reply.otherwise, said) {
            (Otherwise::Refused, Some((_, said))) => {
                let comment = comment_of(reply, read).or_else(|| reply.comment.is_none().then(|| cut(trim(&said))));
                Ok(decided(Meaning::Refused, cut(trim(&said)), comment, detail))
            }
            _ => Err(detail),
        }
    }
}

impl Statuses {
    fn have(self, status: u16) -> bool {
        (self.0..=self.1).contains(&status)
    }

    fn words(self) -> String {
        if self.0 == self.1 { self.0.to_string() } else { format!("a {}xx status", self.0 / 100) }
    }
}

fn decided(means: Meaning, code: String, comment: Option<String>, detail: String) -> Decided {
    Decided { means, code, comment, detail, warning: None }
}

fn by_rule(reply: &ReplyPlan, rule: &RulePlan, status: u16, filling: &Filling<'_>) -> Decided {
    let said = filling.reply.and_then(|read| read.get(&rule.at)).unwrap_or_default();
    let expected = rule.is.as_ref().and_then(|is| is.text(filling).ok().flatten());
    let mut detail = match expected {
        Some(expected) if rule.at.is_whole() => format!("{status} with the body {}", quote_text(&expected)),
        Some(expected) => format!("{status} with {} {}", rule.at, quote_text(&expected)),
        None => format!("{status} with {}", rule.at),
    };
    if let Some(words) = &rule.words {
        detail.push_str(&format!(" ({words})"));
    }
    let comment = filling.reply.and_then(|read| comment_of(reply, read));
    if let Some(comment) = &comment {
        detail.push_str(&format!(", {}", quote_text(comment)));
    }
    decided(rule.means, cut(trim(&said)), comment, detail)
}

fn comment_of(reply: &ReplyPlan, read: &ReadReply<'_>) -> Option<String> {
    let comment = read.get(reply.comment.as_ref()?)?;
    let comment = trim(&comment);
    (!comment.is_empty()).then(|| cut(comment))
}

/// What would have been accepted, in words: `"ok"`, `"0" or "1"`.
fn wanted_words(reply: &ReplyPlan, judge: &Judge<'_>) -> String {
    let members = members_of(judge.subject, reply.needs_members).unwrap_or_default();
    let given = Given::new(judge.subject, judge.signing, &members);
    let values = Values::make(&reply.values, given).unwrap_or_default();
    let accepting = reply.rules.iter().filter(|rule| rule.means == Meaning::Accepted);
    let words = accepting.map(|rule| match &rule.is {
        Some(is) => quote_text(is.text(&Filling::of(&values)).ok().flatten().as_deref().unwrap_or_default()),
        None => rule.at.to_string(),
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn places(reply: &ReplyPlan) -> String {
    let mut places: Vec<String> = reply.rules.iter().map(|rule| rule.at.to_string()).collect();
    places.dedup();
    places.join(" or ")
}

fn words_for(statuses: &[Statuses]) -> String {
    statuses.iter().map(|statuses| statuses.words()).collect::<Vec<_>>().join(" or ")
}

fn accepted_words(statuses: &[Statuses]) -> String {
    match statuses {
        [one] if one.0 == one.1 => "as it must be".to_owned(),
        several => words_for(several),
    }
}

fn unjudged(status: u16, error: &DialectError) -> Finding {
    Finding::WrongBody(format!("{status}, but the answer could not be judged: {error}"))
}

/// Without white space around it.
fn trim(text: &str) -> &str {
    text.trim_ascii()
}

fn cut(text: &str) -> String {
    text.chars().take(KEPT_MAX).collect()
}
