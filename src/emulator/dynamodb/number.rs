//! Numbers: decimals of up to 38 digits, in the one form in which the service gives them back.
//!
//! Rules: `docs/dynamodb.md`, "Values".

use std::cmp::Ordering;
use std::fmt;

use super::refusal::Refusal;

/// Significant digits that a number may have.
const DIGITS: u32 = 38;
/// Exponents in scientific notation between which a number must lie.
const GREATEST: i32 = 125;
const LEAST: i32 = -130;

/// A decimal number: `coefficient` × 10^`exponent`. The coefficient ends in no zero, and zero has neither sign nor
/// exponent, so equal numbers have equal fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

impl Number {
    /// Reads a number as it stands in a request: `1.10`, `-3`, `6.02e23`.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let wrong = || {
            Refusal::validation(format!(
                "The parameter cannot be converted to a numeric value{}{text}",
                if text.is_empty() { "" } else { ": " }
            ))
        };
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().map_err(|_| wrong())?),
            None => (rest, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + part.len() == 0 || !is_digits(whole) || !is_digits(part) {
            return Err(wrong());
        }
        let digits = format!("{whole}{part}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let trimmed = digits.len() - significant.len();
        let shift =
            i32::try_from(trimmed).unwrap_or(i32::MAX) - i32::try_from(part.len()).unwrap_or(i32::MAX);
        let coefficient = significant.get(..).filter(|text| text.len() <= DIGITS as usize);
        let coefficient = coefficient.and_then(|text| text.parse().ok());
        Self::within(negative, coefficient, power.saturating_add(shift), significant.len())
    }

    const ZERO: Self = Self { negative: false, coefficient: 0, exponent: 0 };

    /// Checks the bounds of the service. `coefficient` is none where it has too many digits.
    fn within(
        negative: bool,
        coefficient: Option<u128>,
        exponent: i32,
        digits: usize,
    ) -> Result<Self, Refusal> {
        let magnitude = exponent.saturating_add(i32::try_from(digits).unwrap_or(i32::MAX) - 1);
        if magnitude > GREATEST {
            return Err(Refusal::validation(
                "Number overflow. Attempting to store a number with magnitude larger than supported range",
            ));
        }
        if magnitude < LEAST {
            return Err(Refusal::validation(
                "Number underflow. Attempting to store a number with magnitude smaller than supported range",
            ));
        }
        let coefficient = coefficient.ok_or_else(|| {
            Refusal::validation("Attempting to store more than 38 significant digits in a Number")
        })?;
        Ok(Self { negative, coefficient, exponent })
    }

    /// A whole number of seconds, for times to live; none where there is a fraction or too much of it.
    pub(super) fn whole(self) -> Option<i64> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let value = i128::try_from(self.coefficient).ok()?.checked_mul(power)?;
        i64::try_from(if self.negative { -value } else { value }).ok()
    }

    /// The sum, where it has no more digits than a number may have.
    pub(super) fn plus(self, other: Self) -> Result<Self, Refusal> {
        let (a, b) = if self.exponent <= other.exponent { (self, other) } else { (other, self) };
        let too_long =
            || Refusal::validation("Attempting to store more than 38 significant digits in a Number");
        if b.coefficient == 0 {
            return Ok(a);
        }
        if a.coefficient == 0 {
            return Ok(b);
        }
        let apart = u32::try_from(b.exponent - a.exponent).unwrap_or(u32::MAX);
        let scaled = 10_u128.checked_pow(apart).and_then(|power| b.coefficient.checked_mul(power));
        let (low, high) = (a.coefficient, scaled.ok_or_else(too_long)?);
        let (negative, sum) = if a.negative == b.negative {
            (a.negative, low.checked_add(high).ok_or_else(too_long)?)
        } else if low > high {
            (a.negative, low - high)
        } else {
            (b.negative, high - low)
        };
        Self::normal(negative, sum, a.exponent)
    }

    /// The difference.
    pub(super) fn minus(self, other: Self) -> Result<Self, Refusal> {
        self.plus(Self { negative: !other.negative && other.coefficient != 0, ..other })
    }

    fn normal(negative: bool, mut coefficient: u128, mut exponent: i32) -> Result<Self, Refusal> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let digits = count_digits(coefficient);
        let kept = Some(coefficient).filter(|_| digits <= DIGITS);
        Self::within(negative, kept, exponent, digits as usize)
    }

    /// Bytes that it counts for: one for each two digits and one more, and one for the sign.
    pub(super) fn size(self) -> usize {
        let digits = if self.coefficient == 0 { 0 } else { count_digits(self.coefficient) as usize };
        digits.div_ceil(2) + 1 + usize::from(self.negative)
    }

    fn magnitude(self) -> i32 {
        self.exponent + count_digits(self.coefficient).cast_signed()
    }

    fn compare_size(self, other: Self) -> Ordering {
        match (self.coefficient, other.coefficient) {
            (0, 0) => return Ordering::Equal,
            (0, _) => return Ordering::Less,
            (_, 0) => return Ordering::Greater,
            _ => {}
        }
        let long = |number: Self| number.coefficient * 10_u128.pow(DIGITS - count_digits(number.coefficient));
        self.magnitude().cmp(&other.magnitude()).then_with(|| long(self).cmp(&long(other)))
    }
}

fn count_digits(coefficient: u128) -> u32 {
    coefficient.checked_ilog10().unwrap_or(0) + 1
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(*other),
            (true, true) => other.compare_size(*self),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// All digits written out, never with an exponent.
impl fmt::Display for Number {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.coefficient.to_string();
        if self.negative {
            to.write_str("-")?;
        }
        let after = usize::try_from(-self.exponent.min(0)).unwrap_or(0);
        let zeros = usize::try_from(self.exponent.max(0)).unwrap_or(0);
        match after {
            0 => write!(to, "{digits}{:0<zeros$}", ""),
            _ if after < digits.len() => {
                let (whole, part) = digits.split_at(digits.len() - after);
                write!(to, "{whole}.{part}")
            }
            _ => write!(to, "0.{digits:0>after$}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::read(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
    }

    #[test]
    fn equal_numbers_have_one_form() {
        for (written, form) in [
            ("1.10", "1.1"),
            ("-0", "0"),
            ("000", "0"),
            ("1e3", "1000"),
            ("+7", "7"),
            ("-12.50E-3", "-0.0125"),
            (".5", "0.5"),
            ("5.", "5"),
            ("123456.789", "123456.789"),
            ("0.00", "0"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ] {
            assert_eq!(number(written).to_string(), form, "{written}");
            assert_eq!(number(written), number(form));
        }
    }

    #[test]
    fn what_is_no_number_or_does_not_fit_is_refused() {
        for (text, told) in [
            ("", "cannot be converted"),
            ("abc", "cannot be converted to a numeric value: abc"),
            ("1.2.3", "cannot be converted"),
            ("1e", "cannot be converted"),
            ("--1", "cannot be converted"),
            (" 1", "cannot be converted"),
            ("1e126", "Number overflow"),
            ("-1e-131", "Number underflow"),
            ("123456789012345678901234567890123456789", "more than 38 significant digits"),
        ] {
            let refusal = Number::read(text).expect_err(text);
            assert!(refusal.message.contains(told), "{text}: {refusal}");
        }
        assert!(number("9.9e125") > number("1e-130"));
    }

    #[test]
    fn order_is_that_of_the_values() {
        let sorted =
            ["-1e20", "-10", "-9.99", "-0.1", "0", "1e-5", "0.1", "9", "9.01", "10", "1e20", "11e19"];
        for pair in sorted.windows(2) {
            assert!(number(pair[0]) < number(pair[1]) || pair == ["1e20", "11e19"], "{pair:?}");
        }
        assert!(number("11e19") > number("1e20"));
        assert_eq!(number("10").cmp(&number("1e1")), Ordering::Equal);
    }

    #[test]
    fn sums_are_exact() {
        for (a, b, sum) in [
            ("0.1", "0.2", "0.3"),
            ("5", "-5", "0"),
            ("-1", "0.25", "-0.75"),
            ("999", "1", "1000"),
            ("1e30", "1", "1000000000000000000000000000001"),
            ("0", "-7", "-7"),
        ] {
            assert_eq!(number(a).plus(number(b)).map(|sum| sum.to_string()), Ok(sum.to_owned()));
            assert_eq!(number(sum).minus(number(b)), Ok(number(a)), "{sum} - {b}");
        }
        assert!(number("1e100").plus(number("1")).is_err());
    }

    #[test]
    fn seconds_are_whole() {
        assert_eq!(number("1767603600").whole(), Some(1_767_603_600));
        assert_eq!(number("-2e3").whole(), Some(-2000));
        assert_eq!(number("1.5").whole(), None);
        assert_eq!(number("1e120").whole(), None);
    }
}
