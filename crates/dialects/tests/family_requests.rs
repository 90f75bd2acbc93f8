//! The wider family's requests: literal bytes, and signatures that an independent path computed over literal messages.

mod given;

use given::hashes::{base64, hmac_sha1, hmac_sha256, in_form, md5, sha1, sha256};
use given::{body, dialect, header, notification, parameters, question, signing};
use paybell_dialects::{Method, Notification, Question, Rendered};

const KEY: &str = "shops-own-key";

fn plain() -> Notification<'static> {
    Notification { description: Some("Two cups"), ..notification() }
}

fn render(name: &str, pairs: &[(&str, &str)], notification: &Notification<'_>) -> Rendered {
    let parameters = parameters(pairs);
    assert_eq!(dialect(name).check_endpoint("https://shop.example/", &parameters), Ok(()), "{name}");
    dialect(name).render(notification, &signing(&[KEY], &parameters)).expect(name)
}

fn ask(name: &str, pairs: &[(&str, &str)], question: &Question<'_>) -> Rendered {
    let parameters = parameters(pairs);
    dialect(name).render_check(question, &signing(&[KEY], &parameters)).expect(name)
}

#[test]
fn robokassa() {
    let n = Notification { data: Some(r#"{"Shp_b":"2 x","Shp_a":1,"other":"no"}"#), ..plain() };
    let request = render("robokassa", &[], &n);
    let signature = hex::encode_upper(md5(b"100.50:55:shops-own-key:Shp_a=1:Shp_b=2 x"));
    let expected = format!(
        "OutSum=100.50&InvId=55&SignatureValue={signature}&EMail=p%40example.org&PaymentMethod=card\
         &Shp_a=1&Shp_b=2+x"
    );
    assert_eq!(body(&request), expected);
    let test = render("robokassa", &[], &Notification { test: true, ..plain() });
    assert!(body(&test).ends_with("&PaymentMethod=card&IsTest=1"));
    let request = render("robokassa", &[("hash", "sha256")], &plain());
    let signature = hex::encode_upper(sha256(b"100.50:55:shops-own-key"));
    assert!(body(&request).contains(&format!("&SignatureValue={signature}&")));
}

#[test]
fn cloudpayments() {
    let request = render("cloudpayments", &[], &Notification { data: Some(r#"{"CardType":"Visa"}"#), ..plain() });
    let expected = "TransactionId=7261069&Amount=100.50&Currency=RUB&DateTime=2026-11-21+09%3A30%3A00&CardType=Visa\
                    &TestMode=0&Status=Completed&OperationType=Payment&InvoiceId=55&Email=p%40example.org\
                    &Description=Two+cups&Data=%7B%22CardType%22%3A%22Visa%22%7D";
    assert_eq!(body(&request), expected);
    let signature = base64(hmac_sha256(KEY.as_bytes(), expected.as_bytes()));
    assert_eq!(header(&request, "x-content-hmac"), Some(signature.as_str()));
    let asked = ask("cloudpayments", &[], &question());
    let expected = "TransactionId=0190a3d2-7c1e-7000-8000-000000000002&Amount=100.50&Currency=RUB\
                    &DateTime=2026-11-21+09%3A30%3A00&TestMode=0&Status=Completed&OperationType=Payment&InvoiceId=55\
                    &Email=p%40example.org";
    assert_eq!(body(&asked), expected);
    let signature = base64(hmac_sha256(KEY.as_bytes(), expected.as_bytes()));
    assert_eq!(header(&asked, "x-content-hmac"), Some(signature.as_str()));
}

#[test]
fn qiwi() {
    let request = render("qiwi", &[("prv_name", "Shop")], &plain());
    let expected = "bill_id=55&status=paid&error=0&amount=100.50&user=tel%3A%2B79630000000&prv_name=Shop&ccy=RUB\
                    &comment=Two+cups&command=bill";
    assert_eq!(body(&request), expected);
    let message = b"100.50|55|RUB|bill|Two cups|0|Shop|paid|tel:+79630000000";
    let signature = base64(hmac_sha1(KEY.as_bytes(), message));
    assert_eq!(header(&request, "x-api-signature"), Some(signature.as_str()));
}

#[test]
fn freekassa() {
    let request = render("freekassa", &[("shop_id", "77")], &Notification { data: Some(r#"{"us_a":"b"}"#), ..plain() });
    let sign = hex::encode(md5(b"77:100.5:shops-own-key:55"));
    let expected = format!(
        "MERCHANT_ID=77&AMOUNT=100.5&intid=7261069&MERCHANT_ORDER_ID=55&P_EMAIL=p%40example.org&P_PHONE=%2B79630000000\
         &us_a=b&SIGN={sign}"
    );
    assert_eq!(body(&request), expected);
}

#[test]
fn payanyway() {
    let request = render("payanyway", &[("mnt_id", "12345")], &plain());
    let signature = hex::encode(md5(b"12345557261069100.50RUB0shops-own-key"));
    let expected = format!(
        "MNT_ID=12345&MNT_TRANSACTION_ID=55&MNT_OPERATION_ID=7261069&MNT_AMOUNT=100.50&MNT_CURRENCY_CODE=RUB\
         &MNT_TEST_MODE=0&MNT_SIGNATURE={signature}"
    );
    assert_eq!(body(&request), expected);
    let asked = ask("payanyway", &[("mnt_id", "12345")], &question());
    let signature = hex::encode(md5(b"CHECK1234555100.50RUB0shops-own-key"));
    let expected = format!(
        "MNT_COMMAND=CHECK&MNT_ID=12345&MNT_TRANSACTION_ID=55&MNT_AMOUNT=100.50&MNT_CURRENCY_CODE=RUB&MNT_TEST_MODE=0\
         &MNT_SIGNATURE={signature}"
    );
    assert_eq!(body(&asked), expected);
}

#[test]
fn unitpay() {
    let request = render("unitpay", &[("project_id", "9")], &plain());
    let message = "pay{up}55{up}2026-11-21 12:30:00{up}card{up}RUB{up}100.50{up}RUB{up}100.50{up}9{up}0{up}7261069{up}\
                   shops-own-key";
    let signature = hex::encode(sha256(message.as_bytes()));
    let expected = format!(
        "method=pay&params%5Baccount%5D=55&params%5Bdate%5D=2026-11-21+12%3A30%3A00&params%5Boperator%5D=card\
         &params%5BorderCurrency%5D=RUB&params%5BorderSum%5D=100.50&params%5BpayerCurrency%5D=RUB\
         &params%5BpayerSum%5D=100.50&params%5BprojectId%5D=9&params%5Btest%5D=0&params%5BunitpayId%5D=7261069\
         &params%5Bsignature%5D={signature}"
    );
    assert_eq!(request.query.as_deref(), Some(expected.as_str()));
    assert_eq!((request.method, request.body.len(), request.headers.len()), (Method::Get, 0, 0));
    let asked = ask("unitpay", &[("project_id", "9")], &question());
    let message = "check{up}55{up}2026-11-21 12:30:00{up}card{up}RUB{up}100.50{up}RUB{up}100.50{up}9{up}0{up}\
                   0190a3d2-7c1e-7000-8000-000000000002{up}shops-own-key";
    let ending = format!("&params%5Bsignature%5D={}", hex::encode(sha256(message.as_bytes())));
    assert!(asked.query.expect("a query").ends_with(&ending));
}

#[test]
fn interkassa() {
    let n = Notification { data: Some(r#"{"ik_x_a":"b"}"#), ..plain() };
    let message = b"100.50:co:RUB:Two cups:7261069:2026-11-21 12:30:00:success:55:card:b:shops-own-key";
    let expected = |signature: &str| {
        format!(
            "ik_co_id=co&ik_inv_id=7261069&ik_inv_st=success&ik_inv_prc=2026-11-21+12%3A30%3A00&ik_pm_no=55&ik_pw_via=card\
             &ik_am=100.50&ik_cur=RUB&ik_desc=Two+cups&ik_x_a=b&ik_sign={}",
            in_form(signature)
        )
    };
    assert_eq!(body(&render("interkassa", &[("shop_id", "co")], &n)), expected(&base64(md5(message))));
    let by_sha256 = render("interkassa", &[("shop_id", "co"), ("hash", "sha256")], &n);
    assert_eq!(body(&by_sha256), expected(&base64(sha256(message))));
}

#[test]
fn walletone_writes_and_signs_in_windows_1251() {
    let n = Notification { description: Some("Да"), data: Some(r#"{"shop_X":"y"}"#), ..plain() };
    let request = render("walletone", &[("merchant_id", "11")], &n);
    // shop_X, WMI_CREATE_DATE, _CURRENCY_ID, _DESCRIPTION, _MERCHANT_ID, _ORDER_ID, _ORDER_STATE, _PAYMENT_AMOUNT,
    // _PAYMENT_NO, _PAYMENT_TYPE, _UPDATE_DATE.
    let message = b"y2026-11-21 09:30:00643\xc4\xe0117261069Accepted100.5055card2026-11-21 09:30:00shops-own-key";
    let expected = format!(
        "WMI_MERCHANT_ID=11&WMI_PAYMENT_AMOUNT=100.50&WMI_CURRENCY_ID=643&WMI_PAYMENT_NO=55&WMI_ORDER_ID=7261069\
         &WMI_DESCRIPTION=%C4%E0&WMI_PAYMENT_TYPE=card&WMI_CREATE_DATE=2026-11-21+09%3A30%3A00\
         &WMI_UPDATE_DATE=2026-11-21+09%3A30%3A00&WMI_ORDER_STATE=Accepted&shop_X=y&WMI_SIGNATURE={}",
        in_form(&base64(md5(message)))
    );
    assert_eq!(body(&request), expected);
    let content_type = "application/x-www-form-urlencoded; charset=windows-1251";
    assert_eq!(header(&request, "content-type"), Some(content_type));
}

#[test]
fn adyen_classic() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let parameters = parameters(&[("merchant_account", "Shop")]);
    let request = dialect("adyen-classic").render(&plain(), &signing(&[key], &parameters)).expect("renders");
    let key = hex::decode(key).expect("hex");
    let hmac = base64(hmac_sha256(&key, b"7261069::Shop:55:10050:RUB:AUTHORISATION:true"));
    let expected = format!(
        r#"{{"live":"true","notificationItems":[{{"NotificationRequestItem":{{"additionalData":{{"hmacSignature":"{hmac}"}},"amount":{{"currency":"RUB","value":10050}},"eventCode":"AUTHORISATION","eventDate":"2026-11-21T09:30:00+00:00","merchantAccountCode":"Shop","merchantReference":"55","paymentMethod":"card","pspReference":"7261069","success":"true"}}}}]}}"#
    );
    assert_eq!(body(&request), expected);
}

#[test]
fn t_bank() {
    let n = Notification { data: Some(r#"{"Pan":"4300****0777","CardId":332211}"#), ..plain() };
    let request = render("t-bank", &[("terminal_key", "Term1")], &n);
    // Amount, CardId, ErrorCode, OrderId, Pan, Password, PaymentId, Status, Success, TerminalKey.
    let token = hex::encode(sha256(b"100503322110554300****0777shops-own-key7261069CONFIRMEDtrueTerm1"));
    let expected = format!(
        r#"{{"TerminalKey":"Term1","OrderId":"55","Success":true,"Status":"CONFIRMED","PaymentId":7261069,"ErrorCode":"0","Amount":10050,"CardId":332211,"Pan":"4300****0777","Token":"{token}"}}"#
    );
    assert_eq!(body(&request), expected);
}

#[test]
fn plain_200() {
    let request = render_with_long_key("plain-200");
    let expected = r#"{"type":"payment.confirmed","payment_id":"0190a3d2-7c1e-7000-8000-000000000001","id":"7261069","merchant":"shop-7","pay_for":"55","amount":"100.50","currency":"RUB","method":"card","description":null,"payer_email":"p@example.org","payer_phone":"+79630000000","confirmed_at":"2026-11-21T09:30:00.000000Z","test":false,"data":{"a": 1.50}}"#;
    assert_eq!(body(&request), expected);
    let signature = hex::encode(hmac_sha256(b"a-key-of-sixteen", expected.as_bytes()));
    assert_eq!(header(&request, "signature"), Some(signature.as_str()));
}

fn render_with_long_key(name: &str) -> Rendered {
    let n = Notification { description: None, data: Some(r#"{"a": 1.50}"#), ..notification() };
    dialect(name).render(&n, &signing(&["a-key-of-sixteen"], &parameters(&[]))).expect(name)
}

#[test]
fn webmoney() {
    let n = Notification { data: Some(r#"{"LMI_PAYER_PURSE":"R1","LMI_PAYER_WM":"W2"}"#), ..plain() };
    let request = render("webmoney", &[("purse", "R123456789012")], &n);
    let message = b"R123456789012100.505507261069726106920261121 12:30:00shops-own-keyR1W2";
    let expected = format!(
        "LMI_PAYEE_PURSE=R123456789012&LMI_PAYMENT_AMOUNT=100.50&LMI_PAYMENT_NO=55&LMI_MODE=0&LMI_SYS_INVS_NO=7261069\
         &LMI_SYS_TRANS_NO=7261069&LMI_PAYER_PURSE=R1&LMI_PAYER_WM=W2&LMI_PAYMENT_DESC=Two+cups\
         &LMI_SYS_TRANS_DATE=20261121+12%3A30%3A00&LMI_HASH={}",
        hex::encode_upper(sha256(message))
    );
    assert_eq!(body(&request), expected);
    let asked = ask("webmoney", &[("purse", "R123456789012")], &question());
    let expected =
        "LMI_PREREQUEST=1&LMI_PAYEE_PURSE=R123456789012&LMI_PAYMENT_AMOUNT=100.50&LMI_PAYMENT_NO=55&LMI_MODE=0";
    assert_eq!(body(&asked), expected);
}

#[test]
fn liqpay() {
    let request = render("liqpay", &[("public_key", "i1")], &plain());
    let document = r#"{"action":"pay","payment_id":7261069,"status":"success","version":3,"type":"buy","paytype":"card","public_key":"i1","order_id":"55","description":"Two cups","amount":100.5,"currency":"RUB","end_date":1795253400000}"#;
    let data = base64(document.as_bytes().to_vec());
    let signature = base64(sha1(format!("shops-own-key{data}shops-own-key").as_bytes()));
    assert_eq!(body(&request), format!("data={}&signature={}", in_form(&data), in_form(&signature)));
}

#[test]
fn tpay() {
    let request = render("tpay", &[("shop_id", "1010")], &plain());
    let expected = format!(
        "id=1010&tr_id=7261069&tr_date=2026-11-21+10%3A30%3A00&tr_crc=55&tr_amount=100.50&tr_paid=100.50&tr_desc=Two+cups\
         &tr_status=TRUE&tr_error=none&tr_email=p%40example.org&test_mode=0&md5sum={}",
        hex::encode(md5(b"10107261069100.5055shops-own-key"))
    );
    assert_eq!(body(&request), expected);
}

#[test]
fn intellectmoney() {
    let request = render("intellectmoney", &[("eshop_id", "400001"), ("eshop_account", "88")], &plain());
    let message = b"400001::55::Two cups::88::100.50::RUB::5::::p@example.org::2026-11-21 12:30:00::shops-own-key";
    let expected = format!(
        "eshopId=400001&paymentId=7261069&orderId=55&eshopAccount=88&serviceName=Two+cups&recipientAmount=100.50\
         &recipientCurrency=RUB&paymentStatus=5&userName=&userEmail=p%40example.org\
         &paymentData=2026-11-21+12%3A30%3A00&hash={}",
        hex::encode(md5(message))
    );
    assert_eq!(body(&request), expected);
}

#[test]
fn yookassa_signs_nothing() {
    let n = Notification { data: Some(r#"{"order":"55"}"#), ..plain() };
    let request = dialect("yookassa").render(&n, &signing(&[], &parameters(&[]))).expect("renders");
    let expected = r#"{"type":"notification","event":"payment.succeeded","object":{"id":"7261069","status":"succeeded","paid":true,"amount":{"value":"100.50","currency":"RUB"},"captured_at":"2026-11-21T09:30:00.000Z","description":"Two cups","metadata":{"order":"55"},"test":false}}"#;
    assert_eq!(body(&request), expected);
    assert_eq!(request.headers.len(), 1);
}

#[test]
fn onpay_2() {
    let n = Notification { data: Some(r#"{"onpay_ap_x":"1","y":2}"#), description: None, ..plain() };
    let request = render("onpay-2", &[("offset", "+04:00")], &n);
    let expected = format!(
        r#"{{"type":"pay","signature":"{}","pay_for":"55","user":{{"email":"p@example.org","phone":"+79630000000","note":""}},"payment":{{"id":7261069,"date_time":"2026-11-21T13:30:00+04:00","amount":100.5,"way":"RUR","rate":1.0,"release_at":null}},"balance":{{"amount":100.5,"way":"RUR"}},"order":{{"from_amount":100.5,"from_way":"RUR","to_amount":100.5,"to_way":"RUR"}},"additional_params":{{"onpay_ap_x":"1"}}}}"#,
        hex::encode(sha1(b"pay;55;100.5;RUR;100.5;RUR;shops-own-key"))
    );
    assert_eq!(body(&request), expected);
    let amount = paybell_dialects::Amount { minor: 50_000, currency: "RUB", exponent: 2 };
    let asked = ask("onpay-2", &[], &Question { amount, pay_for: Some("55446"), payer_email: None, ..question() });
    let expected = format!(
        r#"{{"type":"check","pay_for":"55446","amount":500.0,"way":"RUR","mode":"fix","signature":"{}"}}"#,
        hex::encode(sha1(b"check;55446;500.0;RUR;fix;shops-own-key"))
    );
    assert_eq!(body(&asked), expected);
}
