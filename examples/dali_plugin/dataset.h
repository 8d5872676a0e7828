// dataset.h: the records of many TFRecord files as one sequence, the files opened as they are
// needed. It knows nothing of DALI.

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

/// What a Dataset is made of.
struct Files {
    std::vector<std::string> paths;
    /// An index for each, used as it is. None: the index that is found beside the file, if it
    /// accounts for all valid records, else a scan.
    std::vector<std::string> index_paths;
    tfr_checksums checksums = TFR_CHECKSUMS_AUTO;
    /// Whether files are scanned for damage, which is left out. There are no index_paths then.
    bool salvage = false;
    /// How many files may be open at once. Threads wait for each other if they need more.
    std::size_t max_open = 256;
};

/// Records of one file, and where their payloads go.
struct Batch {
    std::size_t file;
    std::vector<std::size_t> records;
    std::vector<std::uint8_t *> buffers;
    std::vector<std::size_t> capacities;
};

/// Many threads may use it at once.
class Dataset {
  public:
    /// A record's file, and its number in the index of that.
    struct Place {
        std::size_t file;
        std::size_t record;
    };

    /// Opens every file once, to learn which records there are.
    explicit Dataset(Files files);

    [[nodiscard]] std::uint64_t size() const noexcept { return starts_.back(); }
    [[nodiscard]] Place find(std::uint64_t record) const;
    [[nodiscard]] const tfr::entry &entry(Place place) const {
        return indexes_[place.file][place.record];
    }
    [[nodiscard]] const std::string &path(Place place) const { return files_.paths[place.file]; }
    /// What salvage left out, and which indexes were left aside, a line each.
    [[nodiscard]] const std::vector<std::string> &warnings() const noexcept { return warnings_; }

    /// Reads payloads, each to the start of its buffer.
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
    std::vector<std::uint64_t> starts_; // each file's first record; then, the number of all records
    std::vector<std::string> warnings_;
    std::mutex mutex_; // of what follows
    std::condition_variable changed_;
    std::vector<std::unique_ptr<const tfr::reader>> readers_; // none: the file is closed
    std::vector<std::size_t> users_;                          // how many threads use each file
    std::vector<bool> opening_;
    std::list<std::size_t> idle_; // the open files that nobody uses, the one used last at the end
    std::vector<std::list<std::size_t>::iterator> idle_at_; // where each of them is
    std::size_t open_ = 0;  // how many files are open, or being opened
    bool is_alone_ = false; // whether a thread opens a file when none is open
};

} // namespace tfr_dali

#endif // TFR_DALI_DATASET_H
