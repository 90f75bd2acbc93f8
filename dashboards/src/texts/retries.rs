//! What the pages of retries, of the undelivered and of bulk acts say.

use super::texts;

texts! {
    wall: "When the next attempts come", "Когда следующие попытки";
    wall_due: "due now", "уже пора";
    wall_within: "within", "в течение";
    wall_later: "later", "позже";
    wall_parked: "Of these, waiting until their endpoints are well or resumed (they stand at their deadlines):", "Из них ждут, пока адрес не заработает или не будет возобновлён (стоят у своего срока):";
    being_counted: "Being counted: this is shown in a moment, or when the page is loaded again.", "Идёт подсчёт: он появится через мгновение или когда страница будет загружена снова.";
    wall_count: "Deliveries", "Доставки";
    by_endpoint: "By endpoint", "По адресам";
    nearest_deadline: "Nearest deadline", "Ближайший срок";
    expires_within_filter: "Expires within", "Истекает в течение";
    what_waits: "What waits", "Что ждёт";
    bulk: "For all that match", "Для всех подходящих";
    bulk_resend: "Resend all", "Отправить все снова";
    bulk_settle: "Settle all", "Закрыть все вручную";
    bulk_pause: "Pause their endpoints", "Приостановить их адреса";
    bulk_resume: "Resume their endpoints", "Возобновить их адреса";
    bulk_preview: "Before it is done", "Прежде чем выполнить";
    bulk_matches: "It would be done to", "Это коснётся";
    bulk_needs_filter: "Name a merchant or an endpoint, so that not everything is paused.", "Укажите магазин или адрес, чтобы не остановить всё.";
    bulk_endpoints: "Endpoints", "Адреса";
    bulk_first: "The first of them", "Первые из них";
    bulk_act: "Bulk act", "Действие над многими";
    bulk_done: "done", "сделано";
    bulk_skipped: "passed over", "пропущено";
    bulk_of: "of", "из";
    bulk_running: "under way", "выполняется";
    bulk_finished: "finished", "завершено";
    bulk_began: "Begun", "Начато";
    bulk_by: "By", "Кто";
    bulk_filter: "Filter", "Отбор";
    everything: "everything", "всё";
    choose: "Choose", "Выбрать";
    resend_chosen: "Resend the chosen", "Отправить выбранные снова";
    settle_chosen: "Settle the chosen", "Закрыть выбранные";
    csv: "As CSV", "В CSV";
    some_refused: "Some were not done:", "Не выполнено для некоторых:";
    nothing_chosen: "Nothing was chosen.", "Ничего не выбрано.";
}
