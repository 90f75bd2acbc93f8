//! What pages of endpoints say.

use super::texts;

texts! {
    health: "Health", "Состояние";
    is_well: "answers", "отвечает";
    failing_since: "failing since", "не отвечает с";
    paused_since: "paused since", "приостановлен с";
    by_whom: "by", "кто:";
    next_probe: "next probe", "следующая проверка";
    probes_failed: "failed probes", "неудачных проверок";
    history: "History", "История";
    success_rate: "acknowledged of the last finished attempts", "подтверждено из последних попыток";
    median_time: "median time to answer", "медиана времени ответа";
    waiting_here: "waiting", "ждут";
    waiting_list: "What waits", "Что ждёт";
    concurrency: "attempts at once, at most", "попыток одновременно, не более";
    dialect: "Dialect", "Диалект";
    check_url: "Check URL", "Адрес проверки";
    url: "URL", "Адрес";
    time_limit: "Time limit", "Предел времени";
    lifetime: "Life of a delivery", "Срок доставки";
    made_at: "Made", "Создан";
    last_answers: "Last answers", "Последние ответы";
    last_outcome: "Last outcome", "Последний исход";
    status: "Status", "Код";
    duration_of_attempt: "Duration", "Время";
    send_test: "Send a test", "Отправить проверку";
    probe_now: "Probe now", "Проверить сейчас";
    who: "Who", "Кто";
    what: "What", "Что";
    details: "Details", "Подробности";
    all_endpoints: "All endpoints", "Все адреса";
    change_endpoint: "Change", "Изменить";
}
