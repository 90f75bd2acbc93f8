//! What the portal says: to a merchant, of its own server.

use super::texts;
use paybell_delivery::{Outcome, State};

texts! {
    portal_closed_title: "This link is used up", "Ссылка больше не действует";
    portal_closed: "Nobody is let in here: the visit has ended, or the link was used already or is too old. Ask your payment gateway for a new link.", "Войти нельзя: сеанс закончился, ссылка уже использована или устарела. Попросите у платёжного шлюза новую ссылку.";
    portal_search: "Payment id or order reference", "Номер платежа или заказа";
    portal_pending: "waiting", "ждёт";
    portal_undelivered: "not delivered", "не доставлено";
    portal_left: "Time left", "Осталось";
    portal_verdict: "What your server said last", "Что ваш сервер ответил последним";
    portal_not_sent_yet: "Nothing was sent yet.", "Пока ничего не отправлено.";
    portal_settle: "I have seen this payment", "Я вижу этот платёж";
    portal_settle_note: "I have seen this payment", "Я вижу этот платёж";
    portal_settle_words: "The notification counts as done, and nothing more is sent for it. Do this when you have handled the payment yourself.", "Уведомление считается выполненным, больше ничего не отправляется. Сделайте так, если обработали платёж сами.";
    portal_settle_why: "What you did about it", "Что вы с ним сделали";
    portal_resend_words: "The same payment is sent to the same address once more. Your server may get it twice: it must not book it twice.", "Тот же платёж уйдёт на тот же адрес ещё раз. Сервер может получить его дважды: он не должен провести его дважды.";
    portal_still_waits: "It still waits for its next attempt, so there is nothing to repeat yet.", "Уведомление ещё ждёт следующей попытки, повторять пока нечего.";
    portal_is_final: "It is delivered or settled already.", "Оно уже доставлено или закрыто.";
    portal_paused: "paused by the gateway; notifications wait, since", "приостановлено шлюзом, уведомления ждут,";
    portal_failing: "does not answer; notifications wait, for", "не отвечает, уведомления ждут уже";
    portal_well: "answers", "отвечает";
    portal_success_of: "of the last finished notifications were acknowledged", "последних завершённых уведомлений подтверждено";
    portal_edit: "Address and options", "Адрес и настройки";
    portal_url: "URL for notifications", "Адрес для уведомлений";
    portal_check_url: "URL for the question before a payment (empty: it is not asked)", "Адрес для вопроса до платежа (пусто: не спрашивать)";
    portal_ignore_whitespace: "White space around the acknowledgement does not matter", "Пробелы вокруг подтверждения не важны";
    portal_ignore_case: "Capital and small letters of the acknowledgement do not matter", "Регистр букв подтверждения не важен";
    portal_reply_signature: "The signature of your replies", "Подпись ваших ответов";
    portal_reply_dialect: "as the dialect says", "как велит диалект";
    portal_reply_off: "is not verified", "не проверяется";
    portal_reply_warn: "a wrong one is noted, the reply counts", "неверная отмечается, ответ засчитан";
    portal_reply_strict: "a wrong one does not count", "с неверной ответ не засчитан";
    portal_try: "Test notification", "Проверочное уведомление";
    portal_try_words: "It is sent like money, but marked as a test; its page shows what your server answers.", "Уходит так же, как о деньгах, но с пометкой проверки; на его странице видно, что ответил ваш сервер.";
    portal_kind: "Type", "Вид";
    portal_send: "Send", "Отправить";
    portal_secret: "Secret", "Секрет";
    portal_public_key: "Public key", "Открытый ключ";
    portal_public_key_words: "Signatures are verified by this public key; there is no shared secret.", "Подписи проверяются этим открытым ключом; общего секрета нет.";
    portal_reveal: "Show the secret", "Показать секрет";
    portal_reveal_words: "It is noted that you looked.", "То, что вы смотрели, записывается.";
    portal_secret_words: "Keep it as you keep a password. It is noted that you looked.", "Храните его как пароль. То, что вы смотрели, записано.";
    portal_rotate: "Replace the secret", "Заменить секрет";
    portal_rotate_words: "For a while the old and the new secret both sign, so that you can change over without losing a notification.", "Некоторое время подписывают оба секрета, старый и новый, чтобы при переходе не потерять уведомлений.";
    portal_overlap: "The old secret also signs for", "Старый секрет подписывает ещё";
    portal_overlap_none: "no longer (it was lost or stolen)", "уже нет (потерян или украден)";
    portal_new_secret: "The new secret", "Новый секрет";
    portal_rotated: "Put this into your server now; it is shown only once. The old one also signs until", "Внесите его в свой сервер сейчас, второй раз он не показывается. Старый тоже подписывает до";
    portal_rotated_at_once: "Put this into your server now; it is shown only once. The old one no longer signs.", "Внесите его в свой сервер сейчас, второй раз он не показывается. Старый больше не подписывает.";
    portal_until: "signs until", "подписывает до";
    portal_current: "current", "текущий";
    portal_back: "Back", "Назад";
    portal_no_endpoints: "No address is set up yet. Ask your payment gateway.", "Адресов пока нет. Обратитесь к платёжному шлюзу.";
    portal_how: "Verify every notification before you believe it: anybody can send a request to your server. Take the body as raw bytes, before anything parses it.", "Проверяйте каждое уведомление, прежде чем верить: запрос на ваш сервер может послать кто угодно. Берите тело как есть, до всякого разбора.";
    portal_how_standard: "Three headers come with each request: webhook-id, webhook-timestamp and webhook-signature. The signature is the base64 of HMAC-SHA256 over \"id.timestamp.body\", keyed by the bytes in the secret after whsec_. While a secret is being replaced there are several, separated by spaces. Refuse what is older than five minutes.", "С каждым запросом приходят заголовки webhook-id, webhook-timestamp и webhook-signature. Подпись: base64 от HMAC-SHA256 по строке «id.timestamp.тело», ключ: байты секрета после whsec_. Пока секрет меняют, подписей несколько, через пробел. Не принимайте то, что старше пяти минут.";
    portal_how_public: "Signatures that begin with v1a are ed25519 over the same text, verified by the public key (the base64 after whpk_).", "Подписи с v1a: ed25519 по той же строке, проверяются открытым ключом (base64 после whpk_).";
    portal_what_is_signed: "What is signed", "Что подписывается";
    portal_signature: "Signature", "Подпись";
    portal_algorithm: "Hash", "Хеш";
    portal_over: "Over", "По строке";
    portal_sorted: "Sorted fields", "Поля по порядку";
    portal_fields: "Fields", "Поля";
    portal_field: "Field", "Поле";
    portal_value: "Value", "Значение";
    portal_example: "An example to check your program by", "Пример для проверки своей программы";
    portal_example_secret: "Signed with the made-up secret", "Подписан выдуманным секретом";
    portal_unsigned: "This dialect has no signature: believe what it says only over HTTPS and from the gateway's addresses.", "У этого диалекта нет подписи: верьте ему только по HTTPS и с адресов шлюза.";
    portal_day: "Day (UTC)", "День (UTC)";
    portal_day_before: "The day before", "Предыдущий день";
    portal_day_after: "The day after", "Следующий день";
    portal_payments: "Payments", "Платежи";
    portal_sum: "Sum", "Сумма";
    portal_total: "All payments", "Все платежи";
    portal_untold: "no address to tell", "некого уведомить";
    portal_download: "Download as CSV", "Скачать CSV";
    portal_adding_up: "These are the figures so far: a day with many payments takes a moment to add up. Reload to see it go on.", "Это пока не все: сложить день, в котором много платежей, занимает время. Обновите страницу, чтобы увидеть продолжение.";
    portal_reconciliation_words: "All payments that were accepted on this day, by where they stand now. Tests are not among them.", "Все платежи, принятые в этот день, по их нынешнему состоянию. Проверок среди них нет.";
}

impl super::Lang {
    /// A state in a word, as it is to the merchant.
    pub(crate) const fn portal_state_word(self, state: State) -> &'static str {
        match state {
            State::Pending => self.portal_pending(),
            State::Delivered => self.delivered(),
            State::Undelivered => self.portal_undelivered(),
            State::Settled => self.settled(),
        }
    }

    /// What came of an attempt, said to the merchant whose server it was.
    pub(crate) const fn portal_outcome(self, outcome: Outcome) -> &'static str {
        match self {
            super::Lang::En => in_english(outcome),
            super::Lang::Ru => in_russian(outcome),
        }
    }
}

const fn in_english(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Acknowledged => "Your server acknowledged this payment.",
        Outcome::WrongStatus => "Your server answered, but its status does not acknowledge the payment.",
        Outcome::WrongBody => "Your server answered, but its body is not the acknowledgement that we wait for.",
        Outcome::Refused => "Your server refused this payment for good.",
        Outcome::Postponed => "Your server asked to be told again later.",
        Outcome::SignatureRejected => {
            "Your server says that our signature is wrong: it has another secret than we have."
        }
        Outcome::WrongReplySignature => "Your server acknowledged, but the signature of its reply is wrong.",
        Outcome::TimedOut => "Your server did not answer in time.",
        Outcome::Interrupted => "The connection to your server broke before its answer was complete.",
        Outcome::Unreachable => "Your server could not be reached, so nothing was sent.",
        Outcome::Blocked => "Nothing was sent: this address may not be called, or the request cannot be made.",
        Outcome::Unknown | Outcome::Panicked => "A fault on our side: your server may have got this payment or not.",
    }
}

const fn in_russian(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Acknowledged => "Ваш сервер подтвердил этот платёж.",
        Outcome::WrongStatus => "Ваш сервер ответил, но код ответа не подтверждает платёж.",
        Outcome::WrongBody => "Ваш сервер ответил, но тело ответа не то подтверждение, которого мы ждём.",
        Outcome::Refused => "Ваш сервер окончательно отказался от этого платежа.",
        Outcome::Postponed => "Ваш сервер попросил повторить позже.",
        Outcome::SignatureRejected => "Ваш сервер считает нашу подпись неверной: у него другой секрет.",
        Outcome::WrongReplySignature => "Ваш сервер подтвердил платёж, но подпись его ответа неверна.",
        Outcome::TimedOut => "Ваш сервер не ответил вовремя.",
        Outcome::Interrupted => "Соединение с вашим сервером оборвалось до конца ответа.",
        Outcome::Unreachable => "До вашего сервера не удалось достучаться, ничего не отправлено.",
        Outcome::Blocked => "Ничего не отправлено: этот адрес запрещён или запрос нельзя составить.",
        Outcome::Unknown | Outcome::Panicked => {
            "Сбой на нашей стороне: ваш сервер мог получить этот платёж, а мог и нет."
        }
    }
}
