//! Lengths of time as policies write them.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// A length of time in whole minutes: at least one minute, at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    minutes: u32,
}

/// Why a text is no [`Period`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodError {
    /// Not digits followed by one of the units.
    Form,
    /// No time at all.
    Zero,
    /// More than ten years.
    TooLong,
}

impl Period {
    /// The longest period: 3650 days.
    pub const MAX: Self = Self::days(3650);

    /// Returns a period of whole days.
    #[must_use]
    pub(crate) const fn days(days: u16) -> Self {
        Self { minutes: days as u32 * 24 * 60 }
    }

    /// Reads `30d`, `12h` or `45m`: digits and a unit, nothing else.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let (digits, unit) = [("d", 24 * 60), ("h", 60), ("m", 1)]
            .into_iter()
            .find_map(|(suffix, minutes)| Some((text.strip_suffix(suffix)?, minutes)))
            .ok_or(PeriodError::Form)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PeriodError::Form);
        }
        let amount: u32 = digits.parse().map_err(|_| PeriodError::TooLong)?;
        let minutes = amount.checked_mul(unit).ok_or(PeriodError::TooLong)?;
        match minutes {
            0 => Err(PeriodError::Zero),
            minutes if minutes > Self::MAX.minutes => Err(PeriodError::TooLong),
            minutes => Ok(Self { minutes }),
        }
    }

    /// Returns the period as a duration.
    #[must_use]
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.minutes))
    }

    /// Returns the moment this long before `time`, or the earliest one there is.
    #[must_use]
    pub fn before(self, time: Timestamp) -> Timestamp {
        time.checked_sub(self.duration()).unwrap_or(Timestamp::MIN)
    }
}

impl fmt::Display for Period {
    /// Writes the period in the largest unit that fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes {
            m if m.is_multiple_of(24 * 60) => write!(f, "{}d", m / (24 * 60)),
            m if m.is_multiple_of(60) => write!(f, "{}h", m / 60),
            m => write!(f, "{m}m"),
        }
    }
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a length of time: expected digits and a unit, such as \"30d\", \"12h\" or \"45m\"",
            Self::Zero => "a length of time must be at least \"1m\"",
            Self::TooLong => "a length of time must be at most \"3650d\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_and_written() {
        for (text, minutes, written) in [
            ("30d", 43_200, "30d"),
            ("12h", 720, "12h"),
            ("48h", 2880, "2d"),
            ("45m", 45, "45m"),
            ("0060m", 60, "1h"),
        ] {
            let period = Period::parse(text).expect(text);
            assert_eq!(period.duration().as_mins(), minutes, "{text}");
            assert_eq!(period.to_string(), written);
        }
        assert_eq!(Period::parse("3650d"), Ok(Period::MAX));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for (text, error) in [
            ("", PeriodError::Form),
            ("30", PeriodError::Form),
            ("d", PeriodError::Form),
            ("-1d", PeriodError::Form),
            ("+1d", PeriodError::Form),
            ("1 d", PeriodError::Form),
            ("1.5d", PeriodError::Form),
            ("1w", PeriodError::Form),
            ("30D", PeriodError::Form),
            ("\u{661}d", PeriodError::Form),
            ("0d", PeriodError::Zero),
            ("000m", PeriodError::Zero),
            ("3651d", PeriodError::TooLong),
            ("4294967295d", PeriodError::TooLong),
            ("99999999999999999999m", PeriodError::TooLong),
        ] {
            assert_eq!(Period::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_moment_before_time_began_is_the_first_one() {
        assert_eq!(Period::MAX.before(Timestamp::MIN), Timestamp::MIN);
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        let earlier: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        assert_eq!(Period::days(1).before(now), earlier);
    }
}
