//! For your own tests: a clock that you drive.
//!
//! With [`ManualTime`] retries and polls run without real waiting, key and jitter are the same in each
//! run, and a test can ask afterwards how long the SDK would have paused.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use crate::runtime::{RandomUnavailable, Runtime, Sleep, SleepPurpose};

/// A driveable [`Runtime`]; clones share one clock.
///
/// - *Delays* (before a retry, between polls): with [`automatic`](Self::automatic) each one ends at once
///   and moves the clock by its length; with [`stepped`](Self::stepped) it ends when
///   [`advance`](Self::advance) has moved the clock far enough.
/// - *Timeouts* never move the clock: they fire when something else moves it past them.
/// - Randomness is a fixed sequence.
///
/// ```
/// use flowlix_ext::runtime::{Runtime, SleepPurpose};
/// use flowlix_ext::testing::ManualTime;
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let time = ManualTime::automatic();
/// time.sleep(Duration::from_secs(3600), SleepPurpose::Delay).await; // returns at once
/// assert_eq!(time.monotonic(), Duration::from_secs(3600));
/// assert_eq!(time.delays(), [Duration::from_secs(3600)]);
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct ManualTime {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    epoch: SystemTime,
    elapsed: Duration,
    automatic: bool,
    delays: Vec<Duration>,
    timeouts: usize,
    sleepers: Vec<Waker>,
    followers: Vec<Follower>,
    random: u64,
}

#[derive(Clone)]
struct Follower(Arc<dyn Fn(Duration) + Send + Sync>);

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

impl ManualTime {
    /// Where the clock starts unless [`starting_at`](Self::starting_at) says otherwise: Unix second
    /// 1 719 792 000, the moment that Flowlix's documentation uses in its examples.
    pub const START: u64 = 1_719_792_000;

    /// A clock on which delays pass by themselves, without waiting.
    ///
    /// It is for one call at a time. Every delay moves the clock of all calls, so that of many which run at once some
    /// reach their deadline for no other reason than the pauses of the others: there, use
    /// [`stepped`](Self::stepped), or the [system's clock](crate::runtime::SystemRuntime).
    ///
    /// The sandbox has a clock of its own, which this one does not move: where ages count on both sides (a key's 24
    /// hours, a refund's 180 days), move it along through [`on_advance`](Self::on_advance).
    #[must_use]
    pub fn automatic() -> Self {
        Self::with_mode(true)
    }

    /// A clock that moves only through [`advance`](Self::advance).
    #[must_use]
    pub fn stepped() -> Self {
        Self::with_mode(false)
    }

    fn with_mode(automatic: bool) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(Self::START),
                elapsed: Duration::ZERO,
                automatic,
                delays: Vec::new(),
                timeouts: 0,
                sleepers: Vec::new(),
                followers: Vec::new(),
                random: 0,
            })),
        }
    }

    /// Sets the wall clock's starting moment.
    #[must_use]
    pub fn starting_at(self, start: SystemTime) -> Self {
        self.lock().epoch = start;
        self
    }

    /// Moves another clock along: `follow` is told by how much, each time that this one moves, before anything that
    /// waited goes on. It must not move this clock itself.
    ///
    /// `flowlix-sandbox` has a clock of its own, by which it processes payments and forgets keys:
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use flowlix_ext::testing::ManualTime;
    /// use std::time::Duration;
    ///
    /// let sandbox = flowlix_sandbox::Sandbox::start().await?;
    /// let clock = sandbox.clock();
    /// let time = ManualTime::automatic().on_advance(move |by| clock.advance(by));
    /// time.advance(Duration::from_secs(3600));
    /// assert_eq!(sandbox.clock().now(), 1_719_792_000 + 3600);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_advance(self, follow: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.lock().followers.push(Follower(Arc::new(follow)));
        self
    }

    /// What the wall clock shows; the same as [`Runtime::now`], which needs no import this way.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let state = self.lock();
        // Beyond what the platform's clock can show, time stands still.
        state
            .epoch
            .checked_add(state.elapsed)
            .unwrap_or(state.epoch)
    }

    /// Moves both clocks forward and wakes what was waiting for that.
    pub fn advance(&self, by: Duration) {
        let (followers, sleepers) = {
            let mut state = self.lock();
            state.elapsed = state.elapsed.saturating_add(by);
            (state.followers.clone(), std::mem::take(&mut state.sleepers))
        };
        // Without the lock: a follower may ask this clock for the time.
        for Follower(follow) in &followers {
            follow(by);
        }
        sleepers.into_iter().for_each(Waker::wake);
    }

    /// Every delay asked for so far, oldest first. Timeouts are not delays.
    #[must_use]
    pub fn delays(&self) -> Vec<Duration> {
        self.lock().delays.clone()
    }

    /// How many timeouts were started so far.
    #[must_use]
    pub fn timeouts_started(&self) -> usize {
        self.lock().timeouts
    }

    // A poisoned lock only means that another test thread panicked; the clock is still a clock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// splitmix64: short, well spread, and the same in each run.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Runtime for ManualTime {
    fn now(&self) -> SystemTime {
        Self::now(self)
    }

    fn monotonic(&self) -> Duration {
        self.lock().elapsed
    }

    fn sleep(&self, duration: Duration, purpose: SleepPurpose) -> Sleep {
        let (due, passes) = {
            let mut state = self.lock();
            let due = state.elapsed.saturating_add(duration);
            let is_delay = purpose != SleepPurpose::Timeout;
            if is_delay {
                state.delays.push(duration);
            } else {
                state.timeouts += 1;
            }
            (due, is_delay && state.automatic)
        };
        if passes {
            self.advance(duration);
        }
        let time = self.clone();
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = time.lock();
            if state.elapsed >= due {
                return Poll::Ready(());
            }
            state.sleepers.push(context.waker().clone());
            Poll::Pending
        }))
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        let mut state = self.lock();
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(state.next_random().to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn is_done(sleep: &mut Sleep) -> bool {
        sleep
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    #[test]
    fn timeouts_fire_only_when_something_else_moves_the_clock() {
        let time = ManualTime::automatic();
        let mut timeout = time.sleep(Duration::from_secs(5), SleepPurpose::Timeout);
        assert!(!is_done(&mut timeout));
        let mut delay = time.sleep(Duration::from_secs(4), SleepPurpose::Delay);
        assert!(is_done(&mut delay));
        assert!(!is_done(&mut timeout));
        time.advance(Duration::from_secs(1));
        assert!(is_done(&mut timeout));
        assert_eq!(time.delays(), [Duration::from_secs(4)]);
        assert_eq!(time.timeouts_started(), 1);
    }

    #[test]
    fn a_stepped_clock_waits_to_be_advanced() {
        let time = ManualTime::stepped();
        let mut delay = time.sleep(Duration::from_secs(2), SleepPurpose::Delay);
        assert!(!is_done(&mut delay));
        time.advance(Duration::from_secs(2));
        assert!(is_done(&mut delay));
    }

    #[test]
    fn randomness_is_the_same_in_each_run_but_not_constant() {
        let (mut first, mut second, mut again) = ([0; 16], [0; 16], [0; 16]);
        let time = ManualTime::automatic();
        assert_eq!(time.fill_random(&mut first), Ok(()));
        assert_eq!(time.fill_random(&mut second), Ok(()));
        assert_eq!(ManualTime::automatic().fill_random(&mut again), Ok(()));
        assert_ne!(first, second);
        assert_eq!(first, again);
    }
}
