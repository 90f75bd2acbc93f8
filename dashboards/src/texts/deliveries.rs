//! What pages of deliveries say.

use super::texts;
use paybell_delivery::{CheckAnswer, Outcome};

texts! {
    delivery: "Delivery", "Доставка";
    deliveries_of: "Deliveries", "Доставки";
    type_of_payment: "Type", "Вид";
    confirmed_at: "Confirmed by the gateway", "Подтверждено шлюзом";
    method: "Method", "Способ оплаты";
    description: "Description", "Описание";
    balance: "To your balance", "На ваш баланс";
    payer_email: "Payer's e-mail", "Почта плательщика";
    payer_phone: "Payer's phone", "Телефон плательщика";
    is_test: "Test", "Проверка";
    request_note: "Rendered from the settings of now: what was changed since the attempt shows here too.", "Построен по нынешним настройкам: изменения после попытки видны и здесь.";
    headers: "Headers", "Заголовки";
    body: "Body", "Тело";
    test_payment: "a test, no money", "проверка, не деньги";
    repeats: "Repeats", "Повторяет";
    other_deliveries: "All deliveries of this payment", "Все доставки этого платежа";
    checks_before: "Checks before the payment", "Проверки до платежа";
    check_allowed: "allowed", "разрешено";
    check_refused: "refused", "отказ";
    check_unavailable: "no answer that could be read", "понятного ответа нет";
    what_happened: "What happened", "Что было";
    life_accepted: "Accepted", "Принято";
    life_attempt: "Attempt", "Попытка";
    life_in_flight: "under way", "идёт сейчас";
    life_next: "Next attempt", "Следующая попытка";
    life_parked: "Waits for its endpoint", "Ждёт свой адрес";
    life_deadline: "Deadline", "Срок";
    life_delivered: "Delivered", "Доставлено";
    life_undelivered: "Undelivered", "Не доставлено";
    life_settled: "Settled by", "Закрыто вручную:";
    took: "took", "заняла";
    time_left: "time left", "осталось";
    answered_with: "Answer", "Ответ";
    empty_body: "The body was empty.", "Тело ответа пустое.";
    bytes: "bytes", "байт";
    attempts_let_go: "Older attempts are no longer kept.", "Прежние попытки больше не хранятся.";
    request_as_sent: "The request as it is sent", "Запрос, как он отправляется";
    settle_who: "Who settles", "Кто закрывает";
    settle_note: "Why, or how the merchant was told instead", "Почему или как магазин узнал иначе";
    created_since: "Made since (UTC)", "Созданы с (UTC)";
    created_before: "Made before (UTC)", "Созданы до (UTC)";
    search_result: "Found", "Найдено";
    search_nothing: "Nothing was found. Ids and references are compared in full.", "Ничего не найдено. Номера сравниваются целиком.";
    looked_so_far: "Nothing among what was looked at so far; there is more.", "Среди просмотренного ничего нет, но есть ещё.";
    follow_up: "Who looks after it", "Кто занимается";
}

impl super::Lang {
    /// What a question before a payment was answered.
    pub(crate) const fn check_words(self, answer: CheckAnswer) -> &'static str {
        match answer {
            CheckAnswer::Allow => self.check_allowed(),
            CheckAnswer::Refuse => self.check_refused(),
            CheckAnswer::Unavailable => self.check_unavailable(),
        }
    }

    /// What came of an attempt, in words.
    pub(crate) const fn outcome_words(self, outcome: Outcome) -> &'static str {
        match self {
            super::Lang::En => outcome.in_words(),
            super::Lang::Ru => match outcome {
                Outcome::Acknowledged => "подтверждено",
                Outcome::WrongStatus => "ответ с кодом, который не подтверждает",
                Outcome::WrongBody => "ответ с телом, которое не подтверждает",
                Outcome::Refused => "магазин отказался",
                Outcome::Postponed => "магазин просит повторить позже",
                Outcome::SignatureRejected => "магазин считает подпись неверной: ключи сторон различаются",
                Outcome::WrongReplySignature => "подтверждено ответом с неверной подписью",
                Outcome::TimedOut => "время ожидания истекло",
                Outcome::Interrupted => "соединение оборвалось до конца ответа",
                Outcome::Unreachable => "сервер недоступен",
                Outcome::Blocked => "адрес запрещён",
                Outcome::Unknown => "исход неизвестен: обработчик умер, не успев его записать",
                Outcome::Panicked => "исход неизвестен: сбой обработчика",
            },
        }
    }
}
