//! The documented patterns of ids and codes, as data.
//!
//! xtask turns each `pattern` of the specs into a sequence of runs, so that no regex engine has to be
//! built by everybody who takes payments.

/// A run of characters of one class, of a bounded length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Inclusive ranges of the characters that belong.
    pub(crate) class: &'static [(char, char)],
    /// How many characters at least.
    pub(crate) min: usize,
    /// How many characters at most.
    pub(crate) max: usize,
}

/// A whole pattern, anchored at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The pattern as documented, for messages.
    pub(crate) text: &'static str,
    /// Its runs, in order; xtask refuses patterns in which one run could take the next one's characters.
    pub(crate) runs: &'static [Run],
}

impl Pattern {
    /// Whether the whole text fits.
    #[must_use]
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars().peekable();
        for run in self.runs {
            let mut taken = 0;
            while taken < run.max
                && rest
                    .next_if(|next| {
                        run.class
                            .iter()
                            .any(|(low, high)| (low..=high).contains(&next))
                    })
                    .is_some()
            {
                taken += 1;
            }
            if taken < run.min {
                return false;
            }
        }
        rest.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERN: Pattern = Pattern {
        text: "^p_[a-z0-9]{3}$",
        runs: &[
            Run {
                class: &[('p', 'p')],
                min: 1,
                max: 1,
            },
            Run {
                class: &[('_', '_')],
                min: 1,
                max: 1,
            },
            Run {
                class: &[('a', 'z'), ('0', '9')],
                min: 3,
                max: 3,
            },
        ],
    };

    #[test]
    fn a_pattern_is_anchored_at_both_ends() {
        assert!(PATTERN.matches("p_a1z"));
        for other in ["", "p_", "p_a1", "p_a1zz", "xp_a1z", "p_A1z", "p_a1é"] {
            assert!(!PATTERN.matches(other), "{other}");
        }
    }
}
