// dataset.h: the records of many TFRecord files as one sequence. Files are opened when they are
// needed. This file does not depend on DALI.

#ifndef TFR_DALI_DATASET_H
#define TFR_DALI_DATASET_H

#include <tfr_index.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tfr_dali {

/// The parameters of a Dataset.
struct Files {
    std::vector<std::string> paths;
    /// One index for each file, used as it is. If empty, the index next to each file, if it
    /// accounts for all valid records, otherwise a scan.
    std::vector<std::string> index_paths;
    tfr_checksums checksums = TFR_CHECKSUMS_AUTO;
    /// Whether to scan the files and skip damage. Then index_paths must be empty.
    bool salvage = false;
    /// The maximum number of open files. Threads that need more wait for each other.
    std::size_t max_open = 256;
};

/// Records of one file, and the buffers for their payloads.
struct Batch {
    std::size_t file;
    std::vector<std::size_t> records;
    std::vector<std::uint8_t *> buffers;
    std::vector<std::size_t> capacities;
};

/// Many threads may use a Dataset at the same time.
class Dataset {
  public:
    /// The file of a record, and the record's number in the index of that file.
    struct Place {
        std::size_t file;
        std::size_t record;
    };

    /// Opens every file once, to get its index.
    explicit Dataset(Files files);

    [[nodiscard]] std::uint64_t size() const noexcept { return starts_.back(); }
    [[nodiscard]] Place find(std::uint64_t record) const;
    [[nodiscard]] const tfr::entry &entry(Place place) const {
        return indexes_[place.file][place.record];
    }
    [[nodiscard]] const std::string &path(Place place) const { return files_.paths[place.file]; }
    /// One line for each region that salvage skipped and each index that was not used.
    [[nodiscard]] const std::vector<std::string> &warnings() const noexcept { return warnings_; }

    /// Reads each payload to the start of its buffer.
    void read(const Batch &batch);

  private:
    tfr::options options() const;
    tfr::index index(std::size_t file, std::vector<std::string> &warnings) const;
    const tfr::reader &acquire(std::size_t file);
    void release(std::size_t file);
    template <typename Open> auto open(Open open_file) -> decltype(open_file());
    bool close_one();

    const Files files_;
    std::vector<tfr::index> indexes_;
    std::vector<std::uint64_t> starts_; // each file's first record; at the end, the total
    std::vector<std::string> warnings_;
    std::mutex mutex_; // guards the members below
    std::condition_variable changed_;
    std::vector<std::unique_ptr<const tfr::reader>> readers_; // null: the file is closed
    std::vector<std::size_t> users_;                          // how many threads use each file
    std::vector<bool> opening_;
    std::list<std::size_t> idle_; // open files that no thread uses, the most recently used last
    std::vector<std::list<std::size_t>::iterator> idle_at_; // each file's place in idle_
    std::size_t open_ = 0;                                  // files that are open or being opened
    bool is_alone_ = false; // whether a thread waits to open a file with no other file open
};

} // namespace tfr_dali

#endif // TFR_DALI_DATASET_H
