//! Prints the number of records in a TFRecord file, and the sizes and first bytes of some records.
//!
//! ```text
//! cargo run -q --example random_access -- tests/data/examples.tfrecord 42 7
//! ```

use std::process::ExitCode;

use tfr_index::{Options, Reader};

fn print_records(path: &str, records: &[String]) -> anyhow::Result<()> {
    let reader = Reader::open(path, &Options::new())?;
    println!("{} records", reader.len());
    let mut payload = Vec::new(); // read_into() reuses its memory
    for record in records {
        let record = record.parse()?;
        reader.read_into(record, &mut payload)?;
        print!("record {record}: {} bytes ", payload.len());
        for byte in payload.iter().take(8) {
            print!("{byte:02x}");
        }
        println!();
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((path, records)) = arguments.split_first() else {
        eprintln!("usage: random_access FILE [RECORD...]");
        return ExitCode::from(2);
    };
    if let Err(error) = print_records(path, records) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
