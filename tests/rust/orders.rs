//! Permutations and orders are those of the tables that `tests/data/make_orders.py` writes.

use std::fs;

use tfr_index::{Order, Permutation, Remainder};

fn rows(table: &str) -> Vec<Vec<String>> {
    let path = format!("{}/tests/data/{table}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn permutations_are_those_of_the_table() {
    let rows = rows("permutations.tsv");
    assert!(rows.len() > 700);
    for row in rows {
        let cells: Vec<u64> = row.iter().map(|cell| cell.parse().unwrap()).collect();
        let [len, seed, position, number] = cells[..] else { panic!("{row:?}") };
        let permutation = Permutation::new(len, seed);
        assert_eq!(permutation.get(position), Some(number), "{row:?}");
        assert_eq!(permutation.position(number), Some(position), "{row:?}");
    }
}

#[test]
fn orders_are_those_of_the_table() {
    let rows = rows("orders.tsv");
    assert!(rows.len() > 700);
    for row in rows {
        let cell = |column: usize| row[column].parse::<u64>().unwrap();
        let remainder = match &row[6][..] {
            "keep" => Remainder::Keep,
            "drop" => Remainder::Drop,
            _ => Remainder::Pad,
        };
        let order = Order::new(cell(0)).epoch(cell(3));
        let order = match (&row[1][..], &row[2][..]) {
            ("-", _) => order,
            (_, "-") => order.shuffle(cell(1)),
            _ => order.shuffle_chunks(cell(1), cell(2)).unwrap(),
        };
        let order = order.shard(cell(4), cell(5), remainder).unwrap().start(cell(7)).unwrap();
        assert_eq!((order.len(), order.get(cell(9))), (cell(8), Some(cell(10))), "{row:?}");
    }
}
