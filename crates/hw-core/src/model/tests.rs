//! Texts of properties: what is taken, and what is said about the rest.

use super::*;

struct NoBackends;

impl Backends for NoBackends {
    fn drive(&mut self, id: &str) -> Result<Arc<dyn Disk>, String> {
        Err(format!("can't find drive '{id}'"))
    }
    fn net(&mut self, _: &str) -> Result<Arc<dyn NetPort>, String> {
        Ok(Arc::new(crate::net::NoNetwork))
    }
    fn char(&mut self, _: &str) -> Result<Arc<dyn CharSink>, String> {
        Ok(Arc::new(crate::NullSink))
    }
    fn next_mac(&mut self) -> [u8; 6] {
        [0x52, 0x54, 0, 0x12, 0x34, 0x56]
    }
}

fn property(kind: Kind, default: &'static str) -> Property {
    Property {
        name: "p",
        kind,
        default,
        help: "",
    }
}

fn set(kind: Kind, text: &str) -> Result<Values, String> {
    let given = [("p".to_owned(), text.to_owned())];
    Values::read("m", &[property(kind, "")], &given, &mut NoBackends).map_err(|error| error.to_string())
}

#[test]
fn values_are_read() {
    let number = |kind, text| set(kind, text).unwrap().number("p");
    assert_eq!(number(Kind::Number(0xffff), "0x501"), Some(0x501));
    assert_eq!(number(Kind::Number(7), "7"), Some(7));
    assert_eq!(number(Kind::Size(1 << 40), "16M"), Some(16 << 20));
    assert!(set(Kind::Switch, "on").unwrap().switch("p"));
    assert_eq!(set(Kind::Choice(&["a", "b"]), "b").unwrap().text("p"), Some("b"));
    assert_eq!(
        set(Kind::Mac, "52:54:0:1:2:ff").unwrap().mac("p"),
        Some([0x52, 0x54, 0, 1, 2, 0xff])
    );
    assert_eq!(
        set(Kind::Mac, "").unwrap().mac("p"),
        Some([0x52, 0x54, 0, 0x12, 0x34, 0x56])
    );
    assert!(set(Kind::Net, "n0").unwrap().net("p").is_some());
}

#[test]
fn wrong_values_are_named() {
    for (kind, text, says) in [
        (Kind::Number(7), "8", "p: is at most 0x7, not 8"),
        (Kind::Number(7), "x", "p: expects a number, not 'x'"),
        (
            Kind::Size(u64::MAX),
            "99999999999T",
            "p: expects a size, not '99999999999T'",
        ),
        (Kind::Switch, "maybe", "p: expects 'on' or 'off', not 'maybe'"),
        (Kind::Choice(&["a", "b"]), "c", "p: is one of a, b, not 'c'"),
        (Kind::Mac, "1:2:3:4:5", "p: '1:2:3:4:5' is no MAC address"),
        (Kind::Mac, "1:2:3:4:5:+6", "p: '1:2:3:4:5:+6' is no MAC address"),
        (Kind::Drive, "d0", "p: can't find drive 'd0'"),
    ] {
        assert_eq!(set(kind, text).err().as_deref(), Some(says));
    }
    let unknown = Values::read("m", &[], &[("q".into(), "1".into())], &mut NoBackends);
    assert_eq!(unknown.err().unwrap().to_string(), "Property 'm.q' not found");
}

#[test]
fn defaults_hold_and_the_last_wins() {
    let properties = [property(Kind::Number(9), "3")];
    let read = |given: &[(String, String)]| {
        Values::read("m", &properties, given, &mut NoBackends)
            .unwrap()
            .number("p")
    };
    let give = |text: &str| ("p".to_owned(), text.to_owned());
    assert_eq!(read(&[]), Some(3));
    assert_eq!(read(&[give("4"), give("5")]), Some(5));
}
