// The C++ face, all of it, on a folder of its own: argv[1].
#include <tfr_index.hpp>
#include <tfr_index.hpp> // twice does no harm

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
            std::exit(1);                                                                          \
        }                                                                                          \
    } while (0)

namespace {

/// The error that the work ends with.
template <typename Work> tfr::error error_of(Work work) {
    try {
        work();
    } catch (const tfr::error &error) {
        return error;
    }
    CHECK(!"an error");
    std::abort();
}

const std::vector<std::string> payloads = {"first", "", std::string(100'000, 'x'), "last"};

void writes_a_file(const std::filesystem::path &path) {
    tfr::writer writer = tfr::writer::create(path);
    for (const std::string &payload : payloads) {
        writer.write(payload);
    }
    writer.flush();
    CHECK(writer.count() == payloads.size());
    CHECK(!std::filesystem::exists(path));
    CHECK(writer.finish() == payloads.size());
    CHECK(error_of([&] { writer.write("late"); }).status() == TFR_ERR_INVALID_ARGUMENT);

    {
        tfr::writer::append(path).write("abandoned");
    }
    CHECK(tfr::index::scan(path).size() == payloads.size());
}

void indexes_it(const std::filesystem::path &path) {
    const std::string index_path = path.string() + ".idx";
    const tfr::index written = tfr::index::read(index_path);
    std::filesystem::remove(index_path);
    CHECK(tfr::create_index(path) == payloads.size());
    const tfr::index index = tfr::index::read(index_path);
    CHECK(std::equal(index.begin(), index.end(), written.begin(), written.end(),
                     [](const tfr::entry &a, const tfr::entry &b) {
                         return a.offset == b.offset && a.size == b.size;
                     }));
    CHECK(index[1].offset == 21 && index[1].size == 16 && index.at(1).size == 16);
    CHECK(tfr::payload_offset(index[1]) == 33 && tfr::payload_size(index[1]) == 0);
    CHECK(error_of([&] { static_cast<void>(index.at(4)); }).record() == 4u);

    const tfr::fit fit = index.check(path, TFR_CHECK_FULL);
    CHECK(fit.skipped == 0 && !fit.reordered && !fit.repeated && !fit.unchecked);
    CHECK(tfr::index::from_text(index.to_text()).to_text() == index.to_text());
    std::vector<tfr::entry> entries(index.begin(), index.end());
    std::reverse(entries.begin(), entries.end());
    const tfr::index reversed = tfr::index::from_entries(entries);
    CHECK(reversed.check(path).reordered);
    reversed.write(index_path);
    CHECK(tfr::index::read(index_path)[0].offset == index[3].offset);
    index.write(index_path);

    std::ifstream file(path, std::ios::binary);
    const std::string data(std::istreambuf_iterator<char>(file), {});
    CHECK(tfr::index::from_bytes(data).to_text() == index.to_text());
    CHECK(tfr::index::from_bytes("").empty() && tfr::index::from_text("").empty());
    CHECK(tfr::index::from_bytes("").begin() == tfr::index::from_bytes("").end());

    const tfr::index parts[] = {index.shard(0, 2), index.shard(1, 2, TFR_SHARD_BY_RECORDS)};
    CHECK(parts[0].to_text() + parts[1].to_text() == index.to_text());
    CHECK(index.select({2, 0})[1].size == 21 && index.filter_size(0, 5).size() == 3);
    CHECK(index.shuffle(7).to_text() == index.shuffle(7).to_text());
    CHECK(index.sample(3, 7).size() == 3);
    const tfr::index twice = index.concat(data.size(), index, data.size());
    CHECK(twice.size() == 8 && twice[4].offset == data.size());

    const auto read_at = [](void *context, std::uint64_t offset, std::uint8_t *buffer,
                            std::size_t size) -> std::int64_t {
        const auto *bytes = static_cast<const std::string *>(context);
        return static_cast<std::int64_t>(
            bytes->copy(reinterpret_cast<char *>(buffer), size, static_cast<std::size_t>(offset)));
    };
    std::string copy = data;
    const tfr_source source = {&copy, copy.size(), read_at};
    CHECK(tfr::index::scan(source).to_text() == index.to_text());
    CHECK(index.check(source, TFR_CHECK_FULL).skipped == 0);
    CHECK(tfr::create_index(source, index_path) == payloads.size());
    CHECK(tfr::reader(source).read(3) == "last");

    tfr::indexer indexer;
    std::vector<tfr::entry> pushed;
    for (std::size_t at = 0; at < data.size(); at += 1000) {
        indexer.push(std::string_view(data).substr(at, 1000),
                     [&](const tfr::entry &entry) { pushed.push_back(entry); });
    }
    indexer.finish();
    CHECK(tfr::index::from_entries(pushed).to_text() == index.to_text());
}

void reads_records(const std::filesystem::path &path) {
    const tfr::reader reader(path);
    CHECK(reader.size() == payloads.size() && reader.entries()[1].size == 16);
    std::string buffer;
    for (std::size_t i = 0; i < payloads.size(); i++) {
        CHECK(reader.read(i) == payloads[i]);
        reader.read(i, buffer);
        CHECK(buffer == payloads[i]);
    }
    const tfr::payloads some = reader.read_many({3, 0, 3, 1});
    CHECK(some.size() == 4 && some[0] == "last" && some[1] == "first" && some[3].empty());
    CHECK(std::distance(some.begin(), some.end()) == 4 && some.bytes() == "lastfirstlast");
    CHECK(reader.read_many(std::vector<std::size_t>()).empty());
    const std::vector<std::string> all(reader.begin(), reader.end());
    CHECK(all == payloads);
#ifdef TFR_HAS_SPAN
    const std::size_t two[] = {0, 3};
    CHECK(reader.read_many(std::span<const std::size_t>(two)).bytes() == "firstlast");
#endif

    const tfr::index whole = tfr::index::scan(path);
    const tfr::reader last(path, tfr::index::from_entries(&whole[3], 1));
    CHECK(last.size() == 1 && last.read(0) == "last");
    const tfr::reader frames(path, tfr::options().raw_frames().checksums(TFR_CHECKSUMS_LENGTH));
    CHECK(frames.read(0).size() == 21 && frames.read(0).substr(12, 5) == "first");

    tfr::payloads batch = reader.read_many({0});
    const std::size_t missing = 9;
    CHECK(error_of([&] { reader.read_many(&missing, 1, batch); }).status() == TFR_ERR_OUT_OF_RANGE);
    CHECK(batch.empty());

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] { CHECK(reader.read(2) == payloads[2]); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

void tells_what_is_wrong(const std::filesystem::path &folder, const std::filesystem::path &path) {
    const std::string none = folder / "none";
    const tfr::error missing = error_of([&] { tfr::create_index(none); });
    CHECK(missing.status() == TFR_ERR_IO && missing.os_error() == ENOENT && missing.path() == none);
    CHECK(!missing.record() && !missing.offset() && missing.format().empty());

    const tfr::error text =
        error_of([] { static_cast<void>(tfr::index::from_bytes("<html> </html>")); });
    const tfr::error copy = text;
    CHECK(copy.format() == "HTML" && copy.record() == 0u && copy.offset() == 0u);
    CHECK(std::string(copy.what()).find("HTML") != std::string::npos);

    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(13);
    file.put('!'); // in the first payload
    file.close();
    const tfr::reader reader(path);
    const tfr::error damaged = error_of([&] { static_cast<void>(reader.read(0)); });
    CHECK(damaged.status() == TFR_ERR_PAYLOAD_CRC && damaged.record() == 0u);
    CHECK(damaged.stored_crc() && damaged.computed_crc() != damaged.stored_crc());
    CHECK(reader.read(3) == "last");

    // A bad record throws at its turn, and hides no other.
    std::vector<std::string> good;
    const std::vector<std::size_t> order = {3, 0, 1};
    const tfr::reader bad_amid(path, tfr::index::scan(path).select(order));
    tfr::reader::iterator at = bad_amid.begin();
    CHECK(*at == "last");
    CHECK(error_of([&] { ++at; }).record() == 1u);
    ++at;
    CHECK((*at).empty() && ++at == bad_amid.end());
    std::string stale = "stale";
    CHECK(error_of([&] { bad_amid.read(1, stale); }).status() == TFR_ERR_PAYLOAD_CRC);
    CHECK(stale.empty());
    tfr::payloads batch = bad_amid.read_many({0});
    const tfr::payloads kept = std::move(batch);
    const std::size_t last = 2;
    bad_amid.read_many(&last, 1, batch);
    CHECK(kept[0] == "last" && batch.size() == 1);

    tfr::options options;
    std::vector<std::uint64_t> starts;
    options.checksums(TFR_CHECKSUMS_FULL).salvage([&](const tfr::damage &damage) {
        CHECK(damage.status == TFR_ERR_PAYLOAD_CRC && !damage.message.empty());
        starts.push_back(damage.start);
        return false;
    });
    CHECK(tfr::index::scan(path, options).size() == 3 && starts == std::vector<std::uint64_t>{0});
    options.salvage([](const tfr::damage &) -> bool { throw std::string("from the callback"); });
    try {
        static_cast<void>(tfr::index::scan(path, options));
        CHECK(!"thrown");
    } catch (const std::string &thrown) {
        CHECK(thrown == "from the callback");
    }
    options.salvage(nullptr).progress([](auto, auto, auto) { return true; });
    CHECK(error_of([&] { tfr::create_index(path, {}, options); }).status() == TFR_ERR_CANCELLED);
}

static_assert(!std::is_copy_constructible_v<tfr::reader> &&
              std::is_nothrow_move_assignable_v<tfr::reader>);
static_assert(!std::is_copy_constructible_v<tfr::index> &&
              std::is_nothrow_move_constructible_v<tfr::index>);
static_assert(std::is_nothrow_copy_constructible_v<tfr::error>);
#ifdef TFR_HAS_SPAN
static_assert(std::ranges::contiguous_range<tfr::index>);
static_assert(std::ranges::input_range<const tfr::reader>);
static_assert(std::ranges::input_range<const tfr::payloads>);
#endif

} // namespace

int main(int, char **arguments) {
    const std::filesystem::path folder = arguments[1];
    const std::filesystem::path path = folder / "train.tfrecord";
    writes_a_file(path);
    indexes_it(path);
    reads_records(path);
    tells_what_is_wrong(folder, path);
}
