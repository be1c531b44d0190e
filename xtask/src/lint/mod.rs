//! Names everything in a specification that the generator would refuse, panic on or take wrongly,
//! and everything that the specifications of this workspace promise beside being valid OpenAPI.
//!
//! One file per family of rules. Each looks at what the walk in `sites` found in the document and reports
//! the JSON pointer, the rule and the cure.

mod bodies;
mod composition;
mod enums;
mod examples;
mod json_schema;
mod money;
mod names;
mod nesting;
mod openapi;
mod operations;
mod parameters;
mod patterns;
mod prose;
mod provenance;
mod references;
mod report;
mod responses;
mod schemas;
mod secrets;
mod sites;
mod unused;
mod webhooks;

use crate::document::Document;
use crate::finding::Finding;

use report::Report;
use sites::Sites;

/// A thing that lint looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable name, in kebab-case.
    pub id: &'static str,
    /// What it asks for, and why, in one line.
    pub teaches: &'static str,
}

/// Every rule, in the order in which `lint --help` prints them.
pub const RULES: &[Rule] = &[
    nesting::TOO_DEEP,
    openapi::VERSION,
    openapi::UNREADABLE,
    operations::ID_MISSING,
    operations::ID_DUPLICATE,
    operations::PATH_ITEM_REF,
    operations::PATH_TEMPLATE,
    operations::CALLBACKS,
    operations::SERVERS,
    parameters::LOCATION,
    parameters::STYLE,
    parameters::CONTENT,
    parameters::TYPE,
    parameters::PATH_OPTIONAL,
    parameters::PATH_UNDECLARED,
    parameters::PATH_UNKNOWN,
    parameters::COLLISION,
    bodies::SEVERAL_TYPES,
    bodies::MEDIA_TYPE,
    bodies::SCHEMA,
    bodies::ENCODING,
    responses::STATUS,
    responses::DEFAULT,
    responses::SUCCESS,
    responses::ERROR_STATUS,
    responses::ERROR_SCHEMA,
    references::REMOTE,
    references::UNRESOLVED,
    references::CIRCULAR,
    references::SIBLINGS,
    composition::COMPOSITION,
    composition::ALL_OF,
    composition::NULLABLE_COMPONENT,
    schemas::KEYWORD,
    schemas::KEYWORD_MISPLACED,
    schemas::TYPE,
    schemas::INLINE,
    schemas::EMPTY_OBJECT,
    schemas::OBJECT_AND_MAP,
    schemas::CLOSED_RESPONSE,
    schemas::REQUIRED_UNDECLARED,
    schemas::STRING_FORMAT,
    enums::EMPTY,
    enums::NOT_STRINGS,
    enums::COLLISION,
    money::NUMBER,
    money::INTEGER_FORMAT,
    secrets::FORMAT,
    patterns::SHAPE,
    names::UNFIT,
    names::COMPONENT,
    names::SCHEMA_RESERVED,
    names::OPERATION_RESERVED,
    names::SCHEMA_COLLISION,
    names::PROPERTY_COLLISION,
    prose::CODE,
    provenance::MISSING,
    provenance::ENTRY,
    provenance::SOURCE_MISSING,
    provenance::SOURCE_UNKNOWN,
    unused::COMPONENT,
    webhooks::PLACE,
    webhooks::UNLISTED,
    webhooks::MISSING,
    examples::INVALID,
    examples::UNDECLARED,
    examples::EXTERNAL,
    examples::DEFAULT_INVALID,
];

/// Everything that is wrong with a document, ordered by place.
///
/// Takes any JSON value: what is no OpenAPI at all is a finding as well. What nests too deep is the only finding then.
#[must_use]
pub fn lint(document: &Document) -> Vec<Finding> {
    let mut report = Report::new(document);
    if !nesting::check(document, &mut report) {
        return report.into_findings();
    }
    let sites = Sites::of(document);
    openapi::check(document, &mut report);
    operations::check(&sites, &mut report);
    parameters::check(&sites, &mut report);
    bodies::check(&sites, &mut report);
    responses::check(&sites, &mut report);
    references::check(&sites, &mut report);
    composition::check(&sites, &mut report);
    schemas::check(&sites, &mut report);
    enums::check(&sites, &mut report);
    money::check(&sites, &mut report);
    secrets::check(&sites, &mut report);
    patterns::check(&sites, &mut report);
    names::check(&sites, &mut report);
    prose::check(&sites, &mut report);
    provenance::check(&sites, &mut report);
    unused::check(&sites, &mut report);
    webhooks::check(&sites, &mut report);
    examples::check(&sites, &mut report);
    report.into_findings()
}
