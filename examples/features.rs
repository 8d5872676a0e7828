//! Reads features of tf.train.Example records as columns, from the file that examples/features.py
//! writes.
//!
//! ```text
//! cargo run -q --example features -- target/features.tfrecord
//! ```

use std::process::ExitCode;

use tfr_index::{Error, ErrorKind, Feature, Features, Options, Reader};

/// The numbers of the features, in the order of `read`.
const LABEL: usize = 0;
const BOX: usize = 1;
const WORDS: usize = 2;
const WEIGHT: usize = 3;

fn print_records(reader: &Reader, records: &[usize], wanted: &Features) -> anyhow::Result<()> {
    let (payloads, columns) = reader.read_columns(records, wanted)?;
    let labels = columns.int64(LABEL).unwrap(); // None: a feature of another kind
    let boxes = columns.float(BOX).unwrap();
    let (words, offsets) = (columns.spans(WORDS).unwrap(), columns.offsets(WORDS).unwrap());
    let weights = columns.float(WEIGHT).unwrap();
    for (i, record) in records.iter().enumerate() {
        println!("record {record}: label {}, weight {:.1}", labels[i], weights[i]);
        let words = &words[offsets[i]..offsets[i + 1]];
        print!("box {:.1} {:.1}, {} words:", boxes[2 * i], boxes[2 * i + 1], words.len());
        for &word in words {
            print!(" {}", std::str::from_utf8(columns.bytes(word, payloads.bytes()))?);
        }
        println!();
    }
    println!("sum of the labels: {}", labels.iter().sum::<i64>());
    Ok(())
}

fn read(path: &str) -> anyhow::Result<()> {
    let reader = Reader::open(path, &Options::new())?;
    let wanted = Features::new([
        Feature::int64("label"),
        Feature::float("box").shape(&[2]),
        Feature::bytes("words").ragged(),
        Feature::float("weight").default_float(&[1.0]), // which the records lack
    ])?;
    print_records(&reader, &[2, 0], &wanted)?;
    reader.read_columns(&[0], &Features::new([Feature::int64("size")])?)?;
    Ok(())
}

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: features FILE");
        return ExitCode::from(2);
    };
    let Err(error) = read(&path) else { return ExitCode::SUCCESS };
    match error.downcast_ref::<Error>() {
        Some(lacking) if lacking.kind() == ErrorKind::Feature => {
            let (record, feature) = (lacking.record().unwrap(), lacking.feature().unwrap());
            println!("record {record} lacks feature {feature}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
