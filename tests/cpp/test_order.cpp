// Permutations and orders are those of the tables of tests/data/make_orders.py.
// argv[2] is permutations.tsv, argv[3] is orders.tsv.
#include <tfr_index.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "check.hpp"

namespace {

template <typename Work> tfr_status status_of(Work work) {
    try {
        work();
    } catch (const tfr::error &error) {
        return error.status();
    }
    return TFR_OK;
}

std::ifstream table(const char *path) {
    std::ifstream file(path);
    std::string header;
    CHECK(std::getline(file, header) && header[0] == '#');
    return file;
}

void permutations(const char *path) {
    std::ifstream file = table(path);
    std::uint64_t size = 0, seed = 0, position = 0, number = 0;
    int rows = 0;
    for (; file >> size >> seed >> position >> number; rows++) {
        const tfr::permutation permutation(size, seed);
        CHECK(permutation.size() == size && permutation.at(position) == number);
        CHECK(permutation.position(number) == position);
    }
    CHECK(rows > 700);
}

void orders(const char *path) {
    std::ifstream file = table(path);
    std::uint64_t num_records = 0, epoch = 0, rank = 0, world_size = 0, start = 0;
    std::uint64_t size = 0, i = 0, record = 0;
    std::string seed, chunk, remainder;
    int rows = 0;
    for (; file >> num_records >> seed >> chunk >> epoch >> rank >> world_size >> remainder >>
           start >> size >> i >> record;
         rows++) {
        tfr::order order(num_records);
        if (chunk != "-") {
            order.shuffle_chunks(std::stoull(seed), std::stoull(chunk));
        } else if (seed != "-") {
            order.shuffle(std::stoull(seed));
        }
        order.epoch(epoch)
            .shard(rank, world_size,
                   remainder == "keep"   ? TFR_REMAINDER_KEEP
                   : remainder == "drop" ? TFR_REMAINDER_DROP
                                         : TFR_REMAINDER_PAD)
            .start(start);
        CHECK(order.size() == size && order.at(i) == record);
    }
    CHECK(rows > 700);
}

void ranges() {
    const tfr::permutation permutation(1000, 7);
    const std::vector<std::uint64_t> all(permutation.begin(), permutation.end());
    CHECK(all.size() == 1000);
    for (std::size_t i = 0; i < all.size(); i++) {
        CHECK(all[i] == permutation.at(i));
    }
    std::uint64_t numbers[10] = {};
    CHECK(permutation.fill(997, numbers, 10) == 3 && numbers[2] == all[999] && numbers[3] == 0);
    CHECK(tfr::permutation(0, 1).empty() && !permutation.empty());
    const tfr::permutation none(0, 1);
    CHECK(none.begin() == none.end());
    CHECK(status_of([&] { static_cast<void>(permutation.at(-1)); }) == TFR_ERR_OUT_OF_RANGE);
    CHECK(status_of([&] { static_cast<void>(permutation.position(1000)); }) ==
          TFR_ERR_OUT_OF_RANGE);

    tfr::order order(1000);
    order.shuffle(7).shard(1, 4);
    std::vector<std::uint64_t> seen;
    for (const std::uint64_t record : order.epoch(0)) {
        seen.push_back(record);
    }
    CHECK(std::equal(seen.begin(), seen.end(), all.begin() + 250, all.begin() + 500));
    CHECK(order.start(100).size() == 150 && order.at(0) == all[350] && *order.begin() == all[350]);
    CHECK(order.fill(149, numbers, 10) == 1 && numbers[0] == all[499]);
    CHECK(order.start(250).empty());
    CHECK(status_of([&] { order.start(251); }) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { order.shuffle_chunks(7, 0); }) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(status_of([&] { order.start(-1); }) == TFR_ERR_INVALID_ARGUMENT);
    for (const int rank : {-1, 4}) {
        CHECK(status_of([&] { order.shard(rank, 4); }) == TFR_ERR_INVALID_ARGUMENT);
    }
    CHECK(status_of([&] { order.shard(0, -4); }) == TFR_ERR_INVALID_ARGUMENT);
    const tfr::order moved = std::move(order);
    CHECK(moved.empty());
}

} // namespace

int main(int count, char **arguments) {
    CHECK(count == 4);
    permutations(arguments[2]);
    orders(arguments[3]);
    ranges();
}
