//! Money is minor units and a currency, never a float.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount of money: `minor` units (cents, pence) of an ISO 4217 `currency`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 5000000 is 50 000.00.
    pub minor: i64,
    /// The ISO 4217 code, such as `EUR`.
    pub currency: String,
}

impl Money {
    /// Reads a decimal text as CRMs send it (`50000`, `50000.0`, `1234.56`); `None` when it is not
    /// a number.
    ///
    /// Two decimals are kept, more are cut: CRMs send at most two for the currencies they report
    /// here.
    pub fn from_decimal(text: &str, currency: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let cents = format!("{:0<2}", fraction.get(..fraction.len().min(2))?);
        let minor = format!("{whole}{cents}").parse::<i64>().ok()?;
        Some(Self { minor: sign * minor, currency: currency.to_owned() })
    }
}

impl fmt::Display for Money {
    /// Writes `50 000.00 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.minor.unsigned_abs();
        let whole = (absolute / 100).to_string();
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        let sign = if self.minor < 0 { "-" } else { "" };
        write!(f, "{sign}{grouped}.{:02} {}", absolute % 100, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_crms_become_minor_units() {
        let minor = |text| Money::from_decimal(text, "USD").map(|money| money.minor);
        assert_eq!(minor("50000.0"), Some(5_000_000));
        assert_eq!(minor("1234.567"), Some(123_456));
        assert_eq!(minor("-7"), Some(-700));
        for wrong in ["", "1e9", "12,5", ".5", "99999999999999999999"] {
            assert_eq!(minor(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn money_reads_in_groups_of_three() {
        let money = Money { minor: 123_456_789, currency: "EUR".into() };
        assert_eq!(money.to_string(), "1 234 567.89 EUR");
    }
}
