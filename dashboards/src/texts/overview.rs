//! What the overview says.

use super::texts;

texts! {
    accepted_per_s: "accepted a second", "принято в секунду";
    delivered_per_s: "delivered a second", "доставлено в секунду";
    first_attempt_success: "acknowledged at the first attempt", "подтверждено с первой попытки";
    time_to_acknowledge: "Time to acknowledgement", "Время до подтверждения";
    waiting: "waiting", "ждут";
    oldest_due: "oldest due", "самая старая очередь";
    failing_endpoints: "failing endpoints", "адреса не отвечают";
    in_last_minute: "in the last full minute", "за последнюю полную минуту";
    in_last_hour: "in the last hour", "за последний час";
    expires_within: "What expires soon", "Что скоро истечёт";
    expires_explained: "Pending deliveries that were attempted in vain or wait for their endpoint, with the money at stake.", "Доставки, которые не удались или ждут свой адрес, и деньги, о которых речь.";
    within: "Within", "В течение";
    deliveries: "Deliveries", "Доставки";
    money_at_stake: "Money at stake", "Сумма";
    troubled: "Endpoints in trouble", "Адреса с трудностями";
    since: "Since", "С";
    is_failing: "failing", "не отвечает";
    is_paused: "paused by", "приостановлен:";
    charts: "Charts", "Графики";
    last_hour: "Last hour", "Последний час";
    last_day: "Last day", "Последний день";
    last_three_days: "Last three days", "Последние три дня";
    traffic: "Payments and deliveries a second", "Платежи и доставки в секунду";
    accepted: "accepted", "принято";
    first_attempts_chart: "Acknowledged at the first attempt, %", "Подтверждено с первой попытки, %";
    ack_time_chart: "Time to acknowledgement, s", "Время до подтверждения, с";
    undelivered_chart: "Undelivered and expired deliveries", "Недоставленные и истёкшие доставки";
    as_table: "As a table", "Таблицей";
    no_data: "Nothing happened in this time.", "За это время ничего не было.";
    or_more: "or more", "или больше";
}
