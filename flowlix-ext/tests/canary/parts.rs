//! The types of flowlix-ext that stand for themselves: made here, in every variant that holds something.

use std::time::{Duration, SystemTime};

use flowlix_ext::call::Operation;
use flowlix_ext::call::backoff::ExponentialBackoff;
use flowlix_ext::call::budget::RetryBudget;
use flowlix_ext::call::decision::{Class, Facts, RULES, Reach};
use flowlix_ext::call::headers::ExtraHeaders;
use flowlix_ext::call::history::{Next, StopReason};
use flowlix_ext::call::metrics::{Counter, Counts};
use flowlix_ext::call::plan::{Circumstances, decide};
use flowlix_ext::call::rate::RateLimit;
use flowlix_ext::decline::Decline;
use flowlix_ext::journal::{
    Doubt, JournalError, JournalFuture, MemoryJournal, RecordId, Scope, State, Truth, conformance,
};
use flowlix_ext::payments::{HostedReturn, WaitHandle};
use flowlix_ext::polling::DefaultPolling;
use flowlix_ext::runtime::{RandomUnavailable, Sleep, SleepPurpose, SystemRuntime};
use flowlix_ext::testing::ManualTime;
use flowlix_ext::webhooks::{Claim, ClaimToken, Completion, EventStoreError, StoreFuture};
use flowlix_ext::{
    ApiKey, CardBrand, CardDetails, Dialect, IdempotencyKey, Mode, Money, RandomKeys, Settled,
    WebhookSecret, model,
};

use crate::common::secrets::{AMEX, AMEX_CVC, CVC, HEADER, VISA, WEBHOOK_SECRET};
use crate::shown::{Probe, Shown, Silent as _, show};

/// Texts that are secrets, for everything that reads text.
const WRONG: [&str; 12] = [
    AMEX,
    VISA,
    CVC,
    HEADER,
    WEBHOOK_SECRET,
    "fl_live_sk_canaryKey4711",
    "fl_live_sk_canaryKey4711\n!",
    "api_test_sk_canaryKey4711\u{e9}",
    "whsec_canaryWebhook4711\n!",
    "canaryWebhook4711",
    "canaryKey4711",
    "",
];

pub(crate) async fn drive(shown: &mut Shown) {
    entries(shown);
    texts(shown);
    decisions(shown);
    journal(shown).await;
    times_and_policies(shown);
}

fn entries(shown: &mut Shown) {
    for (number, cvc) in [(AMEX, AMEX_CVC), (VISA, CVC), (AMEX_CVC, AMEX), ("", "")] {
        let card = CardDetails::new(number, 13, 1999, cvc, number);
        show!(shown, &card);
        let violations = card.check(SystemTime::now());
        assert!(!violations.is_empty());
        for violation in &violations {
            show!(shown, violation);
        }
    }
    show!(shown, &CardBrand::of(AMEX).unwrap());
    show!(shown, &Mode::Live, &Dialect::SnakeCase, &RandomKeys);
    let mut headers = ExtraHeaders::default();
    headers.insert("X-A", HEADER).unwrap();
    show!(shown, &headers);
    for (name, value) in [(HEADER, "\n"), ("\n", HEADER), ("Authorization", HEADER)] {
        show!(shown, &headers.insert(name, value).unwrap_err());
    }
}

fn texts(shown: &mut Shown) {
    for text in WRONG {
        match ApiKey::parse(text) {
            Ok(key) => show!(shown, &key),
            Err(error) => show!(shown, &error),
        }
        match WebhookSecret::parse(text) {
            Ok(secret) => show!(shown, &secret),
            Err(error) => show!(shown, &error),
        }
        show!(shown, &text.parse::<Money>().unwrap_err());
        show!(shown, &WaitHandle::from_json(text).unwrap_err());
        show!(shown, &HostedReturn::parse(text).unwrap_err());
    }
    let newer = WaitHandle::from_json(
        r#"{"version":7,"payment_id":"pay_abc123","started_at":1,"deadline":1}"#,
    );
    show!(shown, &newer.unwrap_err());
    show!(
        shown,
        &Money::eur(4999),
        &Money::eur(i64::MAX).checked_mul(2).unwrap_err()
    );
    show!(shown, &IdempotencyKey::random().unwrap());
    // What is derived from a secret hides it.
    show!(
        shown,
        &IdempotencyKey::derive("payment", [AMEX, HEADER]).unwrap()
    );
    show!(
        shown,
        &IdempotencyKey::custom(format!("{HEADER}\n")).unwrap_err()
    );
    show!(shown, &Decline::from_code(model::DeclineCode::StolenCard));
    show!(
        shown,
        &Decline::from_code(model::DeclineCode::StolenCard).advice()
    );
}

fn decisions(shown: &mut Shown) {
    show!(
        shown,
        &Class::UnkeyedWrite,
        &Reach::AnswerCutShort,
        &Operation::CreateRefund
    );
    for rule in &RULES {
        show!(
            shown,
            rule,
            &rule.situation,
            &rule.keyed_write,
            &rule.effect,
            &rule.kind
        );
    }
    let facts = |status| Facts {
        class: Class::KeyedWrite,
        reach: Reach::Answered,
        status: Some(status),
        error_type: None,
        message: None,
    };
    show!(shown, &facts(429));
    let backoff = ExponentialBackoff::default();
    for (status, attempts, time_left) in [(201, 4, 9), (503, 4, 9), (503, 1, 9), (429, 4, 0)] {
        let mut circumstances = Circumstances::new(facts(status));
        circumstances.max_attempts = attempts;
        circumstances.time_left = Duration::from_secs(time_left);
        let decision = decide(&circumstances, &backoff, 1.0);
        show!(shown, &circumstances, &decision, &decision.next);
        if let Next::Stop(reason) = &decision.next {
            show!(shown, reason);
        }
    }
    show!(shown, &StopReason::Budget, &backoff, &RetryBudget::new(5));
    show!(
        shown,
        &RateLimit::new(),
        &RateLimit::off(),
        &RateLimit::off().snapshot(SystemTime::now())
    );
    show!(shown, &Counts::default(), &Counter::Retries);
}

async fn journal(shown: &mut Shown) {
    let id = || RecordId::new(Scope::new("shop", Mode::Test), "order-1234");
    let record = conformance::sample(Scope::new("conformance", Mode::Live), "order-1234");
    show!(shown, &id(), &id().scope, &record, &record.state);
    let refused = State::NotDone {
        why: "refused".to_owned(),
    };
    let accepted = State::Accepted {
        result: serde_json::json!({}),
        request_id: None,
    };
    show!(shown, &refused, &accepted, &MemoryJournal::new());
    show!(shown, &JournalError::new("the disk is full"));
    show!(
        shown,
        &JournalError::caused_by("the disk is full", RandomUnavailable)
    );
    for text in [format!("{{\"id\":\"{AMEX}\"}}"), HEADER.to_owned()] {
        show!(
            shown,
            &flowlix_ext::journal::Record::from_json(&text).unwrap_err()
        );
    }
    let forgetful = MemoryJournal::with_capacity(0);
    show!(shown, &conformance::check(&forgetful).await.unwrap_err());

    let (now, payment, refund) = (
        SystemTime::UNIX_EPOCH,
        model::PaymentId::received("pay_abc123").unwrap(),
        model::RefundId::received("ref_abc123").unwrap(),
    );
    for doubt in [
        Doubt::StillSending { until: now },
        Doubt::BegunAnew,
        Doubt::UsedElsewhere,
        Doubt::ClocksDiffer { seconds_ahead: -7 },
        Doubt::TooEarly { certain_from: now },
        Doubt::CouldNotAsk {
            why: "unavailable".to_owned(),
        },
        Doubt::Unreadable {
            payment: Some(payment.clone()),
        },
        Doubt::ListIncomplete,
        Doubt::PaymentsLookTheSame {
            payments: vec![payment.clone()],
        },
        Doubt::RefundsLookTheSame {
            refunds: vec![refund.clone()],
        },
        Doubt::Several {
            payments: vec![payment],
        },
        Doubt::SeveralRefunds {
            refunds: vec![refund.clone()],
        },
        Doubt::OtherApiKey,
        Doubt::OtherDialect,
    ] {
        show!(shown, &doubt, &Truth::StillUnknown(doubt.clone()));
    }
    let payment: model::Payment = serde_json::from_value(serde_json::json!({
        "id": "pay_abc123", "amount": 4999, "currency": "EUR", "status": "SUCCEEDED",
    }))
    .unwrap();
    let refund: model::Refund = serde_json::from_value(serde_json::json!({
        "id": "ref_abc123", "amount": 4999, "currency": "EUR", "status": "FAILED",
    }))
    .unwrap();
    show!(
        shown,
        &Settled::Expired(payment.clone()),
        &Settled::Canceled(payment.clone())
    );
    show!(shown, &Settled::Refunded(payment.clone()));
    for truth in [
        Truth::Charged(payment.clone()),
        Truth::NotCharged(Some(payment.clone())),
        Truth::NotCharged(None),
        Truth::Refunded(refund.clone()),
        Truth::NotRefunded(Some(refund.clone())),
        Truth::NotRefunded(None),
        Truth::PaymentInProgress(payment),
        Truth::RefundInProgress(refund),
    ] {
        show!(shown, &truth);
    }
    shown.silent(
        "flowlix_ext::JournalFuture",
        Probe(&None::<JournalFuture<'static, ()>>).debug().is_none(),
    );
}

fn times_and_policies(shown: &mut Shown) {
    show!(
        shown,
        &ManualTime::automatic(),
        &ManualTime::stepped(),
        &SystemRuntime::new()
    );
    show!(
        shown,
        &SleepPurpose::Timeout,
        &RandomUnavailable,
        &DefaultPolling
    );
    show!(
        shown,
        &ClaimToken::new(7),
        &Completion::LeaseLost,
        &EventStoreError::new("the disk is full")
    );
    let until = SystemTime::UNIX_EPOCH;
    let (token, abandoned) = (ClaimToken::new(7), true);
    show!(
        shown,
        &Claim::Granted { token, abandoned },
        &Claim::Held { until }
    );
    shown.silent(
        "flowlix_ext::Sleep",
        Probe(&None::<Sleep>).debug().is_none(),
    );
    shown.silent(
        "flowlix_ext::StoreFuture",
        Probe(&None::<StoreFuture<'static, ()>>).debug().is_none(),
    );
}
