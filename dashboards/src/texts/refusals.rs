//! Why something was not done, in the visitor's language. The API gives its reasons in English; those that people meet on
//! pages stand here, and any other is shown as it is.

use super::Lang;

/// What the API says, and that in Russian. `*` stands for anything; what it stood for is repeated in its order. The first
/// that fits is taken.
const PHRASES: &[(&str, &str)] = &[
    (
        "delivery * is delivered already, so it cannot be settled",
        "доставка * уже доставлена, поэтому её нельзя закрыть",
    ),
    ("delivery * is settled already, so it cannot be settled", "доставка * уже закрыта вручную"),
    (
        "delivery * is still pending, so it cannot be resent yet",
        "доставка * ещё ждёт, поэтому её пока нельзя отправить снова",
    ),
    (
        "the endpoint of delivery * is deleted, so it cannot be resent",
        "адрес доставки * удалён, поэтому её нельзя отправить снова",
    ),
    ("endpoint * does not fail, so there is nothing to probe", "адрес * не сбоит, пробовать нечего"),
    ("endpoint * is paused, so it is not probed", "адрес * приостановлен, поэтому его не пробуют"),
    ("nothing waits for endpoint * that it could be probed with", "для адреса * ничего не ждёт, пробовать нечем"),
    ("there is a merchant * already", "магазин * уже есть"),
    ("* endpoints use dialect *", "диалектом пользуются адреса (*): *"),
    ("give them another one first", "сначала дайте им другой"),
    ("a built-in dialect cannot be deleted", "встроенный диалект нельзя удалить"),
    ("* is the name of a built-in dialect", "* — имя встроенного диалекта"),
    ("take another one", "возьмите другое"),
    ("take it away there first", "сначала уберите его там"),
    ("create another endpoint for it", "создайте для него другой адрес"),
    ("* the parameter * must be *", "*: параметр * должен быть таким: *"),
    ("* the parameter * is missing: *", "*: не указан параметр * (*)"),
    ("* the dialect has no parameter *", "*: у диалекта нет параметра *"),
    ("* another endpoint of the merchant has one already", "*: он уже есть у другого адреса магазина"),
    ("* cannot use the endpoint's current secret", "*: нынешний секрет адреса для него не подходит"),
    ("* must be the name of a dialect", "*: такого диалекта нет"),
    ("GET /v1/dialects lists them", "все перечислены в GET /v1/dialects"),
    ("* the dialect * asks nothing before a payment", "*: диалект * не спрашивает перед платежом"),
    ("* a secret of dialect * must be *", "*: секрет диалекта * должен быть таким: *"),
    ("* is required", "*: нужно указать"),
    ("* must be a string of * to * characters", "*: нужен текст от * до * знаков"),
    ("* must be an integer from * to *", "*: нужно целое число от * до *"),
    ("* must be true or false", "*: да или нет"),
    ("* must be 1 to 64 of A-Z a-z 0-9 . _ -", "*: от 1 до 64 знаков из A-Z a-z 0-9 . _ -"),
    ("* must be 1 to 64 of a-z 0-9 _ .", "*: от 1 до 64 знаков из a-z 0-9 _ ."),
    ("* must be an endpoint's id, a UUID", "*: нужен номер адреса, UUID"),
    ("* must not hold the character U+0000", "*: знак U+0000 недопустим"),
    ("* must not hold a card number", "*: номер карты недопустим"),
    ("* must not hold a card's verification code", "*: код проверки карты недопустим"),
    (
        "* the URL has white space around it or control characters in it",
        "*: в URL пробелы по краям или управляющие знаки",
    ),
    ("* not a URL: *", "*: это не URL (*)"),
    ("* the URL has user info before its host", "*: в URL перед именем узла указан пользователь"),
    ("* the URL has no host", "*: в URL нет имени узла"),
    ("* port * may not be called", "*: порт * не разрешён"),
    ("* plain http is not allowed, only https", "*: http не разрешён, только https"),
    ("* the scheme * is not allowed, only https", "*: схема * не разрешена, только https"),
    ("* localhost is not a public name", "*: localhost — не публичное имя"),
    ("* is not a public address", "*: это не публичный адрес"),
    (
        "* the URL's own query has *, a name that the dialect itself uses",
        "*: в URL есть параметр *, а это имя нужно самому диалекту",
    ),
];

impl Lang {
    /// A reason that the API gave.
    pub(crate) fn refusal(self, words: String) -> String {
        match self {
            Lang::En => words,
            Lang::Ru => in_russian(&words),
        }
    }
}

/// Each part for itself.
fn in_russian(words: &str) -> String {
    let parts = words.split("; ").map(|part| {
        let phrase = PHRASES.iter().find_map(|(pattern, russian)| Some((russian, taken(pattern, part)?)));
        phrase.map_or_else(|| part.to_owned(), |(russian, taken)| filled(russian, &taken))
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// What stands at the `*`s of the pattern; nothing where the text has another form.
fn taken<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut fixed = pattern.split('*');
    let mut rest = text.strip_prefix(fixed.next()?)?;
    let mut taken = Vec::new();
    for fixed in fixed {
        let (one, after) = if fixed.is_empty() { (rest, "") } else { rest.split_once(fixed)? };
        taken.push(one);
        rest = after;
    }
    rest.is_empty().then_some(taken)
}

fn filled(pattern: &str, taken: &[&str]) -> String {
    let mut fixed = pattern.split('*');
    let mut text = fixed.next().unwrap_or_default().to_owned();
    for (fixed, one) in fixed.zip(taken) {
        text.push_str(one);
        text.push_str(fixed);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_repeats_what_the_english_one_names() {
        for (english, russian) in PHRASES {
            assert_eq!(english.matches('*').count(), russian.matches('*').count(), "{english}");
        }
    }

    /// The sources of all that the API says.
    fn sources() -> String {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let crates = ["api", "crates/store", "crates/dialects", "crates/outbound"];
        let mut folders: Vec<_> = crates.iter().map(|of| root.join(of).join("src")).collect();
        let mut text = String::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                match path.extension() {
                    None => folders.push(path),
                    Some(_) => text.push_str(&std::fs::read_to_string(path).expect("text")),
                }
            }
        }
        text
    }

    #[test]
    fn each_phrase_is_one_that_the_api_says() {
        let sources = sources();
        for (english, _) in PHRASES {
            let longest = english.split('*').map(str::trim).max_by_key(|part| part.len()).unwrap_or_default();
            // Where a name is put in that the phrase has in full, the words beside it.
            let beside = ["is delivered ", "is settled "].iter().find_map(|name| longest.strip_prefix(name));
            let words = beside.or(longest.strip_suffix(" merchant")).unwrap_or(longest);
            assert!(words.len() > 8 && sources.contains(words), "nothing says {english:?}");
        }
    }

    #[test]
    fn reasons_are_said_in_russian_as_far_as_they_are_known() {
        for (english, russian) in [
            ("note is required", "note: нужно указать"),
            ("delivery 7 is settled already, so it cannot be settled", "доставка 7 уже закрыта вручную"),
            (
                "note is required; who must be a string of 1 to 128 characters",
                "note: нужно указать; who: нужен текст от 1 до 128 знаков",
            ),
            ("note is required; and something else", "note: нужно указать; and something else"),
            ("url port 22 may not be called", "url: порт 22 не разрешён"),
            ("is required", "is required"),
            ("", ""),
        ] {
            assert_eq!(Lang::Ru.refusal(english.to_owned()), russian);
            assert_eq!(Lang::En.refusal(english.to_owned()), english);
        }
    }
}
