//! The pace of waiting for a payment.

use std::time::Duration;

/// What a polling policy sees.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PollState {
    /// How often the payment was looked at so far, without an outcome; 0 before the first look.
    pub polls: u32,
    /// Time since the wait began.
    pub elapsed: Duration,
    /// Time until the wait's deadline.
    pub time_left: Duration,
}

/// Decides the pause before the next look at a payment. The wait looks once more right before its deadline,
/// whatever the policy says.
pub trait Polling: Send + Sync {
    /// The pause. `jitter` is a random number in `0.0..1.0`.
    fn pause(&self, state: &PollState, jitter: f64) -> Duration;
}

/// The pace that the Direct API guide suggests: the first look after 2 s, then every 2 s slowing to every
/// 5 s; after two minutes, when no customer is watching any more, slowing to every 30 s. Jitter spreads
/// each pause by up to a fifth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DefaultPolling;

const FIRST: Duration = Duration::from_secs(2);
const WATCHED: Duration = Duration::from_secs(5);
const BACKGROUND: Duration = Duration::from_secs(30);
/// How long a customer waits, after the Direct API guide.
const PATIENCE: Duration = Duration::from_secs(120);

impl Polling for DefaultPolling {
    fn pause(&self, state: &PollState, jitter: f64) -> Duration {
        if state.polls == 0 {
            return FIRST;
        }
        let cap = if state.elapsed < PATIENCE {
            WATCHED
        } else {
            BACKGROUND
        };
        // A tenth longer each time: 2 s become 5 s after ten looks.
        let grown =
            FIRST.as_secs_f64() * 1.1_f64.powi(i32::try_from(state.polls).unwrap_or(i32::MAX) - 1);
        let base = grown.min(cap.as_secs_f64());
        let spread = base * (0.8 + 0.4 * jitter.clamp(0.0, 1.0));
        Duration::try_from_secs_f64(spread)
            .unwrap_or(cap)
            .clamp(FIRST, cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(polls: u32, elapsed: u64, jitter: f64) -> Duration {
        let state = PollState {
            polls,
            elapsed: Duration::from_secs(elapsed),
            time_left: Duration::from_secs(3600),
        };
        DefaultPolling.pause(&state, jitter)
    }

    #[test]
    fn the_first_look_comes_after_two_seconds() {
        assert_eq!(pause(0, 0, 0.9), Duration::from_secs(2));
    }

    #[test]
    fn pauses_stay_between_two_and_five_seconds_and_slow_down() {
        for polls in [1, 2, 5, 10, 20, 1000, u32::MAX] {
            for jitter in [0.0, 0.3, 0.999, f64::NAN] {
                let pause = pause(polls, 60, jitter);
                assert!(
                    (FIRST..=WATCHED).contains(&pause),
                    "{polls} {jitter}: {pause:?}"
                );
            }
        }
        assert!(pause(12, 60, 0.5) > pause(2, 60, 0.5));
        assert_ne!(pause(8, 60, 0.1), pause(8, 60, 0.9), "jitter");
    }

    #[test]
    fn in_the_background_it_is_slower_still() {
        assert!(pause(60, 300, 0.5) > WATCHED);
        assert!(pause(u32::MAX, 3600, 1.0) <= BACKGROUND);
    }
}
