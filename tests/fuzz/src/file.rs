//! TFRecord files made from fuzzed bytes: mostly complete and correct, so that code past the first
//! header is reached.

use arbitrary::{Result, Unstructured};

use super::oracle::crc;

/// The checksums that a writer stores.
enum Writer {
    True,
    Zeros,
    /// Correct ones, except for these bits.
    Off(u32),
}

impl Writer {
    fn checksum(&self, bytes: &[u8]) -> u32 {
        match self {
            Writer::True => crc(bytes),
            Writer::Zeros => 0,
            Writer::Off(bits) => crc(bytes) ^ bits,
        }
    }

    fn header(&self, length: u64) -> Vec<u8> {
        let length = length.to_le_bytes();
        [&length[..], &self.checksum(&length).to_le_bytes()].concat()
    }

    fn record(&self, payload: &[u8]) -> Vec<u8> {
        let header = self.header(payload.len() as u64);
        [&header[..], payload, &self.checksum(payload).to_le_bytes()].concat()
    }
}

/// The file that `plan` describes step by step; a run of equal records is `repeat` times as long as
/// it says.
pub fn file_of(plan: &[u8], repeat: usize) -> Vec<u8> {
    let most = repeat * (8 << 10);
    let mut plan = Unstructured::new(plan);
    let mut data = Vec::new();
    let mut writer = Writer::True;
    while !plan.is_empty() && data.len() < most {
        if step(&mut plan, repeat, &mut writer, &mut data).is_err() {
            break;
        }
    }
    data
}

fn step(
    plan: &mut Unstructured<'_>,
    repeat: usize,
    writer: &mut Writer,
    data: &mut Vec<u8>,
) -> Result<()> {
    match plan.arbitrary::<u8>()? % 12 {
        // Equal records.
        0..=3 => {
            let count = repeat * (1 + usize::from(plan.arbitrary::<u8>()?));
            let payload = vec![plan.arbitrary()?; plan.arbitrary::<u8>()?.into()];
            data.extend(writer.record(&payload).repeat(count));
        }
        // A large record, its payload's checksum left out.
        4 => {
            let size: u16 = plan.arbitrary()?;
            data.extend(writer.header(size.into()));
            data.resize(data.len() + usize::from(size) + 4, 0);
        }
        // The file so far as the payload of one record, instead of it or after it.
        5 => *data = writer.record(data),
        6 => data.extend(writer.record(data)),
        // Damage.
        7 if !data.is_empty() => {
            let at = plan.arbitrary::<u32>()? as usize % data.len();
            data[at] ^= 1 << (plan.arbitrary::<u8>()? % 8);
        }
        8 => {
            let cut = usize::from(plan.arbitrary::<u16>()?) % (data.len() + 1);
            data.truncate(data.len() - cut);
        }
        9 => {
            let count = usize::from(plan.arbitrary::<u8>()?).min(plan.len());
            data.extend(plan.bytes(count)?);
        }
        // A header of any length.
        10 => {
            let length = plan.arbitrary::<u64>()? >> (plan.arbitrary::<u8>()? % 64);
            data.extend(writer.header(length));
        }
        _ => {
            *writer = match plan.arbitrary::<u8>()? % 4 {
                0 => Writer::Zeros,
                1 => Writer::Off(plan.arbitrary()?),
                _ => Writer::True,
            };
        }
    }
    Ok(())
}
