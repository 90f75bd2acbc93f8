//! What the pages of management say.

use super::texts;

texts! {
    new_merchant: "New merchant", "Новый магазин";
    merchant_id: "Id, the gateway's own", "Номер у шлюза";
    merchant_name: "Name for people", "Название";
    create: "Create", "Создать";
    rename: "Rename", "Переименовать";
    delete: "Delete", "Удалить";
    delete_merchant_explained: "It and its endpoints take no more payments. What was accepted stays visible and can be settled.", "Он и его адреса больше не принимают платежей. Принятое остаётся видимым, его можно закрыть.";
    delete_endpoint_explained: "It is told of nothing more. What waits stays until its deadline and can be settled.", "Ему больше ничего не сообщается. То, что ждёт, остаётся до срока, его можно закрыть.";
    yes_delete: "Yes, delete it", "Да, удалить";
    pause_all: "Pause all its endpoints", "Приостановить все адреса";
    resume_all: "Resume all its endpoints", "Возобновить все адреса";
    new_endpoint: "New endpoint", "Новый адрес";
    portal_link_make: "Make a link", "Создать ссылку";
    portal_link_explained: "It opens the merchant's own pages, once, within ten minutes.", "Открывает страницы магазина один раз в течение десяти минут.";
    shown_once: "Keep it now: it is not shown again.", "Сохраните сейчас: больше не покажем.";
    secret: "Secret", "Секрет";
    rotate: "Rotate the secret", "Сменить секрет";
    overlap: "Until the old one ends, both sign", "Пока старый действует, подписывают оба";
    at_once: "at once", "сразу";
    parameters: "Parameters, one a line: name=value", "Параметры, по одному в строке: имя=значение";
    ignore_whitespace: "White space around the acknowledgement does not matter", "Пробелы вокруг подтверждения не важны";
    ignore_case: "Letter case of the acknowledgement does not matter", "Регистр подтверждения не важен";
    reply_signature: "Signature of replies", "Подпись ответов";
    as_the_dialect: "as the dialect says", "как в диалекте";
    seconds: "seconds", "секунды";
    built_in: "built in", "встроенный";
    own_dialect: "the gateway's own", "свой";
    new_dialect: "New dialect", "Новый диалект";
    definition: "Definition (JSON)", "Определение (JSON)";
    dialect_name: "Name", "Имя";
    dialect_name_rule: "The name may hold letters, digits, hyphens, dots and underscores.", "В имени могут быть буквы, цифры, дефисы, точки и подчёркивания.";
    password_rule: "The password must have at least 12 characters.", "Пароль должен быть не короче 12 знаков.";
    kind_of_dialect: "Kind", "Вид";
    title_of: "Title", "Название";
    key_name: "Name of the key", "Имя ключа";
    role: "Role", "Роль";
    role_gateway: "gateway: a program of the gateway", "gateway: программа шлюза";
    role_operator: "operator: a person or their program", "operator: человек или его программа";
    role_viewer: "viewer: looks only", "viewer: только смотрит";
    new_key: "New key", "Новый ключ";
    revoke: "Revoke", "Отозвать";
    revoked: "revoked", "отозван";
    active: "active", "действует";
    operators: "Operators", "Операторы";
    sessions: "Open sessions", "Открытые сеансы";
    add_operator: "Add, or change role and password", "Добавить или сменить роль и пароль";
    remove: "Remove", "Убрать";
    ends_at: "Ends", "Заканчивается";
    began_at: "Began", "Начат";
    yours: "yours", "ваш";
    subject: "To what (an id)", "С чем (номер)";
    merchant_sessions: "merchant", "магазин";
}
