//! Which URLs may be called, as far as the URL itself tells.

use crate::address::is_public;
use std::net::IpAddr;
use url::{Host, Url};

/// A URL that must not be an endpoint's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlRefused(pub String);

/// The rules that hold for URLs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) allow_non_public: bool,
    pub(crate) allow_plain_http: bool,
    /// Where this process listens itself.
    pub(crate) own_port: Option<u16>,
}

/// Ports of services that are no web servers and that are often found inside: a POST to one of them is an attack.
const PORTS_REFUSED: &[u16] = &[
    0, 1, 7, 9, 19, 21, 22, 23, 25, 53, 69, 79, 110, 111, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389, 445, 465,
    512, 513, 514, 515, 587, 636, 873, 989, 990, 993, 995, 1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369,
    5432, 5433, 5672, 5900, 5984, 6000, 6379, 6380, 6443, 6667, 8125, 9042, 9092, 9200, 9300, 10250, 11211, 26379,
    27017,
];

impl Guard {
    /// The parsed URL, or the first rule that it breaks.
    pub(crate) fn admit(&self, text: &str) -> Result<Url, UrlRefused> {
        // The parser would drop these silently, and the URL that is called would not be the one that was given.
        if text.trim() != text || text.bytes().any(|b| b.is_ascii_control()) {
            return refuse("the URL has white space around it or control characters in it");
        }
        let url = Url::parse(text).map_err(|error| UrlRefused(format!("not a URL: {error}")))?;
        self.check_scheme(&url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("the URL has user info before its host");
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if PORTS_REFUSED.contains(&port) {
            return refuse(&format!("port {port} may not be called"));
        }
        self.check_host(&url)?;
        if self.own_port == Some(port) && is_this_machine(&url) {
            return refuse(&format!("port {port} of this machine is Paybell's own"));
        }
        Ok(url)
    }

    fn check_scheme(&self, url: &Url) -> Result<(), UrlRefused> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.allow_plain_http => Ok(()),
            "http" => refuse("plain http is not allowed, only https"),
            other => refuse(&format!("the scheme {other} is not allowed, only https")),
        }
    }

    fn check_host(&self, url: &Url) -> Result<(), UrlRefused> {
        let address = match url.host() {
            None => return refuse("the URL has no host"),
            Some(Host::Domain(name)) => return self.check_name(name),
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
        };
        if self.allow_non_public || is_public(address) {
            Ok(())
        } else {
            refuse(&format!("{address} is not a public address"))
        }
    }

    fn check_name(&self, name: &str) -> Result<(), UrlRefused> {
        let name = name.trim_end_matches('.');
        if name.is_empty() {
            return refuse("the URL has no host");
        }
        if !self.allow_non_public && is_localhost(name) {
            return refuse("localhost is not a public name");
        }
        Ok(())
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_localhost(name.trim_end_matches('.')),
        Some(Host::Ipv4(v4)) => v4.is_loopback() || v4.is_unspecified(),
        Some(Host::Ipv6(v6)) => {
            let within = v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback() || v4.is_unspecified());
            within || v6.is_loopback() || v6.is_unspecified()
        }
        None => false,
    }
}

fn refuse<T>(rule: &str) -> Result<T, UrlRefused> {
    Err(UrlRefused(rule.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTION: Guard = Guard { allow_non_public: false, allow_plain_http: false, own_port: Some(8080) };
    const PLAIN: Guard = Guard { allow_plain_http: true, ..PRODUCTION };
    const DEVELOPMENT: Guard = Guard { allow_non_public: true, ..PLAIN };

    #[test]
    fn addresses_are_seen_through_every_notation() {
        let hosts = [
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0x7f000001",
            "017700000001",
            "127.0.0.1",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "169.254.169.254",
            "2852039166",
            "[fd00:ec2::254]",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "240.0.0.1",
            "[fc00::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "localhost",
            "localhost.",
            "LOCALHOST",
            "a.localhost",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "%31%32%37.0.0.1",
        ];
        for host in hosts {
            for url in [format!("http://{host}/"), format!("https://{host}:8443/hook?a=b")] {
                assert!(PLAIN.admit(&url).is_err(), "{url}");
            }
        }
    }

    #[test]
    fn public_addresses_and_names_are_let_through() {
        let urls = [
            "https://shop.example/hook",
            "https://shop.example:8443/",
            "https://9.9.9.9/",
            "https://100.63.255.254/",
            "https://100.128.0.1/",
            "https://172.32.0.1/",
            "https://[2606:4700::1111]/",
            "https://shop.example./",
            "https://магазин.рф/путь?заказ=1",
            "https://notlocalhost/",
            "https://localhost.example/",
        ];
        for url in urls {
            assert_eq!(PRODUCTION.admit(url).err(), None, "{url}");
        }
        assert!(PLAIN.admit("http://shop.example/").is_ok());
    }

    #[test]
    fn each_broken_rule_is_named_even_in_development() {
        let table = [
            ("", "not a URL: relative URL without a base"),
            ("shop.example/hook", "not a URL: relative URL without a base"),
            ("https://", "not a URL: empty host"),
            ("https://shop.example:99999/", "not a URL: invalid port number"),
            ("https://./", "the URL has no host"),
            ("file:///etc/passwd", "the scheme file is not allowed, only https"),
            ("gopher://shop.example/", "the scheme gopher is not allowed, only https"),
            ("ftp://shop.example/", "the scheme ftp is not allowed, only https"),
            ("javascript:alert(1)", "the scheme javascript is not allowed, only https"),
            ("https://user@shop.example/", "the URL has user info before its host"),
            ("https://:pass@shop.example/", "the URL has user info before its host"),
            ("https://shop.example:0/", "port 0 may not be called"),
            ("https://shop.example:22/", "port 22 may not be called"),
            ("https://shop.example:25/", "port 25 may not be called"),
            ("https://127.0.0.1:5432/", "port 5432 may not be called"),
            ("https://127.0.0.1:6379/", "port 6379 may not be called"),
            ("https://127.0.0.1:8080/", "port 8080 of this machine is Paybell's own"),
            ("http://a.localhost:8080/", "port 8080 of this machine is Paybell's own"),
            ("http://localhost.:8080/", "port 8080 of this machine is Paybell's own"),
            ("http://[::ffff:127.0.0.1]:8080/", "port 8080 of this machine is Paybell's own"),
            (" https://shop.example/", "the URL has white space around it or control characters in it"),
            ("https://shop.example/a\nb", "the URL has white space around it or control characters in it"),
            ("https://shop.example/\0", "the URL has white space around it or control characters in it"),
        ];
        for (url, rule) in table {
            assert_eq!(DEVELOPMENT.admit(url), Err(UrlRefused(rule.to_owned())), "{url:?}");
        }
        let plain = Err(UrlRefused("plain http is not allowed, only https".to_owned()));
        assert_eq!(PRODUCTION.admit("http://shop.example/"), plain);
    }

    #[test]
    fn development_may_call_loopback() {
        for url in ["http://127.0.0.1:8081/", "http://localhost:8081/", "http://[::1]:8081/", "http://10.0.0.1:8080/"] {
            assert!(DEVELOPMENT.admit(url).is_ok(), "{url}");
        }
    }
}
