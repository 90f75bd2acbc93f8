//! Chance without a stream: each decision is a function of the seed and of what it is about, so that leaving one life
//! or one fault out of a world changes nothing about the others.

use std::time::Duration;

/// The dice of a world.
#[derive(Clone, Copy, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Dice of their own for what is named by the numbers.
    pub fn of(self, about: &[u64]) -> Dice {
        Dice(about.iter().fold(mix(self.0), |state, &number| mix(state ^ mix(number.wrapping_add(0x5EED)))))
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = mix(self.0);
        // The high bits times n, so that no division is needed.
        ((u128::from(self.0) * u128::from(n)) >> 64) as u64
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A duration from `least` to `most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_micros() as u64;
        least + Duration::from_micros(self.below(span + 1))
    }

    /// A number from −1 to 1.
    pub fn jitter(&mut self) -> f64 {
        self.below(2_000_001) as f64 / 1e6 - 1.0
    }
}

/// A permutation of the 64-bit numbers whose results show nothing of their order: multiply by an odd number, fold the
/// high half down, three times.
pub(crate) fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    for odd in [0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB] {
        x = (x ^ (x >> 32)).wrapping_mul(odd);
    }
    x ^ (x >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_about_the_same_fall_the_same_and_others_differ() {
        let dice = Dice(7);
        assert_eq!(dice.of(&[1, 2]).0, dice.of(&[1, 2]).0);
        assert_ne!(dice.of(&[1, 2]).0, dice.of(&[2, 1]).0);
        assert_ne!(dice.of(&[1]).0, Dice(8).of(&[1]).0);
    }

    #[test]
    fn dice_are_fair_enough() {
        let mut counts = [0_u32; 10];
        for n in 0..100_000 {
            counts[Dice(3).of(&[n]).below(10) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
