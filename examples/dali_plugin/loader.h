// loader.h: decides which record comes next. Shards, epochs, shuffling, padding and checkpoints
// work as in DALI's own readers, which have the same base class.

#ifndef TFR_DALI_LOADER_H
#define TFR_DALI_LOADER_H

#include "dataset.h"
#include "order.h"

#include <dali/operators/reader/loader/loader.h>

#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tfr_dali {

/// A record's number in the Dataset.
struct Record {
    std::uint64_t number = 0;
};

inline void require(bool condition, const std::string &message) {
    if (!condition) {
        throw std::invalid_argument(message);
    }
}

inline Files files(const dali::OpSpec &spec) {
    Files files;
    files.paths = spec.GetRepeatedArgument<std::string>("paths");
    require(!files.paths.empty(), "paths is empty: give at least one TFRecord file");
    if (spec.TryGetRepeatedArgument(files.index_paths, "index_paths")) {
        require(files.index_paths.size() == files.paths.size(),
                "index_paths needs one index for each path: " + std::to_string(files.paths.size()) +
                    ", not " + std::to_string(files.index_paths.size()));
    }

    for (const std::vector<std::string> *paths : {&files.paths, &files.index_paths}) {
        for (const std::string &path : *paths) {
            require(path.find('\0') == std::string::npos,
                    std::string(path.c_str()) + ": a path cannot contain a NUL");
        }
    }

    const std::map<std::string, tfr_checksums> policies = {{"auto", TFR_CHECKSUMS_AUTO},
                                                           {"full", TFR_CHECKSUMS_FULL},
                                                           {"length", TFR_CHECKSUMS_LENGTH},
                                                           {"none", TFR_CHECKSUMS_NONE}};
    const std::string name = spec.GetArgument<std::string>("checksums");
    const auto policy = policies.find(name);
    require(policy != policies.end(),
            "checksums is \"" + name +
                "\", but must be \"auto\", \"full\", \"length\" or \"none\"");
    files.checksums = policy->second;

    files.salvage = spec.GetArgument<bool>("salvage");
    require(!files.salvage || files.index_paths.empty(),
            "salvage and index_paths cannot be used together: an index already says which records "
            "to read (`tfr-index create --salvage` creates one without damaged records)");
    require(!files.salvage || name != "none",
            "salvage needs checksums to find damage: checksums cannot be \"none\"");

    const auto max_open = spec.GetArgument<int64_t>("max_open_files");
    require(max_open > 0, "max_open_files must be at least 1");
    files.max_open = static_cast<std::size_t>(max_open);
    return files;
}

class RecordLoader : public dali::Loader<dali::CPUBackend, Record, true> {
  public:
    explicit RecordLoader(const dali::OpSpec &spec)
        : Loader(spec), files_(files(spec)),
          shuffle_after_epoch_(spec.GetArgument<bool>("shuffle_after_epoch")),
          seed_(static_cast<std::uint64_t>(spec.GetArgument<int64_t>("shuffle_after_epoch_seed"))) {
        require(!skip_cached_images_, "skip_cached_images cannot be true: there are no images");
        // With other values, the base class reads outside its arrays, or divides by zero.
        require(shard_id_ >= 0, "shard_id must be at least 0");
        require(initial_buffer_fill_ > 0, "initial_fill must be at least 1");
        require(!shuffle_after_epoch_ || !stick_to_shard_,
                "shuffle_after_epoch and stick_to_shard cannot both be true");
        require(!shuffle_after_epoch_ || !shuffle_,
                "shuffle_after_epoch and random_shuffle cannot both be true");
        // Each epoch has new shards, so a reader keeps its shard number.
        stick_to_shard_ = stick_to_shard_ || shuffle_after_epoch_;
    }

    void PrepareEmpty(Record &) override {}

    void ReadSample(Record &record) override {
        MoveToNextShard(position_);
        const auto position = static_cast<std::uint64_t>(position_++);
        record.number = shuffle_after_epoch_ ? order_[position] : position;
    }

    void Skip() override {
        Record skipped;
        ReadSample(skipped);
    }

    Dataset &dataset() { return *dataset_; }

  protected:
    dali::Index SizeImpl() override { return static_cast<dali::Index>(dataset_->size()); }

    void PrepareMetadataImpl() override {
        dataset_ = std::make_unique<Dataset>(files_);
        for (const std::string &line : dataset_->warnings()) {
            DALI_WARN(line);
        }
        require(dataset_->size() > 0,
                (files_.index_paths.empty() ? files_.paths : files_.index_paths).front() +
                    ": contains no records" +
                    (files_.paths.size() > 1 ? ", and the other files contain none either" : ""));
        Reset(true);
    }

    void Reset(bool wrap_to_shard) override {
        const auto shard = static_cast<std::size_t>(wrap_to_shard ? virtual_shard_id_ : 0);
        position_ = static_cast<dali::Index>(
            dali::start_index(shard, static_cast<std::size_t>(num_shards_), dataset_->size()));
        epoch_++;
        if (shuffle_after_epoch_) {
            shuffle(order_, dataset_->size(), seed_ + (epoch_ << 32));
        }
    }

    void RestoreStateImpl(const dali::LoaderStateSnapshot &state) override {
        epoch_ = static_cast<std::uint64_t>(state.current_epoch) - 1; // Reset() adds 1
    }

  private:
    const Files files_;
    const bool shuffle_after_epoch_;
    const std::uint64_t seed_;
    std::unique_ptr<Dataset> dataset_;
    dali::Index position_ = 0;                // of the next record in the epoch
    std::uint64_t epoch_ = std::uint64_t(-1); // the first Reset() makes it 0
    std::vector<std::uint64_t> order_;        // the order of this epoch, if it is shuffled
};

} // namespace tfr_dali

#endif // TFR_DALI_LOADER_H
