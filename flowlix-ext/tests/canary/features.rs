//! What the features add.

use flowlix_ext::ErrorKind;

use crate::shown::Shown;

/// Returns the kinds of error that came up.
#[allow(unused_mut, unused_variables)]
pub(crate) async fn drive(shown: &mut Shown) -> Vec<ErrorKind> {
    let mut kinds = Vec::new();
    #[cfg(feature = "axum")]
    axum::drive(shown).await;
    #[cfg(feature = "journal-sqlite")]
    journals::sqlite(shown);
    #[cfg(feature = "journal-postgres")]
    journals::postgres(shown).await;
    #[cfg(feature = "blocking")]
    kinds.extend(blocking::drive(shown));
    kinds
}

#[cfg(feature = "axum")]
mod axum {
    use axum::body::Body;
    use axum::extract::FromRequest;
    use axum::http::Request;
    use flowlix_ext::webhooks::{SIGNATURE_HEADER, VerifiedEvent};

    use crate::common::secrets::WEBHOOK_SECRET;
    use crate::shown::{Shown, show};
    use crate::webhooks::{delivery, verifier};

    pub(super) async fn drive(shown: &mut Shown) {
        let (body, good) = (delivery().body().clone(), delivery());
        let good = std::str::from_utf8(good.signature().unwrap()).unwrap();
        for (body, signature) in [
            (Body::from(body.clone()), good),
            (Body::from(body), WEBHOOK_SECRET),
            (Body::from("canaryWebhook4711"), good),
            (Body::from(vec![b'x'; 2 << 20]), good),
            (Body::from_stream(Broken), good),
        ] {
            let request = Request::post("/").header(SIGNATURE_HEADER, signature);
            let request = request.body(body).unwrap();
            match VerifiedEvent::from_request(request, &verifier()).await {
                Ok(event) => show!(shown, &event, &event.0),
                Err(rejection) => {
                    show!(shown, &rejection);
                    let answer = axum::response::IntoResponse::into_response(rejection);
                    let answer = axum::body::to_bytes(answer.into_body(), 9999).await;
                    shown.text(&String::from_utf8_lossy(&answer.unwrap()));
                }
            }
        }
    }

    /// A body that breaks off with an error that quotes a secret.
    struct Broken;

    impl futures_core::Stream for Broken {
        type Item = Result<&'static str, String>;

        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Ready(Some(Err(WEBHOOK_SECRET.to_owned())))
        }
    }
}

#[cfg(feature = "blocking")]
mod blocking {
    use flowlix_ext::blocking::Flowlix;
    use flowlix_ext::{ErrorKind, Money};

    use crate::card;
    use crate::common::secrets::AMEX;
    use crate::shown::{Shown, show};

    /// On a thread of an async runtime, where it refuses to block.
    pub(super) fn drive(shown: &mut Shown) -> Vec<ErrorKind> {
        let flowlix = Flowlix::new("fl_test_sk_canaryKey4711").unwrap();
        let create = flowlix.payments().create_direct(Money::eur(1), card(AMEX));
        show!(
            shown,
            &flowlix,
            flowlix.client(),
            &flowlix.payments(),
            &flowlix.refunds()
        );
        let blocked = flowlix.run(create).unwrap_err();
        let refused = Flowlix::new("canaryKey4711").unwrap_err();
        shown.error(&blocked);
        shown.error(&refused);
        vec![blocked.kind(), refused.kind()]
    }
}

#[cfg(any(feature = "journal-sqlite", feature = "journal-postgres"))]
mod journals {
    use crate::common::secrets::AMEX;
    use crate::shown::{Shown, show};

    /// A file that is none, at a path that holds a secret.
    #[cfg(feature = "journal-sqlite")]
    pub(super) fn sqlite(shown: &mut Shown) {
        use flowlix_ext::journal::SqliteJournal;

        let folder = crate::common::databases::Folder::new("shown");
        show!(shown, &SqliteJournal::open(folder.file()).unwrap());
        let nowhere = folder.path().join("none/journal.sqlite");
        show!(shown, &SqliteJournal::open(nowhere).unwrap_err());
        let letter = folder.path().join("letter");
        std::fs::write(&letter, AMEX.repeat(99)).unwrap();
        show!(shown, &SqliteJournal::open(letter).unwrap_err());
        // Another crate, whose types are its own.
        shown.other("rusqlite");
    }

    /// A server that does not answer, with a password in the address.
    #[cfg(feature = "journal-postgres")]
    pub(super) async fn postgres(shown: &mut Shown) {
        use flowlix_ext::journal::PostgresJournal;
        use flowlix_ext::journal::tokio_postgres::NoTls;

        let config = "host=127.0.0.1 port=1 user=shop password=canaryKey4711 connect_timeout=2";
        let config = config.parse().unwrap();
        show!(
            shown,
            &PostgresJournal::connect(config, NoTls).await.unwrap_err()
        );
        // Another crate, whose types are its own.
        shown.other("tokio_postgres");
        const JOURNAL: &str = "flowlix_ext::journal::postgres::PostgresJournal";
        match crate::common::databases::Schema::new("shown").await {
            Some(schema) => {
                show!(shown, &schema.open().await);
                schema.close().await;
            }
            None => shown.excuse(JOURNAL, "no PostgreSQL answers"),
        }
    }
}
