//! Numbers ⇄ decimal digits, eight at a time in the lanes of a word.

/// Numbers below this have at most eight digits.
pub(super) const EIGHT_DIGITS: u64 = 100_000_000;
/// The digit 0 in each lane of a word.
pub(super) const ZEROS: u64 = EACH * 0x30;

/// Writes the number's digits to the start of `text` and returns how many there are.
#[cold]
pub(super) fn encode_any(number: u64, text: &mut [u8]) -> usize {
    let digits = number.to_string();
    text[..digits.len()].copy_from_slice(digits.as_bytes());
    digits.len()
}

/// The same for a number of at most eight digits; it always writes eight bytes.
#[inline]
pub(super) fn encode_short(number: u64, text: &mut [u8]) -> usize {
    let digits = eight_digits(number);
    // Drop leading zeros, but keep the only digit of 0.
    let zeros = (digits | (1 << 56)).trailing_zeros() / 8;
    text[..8].copy_from_slice(&((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
    8 - zeros as usize
}

/// The eight digits of a number below 10^8 in the lanes of a word, the first digit in the lowest
/// lane. The number is split into lanes of four digits, then of two, then of one.
#[inline]
pub(super) fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f; // n / 100, for n < 10,000
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f; // n / 10, for n < 100
    tens | ((twos - tens * 10) << 8)
}

/// Returns the number at the start of `text` and its count of digits, from 1 to 16.
#[inline]
pub(super) fn plain_number(text: &[u8]) -> Option<(u64, usize)> {
    let (high, count) = leading_digits(text);
    if count < 8 {
        return (count > 0).then_some((high, count));
    }
    let (low, more) = leading_digits(&text[8..]);
    Some((high * POWERS[more] + low, 8 + more))
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Returns the number at the start of the first 8 bytes of `text`, and its count of digits. It
/// handles all digits at the same time, in the lanes of a word.
#[inline]
fn leading_digits(text: &[u8]) -> (u64, usize) {
    let word = word(text) ^ ZEROS;
    let count = others(word).trailing_zeros() as usize / 8;
    match count {
        0 => (0, 0),
        _ => (value(word << (64 - 8 * count)), count), // shifted to the top, after zeros
    }
}

#[inline]
pub(super) fn word(text: &[u8]) -> u64 {
    u64::from_le_bytes(text[..8].try_into().expect("8 bytes"))
}

/// Sets the top bit of each lane that contains more than 9.
#[inline]
pub(super) fn others(word: u64) -> u64 {
    // Adding 0x76 to the lower 7 bits sets it and never carries into the next lane; lanes that have
    // it set already keep it.
    (((word & (EACH * 0x7f)) + EACH * 0x76) | word) & (EACH * 0x80)
}

/// The number whose eight digits are in the lanes: combines neighbours to 2, 4 and 8 digits.
#[inline]
pub(super) fn value(word: u64) -> u64 {
    let word = (word * 10 + (word >> 8)) & (EACH_OTHER * 0xff);
    let word = (word * 100 + (word >> 16)) & 0x0000_ffff_0000_ffff;
    (word * 10_000 + (word >> 32)) & 0xffff_ffff
}

/// A 1 in every byte of a word, and in every second byte.
const EACH: u64 = 0x0101_0101_0101_0101;
const EACH_OTHER: u64 = 0x0001_0001_0001_0001;
