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
        let remainder = match &row[5][..] {
            "keep" => Remainder::Keep,
            "drop" => Remainder::Drop,
            _ => Remainder::Pad,
        };
        let mut order = Order::new(cell(0)).epoch(cell(2));
        if row[1] != "-" {
            order = order.shuffle(cell(1));
        }
        let order = order.shard(cell(3), cell(4), remainder).unwrap().start(cell(6)).unwrap();
        assert_eq!((order.len(), order.get(cell(8))), (cell(7), Some(cell(9))), "{row:?}");
    }
}
