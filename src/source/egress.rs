//! Which addresses a source may not be fetched from, so that whoever writes a source cannot have the operator ask metadata services or
//! servers inside the cluster.
//!
//! Flux has no such guard. A rule is checked on the address that is connected to, after names were resolved, and anew for each redirect;
//! what a proxy connects to is the proxy's business, but for addresses that are written out.
//!
//! **Invariant:** no connection is made to a denied address, even where a name stands for allowed addresses as well.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::Error;
use super::http::shown;

/// What each word of a rule stands for: its name, and its ranges as network and prefix length.
const GROUPS: [(&str, &[(&str, u8)]); 3] = [
    // The last is Amazon's metadata service on IPv6, which lies among private addresses.
    ("link-local", &[("169.254.0.0", 16), ("fe80::", 10), ("fd00:ec2::254", 128)]),
    // Connecting to the unspecified address reaches this machine.
    ("loopback", &[("127.0.0.0", 8), ("0.0.0.0", 8), ("::1", 128), ("::", 128)]),
    (
        "private",
        &[("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("100.64.0.0", 10), ("fc00::", 7), ("fec0::", 10)],
    ),
];
/// The prefix under which IPv4 addresses are reached by translation.
const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// The addresses that sources may not be fetched from. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress(Arc<[Range]>);

/// A range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    /// The word or range as it was given, for errors.
    rule: String,
    network: IpAddr,
    prefix: u8,
}

/// An address that may not be connected to.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the address {address} of {host} is denied ({rule})")]
pub(super) struct Denied {
    host: String,
    address: IpAddr,
    rule: String,
}

impl Egress {
    /// Denies what a list split by commas names: `link-local`, `loopback`, `private`, and ranges such as `10.1.0.0/16`.
    ///
    /// # Errors
    /// A part is neither of the words nor a range.
    pub fn denying(list: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for rule in list.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            match GROUPS.iter().find(|(name, _)| *name == rule) {
                Some((_, members)) => {
                    for (network, prefix) in *members {
                        ranges.push(Range::parse(rule, &format!("{network}/{prefix}"))?);
                    }
                }
                None => ranges.push(Range::parse(rule, rule)?),
            }
        }
        Ok(Self(ranges.into()))
    }

    /// Whether nothing is denied.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a URL whose host is an address; names are checked when they are resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), Error> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        match self.denial(&address.to_string(), address) {
            Some(denied) => Err(denied.told(url)),
            None => Ok(()),
        }
    }

    /// Why an address may not be connected to; none if it may.
    fn denial(&self, host: &str, address: IpAddr) -> Option<Denied> {
        let bare = bare(address);
        let range = self.0.iter().find(|range| range.holds(bare))?;
        Some(Denied { host: host.to_owned(), address, rule: range.rule.clone() })
    }
}

impl Denied {
    /// The error of whoever asked for a URL.
    pub(super) fn told(&self, url: &Url) -> Error {
        Error::Denied { url: shown(url), message: format!("{self} by --source-egress-deny") }
    }

    /// The denial at the bottom of an error of a request, if it is one.
    pub(super) fn in_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut current = Some(error);
        while let Some(error) = current {
            if let Some(denied) = error.downcast_ref::<Self>() {
                return Some(denied);
            }
            current = error.source();
        }
        None
    }
}

impl Range {
    fn parse(rule: &str, text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{rule}' is none of link-local, loopback, private, nor a range such as 10.1.0.0/16 or fd00::/8")
        };
        let (network, prefix) = match text.split_once('/') {
            Some((network, prefix)) => (network, Some(prefix)),
            None => (text, None),
        };
        let network = IpAddr::from_str(network).map_err(|_| wrong())?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { rule: rule.to_owned(), network, prefix })
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix);
                network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// An IPv4 address that is written as an IPv6 one, as what it is.
fn bare(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    if let Some(four) = six.to_ipv4_mapped() {
        return IpAddr::V4(four);
    }
    if six.segments().starts_with(&TRANSLATED) {
        return IpAddr::V4(Ipv4Addr::from_bits(Ipv6Addr::to_bits(six) as u32));
    }
    address
}

impl Egress {
    /// The addresses that a host stands for.
    ///
    /// # Errors
    /// It cannot be resolved, or one of them is denied: a name that stands for both is not to be trusted with either.
    pub(super) async fn addresses(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        match addresses.iter().find_map(|address| self.denial(host, address.ip())) {
            Some(denied) => Err(denied.into()),
            None => Ok(addresses),
        }
    }
}

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.clone();
        Box::pin(async move {
            let addresses = egress.addresses(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules: Vec<&str> = self.0.iter().map(|range| range.rule.as_str()).collect();
        rules.dedup();
        f.write_str(&rules.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_ranges_deny_addresses_however_they_are_written() {
        let egress = Egress::denying("link-local, loopback,10.1.0.0/16,2001:db8::/32").unwrap();
        for (url, is_denied) in [
            ("http://169.254.169.254/latest/meta-data", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("http://[64:ff9b::a9fe:a9fe]/", true),
            ("http://[fd00:ec2::254]/", true),
            ("http://[fe80::1]/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://2130706433/", true),
            ("http://0.0.0.0/", true),
            ("http://[::1]/", true),
            ("http://10.1.255.1/", true),
            ("http://10.2.0.1/", false),
            ("http://[2001:db8:1::1]/", true),
            ("http://[2001:db9::1]/", false),
            ("http://192.168.0.1/", false),
            ("https://charts.example/", false),
        ] {
            let checked = egress.check(&Url::parse(url).unwrap());
            assert_eq!(checked.is_err(), is_denied, "{url}: {checked:?}");
        }
        assert_eq!(egress.to_string(), "link-local,loopback,10.1.0.0/16,2001:db8::/32");
        assert!(Egress::denying("").unwrap().is_open());
        for wrong in ["metadata", "10.0.0.0/33", "10.0.0/8", "::/129"] {
            let error = Egress::denying(wrong).unwrap_err();
            assert!(error.starts_with(&format!("'{wrong}' is none of")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_name_is_denied_by_what_it_stands_for() {
        let egress = Egress::denying("loopback").unwrap();
        let error = egress.resolve("localhost".parse().unwrap()).await.err().unwrap();
        let denied = Denied::in_error(error.as_ref()).unwrap();
        assert!(denied.to_string().contains("of localhost is denied (loopback)"), "{denied}");
    }
}
