//! Bad records and shards that are left out.

use super::*;
use crate::Order;

/// Three shards of four records. A record of the first one is damaged; the second one cannot be
/// opened again.
fn damaged(options: &DatasetOptions) -> Dataset {
    let times = AtomicUsize::new(0);
    let open = move |i: usize| {
        let mut data = shard(i, &[5; 4]);
        if i == 0 {
            data[21 * 2 + 12] ^= 1;
        }
        if i == 1 && times.fetch_add(1, SeqCst) > 0 {
            return Err(Error::io("open", io::Error::from_raw_os_error(libc::EIO)));
        }
        Ok(ShardSource::new(data))
    };
    let dataset = opened(3, &options.clone().index_memory(1), open).unwrap();
    dataset.close_files();
    dataset
}

#[test]
fn what_is_bad_is_left_out_and_reported() {
    let dataset = damaged(&DatasetOptions::new().on_error(OnError::Skip));
    let batch = dataset.read_batch(&[9, 2, 5, 0, 6, 11]).unwrap();
    assert_eq!(batch.records(), [9, 0, 11]);
    let expected = all(&vec![vec![5; 4]; 3]);
    let read: Vec<_> = batch.payloads().iter().collect();
    assert_eq!(read, [&expected[9][..], &expected[0], &expected[11]]);
    let skipped = dataset.skipped();
    assert_eq!(skipped.records, 3);
    let what: Vec<_> = skipped.errors.iter().map(|e| (e.kind(), e.record(), e.path())).collect();
    let path = |i: usize| Some(&*dataset.shards()[i].path);
    let expected = [(ErrorKind::PayloadCrc, Some(2), path(0)), (ErrorKind::Io, None, path(1))];
    assert_eq!(what, expected, "one error for all records of a shard");
    let texts = |errors: &[Error]| errors.iter().map(Error::to_string).collect::<Vec<_>>();
    assert_eq!(texts(batch.skipped()), texts(&skipped.errors));
    assert!(dataset.read_batch(&[0]).unwrap().skipped().is_empty());

    // Calls that cannot leave out records do not.
    assert_eq!(dataset.read_many(&[0, 2]).unwrap_err().kind(), ErrorKind::PayloadCrc);
    assert_eq!(dataset.read(5).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(dataset.read_batch(&[0, 12]).unwrap_err().kind(), ErrorKind::OutOfRange);
}

#[test]
fn an_epoch_goes_on() {
    for prefetch in [0, 3] {
        let dataset = damaged(&DatasetOptions::new().on_error(OnError::Skip));
        let mut batches = dataset.batches(2, Order::new(12), prefetch).unwrap();
        let mut records = Vec::new();
        while let Some(batch) = batches.next() {
            records.push(batch.unwrap().records().to_vec());
            assert_eq!(batches.state() % 2, 0);
        }
        assert_eq!(records, [vec![0, 1], vec![3], vec![8, 9], vec![10, 11]]);
        assert_eq!((batches.state(), dataset.skipped().records), (12, 5));
    }
}

#[test]
fn by_default_the_first_bad_record_is_an_error() {
    let dataset = damaged(&DatasetOptions::new());
    let error = dataset.read_batch(&[9, 2, 5]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::PayloadCrc, Some(2)));
    let error = dataset.read_many(&[9, 5, 2]).unwrap_err();
    assert_eq!((error.kind(), error.record()), (ErrorKind::Io, None));
    assert_eq!(error.path(), Some(&*dataset.shards()[1].path));
    assert_eq!(dataset.skipped().records, 0);
}

#[test]
fn a_shard_that_cannot_be_counted_is_empty() {
    let open = |i: usize| match i {
        1 => Err(Error::new(ErrorKind::NotTfRecord, "not a TFRecord file")),
        _ => Ok(ShardSource::new(shard(i, &[5; 4]))),
    };
    let skip = DatasetOptions::new().on_error(OnError::Skip);
    let dataset = opened(3, &skip, open).unwrap();
    assert_eq!(dataset.len(), 8);
    assert_eq!(dataset.read(4).unwrap(), payload(2, 0, 5));
    let warnings: Vec<_> = dataset.warnings().iter().map(Error::kind).collect();
    assert_eq!(warnings, [ErrorKind::NotTfRecord]);
    let skipped = dataset.skipped();
    assert!(skipped.records == 0 && skipped.errors.len() == 1);
    assert!(skipped.errors[0].to_string().ends_with("; all of its records are left out"));
    assert!(opened(3, &DatasetOptions::new(), open).is_err());
}

#[test]
fn too_many_open_files_are_no_reason_to_skip() {
    let times = AtomicUsize::new(0);
    let open = move |i: usize| match times.fetch_add(1, SeqCst) {
        0 => Ok(ShardSource::new(shard(i, &[5; 4]))),
        _ => Err(Error::io("open", io::Error::from_raw_os_error(libc::EMFILE))),
    };
    let skip = DatasetOptions::new().on_error(OnError::Skip);
    let dataset = opened(1, &skip, open).unwrap();
    dataset.close_files();
    let error = dataset.read_batch(&[1]).unwrap_err();
    assert_eq!(error.os_error(), Some(libc::EMFILE));
    assert!(error.to_string().contains("ulimit -n"), "{error}");
}
