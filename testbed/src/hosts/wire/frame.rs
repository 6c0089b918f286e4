//! What has to be known of an Ethernet frame? To whom it goes, and that its checksums are there.

/// Hosts' hardware addresses begin so.
const PREFIX: [u8; 5] = [0x02, 0x00, 0x0a, 0x4d, 0x00];
/// Length of the Ethernet header.
const ETHERNET: usize = 14;
/// IPv4, as an Ethernet type.
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A host's hardware address: always the same, so that no neighbour has to forget an old one.
pub(super) fn address(host: usize) -> [u8; 6] {
    let mut address = [0; 6];
    address[..5].copy_from_slice(&PREFIX);
    address[5] = u8::try_from(host).unwrap_or(u8::MAX);
    address
}

/// The host that a frame is for; nobody in particular if it is for all.
pub(super) fn receiver(frame: &[u8]) -> Option<usize> {
    match frame.get(..6)?.split_last()? {
        (host, prefix) if prefix == PREFIX => Some((*host).into()),
        _ => None,
    }
}

/// Fills in the checksum of TCP and UDP over IPv4: kernels leave it to the network card, which a
/// virtual one does not have.
pub(super) fn complete(frame: &mut [u8]) {
    if frame.get(12..14) != Some(&IPV4[..]) {
        return;
    }
    let Some(packet) = frame.get_mut(ETHERNET..) else {
        return;
    };
    let Some((header, total, protocol)) = ipv4(packet) else {
        return;
    };
    let (Some(ends), Some(payload)) = (
        packet.get(12..20).map(<[u8]>::to_vec),
        packet.get_mut(header..total),
    ) else {
        return;
    };
    let place = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    let Some(field) = payload.get_mut(place..place + 2) else {
        return;
    };
    field.fill(0);
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let pseudo = [&ends[..], &[0, protocol], &length.to_be_bytes()].concat();
    let sum = !fold(add(&pseudo) + add(payload));
    // For UDP 0 would mean that there is none.
    let sum = if sum == 0 { u16::MAX } else { sum };
    if let Some(field) = payload.get_mut(place..place + 2) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// Length of the header, of the whole packet, and the protocol; only of packets that are whole.
fn ipv4(packet: &[u8]) -> Option<(usize, usize, u8)> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x3fff;
    let whole = fragment == 0 && header >= 20 && header <= total && total <= packet.len();
    whole.then_some((header, total, *packet.get(9)?))
}

/// The sum of a text's 16-bit words.
fn add(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
        [high] => u64::from(*high) << 8,
        _ => 0,
    });
    words.sum()
}

/// Carries added back in.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
