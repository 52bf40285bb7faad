//! Money is minor units and a currency, never a float.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount of money: `minor` units (cents, pence) of an ISO 4217 `currency`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 5000000 is 50 000.00 EUR, and 5 000 000 JPY.
    pub minor: i64,
    /// The ISO 4217 code, such as `EUR`.
    pub currency: String,
}

impl Money {
    /// Reads a decimal text as CRMs send it (`50000`, `50000.0`, `1234.56`); `None` when it is not
    /// a number.
    ///
    /// As many decimals are kept as the currency has, more are cut.
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
        let width = decimals(currency);
        let minor = format!("{:0<width$}", fraction.get(..fraction.len().min(width))?);
        let minor = format!("{whole}{minor}").parse::<i64>().ok()?;
        Some(Self { minor: sign * minor, currency: currency.to_owned() })
    }
}

/// Tells how many decimals a currency has (ISO 4217).
fn decimals(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

impl fmt::Display for Money {
    /// Writes `50 000.00 EUR`, and `50 000 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absolute = self.minor.unsigned_abs();
        let width = decimals(&self.currency);
        let unit = [1, 10, 100, 1_000][width.min(3)];
        let whole = (absolute / unit).to_string();
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(' ');
            }
            grouped.push(digit);
        }
        let sign = if self.minor < 0 { "-" } else { "" };
        let fraction = absolute % unit;
        match width {
            0 => write!(f, "{sign}{grouped} {}", self.currency),
            _ => write!(f, "{sign}{grouped}.{fraction:0width$} {}", self.currency),
        }
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
    fn a_currency_has_the_decimals_it_has() {
        for (text, currency, minor, shown) in [
            ("50000", "JPY", 50_000, "50 000 JPY"),
            ("50000.75", "JPY", 50_000, "50 000 JPY"),
            ("1.5", "KWD", 1_500, "1.500 KWD"),
            ("1.5", "EUR", 150, "1.50 EUR"),
        ] {
            let money = Money::from_decimal(text, currency).unwrap();
            assert_eq!((money.minor, money.to_string().as_str()), (minor, shown), "{text}");
        }
    }

    #[test]
    fn money_reads_in_groups_of_three() {
        let money = Money { minor: 123_456_789, currency: "EUR".into() };
        assert_eq!(money.to_string(), "1 234 567.89 EUR");
    }
}
