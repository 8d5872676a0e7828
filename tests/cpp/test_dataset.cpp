// Data sets in C++: what they read, in which order, and their exceptions.
// argv[1] is an empty directory.
#include <tfr_index.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "check.hpp"

namespace {

constexpr std::uint64_t RECORDS = 3;

std::string payload(std::uint64_t record) { return std::string(record % 4, 'a') + "!"; }

std::vector<std::string> write_shards(const std::filesystem::path &directory) {
    std::vector<std::string> paths;
    for (std::uint64_t shard = 0; shard < 4; shard++) {
        paths.push_back(directory / (std::to_string(shard) + ".tfrecord"));
        tfr::writer writer = tfr::writer::create(paths.back());
        for (std::uint64_t record = 0; record < RECORDS; record++) {
            writer.write(payload(shard * RECORDS + record));
        }
        writer.finish();
    }
    return paths;
}

void reads(const tfr::dataset &dataset, const std::vector<std::string> &paths) {
    CHECK(dataset.size() == 12 && !dataset.empty() && dataset.num_shards() == 4);
    CHECK(dataset.path(3) == paths[3] && dataset.path(4).empty());
    CHECK(dataset.locate(7).shard == 2 && dataset.locate(7).record == 1);
    CHECK(dataset.records_of(2) == std::make_pair(std::uint64_t{6}, RECORDS));
    CHECK(dataset.index_of(1).size() == RECORDS && dataset.warnings().empty());
    CHECK(dataset.read(7) == payload(7));
    CHECK(dataset.sizes({7, 4}) == std::vector<std::size_t>({4, 1}) && dataset.sizes({}).empty());
    const std::vector<tfr::entry> entries = dataset.entries({7, 6, 3});
    CHECK(entries.size() == 3 && entries[0].offset == entries[1].size && entries[2].offset == 0);
    CHECK(dataset.entries({}).empty());
    std::string buffer(8, ' ');
    const std::vector<std::size_t> ends = dataset.read_many({7, 11}, buffer.data(), buffer.size());
    CHECK(buffer == payload(7) + payload(11) && ends == dataset.offsets({7, 11}));
    std::string one(4, ' '), other(4, ' ');
    dataset.read_each({11, 7},
                      {reinterpret_cast<std::uint8_t *>(one.data()),
                       reinterpret_cast<std::uint8_t *>(other.data())},
                      {4, 4});
    CHECK(one == payload(11) && other == payload(7));
    const tfr::batch batch = dataset.read_batch({2, 0});
    CHECK(batch.size() == 2 && batch[0] == payload(2) && batch[1] == payload(0));
    CHECK(batch.bytes() == payload(2) + payload(0) && batch.offsets()[1] == 3);
    CHECK(batch.records()[0] == 2 && batch.end() - batch.begin() == 2);
    CHECK(dataset.read_batch({}).empty() && dataset.read_batch({}).bytes().empty());
    try {
        static_cast<void>(dataset.read(12));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_OUT_OF_RANGE && error.record() == 12);
    }
    dataset.close_files();
}

void batches(const tfr::dataset &dataset) {
    tfr::order order(12);
    order.shuffle(7);
    std::vector<std::uint64_t> records;
    tfr::batches all = dataset.batches(5, order);
    for (const tfr::batch &batch : all) {
        CHECK(batch.size() == std::min<std::size_t>(5, 12 - records.size()));
        for (std::size_t i = 0; i < batch.size(); i++) {
            CHECK(batch.records()[i] == order.at(records.size()));
            CHECK(batch[i] == payload(batch.records()[i]));
            records.push_back(batch.records()[i]);
        }
        CHECK(all.state() == records.size());
    }
    CHECK(records.size() == 12 && !all.next() && all.wait(0));

    tfr::batches resumed = dataset.batches(5, order.start(5), 3, true);
    while (!resumed.wait(10)) {
    }
    const std::optional<tfr::batch> second = resumed.next();
    CHECK(second && second->records()[0] == records[5] && resumed.state() == 10);
    CHECK(!resumed.next()); // the last one has two records
    order.shuffle_chunks(7, 2);
    tfr::batches chunks = dataset.batches(12, order);
    const std::optional<tfr::batch> whole = chunks.next();
    CHECK(whole && whole->size() == 12);
    for (std::size_t i = 0; i < 12; i++) {
        CHECK(whole->records()[i] == order.at(i) && (*whole)[i] == payload(order.at(i)));
    }
    CHECK(dataset.chunk_records() > 12);
    tfr::batches backwards = dataset.batches_of(11, -2, 4, tfr::order(6), 5);
    std::uint64_t record = 11;
    for (const tfr::batch &batch : backwards) {
        CHECK(batch.size() == 1 || batch.bytes().size() <= 5);
        for (const std::string_view view : batch) {
            CHECK(view == payload(record));
            record -= 2;
        }
    }
    CHECK(backwards.state() == 6);
    try {
        const tfr::batches other(dataset, tfr::order(11), 5);
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT);
    }
}

void indexes(const std::vector<std::string> &paths) {
    std::vector<tfr::index> halves;
    halves.push_back(tfr::index::scan(paths[0]).select({2}));
    halves.push_back(tfr::index::scan(paths[0]).select({1, 0}));
    const tfr::dataset twins({paths[0], paths[0]}, halves);
    CHECK(twins.size() == 3 && twins.read(0) == payload(2) && twins.read(2) == payload(0));
    const tfr::dataset named({paths[1], paths[2]}, {paths[1] + ".idx", ""});
    CHECK(named.size() == 6 && named.read(5) == payload(8));
    try {
        const tfr::dataset wrong({paths[1]}, std::vector<std::string>());
        CHECK(false);
    } catch (const std::invalid_argument &) {
    }
    try {
        const tfr::dataset twice({paths[0], paths[0]});
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT && error.path() == paths[0]);
    }
}

void searches(const std::vector<std::string> &paths) {
    const std::string directory = std::filesystem::path(paths[0]).parent_path();
    const tfr::shards set = tfr::shards::find({directory + "/[13].tfrecord"});
    const tfr::dataset dataset(set);
    CHECK(dataset.num_shards() == 2 && dataset.read(5) == payload(11));

    std::filesystem::create_directory(directory + "/chosen");
    tfr::index::scan(paths[1]).select({2, 0}).write(directory + "/chosen/1.tfrecord.idx");
    tfr::find_options options;
    options.index_dir = directory + "/chosen";
    const tfr::dataset chosen(tfr::shards::find({paths[1]}, options));
    CHECK(chosen.size() == 2 && chosen.read(0) == payload(5) && chosen.read(1) == payload(3));

    const tfr::manifest manifest = tfr::manifest::build(set);
    CHECK(manifest.shards().size() == 2 && manifest.shards().path(1) == paths[3]);
    manifest.write(directory + "/set.manifest.json");
    std::filesystem::rename(paths[3], paths[3] + ".away"); // counting opens no file
    const tfr::dataset counted[] = {
        tfr::dataset::from_manifest(manifest),
        tfr::dataset(tfr::shards::find({directory + "/set.manifest.json"}))};
    std::filesystem::rename(paths[3] + ".away", paths[3]);
    for (const tfr::dataset &one : counted) {
        CHECK(one.size() == 6 && one.path(1) == paths[3]);
        CHECK(one.read(0) == payload(3) && one.read(5) == payload(11));
    }
    tfr::options salvage;
    try {
        const tfr::dataset bad =
            tfr::dataset::from_manifest(manifest, salvage.salvage().checksums(TFR_CHECKSUMS_NONE));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT);
    }
}

void reshards(const std::vector<std::string> &paths) {
    const std::string directory = std::filesystem::path(paths[0]).parent_path() / "copy";
    const tfr::shards set = tfr::shards::from_paths(paths);
    std::vector<tfr::index> indexes;
    for (const std::string &path : paths) {
        indexes.push_back(tfr::index::scan(path));
    }
    CHECK(tfr::dataset(set, indexes).size() == 12);
    indexes.pop_back();
    try {
        static_cast<void>(tfr::dataset(set, indexes));
        CHECK(false);
    } catch (const std::invalid_argument &) {
    }
    tfr::reshard_options how;
    how.shards = 3;
    how.shuffle = 7;
    how.name = "mix";
    tfr::options cancelled;
    cancelled.progress([](std::uint64_t, std::uint64_t, std::uint64_t) -> bool { throw 5; });
    try {
        static_cast<void>(tfr::reshard(set, directory, how, cancelled));
        CHECK(false);
    } catch (int thrown) {
        CHECK(thrown == 5 && !std::filesystem::exists(directory));
    }
    std::ofstream(paths[3] + ".idx") << "0 17\n"; // leaves out two records
    const std::vector<std::string> warnings = tfr::reshard(set, directory, how);
    CHECK(warnings.size() == 1 && warnings[0].find(paths[3] + ".idx: ") == 0);
    const tfr::manifest manifest = tfr::manifest::read(directory + "/mix.manifest.json");
    const tfr::dataset copy = tfr::dataset::from_manifest(manifest);
    CHECK(copy.size() == 12 && copy.num_shards() == 3);
    const tfr::permutation permutation(12, 7);
    for (std::uint64_t record = 0; record < 12; record++) {
        CHECK(copy.read(record) == payload(permutation.at(record)));
    }
    how = {};
    how.shard_bytes = 1000;
    const std::string other = directory + "2";
    static_cast<void>(tfr::reshard(set, other, how));
    CHECK(tfr::dataset({other + "/train-00000-of-00001.tfrecord"}).read(4) == payload(4));
    try {
        static_cast<void>(tfr::reshard(set, directory + "3", tfr::reshard_options()));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT);
    }
}

void skips(const std::vector<std::string> &paths) {
    tfr::options options;
    options.on_error(TFR_ON_ERROR_SKIP).max_open_files(1).index_memory(1);
    const tfr::dataset dataset(paths, options);
    dataset.close_files();
    std::filesystem::remove(paths[1]);
    const tfr::batch batch = dataset.read_batch({5, 0, 4, 3});
    CHECK(batch.size() == 1 && batch.skipped().size() == 1);
    CHECK(batch.skipped()[0].path() == paths[1]);
    CHECK(dataset.num_skipped() == 3 && dataset.skipped().size() == 1);
    CHECK(dataset.skipped()[0].path() == paths[1] && dataset.skipped()[0].os_error() == ENOENT);
    const tfr::dataset rest({paths[1], paths[2]}, options);
    CHECK(rest.warnings().size() == 1 && rest.num_warnings() == 1);
}

void reports(const std::vector<std::string> &paths) {
    const std::string page = paths[0] + ".html";
    const auto set = tfr::shards::from_paths(paths);
    tfr::report_options how;
    how.sample = 2;
    how.values = false;
    const tfr::report report(set, how);
    CHECK(report.to_json().find("\"sample\":2,\"seed\":0") != std::string::npos);
    report.write(page);
    report.write(page);
    CHECK(report.to_html().rfind("<!doctype html>", 0) == 0);
    try {
        report.write(paths[0]);
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT && error.path() == paths[0]);
    }
    std::filesystem::remove(page);
}

/// The shards are in memory, and one of them may be gone.
void opens(const std::vector<std::string> &paths) {
    std::vector<std::string> contents;
    for (const std::string &path : paths) {
        std::ifstream file(path, std::ios::binary);
        contents.emplace_back(std::istreambuf_iterator<char>(file),
                              std::istreambuf_iterator<char>());
    }
    const std::string text = tfr::index::from_bytes(contents[1]).to_text();
    const auto is_alive = std::make_shared<std::size_t>(99); // the shard that is gone
    const auto open = [&contents, &text, is_alive](std::size_t shard) -> tfr::opened_shard {
        if (shard == *is_alive) {
            throw std::system_error(ENOENT, std::generic_category(), "the bucket is gone");
        }
        tfr::opened_shard opened{tfr::source::from_memory(contents[shard])};
        if (shard == 1) {
            opened.index_file = tfr::source::from_memory(text);
        }
        return opened;
    };
    {
        const tfr::dataset dataset = tfr::dataset::from_opener(paths, open);
        reads(dataset, paths);
        batches(dataset);
        CHECK(is_alive.use_count() == 3);
    }
    CHECK(is_alive.use_count() == 2);
    const std::string twice = tfr::index::from_bytes(contents[0]).select({1, 1}).to_text();
    const tfr::dataset selected =
        tfr::dataset::from_opener({paths[0]}, [&contents, &twice](std::size_t shard) {
            tfr::opened_shard opened{tfr::source::from_memory(contents[shard])};
            opened.given_index = tfr::source::from_memory(twice);
            return opened;
        });
    CHECK(selected.size() == 2 && selected.read(0) == payload(1) && selected.read(1) == payload(1));
    *is_alive = 2;
    const tfr::dataset lazy =
        tfr::dataset::from_opener(paths, open, std::vector<std::uint64_t>(4, RECORDS));
    CHECK(lazy.read(5) == payload(5));
    try {
        static_cast<void>(lazy.read(6));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.os_error() == ENOENT && error.path() == paths[2]);
        CHECK(std::string(error.what()).find("the bucket is gone") != std::string::npos);
    }
    try {
        static_cast<void>(tfr::dataset::from_opener(paths, open));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.os_error() == ENOENT);
    }
    CHECK(is_alive.use_count() == 3);
}

} // namespace

int main(int, char **arguments) {
    const std::vector<std::string> paths = write_shards(arguments[1]);
    tfr::options none, few;
    few.max_open_files(1);
    for (const tfr::options *options : {&few, &none}) {
        const tfr::dataset dataset(paths, *options);
        reads(dataset, paths);
        batches(dataset);
    }
    indexes(paths);
    opens(paths);
    searches(paths);
    reshards(paths);
    reports(paths);
    skips(paths);
    return 0;
}
