// Reads features of tf.train.Example records as columns, from the file that examples/features.py
// writes.
//
//     make && make install PREFIX=$PWD/target/usr
//     c++ examples/features.cpp -o target/features $(pkg-config --cflags --libs tfr_index)
//     target/features target/features.tfrecord
//
// For a PREFIX outside the system's directories, pkg-config needs
// PKG_CONFIG_PATH=$PWD/target/usr/lib/pkgconfig, and the program needs
// LD_LIBRARY_PATH=$PWD/target/usr/lib.
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <tfr_index.hpp>

namespace {

// The numbers of the features, in the order of `wanted`.
enum : std::size_t { label, box, words, weight };

void print_batch(const tfr::batch &batch) {
    const tfr::columns columns = batch.columns(); // borrowed from the batch, as all arrays are
    const auto labels = columns.int64_values(label);
    const auto boxes = columns.float_values(box);
    const auto offsets = columns.offsets(words);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < batch.size(); i++) {
        std::cout << "record " << batch.records()[i] << ": label " << labels[i] << ", weight "
                  << columns.float_values(weight)[i] << '\n';
        std::cout << "box " << boxes[2 * i] << ' ' << boxes[2 * i + 1] << ", "
                  << offsets[i + 1] - offsets[i] << " words:";
        for (std::size_t word = offsets[i]; word < offsets[i + 1]; word++) {
            std::cout << ' ' << columns.bytes(words, word);
        }
        std::cout << '\n';
        sum += labels[i];
    }
    std::cout << "sum of the labels: " << sum << '\n';
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " FILE\n";
        return 2;
    }
    std::cout << std::fixed << std::setprecision(1);
    try {
        const tfr::reader reader(argv[1]);
        const tfr::features wanted{
            tfr::feature("label", TFR_FEATURE_INT64),
            tfr::feature("box", TFR_FEATURE_FLOAT).shape({2}),
            tfr::feature("words", TFR_FEATURE_BYTES).ragged(),
            tfr::feature("weight", TFR_FEATURE_FLOAT).default_float({1}), // which the records lack
        };
        print_batch(reader.read_columns({2, 0}, wanted));
        static_cast<void>(reader.read_columns({0}, {tfr::feature("size", TFR_FEATURE_INT64)}));
    } catch (const tfr::error &error) {
        if (error.status() == TFR_ERR_FEATURE) {
            std::cout << "record " << *error.record() << " lacks feature " << error.feature()
                      << '\n';
            return 0;
        }
        std::cerr << error.what() << '\n';
        return 1;
    }
}
