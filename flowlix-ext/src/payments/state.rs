#![doc = include_str!("../../docs/states.md")]

use std::fmt;

use flowlix_api::model::PaymentStatus;

use crate::failure::text::printable;

/// Whether a status is final: succeeded, failed, canceled, expired or refunded. A payment that succeeded may
/// still be refunded. A status that this SDK does not know counts as not final.
#[must_use]
pub fn is_final(status: &PaymentStatus) -> bool {
    matches!(
        status,
        PaymentStatus::Succeeded
            | PaymentStatus::Failed
            | PaymentStatus::Canceled
            | PaymentStatus::Expired
            | PaymentStatus::Refunded
    )
}

/// Whether a payment that was seen as `from` may later be seen as `to`.
///
/// ```
/// use flowlix_ext::model::PaymentStatus;
/// use flowlix_ext::payments::state::allows;
///
/// assert!(allows(&PaymentStatus::Processing, &PaymentStatus::RequiresAction));
/// assert!(allows(&PaymentStatus::Succeeded, &PaymentStatus::Refunded));
/// assert!(!allows(&PaymentStatus::Failed, &PaymentStatus::Succeeded));
/// ```
#[must_use]
pub fn allows(from: &PaymentStatus, to: &PaymentStatus) -> bool {
    let refunded = (from, to) == (&PaymentStatus::Succeeded, &PaymentStatus::Refunded);
    !is_final(from) || from == to || to.is_unknown() || refunded
}

/// A change of status that the documents rule out. It is reported, and the newer status is believed: a
/// machine in between may have answered from memory, or Flowlix has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImpossibleJump {
    /// What was seen first.
    pub from: PaymentStatus,
    /// What was seen after it.
    pub to: PaymentStatus,
}

impl ImpossibleJump {
    /// The jump between two looks, if it is one.
    pub(crate) fn between(from: &PaymentStatus, to: &PaymentStatus) -> Option<Self> {
        (!allows(from, to)).then(|| Self {
            from: from.clone(),
            to: to.clone(),
        })
    }
}

impl fmt::Display for ImpossibleJump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        write!(f, "{} to {}", printable(from), printable(to))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flowlix_api::open::OpenEnum;

    use super::*;

    /// The table as the documentation prints it.
    fn table() -> String {
        let unknown = [PaymentStatus::from("(unknown)")];
        let all = || PaymentStatus::known().iter().chain(&unknown);
        let mut text = "| seen as | final |".to_owned();
        let mut rule = "\n|---|---|".to_owned();
        for to in all() {
            text.push_str(&format!(" {to} |"));
            rule.push_str("---|");
        }
        text.push_str(&rule);
        for from in all() {
            let is_final = if is_final(from) { "yes" } else { "no" };
            text.push_str(&format!("\n| {from} | {is_final} |"));
            for to in all() {
                text.push_str(if allows(from, to) { " yes |" } else { " – |" });
            }
        }
        text.push('\n');
        text
    }

    #[test]
    fn the_printed_table_is_the_one_that_decides() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/states.md");
        let printed = std::fs::read_to_string(path).unwrap();
        let at = printed.find("| seen as").unwrap();
        let (_, printed) = printed.split_at(at);
        assert_eq!(printed, table());
    }

    #[test]
    fn a_final_status_stays_but_for_a_refund() {
        let finals = PaymentStatus::known()
            .iter()
            .filter(|status| is_final(status));
        for from in finals {
            let left: Vec<&PaymentStatus> = PaymentStatus::known()
                .iter()
                .filter(|to| *to != from && allows(from, to))
                .collect();
            let expected: &[&PaymentStatus] = match from {
                PaymentStatus::Succeeded => &[&PaymentStatus::Refunded],
                _ => &[],
            };
            assert_eq!(left, expected, "{from}");
        }
    }

    #[test]
    fn a_jump_names_both_ends() {
        let jump = ImpossibleJump::between(&PaymentStatus::Failed, &PaymentStatus::Pending);
        assert_eq!(jump.unwrap().to_string(), "FAILED to PENDING");
        assert_eq!(
            ImpossibleJump::between(&PaymentStatus::Pending, &PaymentStatus::Failed),
            None
        );
    }
}
