// Prints the number of records in a TFRecord file, and the sizes and first bytes of some records.
//
//     make && make install PREFIX=$PWD/target/usr
//     c++ examples/random_access.cpp -o target/access $(pkg-config --cflags --libs tfr_index)
//     target/access tests/data/examples.tfrecord 42 7
//
// For a PREFIX outside the system's directories, pkg-config needs
// PKG_CONFIG_PATH=$PWD/target/usr/lib/pkgconfig, and the program needs
// LD_LIBRARY_PATH=$PWD/target/usr/lib.
#include <cstdio>
#include <string>
#include <tfr_index.hpp>

int main(int argc, char **argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s FILE [RECORD...]\n", argv[0]);
        return 2;
    }
    try {
        const tfr::reader reader(argv[1]);
        std::printf("%zu records\n", reader.size());
        std::string payload; // read() reuses its memory
        for (int i = 2; i < argc; i++) {
            const std::size_t record = std::stoull(argv[i]);
            reader.read(record, payload);
            std::printf("record %zu: %zu bytes ", record, payload.size());
            for (char byte : std::string_view(payload).substr(0, 8)) {
                std::printf("%02hhx", byte);
            }
            std::printf("\n");
        }
    } catch (const std::exception &error) { // a tfr::error also has the record number
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
