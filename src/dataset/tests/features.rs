//! Features of batches, and records that cannot be decoded.

use super::*;
use crate::{encode_examples, Feature, FeatureValues, Features, Order};

/// The feature "id" of shards of three records: the numbers of the records, but those below 0 lack it.
fn shards(ids: &[[i64; 3]], options: &DatasetOptions) -> Dataset {
    let encoded = |&id: &i64| {
        let ids = [id];
        let text = id.to_string();
        let words: [&[u8]; 1] = [text.as_bytes()];
        let values = [FeatureValues::bytes("text", &words), FeatureValues::int64("id", &ids)];
        let count = if id < 0 { 1 } else { 2 };
        frame::encode(&encode_examples(1, &values[..count]).unwrap().0)
    };
    let data: Vec<Vec<u8>> = ids.iter().map(|ids| ids.iter().flat_map(encoded).collect()).collect();
    let open = move |i: usize| Ok(ShardSource::new(data[i].clone()));
    opened(ids.len(), options, open).unwrap()
}

fn wanted() -> Features {
    Features::new([Feature::int64("id"), Feature::bytes("text")]).unwrap()
}

/// The ids of a batch, which its texts repeat.
fn ids(batch: &Batch) -> Vec<i64> {
    let columns = batch.columns().unwrap();
    let texts = columns.spans(1).unwrap().iter();
    let texts = texts.map(|&span| columns.bytes(span, batch.payloads().bytes()).to_vec());
    let ids = columns.int64(0).unwrap();
    assert!(texts.eq(ids.iter().map(|id| id.to_string().into_bytes())));
    assert_eq!((ids.len(), columns.len()), (batch.len(), batch.len()));
    ids.to_vec()
}

#[test]
fn the_first_record_that_cannot_be_decoded_is_an_error() {
    let dataset = shards(&[[0, 1, 2], [3, -4, -5]], &DatasetOptions::new());
    assert_eq!(ids(&dataset.read_columns(&[3, 0, 2], &wanted()).unwrap()), [3, 0, 2]);
    assert!(dataset.read_batch(&[0]).unwrap().columns().is_none());
    let error = dataset.read_columns(&[0, 5, 4], &wanted()).unwrap_err();
    let offset = dataset.entries(&[5]).unwrap()[0].offset;
    assert_eq!((error.kind(), error.feature()), (ErrorKind::Feature, Some("id")));
    assert_eq!((error.record(), error.offset()), (Some(2), Some(offset)));
    assert_eq!(error.path(), Some(&*dataset.shards()[1].path));
    assert!(dataset.read_columns(&[6], &wanted()).unwrap_err().kind() == ErrorKind::OutOfRange);

    let raw = shards(&[[0, 1, 2]], &DatasetOptions::new().raw_frames(true));
    let error = raw.read_columns(&[0], &wanted()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let batches = raw.batches(1, Order::new(3), 0).unwrap();
    assert_eq!(batches.features(&wanted()).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn what_cannot_be_decoded_is_left_out_and_reported() {
    let options = DatasetOptions::new().on_error(OnError::Skip);
    let dataset = shards(&[[0, -1, 2], [-3, 4, 5]], &options);
    let batch = dataset.read_columns(&[5, 3, 1, 0, 4], &wanted()).unwrap();
    assert_eq!((batch.records(), ids(&batch)), (&[5, 0, 4][..], vec![5, 0, 4]));
    let skipped = dataset.skipped();
    assert_eq!(skipped.records, 2);
    let what: Vec<_> = skipped.errors.iter().map(|e| (e.record(), e.path().unwrap())).collect();
    let path = |i: usize| &*dataset.shards()[i].path;
    assert_eq!(what, [(Some(0), path(1)), (Some(1), path(0))]);
}

#[test]
fn batches_are_decoded_ahead() {
    for (on_error, max_bytes) in [
        (OnError::Fail, None),
        (OnError::Fail, Some(200)),
        (OnError::Skip, None),
        (OnError::Skip, Some(200)),
    ] {
        for prefetch in [0, 3] {
            let options = DatasetOptions::new().on_error(on_error);
            let dataset = shards(&[[0, 1, 2], [3, -4, 5], [-6, 7, 8], [9, 10, 11]], &options);
            let batches = dataset.batches(3, Order::new(12), prefetch).unwrap();
            let mut batches = match max_bytes {
                Some(max_bytes) => batches.max_bytes(max_bytes),
                None => batches,
            };
            let plain = batches.next().unwrap().unwrap();
            assert!(plain.columns().is_none());
            let (mut seen, mut errors) = (plain.records().to_vec(), 0);
            for batch in batches.features(&wanted()).unwrap() {
                match batch {
                    Ok(batch) => {
                        let found = ids(&batch);
                        assert!(found.iter().map(|&id| id as u64).eq(batch.records().to_vec()));
                        seen.extend(batch.records());
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Feature);
                        errors += 1;
                    }
                }
            }
            let good = [0, 1, 2, 3, 5, 7, 8, 9, 10, 11];
            match (on_error, max_bytes) {
                (OnError::Fail, None) => assert_eq!((seen, errors), (vec![0, 1, 2, 9, 10, 11], 2)),
                (OnError::Fail, _) => assert_eq!((seen, errors), (good.to_vec(), 2)),
                (OnError::Skip, _) => {
                    assert_eq!((seen, errors), (good.to_vec(), 0));
                    assert_eq!(dataset.skipped().records, 2);
                }
            }
        }
    }
}
