//! Each way in which a document can change, in both dialects: what stops the pipeline, and what cures it.

use serde_json::{Value, json};
use xtask::api::Type;
use xtask::dialect::Dialect::{self, SnakeCase, Uppercase};
use xtask::finding::Finding;
use xtask::pipeline::{self, Sources};

use crate::tiny::{
    RULES, findings, follow, joined, label, only as told_whole, rename, require, rule, set,
    shown_rule, take, tiny,
};

/// The dialect of the document, the pointer and the finding's rule.
pub(crate) type Place<'a> = (Dialect, &'a str, &'a str);

pub(crate) fn changed(dialect: Dialect, edit: impl FnOnce(&mut Value)) -> Sources {
    let mut sources = tiny();
    edit(&mut sources.documents.get_mut(dialect).root);
    sources
}

/// Asserts that these findings, no others, stop the pipeline and show these rules.
pub(crate) fn stops(sources: &Sources, places: &[Place<'_>], shows: &[Value]) -> Vec<Finding> {
    let found = findings(sources);
    let mut expected: Vec<(&str, &str, &str)> = places
        .iter()
        .map(|(dialect, pointer, kind)| (label(*dialect), *pointer, *kind))
        .collect();
    let mut seen: Vec<(&str, &str, &str)> = found
        .iter()
        .filter(|finding| finding.spec != RULES)
        .map(|finding| {
            (
                finding.spec.as_str(),
                finding.pointer.as_str(),
                finding.rule.as_str(),
            )
        })
        .collect();
    expected.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, expected, "{found:#?}");
    for finding in &found {
        assert!(!finding.message.is_empty() && !finding.cure.is_empty());
        assert!(finding.spec != RULES || finding.rule.ends_with("-matches-nothing"));
    }
    let mut shown: Vec<_> = found.iter().filter_map(shown_rule).collect();
    // All that is wrong with one list of members or headers is put right by one rule.
    shown.dedup_by(|one, other| one.rule == other.rule && told_whole(&one.rule).is_some());
    for fields in shows {
        let wanted = rule(fields.clone());
        assert!(
            shown.iter().any(|entry| entry.rule == wanted),
            "{wanted:?} is not shown: {found:#?}"
        );
    }
    assert_eq!(shown.len(), shows.len(), "{found:#?}");
    found
}

/// Asserts as [`stops`] does, and that doing what the findings say lets the pipeline run.
pub(crate) fn cured(
    dialect: Dialect,
    edit: impl FnOnce(&mut Value),
    places: &[Place<'_>],
    shows: &[Value],
) -> Sources {
    let mut sources = changed(dialect, edit);
    let found = stops(&sources, places, shows);
    assert!(!found.is_empty(), "the change passed in silence");
    follow(&mut sources.rules, &found);
    if let Err(left) = pipeline::run(&sources) {
        panic!("{found:#?}\nleft:\n{left:#?}");
    }
    sources
}

/// Asserts as [`stops`] does, and that adding rules is not enough.
pub(crate) fn incurable(
    dialect: Dialect,
    edit: impl FnOnce(&mut Value),
    places: &[Place<'_>],
    shows: &[Value],
) {
    let mut sources = changed(dialect, edit);
    let found = stops(&sources, places, shows);
    follow(&mut sources.rules, &found);
    assert!(pipeline::run(&sources).is_err(), "{found:#?}");
}

fn property(schema: &str, name: &str) -> String {
    format!("/components/schemas/{schema}/properties/{name}")
}

fn only(schema: &str, dialect: Dialect, property: &str) -> Value {
    json!({ "rule": "property-only", "schema": schema, "dialect": dialect, "property": property })
}

fn members(dialect: Dialect, schema: &str, members: &[&str]) -> Value {
    json!({ "rule": "schema-only", "dialect": dialect, "schema": schema, "members": members })
}

fn presence(schema: &str, property: &str, by: Dialect) -> Value {
    json!({ "rule": "property-presence", "schema": schema, "property": property, "required_by": by })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn number() -> Value {
    json!({ "type": "integer", "format": "int64" })
}

#[test]
fn the_shop_is_sound() {
    let outputs = pipeline::run(&tiny()).unwrap();
    assert_eq!(outputs.len(), 5);
    assert!(outputs.iter().all(|output| !output.text.is_empty()));
}

// ── Properties ──────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_new_response_property() {
    for dialect in Dialect::BOTH {
        let place = property("Order", "extra");
        cured(
            dialect,
            |root| set(root, &place, text()),
            &[(dialect, &place, "property-unpaired")],
            &[only("Order", dialect, "extra")],
        );
        cured(
            dialect,
            |root| {
                set(root, &place, text());
                require(root, "Refund", "amount", true);
                set(root, &property("Refund", "extra"), number());
                require(root, "Refund", "extra", true);
            },
            &[
                (dialect, &place, "property-unpaired"),
                (dialect, &property("Refund", "extra"), "property-unpaired"),
            ],
            &[
                only("Order", dialect, "extra"),
                only("Refund", dialect, "extra"),
            ],
        );
    }
}

#[test]
fn a_new_property_in_a_place_that_a_rule_has_given_away() {
    incurable(
        SnakeCase,
        |root| set(root, &property("Order", "created_at"), number()),
        &[(SnakeCase, &property("Order", "created_at"), "name-taken")],
        &[],
    );
    incurable(
        SnakeCase,
        |root| {
            let times = json!({
                "type": "object", "x-source": "shop", "properties": { "closed_at": number() },
            });
            set(root, "/components/schemas/Times", times);
            let reference = json!({ "$ref": "#/components/schemas/Times" });
            set(root, &property("Order", "times"), reference);
        },
        &[
            (SnakeCase, &property("Order", "times"), "name-taken"),
            (
                Uppercase,
                &property("Times", "paid_at"),
                "property-unpaired",
            ),
        ],
        &[only("Times", Uppercase, "paid_at")],
    );
    // What uppercase names as snake_case did before is a property of its own.
    cured(
        Uppercase,
        |root| set(root, &property("Order", "created"), number()),
        &[(
            Uppercase,
            &property("Order", "created"),
            "property-unpaired",
        )],
        &[only("Order", Uppercase, "created")],
    );
}

#[test]
fn a_new_request_property() {
    for dialect in Dialect::BOTH {
        let place = property("CreateOrder", "extra");
        cured(
            dialect,
            |root| set(root, &place, text()),
            &[(dialect, &place, "property-unpaired")],
            &[only("CreateOrder", dialect, "extra")],
        );
        cured(
            dialect,
            |root| {
                set(root, &place, text());
                require(root, "CreateOrder", "extra", true);
            },
            &[
                (dialect, &place, "property-unpaired"),
                (dialect, &place, "presence-differs"),
            ],
            &[
                only("CreateOrder", dialect, "extra"),
                presence("CreateOrder", "extra", dialect),
            ],
        );
    }
}

#[test]
fn a_new_required_property_beside_a_moved_one() {
    let place = property("Options", "gift");
    let sources = cured(
        Uppercase,
        |root| {
            set(root, &place, text());
            require(root, "Options", "gift", true);
        },
        &[
            (Uppercase, &place, "member-unlisted"),
            (Uppercase, &place, "presence-differs"),
        ],
        &[
            members(Uppercase, "Options", &["coupon", "gift"]),
            presence("CreateOrder", "options.gift", Uppercase),
        ],
    );
    let model = crate::tiny::joined(&sources).unwrap();
    let options = model.object("Options").unwrap();
    assert!(!options.property("gift").unwrap().required);
}

#[test]
fn a_removed_property_that_a_rule_mentions() {
    let payer = property("Order", "payer");
    cured(
        SnakeCase,
        |root| {
            take(root, &property("Order", "customer"));
            take(root, "/components/schemas/Customer");
        },
        &[
            (Uppercase, &payer, "property-unpaired"),
            (Uppercase, "/components/schemas/Payer", "schema-unpaired"),
        ],
        &[
            only("Order", Uppercase, "payer"),
            members(Uppercase, "Payer", &["email"]),
        ],
    );
    cured(
        SnakeCase,
        |root| {
            take(root, &property("Order", "created"));
            require(root, "Order", "created", false);
        },
        &[(
            Uppercase,
            &property("Order", "created_at"),
            "property-unpaired",
        )],
        &[only("Order", Uppercase, "created_at")],
    );
    incurable(
        Uppercase,
        |root| {
            take(root, &property("Order", "created_at"));
            require(root, "Order", "created_at", false);
        },
        &[
            (
                Uppercase,
                "/components/schemas/Order",
                "rule-matches-nothing",
            ),
            (
                SnakeCase,
                &property("Order", "created"),
                "property-unpaired",
            ),
        ],
        &[only("Order", SnakeCase, "created")],
    );
    incurable(
        Uppercase,
        |root| {
            take(root, &property("Order", "reason"));
        },
        &[
            (
                Uppercase,
                &property("Order", "failure"),
                "second-spelling-unfit",
            ),
            (SnakeCase, &property("Order", "reason"), "property-unpaired"),
        ],
        &[only("Order", SnakeCase, "reason")],
    );
    // What another dialect's member was moved to.
    for (holder, left, schema, name, path) in [
        (
            "Times",
            ["paid_at", "extra"].as_slice(),
            "Order",
            "closed_at",
            "times.closed_at",
        ),
        (
            "Options",
            &["extra"],
            "CreateOrder",
            "coupon",
            "options.coupon",
        ),
    ] {
        let place = property(schema, name);
        let extra = property(holder, "extra");
        cured(
            Uppercase,
            |root| {
                take(root, &property(holder, name));
                set(root, &extra, text());
            },
            &[
                (Uppercase, &extra, "member-unlisted"),
                (SnakeCase, &place, "property-unpaired"),
            ],
            &[
                members(Uppercase, holder, left),
                only(schema, SnakeCase, path),
            ],
        );
    }
    // Without the moved member nothing of the object that held it is known in snake_case.
    for (schema, name, around) in [
        ("Order", "closed_at", "times"),
        ("CreateOrder", "coupon", "options"),
    ] {
        cured(
            SnakeCase,
            |root| {
                take(root, &property(schema, name));
                require(root, schema, name, false);
            },
            &[(Uppercase, &property(schema, around), "property-unpaired")],
            &[only(schema, Uppercase, around)],
        );
    }
    // The rule has nothing left to say, and nothing else is wrong.
    for (dialect, schema, name) in [
        (SnakeCase, "Order", "note"),
        (Uppercase, "Order", "failure"),
        (Uppercase, "CreateRefund", "order_id"),
    ] {
        cured(
            dialect,
            |root| {
                take(root, &property(schema, name));
                require(root, schema, name, false);
            },
            &[],
            &[],
        );
    }
    // Where the other dialect has a partner, it is left alone.
    for (dialect, schema, name) in [
        (SnakeCase, "Order", "metadata"),
        (Uppercase, "Order", "metadata"),
        (SnakeCase, "CreateOrder", "email"),
        (Uppercase, "CreateOrder", "email"),
    ] {
        let partner = dialect.other();
        let sources = changed(dialect, |root| {
            take(root, &property(schema, name));
            require(root, schema, name, false);
        });
        let found = findings(&sources);
        assert!(found.iter().any(|finding| finding.spec == label(partner)
            && finding.pointer == property(schema, name)
            && finding.rule == "property-unpaired"));
    }
}

#[test]
fn a_removed_property() {
    for dialect in Dialect::BOTH {
        cured(
            dialect,
            |root| {
                take(root, &property("OrderList", "has_more"));
                require(root, "OrderList", "has_more", false);
            },
            &[(
                dialect.other(),
                &property("OrderList", "has_more"),
                "property-unpaired",
            )],
            &[only("OrderList", dialect.other(), "has_more")],
        );
    }
}

#[test]
fn a_renamed_property() {
    for dialect in Dialect::BOTH {
        let other = dialect.other();
        cured(
            dialect,
            |root| {
                require(root, "Order", "amount", false);
                rename(root, &property("Order", "amount"), "total");
                require(root, "Order", "total", true);
            },
            &[
                (dialect, &property("Order", "total"), "property-unpaired"),
                (other, &property("Order", "amount"), "property-unpaired"),
            ],
            &[
                only("Order", dialect, "total"),
                only("Order", other, "amount"),
            ],
        );
        cured(
            dialect,
            |root| rename(root, &property("CreateRefund", "amount"), "total"),
            &[
                (
                    dialect,
                    &property("CreateRefund", "total"),
                    "property-unpaired",
                ),
                (
                    other,
                    &property("CreateRefund", "amount"),
                    "property-unpaired",
                ),
            ],
            &[
                only("CreateRefund", dialect, "total"),
                only("CreateRefund", other, "amount"),
            ],
        );
    }
    // A rule leads from the old name.
    cured(
        SnakeCase,
        |root| rename(root, &property("Order", "closed_at"), "ended_at"),
        &[
            (
                SnakeCase,
                &property("Order", "ended_at"),
                "property-unpaired",
            ),
            (Uppercase, &property("Order", "times"), "property-unpaired"),
        ],
        &[
            only("Order", SnakeCase, "ended_at"),
            only("Order", Uppercase, "times"),
        ],
    );
}

#[test]
fn a_changed_type() {
    for dialect in Dialect::BOTH {
        for (schema, name, ty) in [
            ("Order", "amount", text()),
            (
                "Order",
                "amount",
                json!({ "type": "integer", "format": "int32" }),
            ),
            ("Order", "reason", number()),
            ("Order", "id", text()),
            ("Order", "status", text()),
            ("Order", "metadata", text()),
            (
                "Order",
                "metadata",
                json!({ "type": "object", "additionalProperties": number() }),
            ),
            (
                "Order",
                "refunds",
                json!({ "type": "array", "items": text() }),
            ),
            ("OrderList", "has_more", text()),
            ("CreateOrder", "amount", text()),
            ("CreateOrder", "email", json!({ "type": "boolean" })),
            ("CreateOrder", "link", text()),
        ] {
            let sources = changed(dialect, |root| {
                set(root, &property(schema, name), ty.clone())
            });
            assert!(pipeline::run(&sources).is_err());
            // Lint would stop some of these first, for what nothing refers to any more.
            let found = crate::tiny::joined(&sources).err().unwrap_or_default();
            assert!(
                found.iter().any(|finding| {
                    Dialect::BOTH.map(label).contains(&finding.spec.as_str())
                        && finding.pointer == property(schema, name)
                        && ["type-differs", "second-spelling-unfit"]
                            .contains(&finding.rule.as_str())
                }),
                "{dialect} {schema}.{name} {ty}: {found:#?}"
            );
        }
    }
    for (dialect, schema, name, reported) in [
        (
            SnakeCase,
            "Order",
            "closed_at",
            (SnakeCase, property("Order", "closed_at")),
        ),
        (
            Uppercase,
            "Times",
            "closed_at",
            (SnakeCase, property("Order", "closed_at")),
        ),
        (
            SnakeCase,
            "CreateOrder",
            "coupon",
            (SnakeCase, property("CreateOrder", "coupon")),
        ),
        (
            Uppercase,
            "Options",
            "coupon",
            (SnakeCase, property("CreateOrder", "coupon")),
        ),
    ] {
        incurable(
            dialect,
            |root| set(root, &property(schema, name), json!({ "type": "boolean" })),
            &[(reported.0, &reported.1, "type-differs")],
            &[],
        );
    }
}

#[test]
fn a_map_that_comes_to_hold_text_alone() {
    let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let swapped = json!({ "type": "object", "additionalProperties": true });
    let place = property("Order", "metadata");
    cured(Uppercase, |root| set(root, &place, map.clone()), &[], &[]);
    cured(
        SnakeCase,
        |root| set(root, &place, swapped.clone()),
        &[],
        &[],
    );
    let mut sources = changed(Uppercase, |root| set(root, &place, map));
    set(&mut sources.documents.snake_case.root, &place, swapped);
    let found = stops(
        &sources,
        &[(Uppercase, &place, "type-differs")],
        &[json!({
            "rule": "property-text-only", "schema": "Order", "property": "metadata", "dialect": "uppercase",
        })],
    );
    follow(&mut sources.rules, &found);
    assert!(pipeline::run(&sources).is_ok());
}

#[test]
fn a_constant_that_varies() {
    let place = property("Order", "object");
    let tag = "/components/schemas/OrderTag/enum";
    incurable(
        SnakeCase,
        |root| set(root, "/components/schemas/OrderTag/enum/-", json!("sale")),
        &[
            (SnakeCase, tag, "member-unlisted"),
            (SnakeCase, &place, "constant-unfit"),
        ],
        &[members(SnakeCase, "OrderTag", &["order", "sale"])],
    );
    incurable(
        SnakeCase,
        |root| set(root, tag, json!(["sale"])),
        &[
            (SnakeCase, tag, "member-unlisted"),
            (SnakeCase, &place, "constant-unfit"),
        ],
        &[members(SnakeCase, "OrderTag", &["sale"])],
    );
    incurable(
        SnakeCase,
        |root| {
            take(root, "/components/schemas/OrderTag");
            set(root, &place, number());
        },
        &[(SnakeCase, &place, "constant-unfit")],
        &[],
    );
}

#[test]
fn what_a_response_may_leave_out() {
    let nullable = json!({ "type": "integer", "format": "int64", "nullable": true });
    for dialect in Dialect::BOTH {
        let place = property("Refund", "amount");
        let other = dialect.other();
        // The leading document is the one that is pointed at, whichever of the two changed.
        let finding = [(Uppercase, place.as_str(), "presence-differs")];
        let shows = [presence("Refund", "amount", other)];
        cured(
            dialect,
            |root| require(root, "Refund", "amount", false),
            &finding,
            &shows,
        );
        let sources = cured(
            dialect,
            |root| set(root, &place, nullable.clone()),
            &finding,
            &shows,
        );
        let model = crate::tiny::joined(&sources).unwrap();
        let refund = model.object("Refund").unwrap();
        assert!(!refund.property("amount").unwrap().required);
        // And what may be missing so far comes to be there always.
        let place = property("Payer", "email");
        let (schema, here) = match dialect {
            SnakeCase => ("Customer", property("Customer", "email")),
            Uppercase => ("Payer", place.clone()),
        };
        cured(
            dialect,
            |root| {
                set(root, &here, text());
                require(root, schema, "email", true);
            },
            &[(Uppercase, &place, "presence-differs")],
            &[presence("Payer", "email", dialect)],
        );
    }
}

#[test]
fn what_a_request_may_leave_out() {
    for dialect in Dialect::BOTH {
        let place = property("CreateOrder", "amount");
        cured(
            dialect,
            |root| require(root, "CreateOrder", "amount", false),
            &[(Uppercase, &place, "presence-differs")],
            &[presence("CreateOrder", "amount", dialect.other())],
        );
        let place = property("CreateOrder", "link");
        cured(
            dialect,
            |root| require(root, "CreateOrder", "link", true),
            &[(Uppercase, &place, "presence-differs")],
            &[presence("CreateOrder", "link", dialect)],
        );
    }
    // The rule that explained a difference has to go with it.
    cured(
        SnakeCase,
        |root| require(root, "CreateOrder", "email", false),
        &[],
        &[],
    );
    cured(
        Uppercase,
        |root| require(root, "CreateOrder", "email", true),
        &[],
        &[],
    );
    cured(
        SnakeCase,
        |root| require(root, "CreateOrder", "coupon", false),
        &[],
        &[],
    );
}

#[test]
fn what_a_moved_member_may_leave_out() {
    let reported = property("Order", "closed_at");
    let sources = cured(
        Uppercase,
        |root| {
            set(root, &property("Times", "closed_at"), number());
            require(root, "Times", "closed_at", true);
            require(root, "Order", "times", true);
        },
        &[(SnakeCase, &reported, "presence-differs")],
        &[presence("Order", "times.closed_at", Uppercase)],
    );
    let model = crate::tiny::joined(&sources).unwrap();
    let times = model.object("Times").unwrap();
    assert!(!times.property("closed_at").unwrap().required);
    cured(
        SnakeCase,
        |root| {
            set(root, &reported, number());
            require(root, "Order", "closed_at", true);
        },
        &[(SnakeCase, &reported, "presence-differs")],
        &[presence("Order", "times.closed_at", SnakeCase)],
    );
}

// ── Values and schemas ──────────────────────────────────────────────────────────────────────────────

#[test]
fn a_value_that_one_dialect_alone_has() {
    for (dialect, value) in [(SnakeCase, "lost"), (Uppercase, "LOST")] {
        let shows = [json!({
            "rule": "value-only", "schema": "OrderStatus", "dialect": dialect, "value": value,
        })];
        let place = "/components/schemas/OrderStatus/enum";
        cured(
            dialect,
            |root| set(root, "/components/schemas/OrderStatus/enum/-", json!(value)),
            &[(dialect, place, "value-unpaired")],
            &shows,
        );
    }
    for (dialect, removed) in [(SnakeCase, "PAID"), (Uppercase, "paid")] {
        let other = dialect.other();
        let place = "/components/schemas/OrderStatus/enum";
        cured(
            dialect,
            |root| {
                take(root, "/components/schemas/OrderStatus/enum/1");
            },
            &[(other, place, "value-unpaired")],
            &[
                json!({ "rule": "value-only", "schema": "OrderStatus", "dialect": other, "value": removed }),
            ],
        );
    }
    cured(
        SnakeCase,
        |root| {
            take(root, "/components/schemas/OrderStatus/enum/2");
        },
        &[],
        &[],
    );
    cured(
        Uppercase,
        |root| {
            set(
                root,
                "/components/schemas/OrderStatus/enum/-",
                json!("REFUNDED"),
            )
        },
        &[],
        &[],
    );
}

#[test]
fn a_new_schema() {
    for dialect in Dialect::BOTH {
        let shape = json!({ "type": "object", "x-source": "shop", "properties": { "a": text() } });
        let place = property("Order", "parcel");
        cured(
            dialect,
            |root| {
                set(root, "/components/schemas/Parcel", shape.clone());
                set(
                    root,
                    &place,
                    json!({ "$ref": "#/components/schemas/Parcel" }),
                );
            },
            &[
                (dialect, "/components/schemas/Parcel", "schema-unpaired"),
                (dialect, &place, "property-unpaired"),
            ],
            &[
                members(dialect, "Parcel", &["a"]),
                only("Order", dialect, "parcel"),
            ],
        );
    }
}

/// The shop, sound, with an object and an enum that one dialect alone has.
fn with_parcels(dialect: Dialect) -> Sources {
    let place = property("Order", "parcel");
    cured(
        dialect,
        |root| {
            let kinds = json!({ "type": "string", "x-source": "shop", "enum": ["flat", "bulky"] });
            set(root, "/components/schemas/ParcelKind", kinds);
            let parcel = json!({
                "type": "object",
                "x-source": "shop",
                "properties": {
                    "kind": { "$ref": "#/components/schemas/ParcelKind" },
                    "weight": number(),
                },
            });
            set(root, "/components/schemas/Parcel", parcel);
            let reference = json!({ "$ref": "#/components/schemas/Parcel" });
            set(root, &place, reference);
        },
        &[
            (dialect, "/components/schemas/Parcel", "schema-unpaired"),
            (dialect, "/components/schemas/ParcelKind", "schema-unpaired"),
            (dialect, &place, "property-unpaired"),
        ],
        &[
            members(dialect, "Parcel", &["kind", "weight"]),
            members(dialect, "ParcelKind", &["flat", "bulky"]),
            only("Order", dialect, "parcel"),
        ],
    )
}

#[test]
fn a_new_removed_or_renamed_member_of_a_schema_that_one_dialect_alone_has() {
    /// The edit, where it is new, whether something went, and the list that is right then.
    type Case<'a> = (
        fn(&mut Value),
        Option<&'a str>,
        bool,
        (&'a str, &'a [&'a str]),
    );
    let kinds = "/components/schemas/ParcelKind/enum";
    let extra = property("Parcel", "extra");
    let cases: [Case<'_>; 6] = [
        (
            |root| set(root, &property("Parcel", "extra"), text()),
            Some(&extra),
            false,
            ("Parcel", &["kind", "weight", "extra"]),
        ),
        (
            |root| {
                take(root, &property("Parcel", "weight"));
            },
            None,
            true,
            ("Parcel", &["kind"]),
        ),
        (
            |root| rename(root, &property("Parcel", "weight"), "extra"),
            Some(&extra),
            true,
            ("Parcel", &["kind", "extra"]),
        ),
        (
            |root| set(root, "/components/schemas/ParcelKind/enum/-", json!("odd")),
            Some(kinds),
            false,
            ("ParcelKind", &["flat", "bulky", "odd"]),
        ),
        (
            |root| {
                take(root, "/components/schemas/ParcelKind/enum/0");
            },
            None,
            true,
            ("ParcelKind", &["bulky"]),
        ),
        (
            |root| set(root, "/components/schemas/ParcelKind/enum/0", json!("FLAT")),
            Some(kinds),
            true,
            ("ParcelKind", &["FLAT", "bulky"]),
        ),
    ];
    for dialect in Dialect::BOTH {
        for (edit, new, gone, (schema, right)) in &cases {
            let mut sources = with_parcels(dialect);
            let rules = sources.rules.rules.len();
            let index = sources
                .rules
                .rules
                .iter()
                .position(|entry| told_whole(&entry.rule) == Some(("schema", dialect, schema)))
                .unwrap();
            edit(&mut sources.documents.get_mut(dialect).root);
            let places: Vec<Place<'_>> = new
                .iter()
                .map(|place| (dialect, *place, "member-unlisted"))
                .collect();
            let found = stops(&sources, &places, &[members(dialect, schema, right)]);
            let stale: Vec<(&str, &str)> = found
                .iter()
                .filter(|finding| finding.spec == RULES)
                .map(|finding| (finding.rule.as_str(), finding.pointer.as_str()))
                .collect();
            let place = format!("/rules/{index}");
            let expected: &[(&str, &str)] = if *gone {
                &[("member-matches-nothing", &place)]
            } else {
                &[]
            };
            assert_eq!(stale, expected, "{found:#?}");
            follow(&mut sources.rules, &found);
            assert_eq!(sources.rules.rules.len(), rules);
            assert_eq!(findings(&sources), []);
        }
    }
}

/// The model says of its type whatever that dialect says.
#[test]
fn a_changed_member_of_a_schema_that_one_dialect_alone_has() {
    for dialect in Dialect::BOTH {
        let mut sources = with_parcels(dialect);
        let root = &mut sources.documents.get_mut(dialect).root;
        set(root, &property("Parcel", "weight"), text());
        require(root, "Parcel", "weight", true);
        let model = crate::tiny::joined(&sources).unwrap();
        let weight = model.object("Parcel").unwrap().property("weight").unwrap();
        assert_eq!((&weight.ty, weight.required), (&Type::Text, true));
        assert_eq!(findings(&sources), []);
    }
}

#[test]
fn a_schema_that_one_dialect_alone_has_comes_to_be_of_another_kind() {
    for dialect in Dialect::BOTH {
        let mut sources = with_parcels(dialect);
        let root = &mut sources.documents.get_mut(dialect).root;
        take(root, "/components/schemas/ParcelKind/enum");
        let plain = json!({ "rule": "schema-only", "dialect": dialect, "schema": "ParcelKind" });
        let found = stops(&sources, &[], &[plain]);
        assert_eq!(found.len(), 2, "{found:#?}");
        follow(&mut sources.rules, &found);
        assert_eq!(findings(&sources), []);
    }
}

#[test]
fn a_new_schema_of_a_name_that_a_rule_has_given_away() {
    let shape = json!({ "type": "object", "x-source": "shop", "properties": { "a": text() } });
    let place = property("Order", "extra");
    incurable(
        SnakeCase,
        |root| {
            set(root, "/components/schemas/Payer", shape.clone());
            set(
                root,
                &place,
                json!({ "$ref": "#/components/schemas/Payer" }),
            );
        },
        &[
            (SnakeCase, "/components/schemas/Payer", "name-taken"),
            (SnakeCase, &place, "property-unpaired"),
        ],
        &[only("Order", SnakeCase, "extra")],
    );
    cured(
        Uppercase,
        |root| {
            set(root, "/components/schemas/Customer", shape.clone());
            set(
                root,
                &place,
                json!({ "$ref": "#/components/schemas/Customer" }),
            );
        },
        &[
            (Uppercase, "/components/schemas/Customer", "schema-unpaired"),
            (Uppercase, &place, "property-unpaired"),
        ],
        &[
            members(Uppercase, "Customer", &["a"]),
            only("Order", Uppercase, "extra"),
        ],
    );
}

#[test]
fn a_schema_of_another_kind() {
    for dialect in Dialect::BOTH {
        for (schema, shape) in [
            (
                "OrderStatus",
                json!({ "type": "string", "x-source": "shop" }),
            ),
            (
                "OrderId",
                json!({ "type": "string", "enum": ["a"], "x-source": "shop" }),
            ),
            ("Failure", json!({ "type": "string", "x-source": "shop" })),
        ] {
            let place = format!("/components/schemas/{schema}");
            let found = findings(&changed(dialect, |root| set(root, &place, shape.clone())));
            assert!(
                found.iter().any(|finding| finding.spec == label(Uppercase)
                    && finding.pointer == place
                    && finding.rule == "shape-differs"),
                "{dialect} {schema}: {found:#?}"
            );
        }
    }
}

/// Such a type would have no end, required or not; in a list it has.
#[test]
fn a_schema_that_holds_itself() {
    let hold = |schema: &str, name: &str, value: Value| {
        let mut sources = tiny();
        for dialect in Dialect::BOTH {
            let root = &mut sources.documents.get_mut(dialect).root;
            set(root, &property(schema, name), value.clone());
        }
        sources
    };
    let order = json!({ "$ref": "#/components/schemas/Order" });
    let orders = json!({ "type": "array", "items": order });
    let optional = json!({ "nullable": true, "allOf": [order] });
    assert_eq!(findings(&hold("Order", "more", orders)), []);
    for held in [order.clone(), optional] {
        let found = findings(&hold("Order", "first", held));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].rule, "holds-itself");
        assert_eq!(found[0].pointer, "/components/schemas/Order");
        assert!(
            found[0].message.ends_with("by its member first"),
            "{}",
            found[0]
        );
    }
    // A refund of an order is held in the order's list; a last refund beside it is not.
    assert_eq!(findings(&hold("Refund", "of", order.clone())), []);
    let mut sources = hold("Refund", "of", order);
    for dialect in Dialect::BOTH {
        let root = &mut sources.documents.get_mut(dialect).root;
        let refund = json!({ "$ref": "#/components/schemas/Refund" });
        set(root, &property("Order", "last"), refund);
    }
    let found = findings(&sources);
    let told: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        told,
        [
            "Order holds itself, by its member last.of",
            "Refund holds itself, by its member of.last",
        ]
    );
}

// ── Operations ──────────────────────────────────────────────────────────────────────────────────────

const LIST: &str = "/paths/~1v1~1orders/get";
const CREATE: &str = "/paths/~1v1~1orders/post";

fn parameter_only(operation: &str, dialect: Dialect, parameter: &str) -> Value {
    json!({
        "rule": "parameter-only", "operation": operation, "dialect": dialect, "parameter": parameter,
    })
}

#[test]
fn a_new_parameter() {
    for dialect in Dialect::BOTH {
        for parameter in [
            json!({ "in": "query", "name": "extra", "schema": text() }),
            json!({ "in": "query", "name": "extra", "required": true, "schema": number() }),
            json!({ "in": "header", "name": "extra", "schema": text() }),
        ] {
            let count = tiny().documents.get(dialect).root.pointer(LIST).unwrap()["parameters"]
                .as_array()
                .unwrap()
                .len();
            cured(
                dialect,
                |root| set(root, &format!("{LIST}/parameters/-"), parameter),
                &[(
                    dialect,
                    &format!("{LIST}/parameters/{count}"),
                    "parameter-unpaired",
                )],
                &[parameter_only("list_orders", dialect, "extra")],
            );
        }
    }
}

/// What a dialect has no place for cannot be required of everybody.
#[test]
fn what_one_dialect_alone_requires_is_optional_in_the_model() {
    let required = |sources: &Sources, operation: &str, name: &str| {
        let model = joined(sources).unwrap();
        let mut operations = model.operations.into_iter();
        let operation = operations.find(|one| one.id == operation).unwrap();
        let mut parameters = operation.parameters.into_iter();
        parameters.find(|one| one.name == name).unwrap().required
    };
    let extra = json!({ "in": "query", "name": "extra", "required": true, "schema": text() });
    for dialect in Dialect::BOTH {
        let sources = cured(
            dialect,
            |root| set(root, &format!("{LIST}/parameters/-"), extra.clone()),
            &[(
                dialect,
                &format!(
                    "{LIST}/parameters/{}",
                    if dialect == SnakeCase { 3 } else { 4 }
                ),
                "parameter-unpaired",
            )],
            &[parameter_only("list_orders", dialect, "extra")],
        );
        assert!(!required(&sources, "list_orders", "extra"), "{dialect}");
    }
    let mut sources = tiny();
    for dialect in Dialect::BOTH {
        let root = &mut sources.documents.get_mut(dialect).root;
        set(root, &format!("{LIST}/parameters/-"), extra.clone());
    }
    assert!(required(&sources, "list_orders", "extra"));
    // The other dialect has no such operation, so nobody is asked for what cannot be said.
    assert!(required(&sources, "archive_order", "id"));
}

#[test]
fn a_new_parameter_of_a_name_that_a_rule_has_given_away() {
    let header = |name: &str| json!({ "in": "query", "name": name, "schema": number() });
    let mut sources = tiny();
    for (dialect, from, to) in [
        (SnakeCase, "created[gte]", "since"),
        (Uppercase, "created_gte", "from"),
    ] {
        let parameters = sources
            .documents
            .get_mut(dialect)
            .root
            .pointer_mut(LIST)
            .unwrap();
        assert_eq!(parameters["parameters"][0]["name"], from);
        parameters["parameters"][0]["name"] = json!(to);
    }
    for entry in &mut sources.rules.rules {
        if let xtask::rules::Rule::ParameterRenamed {
            snake_case,
            uppercase,
            ..
        } = &mut entry.rule
        {
            (*snake_case, *uppercase) = ("since".to_owned(), "from".to_owned());
        }
    }
    assert_eq!(findings(&sources), []);
    let mut taken = sources.clone();
    let place = format!("{LIST}/parameters/-");
    set(&mut taken.documents.snake_case.root, &place, header("from"));
    stops(
        &taken,
        &[(SnakeCase, &format!("{LIST}/parameters/3"), "name-taken")],
        &[],
    );
    let mut free = sources;
    set(&mut free.documents.uppercase.root, &place, header("since"));
    stops(
        &free,
        &[(
            Uppercase,
            &format!("{LIST}/parameters/4"),
            "parameter-unpaired",
        )],
        &[parameter_only("list_orders", Uppercase, "since")],
    );
}

#[test]
fn a_removed_or_renamed_parameter() {
    for dialect in Dialect::BOTH {
        let other = dialect.other();
        let limit = format!("{LIST}/parameters/1");
        cured(
            dialect,
            |root| {
                take(root, &limit);
            },
            &[(other, &limit, "parameter-unpaired")],
            &[parameter_only("list_orders", other, "limit")],
        );
        cured(
            dialect,
            |root| set(root, &format!("{limit}/name"), json!("page_size")),
            &[
                (dialect, &limit, "parameter-unpaired"),
                (other, &limit, "parameter-unpaired"),
            ],
            &[
                parameter_only("list_orders", dialect, "page_size"),
                parameter_only("list_orders", other, "limit"),
            ],
        );
        // One that a rule mentions.
        let first = format!("{LIST}/parameters/0");
        let partner = match other {
            SnakeCase => "created[gte]",
            Uppercase => "created_gte",
        };
        cured(
            dialect,
            |root| {
                take(root, &first);
            },
            &[(other, &first, "parameter-unpaired")],
            &[parameter_only("list_orders", other, partner)],
        );
    }
    cured(
        Uppercase,
        |root| {
            take(root, &format!("{LIST}/parameters/2"));
        },
        &[],
        &[],
    );
}

#[test]
fn a_changed_parameter() {
    for dialect in Dialect::BOTH {
        let limit = format!("{LIST}/parameters/1");
        cured(
            dialect,
            |root| set(root, &format!("{limit}/required"), json!(true)),
            &[(Uppercase, &limit, "presence-differs")],
            &[json!({
                "rule": "parameter-presence", "operation": "list_orders", "parameter": "limit", "required_by": dialect,
            })],
        );
        for (member, value) in [
            ("schema", text()),
            ("schema", number()),
            ("in", json!("header")),
        ] {
            incurable(
                dialect,
                |root| set(root, &format!("{limit}/{member}"), value),
                &[(Uppercase, &limit, "type-differs")],
                &[],
            );
        }
    }
    // The rule has nothing left to explain.
    let key = format!("{CREATE}/parameters/0/required");
    cured(Uppercase, |root| set(root, &key, json!(false)), &[], &[]);
    cured(SnakeCase, |root| set(root, &key, json!(true)), &[], &[]);
}

fn new_operation(root: &mut Value, id: &str) {
    let mut operation = root.pointer(LIST).unwrap().clone();
    operation["operationId"] = json!(id);
    operation
        .as_object_mut()
        .unwrap()
        .shift_remove("parameters");
    set(root, "/paths/~1v1~1extra", json!({ "get": operation }));
}

#[test]
fn a_new_operation() {
    let place = "/paths/~1v1~1extra/get";
    for dialect in Dialect::BOTH {
        cured(
            dialect,
            |root| new_operation(root, "count_orders"),
            &[(dialect, place, "operation-unpaired")],
            &[json!({ "rule": "operation-only", "dialect": dialect, "operation": "count_orders" })],
        );
    }
    incurable(
        SnakeCase,
        |root| new_operation(root, "create_refund"),
        &[(SnakeCase, place, "name-taken")],
        &[],
    );
    cured(
        Uppercase,
        |root| new_operation(root, "refund_order"),
        &[(Uppercase, place, "operation-unpaired")],
        &[json!({ "rule": "operation-only", "dialect": "uppercase", "operation": "refund_order" })],
    );
}

#[test]
fn a_removed_operation() {
    for dialect in Dialect::BOTH {
        let other = dialect.other();
        let found = findings(&changed(dialect, |root| {
            take(root, LIST);
        }));
        // The schema that the operation alone answered is unused now, and lint speaks first.
        assert!(
            found
                .iter()
                .all(|finding| finding.rule == "component-unused")
        );
        cured(
            dialect,
            |root| {
                take(root, LIST);
                take(root, "/components/schemas/OrderList");
            },
            &[
                (other, LIST, "operation-unpaired"),
                (other, "/components/schemas/OrderList", "schema-unpaired"),
            ],
            &[
                json!({ "rule": "operation-only", "dialect": other, "operation": "list_orders" }),
                members(other, "OrderList", &["data", "has_more"]),
            ],
        );
    }
    cured(
        SnakeCase,
        |root| {
            take(root, "/paths/~1v1~1orders~1{id}~1archive");
        },
        &[],
        &[],
    );
}

#[test]
fn a_changed_path_or_method() {
    for dialect in Dialect::BOTH {
        let paired = json!({
            "rule": "operation-paired", "snake_case": "list_orders", "uppercase": "list_orders",
        });
        let place = match dialect {
            SnakeCase => LIST,
            Uppercase => "/paths/~1v2~1orders/get",
        };
        cured(
            dialect,
            |root| {
                let operation = take(root, LIST);
                set(root, "/paths/~1v2~1orders", json!({ "get": operation }));
            },
            &[(Uppercase, place, "path-differs")],
            std::slice::from_ref(&paired),
        );
        let place = match dialect {
            SnakeCase => LIST,
            Uppercase => "/paths/~1v1~1orders/put",
        };
        cured(
            dialect,
            |root| rename(root, LIST, "put"),
            &[(Uppercase, place, "path-differs")],
            &[paired],
        );
    }
}

#[test]
fn a_changed_status() {
    for dialect in Dialect::BOTH {
        incurable(
            dialect,
            |root| rename(root, &format!("{LIST}/responses/200"), "206"),
            &[(Uppercase, &format!("{LIST}/responses"), "status-differs")],
            &[],
        );
    }
}

#[test]
fn a_changed_answer() {
    let schema = "content/application~1json/schema";
    let refund = json!({ "$ref": "#/components/schemas/Refund" });
    let place = format!("{CREATE}/responses");
    for dialect in Dialect::BOTH {
        let (snake_case, uppercase) = match dialect {
            SnakeCase => ("Refund", "Order"),
            Uppercase => ("Order", "Refund"),
        };
        cured(
            dialect,
            |root| set(root, &format!("{place}/201/{schema}"), refund.clone()),
            &[(Uppercase, &place, "answer-differs")],
            &[json!({
                "rule": "answer-differs", "operation": "create_order",
                "snake_case": snake_case, "uppercase": uppercase,
            })],
        );
    }
}

#[test]
fn a_changed_body() {
    let place = format!("{CREATE}/requestBody");
    let schema = format!("{place}/content/application~1json/schema/$ref");
    for dialect in Dialect::BOTH {
        // A second operation keeps the schema in use.
        let edit = |root: &mut Value| {
            let mut operation = root.pointer(CREATE).unwrap().clone();
            operation["operationId"] = json!("copy_order");
            set(root, "/paths/~1v1~1copy", json!({ "post": operation }));
        };
        let mut sources = tiny();
        edit(&mut sources.documents.snake_case.root);
        edit(&mut sources.documents.uppercase.root);
        let found = findings(&sources);
        follow(&mut sources.rules, &found);
        assert_eq!(findings(&sources), []);
        let mut other_body = sources.clone();
        let root = &mut other_body.documents.get_mut(dialect).root;
        set(root, &schema, json!("#/components/schemas/CreateRefund"));
        stops(&other_body, &[(Uppercase, &place, "body-differs")], &[]);
        let mut no_body = sources;
        take(&mut no_body.documents.get_mut(dialect).root, &place);
        stops(&no_body, &[(Uppercase, &place, "body-differs")], &[]);
    }
}

#[test]
fn a_response_header_that_one_dialect_alone_has() {
    let headers = format!("{LIST}/responses/200/headers");
    let place = format!("{LIST}/responses");
    let header = json!({ "schema": text() });
    for dialect in Dialect::BOTH {
        for name in [
            "X-Extra",
            if dialect == SnakeCase {
                "Request-Id"
            } else {
                "Shop-Request-Id"
            },
        ] {
            incurable(
                dialect,
                |root| set(root, &format!("{headers}/{name}"), header.clone()),
                &[(dialect, &place, "header-unpaired")],
                &[],
            );
        }
        incurable(
            dialect,
            |root| {
                take(root, &format!("{headers}/X-Left"));
            },
            &[(dialect.other(), &place, "header-unpaired")],
            &[],
        );
        incurable(
            dialect,
            |root| rename(root, &format!("{headers}/X-Left"), "X-Rest"),
            &[
                (dialect, &place, "header-unpaired"),
                (dialect.other(), &place, "header-unpaired"),
            ],
            &[],
        );
    }
}

#[test]
fn a_parameter_of_all_operations_of_a_path() {
    for dialect in Dialect::BOTH {
        let parameter = json!([{ "in": "query", "name": "extra", "schema": text() }]);
        let place = "/paths/~1v1~1orders/parameters/0";
        cured(
            dialect,
            |root| set(root, "/paths/~1v1~1orders/parameters", parameter),
            &[
                (dialect, place, "parameter-unpaired"),
                (dialect, place, "parameter-unpaired"),
            ],
            &[
                parameter_only("list_orders", dialect, "extra"),
                parameter_only("create_order", dialect, "extra"),
            ],
        );
    }
}

#[test]
fn an_error_of_another_schema() {
    let schema = "content/application~1json/schema/$ref";
    for dialect in Dialect::BOTH {
        incurable(
            dialect,
            |root| {
                for status in ["4XX", "5XX"] {
                    let place = format!("{LIST}/responses/{status}/{schema}");
                    set(root, &place, json!("#/components/schemas/Refund"));
                }
            },
            &[(Uppercase, &format!("{LIST}/responses"), "failure-differs")],
            &[],
        );
    }
}

#[test]
fn what_the_model_has_no_word_for() {
    for dialect in Dialect::BOTH {
        for method in ["head", "options", "trace"] {
            incurable(
                dialect,
                |root| {
                    let mut operation = root.pointer(LIST).unwrap().clone();
                    operation["operationId"] = json!("look");
                    set(root, &format!("/paths/~1v1~1orders/{method}"), operation);
                },
                &[(
                    dialect,
                    &format!("/paths/~1v1~1orders/{method}"),
                    "not-understood",
                )],
                &[],
            );
        }
        let body = format!("{CREATE}/requestBody");
        let map = property("Order", "metadata/additionalProperties");
        let id = "/components/schemas/OrderId";
        for (pointer, value, place) in [
            (format!("{body}/required"), json!(false), body.as_str()),
            (format!("{id}/format"), json!("card-number"), id),
            (
                map.clone(),
                json!({ "type": "string", "nullable": true }),
                map.as_str(),
            ),
            (
                map.clone(),
                json!({ "$ref": "#/components/schemas/OrderStatus" }),
                map.as_str(),
            ),
            (
                map.clone(),
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/Refund" } }),
                map.as_str(),
            ),
        ] {
            incurable(
                dialect,
                |root| set(root, &pointer, value),
                &[(dialect, place, "not-understood")],
                &[],
            );
        }
        let limit = format!("{LIST}/parameters/1/schema");
        incurable(
            dialect,
            |root| set(root, &limit, json!({ "type": "array", "items": text() })),
            &[(dialect, &limit, "not-understood")],
            &[],
        );
        let labels = "/components/schemas/Labels";
        incurable(
            dialect,
            |root| {
                let map =
                    json!({ "type": "object", "x-source": "shop", "additionalProperties": text() });
                set(root, labels, map);
                let reference = json!({ "$ref": "#/components/schemas/Labels" });
                set(root, &property("Order", "labels"), reference);
            },
            &[(
                dialect,
                &format!("{labels}/additionalProperties"),
                "not-understood",
            )],
            &[],
        );
    }
}

#[test]
fn a_report_names_document_place_and_rule_to_add() {
    let mut sources = changed(SnakeCase, |root| {
        set(root, &property("Order", "extra"), text());
        set(
            root,
            &format!("{LIST}/parameters/-"),
            json!({ "in": "query", "name": "created[lt]", "schema": number() }),
        );
    });
    let root = &mut sources.documents.uppercase.root;
    set(
        root,
        "/components/schemas/OrderStatus/enum/-",
        json!("LOST"),
    );
    take(root, &property("Order", "failure"));
    set(root, &property("Times", "extra"), text());
    require(root, "Event", "order", false);
    rename(root, &property("Event", "order"), "sale");
    let report: Vec<String> = findings(&sources).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(report.join("\n\n"));
}
