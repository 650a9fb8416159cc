//! A region of AWS, and the host that follows from it.

use std::{fmt, str::FromStr};

/// A region of AWS, such as `eu-central-1`: known by its form, because new ones are opened every year.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Box<str>);

/// The text is not the name of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of an AWS region is like `eu-central-1`")]
pub struct InvalidRegion;

impl Region {
    /// The region as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of this region's Security Token Service.
    pub fn sts_host(&self) -> String {
        let suffix = if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("sts.{self}.{suffix}")
    }

    /// The partition the region belongs to: a world of accounts of its own. An account's number says nothing about the
    /// account of the same number in another partition.
    pub fn partition(&self) -> &'static str {
        if self.0.starts_with("cn-") {
            "aws-cn"
        } else if self.0.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    /// Two letters, one or two words, a number below 100: nothing in it can end a host name or begin another.
    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let mut parts: Vec<&str> = text.split('-').collect();
        let number = parts.pop().unwrap_or_default();
        let word = |part: &&str| (2..=12).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase());
        let good = parts.first().is_some_and(|first| first.len() == 2)
            && (2..=3).contains(&parts.len())
            && parts.iter().all(word)
            && (1..=2).contains(&number.len())
            && !number.starts_with('0')
            && number.bytes().all(|byte| byte.is_ascii_digit());
        if good { Ok(Self(text.into())) } else { Err(InvalidRegion) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_has_one_host_and_one_partition() {
        for (region, host, partition) in [
            ("us-east-1", "sts.us-east-1.amazonaws.com", "aws"),
            ("ap-southeast-5", "sts.ap-southeast-5.amazonaws.com", "aws"),
            ("mx-central-1", "sts.mx-central-1.amazonaws.com", "aws"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com", "aws-us-gov"),
            ("cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn", "aws-cn"),
        ] {
            let region: Region = region.parse().unwrap();
            assert_eq!((region.sts_host().as_str(), region.partition()), (host, partition));
        }
    }

    #[test]
    fn what_could_lead_to_another_host_is_no_region() {
        for text in [
            "",
            "-",
            "eu",
            "eu-central",
            "eu-central-",
            "eu-central-0",
            "eu-central-01",
            "eu-central-100",
            "EU-central-1",
            "eu--1",
            "eu-central-1.evil.example",
            "evil.example/eu-central-1",
            "evil.example#-eu-1",
            "eu-central-1@evil.example",
            "eu-central-1:443",
            "eu-central-1 ",
            " eu-central-1",
            "eu-central-1\n",
            "eu-central-1%2f",
            "eu-central-\u{661}",
            "a-b-c-d-1",
            "eu-a-b-c-1",
            "aws-global",
        ] {
            assert_eq!(text.parse::<Region>(), Err(InvalidRegion), "{text:?}");
        }
    }
}
