use foctet_core::{
    MAX_ADDRS, MAX_TICKET_BODY, MAX_TICKET_TEXT, NodeAddr, NodeIdError, Ticket, TicketError, TicketSecret,
    TransportAddr,
};

use crate::node_id;

// The texts below were made from docs/spec/ticket.md by a Python program with another BLAKE3, not by this crate.

/// Secret 00 01 .. 0f, the key of RFC 8032 test 1, no address.
const NO_ADDRS: &str =
    "foctet1aayaaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui264few7q";
/// The addresses of [`four_addrs`].
const FOUR_ADDRS: &str = "foctet1abkaaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2audmaaacaeivcaqseaaq3oaaaaaaaaaaaaaaaaaaaea3waygyyzwib777762genb";
/// An entry of kind 16, `udp:192.0.2.1:4433`, an empty entry of kind 255.
const UNKNOWN_KINDS: &str = "foctet1aa7qaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2cabqcaqdaedmaaacaeivd7yauovqdmq";
/// `udp:[::ffff:192.0.2.1]:4433`, then fe80::1 port 4433 on both transports.
const MAPPED_AND_LINK_LOCAL: &str = "foctet1abmaaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2aijaaaaaaaaaaaaaaaap776aaabacekrayjp5aaaaaaaaaaaaaaaaaaaaaaacekrxeiqx6y";
/// Kind 1 with five bytes.
const WRONG_LENGTH: &str = "foctet1aa3qaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2aec4aaacaei2ofdhti";
/// An entry that is longer than what is left.
const OVERRUN: &str = "foctet1aa4aaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2aed4aaacaeivcqekmblq";
/// An entry that is a kind and nothing more.
const HALF_AN_ENTRY: &str =
    "foctet1aayqaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2ae7lgqcn";
/// A NodeId without its last byte.
const SHORT_BODY: &str =
    "foctet1aaxqaaicamcakbqhbaequcymbuha7v22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qouju7xtza";
/// A body of no bytes.
const EMPTY_BODY: &str = "foctet1aaafi6iyfi";
/// The NodeId is 32 zero bytes.
const ZERO_KEY: &str =
    "foctet1aayaaaicamcakbqhbaequcymbuha6aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaqpl3ni";

fn secret() -> TicketSecret {
    TicketSecret::from_bytes(std::array::from_fn(|i| i as u8))
}

fn addr(text: &str) -> TransportAddr {
    text.parse().unwrap()
}

fn ticket(addrs: &[&str]) -> Ticket {
    Ticket::new(NodeAddr::new(node_id()).with_addrs(addrs.iter().map(|text| addr(text))), secret())
}

fn four_addrs() -> Ticket {
    ticket(&["udp:192.0.2.1:4433", "tcp:192.0.2.1:4433", "udp:[2001:db8::1]:443", "tcp:198.51.100.7:65535"])
}

fn parse(text: &str) -> Result<Ticket, TicketError> {
    text.parse()
}

#[test]
fn the_text_is_what_the_specification_says() {
    assert_eq!(ticket(&[]).to_string(), NO_ADDRS);
    assert_eq!(four_addrs().to_string(), FOUR_ADDRS);
    assert_eq!(parse(NO_ADDRS), Ok(ticket(&[])));
    assert_eq!(parse(FOUR_ADDRS), Ok(four_addrs()));
}

#[test]
fn either_case_and_white_space_around_are_taken() {
    let upper = FOUR_ADDRS.to_uppercase();
    for text in [&upper, &format!("  {FOUR_ADDRS}\r\n"), &format!("\t\u{a0}{upper}\n\n")] {
        assert_eq!(parse(text), Ok(four_addrs()));
    }
}

#[test]
fn a_newer_format_is_called_newer_whatever_follows() {
    for (text, version) in [("foctet2", 2), ("foctet2aa-not base32", 2), ("FOCTET9abc", 9)] {
        assert_eq!(parse(text), Err(TicketError::Newer { version }), "{text}");
    }
    let message = TicketError::Newer { version: 2 }.to_string();
    assert!(message.contains("made by a newer foctet"), "{message}");
}

#[test]
fn what_does_not_begin_as_tickets_do_is_not_a_ticket() {
    for text in [
        "",
        "   ",
        "foct",
        "foctet-relay://25njqamcwe@192.0.2.1:4433",
        "foctet0abc",
        "foctetx",
        "7-crossover-clockwork-banjo",
        "https://example.org",
        "fo\u{df}tet1aa",
        "\u{444}octet1",
        &NO_ADDRS[1..],
        crate::PUBLIC_TEXT,
    ] {
        assert_eq!(parse(text), Err(TicketError::NotATicket), "{text:?}");
    }
}

#[test]
fn a_ticket_cut_anywhere_is_cut_short() {
    for text in [NO_ADDRS, FOUR_ADDRS] {
        for end in 6..text.len() {
            assert_eq!(parse(&text[..end]), Err(TicketError::Truncated), "{end} characters");
        }
    }
}

#[test]
fn every_single_typing_error_is_noticed() {
    let alphabet: Vec<char> = ('a'..='z').chain('2'..='7').collect();
    for at in 7..FOUR_ADDRS.len() {
        for wrong in alphabet.iter().filter(|c| FOUR_ADDRS.as_bytes()[at] != **c as u8) {
            let text = format!("{}{wrong}{}", &FOUR_ADDRS[..at], &FOUR_ADDRS[at + 1..]);
            let error = parse(&text).unwrap_err();
            // In the length field, a typing error looks like a missing end, as long as the rest is not longer.
            let in_length = at < 11 && error == TicketError::Truncated;
            assert!(error == TicketError::Mistyped || in_length, "{at}: {error:?}");
        }
    }
}

#[test]
fn swapped_neighbours_and_added_characters_are_noticed() {
    for at in 11..FOUR_ADDRS.len() - 1 {
        let mut swapped = FOUR_ADDRS.as_bytes().to_vec();
        swapped.swap(at, at + 1);
        let swapped = String::from_utf8(swapped).unwrap();
        if swapped != FOUR_ADDRS {
            assert_eq!(parse(&swapped), Err(TicketError::Mistyped), "{at}");
        }
    }
    assert_eq!(parse(&format!("{FOUR_ADDRS}a")), Err(TicketError::Mistyped));
    assert_eq!(parse(&format!("{NO_ADDRS}{NO_ADDRS}")), Err(TicketError::Alphabet));
}

#[test]
fn a_foreign_character_and_a_break_within_are_refused_as_such() {
    for stray in ["0", "1", "8", "9", " ", "\n", "-", "=", "\u{e4}", "\u{200b}", "\u{1b}[31m"] {
        let text = format!("{}{stray}{}", &NO_ADDRS[..40], &NO_ADDRS[40..]);
        assert_eq!(parse(&text), Err(TicketError::Alphabet), "{stray:?}");
    }
}

#[test]
fn address_kinds_of_later_versions_are_skipped_and_counted() {
    let ticket = parse(UNKNOWN_KINDS).unwrap();
    assert_eq!(ticket.addr().addrs().collect::<Vec<_>>(), [addr("udp:192.0.2.1:4433")]);
    assert_eq!(ticket.unread_addrs(), 2);
    assert_eq!(four_addrs().unread_addrs(), 0);
}

#[test]
fn addresses_that_mean_nothing_elsewhere_are_left_out() {
    let told = ticket(&["udp:[fe80::1%2]:4433", "udp:[::1]:4433", "tcp:[fe80::1]:4433"]);
    assert_eq!(told, ticket(&["udp:[::1]:4433"]));
    assert_eq!(parse(&told.to_string()), Ok(told));
}

#[test]
fn addresses_in_another_spelling_are_read_as_what_they_mean() {
    let ticket = parse(MAPPED_AND_LINK_LOCAL).unwrap();
    assert_eq!(ticket.addr().addrs().collect::<Vec<_>>(), [addr("udp:192.0.2.1:4433")]);
}

#[test]
fn a_wrongly_written_ticket_is_not_called_mistyped() {
    for text in [WRONG_LENGTH, OVERRUN, HALF_AN_ENTRY, SHORT_BODY, EMPTY_BODY] {
        assert_eq!(parse(text), Err(TicketError::Malformed), "{text}");
    }
    assert_eq!(parse(ZERO_KEY), Err(TicketError::NodeId(NodeIdError::SmallOrder)));
}

#[test]
fn a_declared_length_beyond_the_bound_is_refused_before_anything_is_decoded() {
    // `caa` is 0x10 0x0...: 4096 bytes and more.
    assert_eq!(parse(&format!("foctet1caaa{}", "a".repeat(10_000))), Err(TicketError::Mistyped));
    assert_eq!(parse(&format!("foctet1{}", "a".repeat(10_000_000))), Err(TicketError::Mistyped));
}

#[test]
fn the_largest_ticket_stays_within_the_stated_bounds() {
    let addrs =
        (0..MAX_ADDRS).map(|i| TransportAddr::udp(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], i as u16).into()));
    let largest = Ticket::new(NodeAddr::new(node_id()).with_addrs(addrs), secret());
    let text = largest.to_string();
    assert!(text.len() < MAX_TICKET_TEXT && MAX_TICKET_TEXT < 2 * MAX_TICKET_BODY, "{}", text.len());
    assert_eq!(parse(&text), Ok(largest));
}

#[test]
fn debug_and_errors_do_not_show_the_secret() {
    let printed = format!("{:?} {:#?}", four_addrs(), secret());
    assert!(!printed.contains("1, 2, 3") && !printed.contains("aaicamca"), "{printed}");
    let error = parse(&FOUR_ADDRS[..80]).unwrap_err();
    assert!(!error.to_string().contains("aaicamca") && !format!("{error:?}").contains("aaicamca"));
}

#[test]
fn secrets_are_equal_when_all_their_bytes_are() {
    assert_eq!(secret(), TicketSecret::generate(*secret().as_bytes()));
    for i in 0..16 {
        let mut other = *secret().as_bytes();
        other[i] ^= 0x80;
        assert_ne!(secret(), TicketSecret::from_bytes(other));
    }
}
