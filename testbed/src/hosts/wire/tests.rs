use super::frame::{address, complete, receiver};
use super::link::{Line, Link, Waiting};
use crate::differential::random::Random;

/// A UDP packet of 10.0.0.1:1 to 10.0.0.2:2 with a payload.
fn udp(payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut frame = [address(2), address(1)].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((20 + length).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend([0, 1, 0, 2]);
    frame.extend(length.to_be_bytes());
    frame.extend([0xde, 0xad]);
    frame.extend(payload);
    frame
}

#[test]
fn frames_go_to_the_host_whose_address_they_have_and_others_to_all() {
    assert_eq!(receiver(&udp(b"x")), Some(2));
    assert_eq!(receiver(&[0xff; 20]), None);
    assert_eq!(receiver(&[2, 0]), None);
}

#[test]
fn a_checksum_that_was_left_to_the_card_is_filled_in() {
    let mut frame = udp(b"odd");
    complete(&mut frame);
    // 0x0a00+0x0001 +0x0a00+0x0002 +17 +11 (pseudo header), 1+2+11 (ports, length), "od", "d\0".
    let sum: u32 = 0x0a00 + 1 + 0x0a00 + 2 + 17 + 11 + 1 + 2 + 11 + 0x6f64 + 0x6400;
    let expected = !(((sum & 0xffff) + (sum >> 16)) as u16);
    assert_eq!(frame[40..42], expected.to_be_bytes());
}

#[test]
fn what_is_no_whole_packet_is_left_alone() {
    for length in 0..50 {
        let mut frame = udp(b"payload");
        frame.truncate(length);
        let before = frame.clone();
        complete(&mut frame);
        if length < 14 + 20 + 8 + 7 {
            assert_eq!(frame, before, "{length} bytes");
        }
    }
}

fn arrivals(link: &Link, frames: u64) -> Vec<Vec<u64>> {
    let (mut line, mut random) = (Line::default(), Random::new(7));
    (0..frames)
        .map(|_| line.arrivals(link, 1000, 10, &mut random))
        .collect()
}

#[test]
fn a_good_link_delivers_at_once_and_a_cut_one_never() {
    let good = Link::default();
    assert!(arrivals(&good, 50).iter().all(|at| at == &[10]));
    let cut = Link { cut: true, ..good };
    assert!(arrivals(&cut, 50).iter().all(Vec::is_empty));
}

#[test]
fn about_as_many_frames_are_lost_or_doubled_as_the_link_says() {
    let link = Link {
        loss_percent: 30,
        twice_percent: 20,
        ..Link::default()
    };
    let all = arrivals(&link, 1000);
    let lost = all.iter().filter(|at| at.is_empty()).count();
    let twice = all.iter().filter(|at| at.len() == 2).count();
    assert!((250..350).contains(&lost), "{lost} lost");
    assert!((100..180).contains(&twice), "{twice} twice");
}

#[test]
fn frames_are_late_and_overtake_each_other_within_bounds() {
    let link = Link {
        delay_ms: 20,
        jitter_ms: 5,
        ..Link::default()
    };
    let all: Vec<u64> = arrivals(&link, 100).concat();
    assert!(all.iter().all(|at| (30..=35).contains(at)));
    assert!(!all.is_sorted());
}

#[test]
fn a_narrow_link_makes_frames_wait_and_drops_what_does_not_fit() {
    let link = Link {
        bytes_per_s: 100_000,
        ..Link::default()
    };
    let all = arrivals(&link, 50);
    // 1000 bytes take 10 ms.
    assert_eq!(all[..3], [vec![20], vec![30], vec![40]]);
    assert!(all.last().is_some_and(Vec::is_empty));
}

#[test]
fn late_frames_come_in_the_order_of_their_arrival() {
    let mut waiting = Waiting::default();
    for (at_ms, to) in [(30, 1), (20, 2), (20, 3)] {
        waiting.push(at_ms, to, Vec::new());
    }
    assert_eq!(waiting.next_ms(), Some(20));
    let due = |waiting: &mut Waiting, now| -> Vec<usize> {
        waiting.due(now).into_iter().map(|(to, _)| to).collect()
    };
    assert!(due(&mut waiting, 19).is_empty());
    assert_eq!(due(&mut waiting, 25), [2, 3]);
    assert_eq!(due(&mut waiting, 30), [1]);
}
