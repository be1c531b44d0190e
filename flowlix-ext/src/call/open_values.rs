//! Finds values that this version of the SDK has no name for.

use flowlix_api::model;

/// Something read from an answer that holds open enums.
pub(crate) trait OpenValues {
    /// Tells each unknown value with the name of its field.
    fn each_unknown(&self, tell: &mut dyn FnMut(&'static str, &str));
}

macro_rules! tell_unknown {
    ($tell:ident, $($field:literal: $value:expr),+ $(,)?) => {
        $(if let Some(value) = $value.filter(|value| value.is_unknown()) {
            $tell($field, value.as_str());
        })+
    };
}

impl OpenValues for model::Payment {
    fn each_unknown(&self, tell: &mut dyn FnMut(&'static str, &str)) {
        tell_unknown!(tell,
            "Payment.status": Some(&self.status),
            "Payment.currency": Some(&self.currency),
            "Payment.integration_type": self.integration_type.as_ref(),
            "Payment.decline_code": self.decline_code.as_ref(),
        );
        for refund in &self.refunds {
            refund.each_unknown(tell);
        }
    }
}

impl OpenValues for model::Refund {
    fn each_unknown(&self, tell: &mut dyn FnMut(&'static str, &str)) {
        tell_unknown!(tell,
            "Refund.status": Some(&self.status),
            "Refund.currency": Some(&self.currency),
            "Refund.decline_code": self.decline_code.as_ref(),
        );
    }
}

impl OpenValues for model::ErrorDetail {
    fn each_unknown(&self, tell: &mut dyn FnMut(&'static str, &str)) {
        tell_unknown!(tell,
            "ErrorDetail.type": self.type_.as_ref(),
            "ErrorDetail.code": self.code.as_ref(),
            "ErrorDetail.decline_code": self.decline_code.as_ref(),
        );
    }
}
