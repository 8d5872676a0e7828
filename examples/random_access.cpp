// Prints how many records a TFRecord file has, and the sizes and first bytes of some of them.
//
//     make && make install PREFIX=$PWD/target/usr
//     c++ examples/random_access.cpp -o target/access $(pkg-config --cflags --libs tfr_index)
//     target/access tests/data/examples.tfrecord 42 7
//
// With a PREFIX that is not the system's, pkg-config finds the library by
// PKG_CONFIG_PATH=$PWD/target/usr/lib/pkgconfig, the program by
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
        std::string payload; // its memory is used again
        for (int i = 2; i < argc; i++) {
            const std::size_t record = std::stoull(argv[i]);
            reader.read(record, payload);
            std::printf("record %zu: %zu bytes ", record, payload.size());
            for (char byte : std::string_view(payload).substr(0, 8)) {
                std::printf("%02hhx", byte);
            }
            std::printf("\n");
        }
    } catch (const std::exception &error) { // a tfr::error has the record's number, too
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
