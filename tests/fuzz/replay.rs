//! Runs the fuzz targets on their corpora, each input complete and cut short.

use std::fs;
use std::path::Path;

#[path = "src/lib.rs"]
mod fuzz;

#[test]
fn every_target_passes_its_corpus() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, run) in fuzz::TARGETS {
        let mut count = 0;
        for file in fs::read_dir(corpora.join(name)).unwrap() {
            let path = file.unwrap().path();
            let input = fs::read(&path).unwrap();
            println!("{}", path.display()); // shown when it fails
            for size in (0..input.len()).step_by(1 + input.len() / 32) {
                run(&input[..size]);
            }
            run(&input);
            count += 1;
        }
        assert!(count > 0, "{name}");
    }
}
