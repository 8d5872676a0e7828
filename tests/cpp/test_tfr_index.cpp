// The whole C++ binding. argv[1] is an empty directory.
#include <tfr_index.hpp>
#include <tfr_index.hpp> // twice does no harm

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#ifdef __cpp_lib_ranges
#include <span>
#endif
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "check.hpp"

namespace {

/// The error that the call throws.
template <typename Work> tfr::error error_of(Work work) {
    try {
        work();
    } catch (const tfr::error &error) {
        return error;
    }
    std::fputs("no error\n", stderr);
    std::exit(1);
}

const std::vector<std::string> payloads = {"first", "", std::string(100'000, 'x'), "last"};

void creates_many_indexes(const std::filesystem::path &path) {
    const std::string other = path.string() + ".other", none = path.string() + ".none";
    std::filesystem::copy_file(path, other);
    const std::string index_path = (path.parent_path() / "many" / "x.idx").string();
    std::vector<std::string> seen;
    const auto note = [&](const tfr::created &file) {
        seen.push_back(file.tfrecord_path);
        CHECK((file.status == TFR_OK) == (file.tfrecord_path != none));
        CHECK(file.message.empty() == file.records.has_value());
        return false;
    };
    const std::vector<std::string> files{other, none, path.string()};
    auto totals = tfr::create_indexes(files, {index_path, "", ""}, note);
    CHECK(totals.created == 2 && totals.failed == 1 && totals.records == 2 * payloads.size());
    CHECK(seen == files && std::filesystem::exists(index_path));
    totals = tfr::create_indexes({other, path.string()}, {index_path, ""}, {}, TFR_ONLY_STALE, 2);
    CHECK(totals.up_to_date == 2 && totals.created == 0);
    const auto stop = [](const tfr::created &) { return true; };
    CHECK(error_of([&] { tfr::create_indexes(files, {}, stop); }).status() == TFR_ERR_CANCELLED);
    struct unlike {};
    try {
        tfr::create_indexes(files, {}, [](const tfr::created &) -> bool { throw unlike(); });
        CHECK(false);
    } catch (const unlike &) {
    }
    CHECK(error_of([&] { tfr::create_indexes(files, {index_path}); }).status() ==
          TFR_ERR_INVALID_ARGUMENT);
}

void finds_and_updates_indexes(const std::filesystem::path &path) {
    const std::string index_path = path.string() + ".idx";
    CHECK(tfr::find_index(path) == index_path);
    CHECK(tfr::find_index("elsewhere/train.tfrecord", path.parent_path()) == index_path);
    CHECK(error_of([] { static_cast<void>(tfr::find_index("none")); }).os_error() == ENOENT);
    CHECK(!tfr::update_index(path));
    std::filesystem::remove(index_path);
    CHECK(tfr::update_index(path, index_path, TFR_ONLY_MISSING) == payloads.size());
}

void keeps_manifests(const std::filesystem::path &path) {
    const tfr::shards set = tfr::shards::from_paths({path.string()});
    const std::string file = path.parent_path().string() + "/set.manifest.json";
    tfr::manifest::build(set).write(file);
    tfr::manifest read = tfr::manifest::read(file);
    CHECK(read.size() == 1 && !read.empty() && read.total_records() == payloads.size());
    const tfr::manifest_row row = read.at(0);
    CHECK(row.path == path && row.bytes == std::filesystem::file_size(path) && row.mtime_ns);
    CHECK(row.records == payloads.size());
    const tfr::manifest copy =
        tfr::manifest::from_rows({row, {"none", "none.idx", 1, 2, {}, "v2"}});
    CHECK(copy.size() == 2 && copy.total_records() == payloads.size() + 2);
    CHECK(copy.at(0).path == path && copy.at(0).mtime_ns == row.mtime_ns);
    CHECK(copy.at(1).index_path == "none.idx" && !copy.at(1).mtime_ns);
    CHECK(error_of([&] { static_cast<void>(read.at(1)); }).status() == TFR_ERR_OUT_OF_RANGE);
    const tfr::changes none = read.refresh(set);
    CHECK(none.added.empty() && none.changed.empty() && none.gone.empty());
    CHECK(none.indexed.empty() && !none.reordered);
    const tfr::changes gone = read.refresh(tfr::shards::from_paths({}));
    CHECK(gone.gone == std::vector<std::string>{path} && read.empty());
    const std::string folder = path.parent_path();
    const auto tfds = [&] { static_cast<void>(tfr::manifest::from_tfds(folder, "train")); };
    CHECK(error_of(tfds).os_error() == ENOENT);
    read.write_tfds(folder, "train");
    CHECK(std::filesystem::exists(folder + "/train-info.json"));
}

void finds_shards(const std::filesystem::path &folder) {
    const std::filesystem::path set = folder / "set";
    std::filesystem::create_directories(set / "deep");
    const std::vector<std::string> paths = {set / "a.tfrecord", set / "deep" / "b-00000-of-00002"};
    for (const std::string &path : paths) {
        std::ofstream{path};
    }
    CHECK(tfr::shards::find({paths[0]}).path(0) == paths[0]);
    CHECK(tfr::shards::find(paths).index_path(0).empty());
    const tfr::error missing = error_of([&] { static_cast<void>(tfr::shards::find({set})); });
    CHECK(missing.path() == set / "deep" / "b-00001-of-00002" && missing.os_error() == ENOENT);

    tfr::find_options options;
    options.allow_missing = true;
    options.index_dir = "indexes";
    const tfr::shards found = tfr::shards::find({set}, options);
    CHECK(found.size() == 2 && !found.empty() && found.notes().size() == 1);
    CHECK(found.path(1) == paths[1] && found.index_path(1) == "indexes/deep/b-00000-of-00002.idx");
    options.pattern = "*.tfrecord";
    CHECK(tfr::shards::find({set.string()}, options).size() == 1);

    CHECK(error_of([&] { static_cast<void>(tfr::shards::find({paths[0], paths[0]})); }).status() ==
          TFR_ERR_INVALID_ARGUMENT);
    options.allow_repeated = true;
    CHECK(tfr::shards::find({paths[0], paths[0]}, options).size() == 2);
    CHECK(tfr::shards::from_paths({"none", "none"}).path(1) == "none");
    try {
        static_cast<void>(found.path(2));
        CHECK(false);
    } catch (const std::out_of_range &) {
    }
}

void writes_a_file(const std::filesystem::path &path) {
    tfr::writer writer = tfr::writer::create(path);
    for (const std::string &payload : payloads) {
        writer.write(payload);
    }
    writer.flush();
    CHECK(writer.num_records() == payloads.size());
    CHECK(!std::filesystem::exists(path));
    CHECK(writer.finish() == payloads.size());
    CHECK(error_of([&] { writer.write("late"); }).status() == TFR_ERR_INVALID_ARGUMENT);

    {
        tfr::writer::append(path).write("abandoned");
    }
    CHECK(tfr::index::scan(path).size() == payloads.size());

    const std::string copy_path = path.string() + ".copy";
    tfr::writer copy = tfr::writer::create(copy_path, {}, tfr::options().sync());
    copy.write_many(tfr::reader(path).read_many({2, 0}));
    CHECK(copy.finish() == 2);
    CHECK(tfr::reader(copy_path).read_many({1, 0})[0] == payloads[0]);
}

/// Thrown by a source here: the bytes that it was asked for.
struct unreadable {
    std::uint64_t offset;
};

/// A source from any callable: it owns the callable, and passes on what that throws.
void reads_through_a_callable(const std::filesystem::path &folder) {
    std::string frames;
    for (int i = 0; i < 20'000; i++) {
        frames += std::string("\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19", 21);
    }
    const std::size_t size = frames.size();
    std::atomic<std::uint64_t> bad_from = size;
    // Not copyable, and the source's own.
    auto owned = std::make_unique<std::string>(std::move(frames));
    const tfr::source source(
        size,
        [&bad_from, owned = std::move(owned)](std::uint64_t offset, void *buffer,
                                              std::size_t wanted) -> std::size_t {
            if (offset + wanted > bad_from) {
                throw unreadable{offset};
            }
            return owned->copy(static_cast<char *>(buffer), std::min<std::size_t>(wanted, 5000),
                               static_cast<std::size_t>(offset));
        });
    CHECK(source.size() == size);
    const std::filesystem::path index_path = folder / "callable.idx";
    for (const std::size_t threads : {1u, 4u}) {
        tfr::options options;
        options.threads(threads);
        const tfr::index index = tfr::index::from_source(source, options);
        CHECK(index.size() == 20'000 &&
              index.check(source, TFR_CHECK_FULL, options).uncovered_bytes == 0);
        auto kept = std::make_unique<tfr::source>(source);
        if (threads == 4) {
            kept->set_cost(std::chrono::microseconds(200), 100'000'000, 8);
            kept->set_least_skip(UINT64_MAX);
        }
        tfr::reader reader(*kept, options);
        kept.reset();
        CHECK(reader.read(19'999) == "hello");

        const auto throws = [&](auto work) {
            try {
                work();
            } catch (const unreadable &thrown) {
                CHECK(thrown.offset < size);
                return;
            }
            CHECK(false);
        };
        for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{100'000}}) {
            bad_from = from;
            throws([&] { static_cast<void>(tfr::index::from_source(source, options)); });
            throws([&] { tfr::create_index(source, index_path, options); });
            CHECK(!std::filesystem::exists(index_path));
            throws([&] { index.check(source, TFR_CHECK_FULL, options); });
            throws([&] { tfr::reader(source, options); });
            throws([&] { static_cast<void>(reader.read(19'000)); });
            throws([&] { static_cast<void>(reader.read_many({1, 19'000, 2, 18'000})); });
            std::size_t before = 0;
            throws([&] {
                for (std::string_view payload : reader) {
                    before += payload == "hello";
                }
            });
            CHECK(before == from / 21);
            bad_from = size;
            CHECK(reader.read_many({19'000, 1})[0] == "hello"); // nothing is left of it
        }
        // Many threads, each of which gets an exception or its payload.
        bad_from = 100'000;
        std::vector<std::thread> readers;
        for (std::size_t number = 0; number < 4; number++) {
            readers.emplace_back([&, number] {
                for (std::size_t i = 0; i < 500; i++) {
                    CHECK(reader.read(i + number) == "hello");
                    throws([&] { static_cast<void>(reader.read(19'000 - i)); });
                }
            });
        }
        for (std::thread &one : readers) {
            one.join();
        }
        bad_from = size;
    }
    // The callable lives as long as anything uses it, even only a C object.
    auto kept_alive = std::make_shared<int>();
    tfr_reader *native = nullptr;
    {
        const tfr::source owner(0, [kept_alive](std::uint64_t, std::byte *, std::size_t) {
            return kept_alive ? 0 : 1;
        });
        CHECK(tfr_reader_from_source(owner.get(), nullptr, nullptr, &native, nullptr) == TFR_OK);
    }
    CHECK(kept_alive.use_count() == 2);
    tfr_reader_free(native);
    CHECK(kept_alive.use_count() == 1);
    const tfr::source negative(size, [](std::uint64_t, char *, std::size_t) { return -1; });
    CHECK(error_of([&] { static_cast<void>(tfr::index::from_source(negative)); }).os_error() ==
          EINVAL);
    const tfr::source too_much(
        size, [](std::uint64_t, void *, std::size_t wanted) -> std::size_t { return wanted + 1; });
    CHECK(error_of([&] { static_cast<void>(tfr::index::from_source(too_much)); }).status() ==
          TFR_ERR_IO);
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
    CHECK(fit.uncovered_bytes == 0 && !fit.reordered && !fit.repeated && !fit.checksums_skipped &&
          !fit.partial);
    CHECK(index.select({3}).check(path).partial);
    CHECK(tfr::index::from_text(index.to_text()).to_text() == index.to_text());
    std::vector<tfr::entry> entries(index.begin(), index.end());
    std::reverse(entries.begin(), entries.end());
    const tfr::index reversed = tfr::index::from_entries(entries);
    CHECK(reversed.check(path).reordered);
    reversed.write(index_path);
    CHECK(tfr::index::read(index_path)[0].offset == index[3].offset);
    // An index that leaves out valid records is not used when found beside the data.
    index.select({1, 3}).write(index_path);
    const tfr::reader scanned(path);
    CHECK(scanned.size() == payloads.size());
    CHECK(scanned.warning().find("is not used") != std::string::npos);
    CHECK(tfr::reader(path, tfr::index::read(index_path)).size() == 2);
    CHECK(tfr::reader(path, index_path).read(1) == "last");
    CHECK(tfr::reader(path.c_str(), index_path.c_str(), tfr::options().raw_frames()).read(0) ==
          std::string("\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2", 16));
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
    const tfr::index twice = tfr::index::concat({{index, data.size()}, {index, data.size()}});
    CHECK(twice.size() == 8 && twice[4].offset == data.size());

    std::string copy = data;
    const tfr::source source(copy.size(), [&](std::uint64_t at, char *to, std::size_t size) {
        return copy.copy(to, size, static_cast<std::size_t>(at));
    });
    CHECK(tfr::index::from_source(source).to_text() == index.to_text());
    CHECK(index.check(source, TFR_CHECK_FULL).uncovered_bytes == 0);
    CHECK(tfr::create_index(source, index_path) == payloads.size());
    CHECK(tfr::reader(source).read(3) == "last");
    CHECK(tfr::reader(source, reversed).read(3) == "first");
    CHECK(tfr::reader(tfr::source::from_memory(copy)).read_many({3, 1, 2})[0] == "last");

    tfr::set_cache_bytes(1 << 20);
    CHECK(tfr::cache_bytes() == 1 << 20);
    const tfr::source gzip = tfr::source::gzip(source); // not compressed: as it is
    CHECK(tfr::index::from_source(gzip).to_text() == index.to_text() && gzip.size() == copy.size());
    CHECK(tfr::reader(gzip, reversed).read(3) == "first");
    CHECK(error_of([&] { static_cast<void>(tfr::source::gzip(source, source)); }).status() ==
          TFR_ERR_MISMATCH);

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
    CHECK(reader.size() == payloads.size() && reader.entry(1).size == 16);
    CHECK(reader.index().to_text() == tfr::index::scan(path).to_text());
    CHECK(error_of([&] { static_cast<void>(reader.entry(payloads.size())); }).status() ==
          TFR_ERR_OUT_OF_RANGE);
    CHECK(reader.warning().empty());
    std::string buffer;
    for (std::size_t i = 0; i < payloads.size(); i++) {
        CHECK(reader.read(i) == payloads[i]);
        reader.read(i, buffer);
        CHECK(buffer == payloads[i]);
    }
    const tfr::payloads some = reader.read_many({3, 0, 3, 1});
    CHECK(some.size() == 4 && some[0] == "last" && some[1] == "first" && some[3].empty());
    CHECK(std::distance(some.begin(), some.end()) == 4 && some.bytes() == "lastfirstlast");
    CHECK(reader.read_many({}).empty() && reader.read_many(std::vector<std::size_t>()).empty());
    const std::size_t two[] = {0, 3};
    CHECK(reader.read_many(two).bytes() == "firstlast" && reader.read_many({two, 1})[0] == "first");
    const std::vector<std::string> all(reader.begin(), reader.end());
    CHECK(all == payloads && reader.begin()->size() == 5);

    const tfr::index whole = tfr::index::scan(path);
    const tfr::reader last(path, tfr::index::from_entries({&whole[3], 1}));
    CHECK(last.size() == 1 && last.read(0) == "last");
    const tfr::reader frames(path, tfr::options().raw_frames().checksums(TFR_CHECKSUMS_LENGTH));
    CHECK(frames.read(0).size() == 21 && frames.read(0).substr(12, 5) == "first");

    CHECK(reader.size_of(2) == payloads[2].size());
    CHECK((reader.offsets({0, 3}) == std::vector<std::size_t>{0, 5, 9}));
    char own[9] = {};
    CHECK(reader.read(3, own, sizeof own) == 4 && std::memcmp(own, "last", 4) == 0);
    CHECK((reader.read_many({3, 0}, own, sizeof own) == std::vector<std::size_t>{0, 4, 9}));
    CHECK(std::memcmp(own, "lastfirst", 9) == 0);
    CHECK(error_of([&] { reader.read(0, own, 4); }).status() == TFR_ERR_INVALID_ARGUMENT);
    CHECK(error_of([&] { reader.read_many({3, 0}, own, 8); }).status() == TFR_ERR_INVALID_ARGUMENT);
    std::uint8_t one[5], other[4];
    reader.read_each({0, 3}, {one, other}, {5, 4});
    CHECK(std::memcmp(one, "first", 5) == 0 && std::memcmp(other, "last", 4) == 0);
    CHECK(error_of([&] { reader.read_each({0}, {other}, {4}); }).record() == 0u);
    try {
        reader.read_each({0, 3}, {one}, {5});
        CHECK(false);
    } catch (const std::invalid_argument &) {
    }

    tfr::payloads batch = reader.read_many({0});
    CHECK(error_of([&] { reader.read_many({9}, batch); }).status() == TFR_ERR_OUT_OF_RANGE);
    CHECK(batch.empty() && batch.offsets().empty() && batch.bytes().empty());

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] { CHECK(reader.read(2) == payloads[2]); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

/// Records in any order, read ahead; payloads outlive the reader.
void iterates(const std::filesystem::path &path) {
    const std::vector<int> order = {3, 0, 2, 3};
    auto reader = std::make_unique<tfr::reader>(path);
    std::vector<std::string> read;
    for (std::string_view payload : reader->iterate(order)) {
        read.emplace_back(payload);
    }
    CHECK((read == std::vector<std::string>{"last", "first", payloads[2], "last"}));
    for (std::string_view payload : reader->iterate({})) {
        CHECK(payload.empty() && false);
    }
    CHECK(error_of([&] { static_cast<void>(reader->iterate({0, 4})); }).record() == 4u);
    const auto some = reader->iterate({1, 3});
    tfr::reader::iterator at = some.begin();
    reader.reset();
    CHECK(at->empty() && *++at == "last" && ++at == some.end());
}

/// Record numbers of any integer type: no conversions, and no warnings.
void takes_numbers_of_any_type(const std::filesystem::path &path) {
    const tfr::reader reader(path);
    const tfr::index index = tfr::index::scan(path);
    const auto takes = [&](auto number) {
        CHECK(reader.read(number) == "last" && reader.size_of(number) == 4);
        CHECK(index[number].size == 20 && index.at(number).size == 20);
        CHECK(reader.entry(number).size == 20);
        const std::vector<decltype(number)> records = {number, 0};
        CHECK(reader.read_many(records).bytes() == "lastfirst");
        CHECK(reader.read_many({number, number})[number - number] == "last");
        CHECK(index.select(records).size() == 2 && index.shard(number, number + 1).size() == 1);
    };
    takes(std::int8_t{3});
    takes(std::uint8_t{3});
    takes(short{3});
    takes(3);
    takes(3u);
    takes(3L);
    takes(3LL);
    takes(3ULL);
    takes(std::size_t{3});
    const std::set<int> sorted = {3, 0};
    CHECK(reader.read_many(sorted).bytes() == "firstlast");
    CHECK(reader.read_many({std::size_t{3}, 0}).bytes() == "lastfirst");
    for (const tfr::error &error : {error_of([&] { static_cast<void>(reader.read(-1)); }),
                                    error_of([&] { static_cast<void>(reader.read_many({0, -1})); }),
                                    error_of([&] { static_cast<void>(index.at(-1)); })}) {
        CHECK(error.status() == TFR_ERR_OUT_OF_RANGE);
        CHECK(std::string(error.what()).find("record -1") == 0);
    }
    for (const tfr::error &error : {error_of([&] { static_cast<void>(index.shard(-1, 2)); }),
                                    error_of([&] { static_cast<void>(index.shard(0, -2)); }),
                                    error_of([&] { static_cast<void>(index.shard(-1, -2)); })}) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT);
    }
}

void locates(const std::filesystem::path &path) {
    const tfr::location at = tfr::locate(path, 22);
    CHECK(at.record == 1 && at.offset == 21 && at.length == 0 && at.part == TFR_PART_LENGTH);
    CHECK(at.length_crc.holds() && at.payload_crc && at.payload_crc->holds());
    CHECK(error_of([&] { static_cast<void>(tfr::locate(path, 1 << 30)); }).status() ==
          TFR_ERR_OUT_OF_RANGE);
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

    // A bad record throws when its turn comes; the others are still given.
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
    bad_amid.read_many({2}, batch);
    CHECK(kept[0] == "last" && batch.size() == 1);

    tfr::options options;
    std::vector<std::uint64_t> starts;
    options.checksums(TFR_CHECKSUMS_FULL).salvage().on_skipped([&](const tfr::skipped &region) {
        CHECK(region.status == TFR_ERR_PAYLOAD_CRC && !region.message.empty());
        CHECK(!region.incomplete_tail);
        starts.push_back(region.start);
        return false;
    });
    CHECK(tfr::index::scan(path, options).size() == 3 && starts == std::vector<std::uint64_t>{0});
    options.on_skipped(
        [](const tfr::skipped &) -> bool { throw std::string("from the callback"); });
    try {
        static_cast<void>(tfr::index::scan(path, options));
        CHECK(false);
    } catch (const std::string &thrown) {
        CHECK(thrown == "from the callback");
    }
    options.on_skipped(nullptr).progress([](auto, auto, auto) { return true; });
    CHECK(error_of([&] { tfr::create_index(path, {}, options); }).status() == TFR_ERR_CANCELLED);
}

std::size_t read_zeros(std::uint64_t, void *buffer, std::size_t size) {
    std::memset(buffer, 0, size);
    return size;
}

/// No memory is allocated for sizes that only an index claims.
void looks_before_it_takes_memory() {
    constexpr std::uint64_t terabyte = std::uint64_t{1} << 40;
    const tfr::index claims = tfr::index::from_entries({{0, terabyte}});
    const tfr::reader reader(tfr::source(terabyte, read_zeros), claims);
    for (const tfr::error &error : {error_of([&] { static_cast<void>(reader.read(0)); }),
                                    error_of([&] { static_cast<void>(reader.read_many({0})); }),
                                    error_of([&] { static_cast<void>(reader.begin()); })}) {
        CHECK(error.status() == TFR_ERR_MISMATCH && error.record() == 0u);
    }
}

/// Nor for payloads that together exceed the memory.
void refuses_more_than_there_is_memory() {
    constexpr std::uint64_t terabyte = std::uint64_t{1} << 40;
    const tfr::index claims = tfr::index::from_entries({{0, terabyte}});
    tfr::options options;
    options.checksums(TFR_CHECKSUMS_NONE);
    const tfr::reader reader(tfr::source(terabyte, read_zeros), claims, options);
    const std::vector<std::size_t> records(100, 0);
    CHECK(error_of([&] { static_cast<void>(reader.read_many(records)); }).status() ==
          TFR_ERR_OUT_OF_MEMORY);
}

void refuses_what_is_no_path(const std::filesystem::path &folder,
                             const std::filesystem::path &path) {
    const tfr::index index = tfr::index::scan(path);
    const std::string with_nul = path.string() + std::string("\0.bak", 5);
    const std::filesystem::path fresh = folder / "fresh";
    for (const std::string &bad : {with_nul, std::string()}) {
        std::vector<tfr::error> errors = {
            error_of([&] { tfr::create_index(bad, fresh); }),
            error_of([&] { tfr::create_index(tfr::source::from_memory(""), bad); }),
            error_of([&] { static_cast<void>(tfr::index::read(bad)); }),
            error_of([&] { static_cast<void>(tfr::index::scan(bad)); }),
            error_of([&] { index.write(bad); }),
            error_of([&] { static_cast<void>(index.check(bad)); }),
            error_of([&] { tfr::reader{bad}; }),
            error_of([&] { tfr::reader(bad, index); }),
            error_of([&] { tfr::reader(path, bad); }),
            error_of([&] { static_cast<void>(tfr::writer::create(bad, fresh)); }),
            error_of([&] { static_cast<void>(tfr::writer::append(bad, fresh)); }),
        };
        if (!bad.empty()) { // else it is the default
            errors.push_back(error_of([&] { tfr::create_index(path, bad); }));
            errors.push_back(error_of([&] { static_cast<void>(tfr::writer::create(fresh, bad)); }));
            errors.push_back(error_of([&] { static_cast<void>(tfr::writer::append(path, bad)); }));
        }
        const std::string said = bad.empty()
                                     ? "the path is empty"
                                     : "the path contains a NUL character: " + path.string();
        for (const tfr::error &error : errors) {
            CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT && error.what() == said);
            CHECK(error.path().empty() && !error.record() && error.os_error() == 0);
        }
    }
    CHECK(!std::filesystem::exists(fresh));
}

template <typename... Handles>
constexpr bool are_moved_only =
    ((!std::is_copy_constructible_v<Handles> && std::is_nothrow_move_constructible_v<Handles> &&
      !std::is_copy_assignable_v<Handles> && std::is_nothrow_move_assignable_v<Handles>) &&
     ...);
static_assert(are_moved_only<tfr::index, tfr::reader, tfr::payloads, tfr::writer, tfr::indexer,
                             tfr::options>);
static_assert(std::is_nothrow_copy_constructible_v<tfr::error>);

#ifdef __cpp_lib_ranges
static_assert(std::ranges::contiguous_range<const tfr::index>);
static_assert(std::ranges::random_access_range<tfr::index> && std::ranges::sized_range<tfr::index>);
static_assert(!std::ranges::borrowed_range<tfr::index>, "its entries go with it");
static_assert(std::ranges::contiguous_range<const tfr::payloads>);
static_assert(std::ranges::sized_range<tfr::payloads>);
static_assert(std::ranges::input_range<const tfr::reader>);
static_assert(std::ranges::borrowed_range<tfr::array_view<tfr::entry>>);
static_assert(std::ranges::view<tfr::array_view<tfr::entry>>);
static_assert(std::ranges::contiguous_range<tfr::array_view<tfr::entry>>);

void gives_ranges(const std::filesystem::path &path) {
    const tfr::index index = tfr::index::scan(path);
    const std::span<const tfr::entry> entries = index;
    CHECK(std::ranges::find(entries, 16u, &tfr::entry::size) - entries.begin() == 1);
    CHECK(std::ranges::max(index | std::views::transform(tfr::payload_size)) == 100'000);

    const tfr::reader reader(path);
    auto sizes = index | std::views::drop(2) | std::views::transform(tfr::payload_size);
    CHECK(sizes[1] == 4);
    CHECK(std::ranges::count_if(reader, &std::string_view::empty) == 1);

    const std::vector<std::size_t> records = {3, 0};
    const tfr::payloads some = reader.read_many(std::span(records));
    const std::span<const std::string_view> views = some;
    CHECK(views.back() == "first" && std::as_bytes(std::span(views.back())).size() == 5);
    CHECK(std::ranges::equal(some | std::views::reverse, std::vector{"first", "last"}));
}
#endif

} // namespace

int main(int, char **arguments) {
    const std::filesystem::path folder = arguments[1];
    const std::filesystem::path path = folder / "train.tfrecord";
    writes_a_file(path);
    finds_and_updates_indexes(path);
    creates_many_indexes(path);
    finds_shards(folder);
    keeps_manifests(path);
    indexes_it(path);
    reads_through_a_callable(folder);
    reads_records(path);
    iterates(path);
    takes_numbers_of_any_type(path);
    locates(path);
    looks_before_it_takes_memory();
    refuses_more_than_there_is_memory();
    refuses_what_is_no_path(folder, path);
#ifdef __cpp_lib_ranges
    gives_ranges(path);
#endif
    tells_what_is_wrong(folder, path);
    return 0;
}
