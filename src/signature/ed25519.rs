//! Ed25519 public keys under which anybody can make signatures.

/// Says whether an encoded point has small order or is not in its canonical form.
///
/// Under a point of small order there are signatures that are good for every
/// message, and ssh-keygen(1) accepts them. There are eight such points,
/// which share five y coordinates (the sign bit of x does not matter).
/// Encodings with y >= p (RFC 8032 §5.1.3) are the other ways to write some of them.
pub(super) fn proves_nothing(point: &[u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let [lowest, middle @ .., highest] = point;
    let highest = highest & 0x7f;
    let all = |byte| middle.iter().all(|b| *b == byte);
    let zero_or_one = *lowest <= 1 && all(0) && highest == 0;
    // p - 1, and everything from p up.
    let minus_one_or_more = *lowest >= 0xec && all(0xff) && highest == 0x7f;
    let order_8 = ORDER_8
        .iter()
        .any(|[low, mid @ .., high]| low == lowest && mid == middle && *high == highest);
    zero_or_one || minus_one_or_more || order_8
}
