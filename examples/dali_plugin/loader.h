// loader.h: which record comes next. Shards, epochs, shuffling, padding and checkpoints are those
// of DALI's own readers, whose base class decides them.

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

inline void require(bool holds, const std::string &otherwise) {
    if (!holds) {
        throw std::invalid_argument(otherwise);
    }
}

inline Files files(const dali::OpSpec &spec) {
    Files files;
    files.paths = spec.GetRepeatedArgument<std::string>("paths");
    require(!files.paths.empty(), "paths is empty: there is no file to read");
    if (spec.TryGetRepeatedArgument(files.index_paths, "index_paths")) {
        require(files.index_paths.size() == files.paths.size(),
                "there are " + std::to_string(files.index_paths.size()) + " index_paths for " +
                    std::to_string(files.paths.size()) + " paths");
    }

    for (const std::vector<std::string> *paths : {&files.paths, &files.index_paths}) {
        for (const std::string &path : *paths) {
            require(path.find('\0') == std::string::npos,
                    std::string(path.c_str()) + ": a path cannot have a NUL in it");
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
            "salvage and index_paths cannot both be given: an index says itself which records are "
            "read (`tfr-index create --salvage` makes one that leaves damage out)");
    require(!files.salvage || name != "none",
            "salvage finds damage by checksums, which cannot be \"none\"");

    const auto max_open = spec.GetArgument<int64_t>("max_open_files");
    require(max_open > 0, "max_open_files must be 1 or more");
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
        // The base class takes such, and reads outside of its arrays, or divides by zero.
        require(shard_id_ >= 0, "shard_id must be 0 or more");
        require(initial_buffer_fill_ > 0, "initial_fill must be 1 or more");
        require(!shuffle_after_epoch_ || !stick_to_shard_,
                "shuffle_after_epoch and stick_to_shard cannot both be true");
        require(!shuffle_after_epoch_ || !shuffle_,
                "shuffle_after_epoch and random_shuffle cannot both be true");
        // Each epoch has other shards, so there is no need to move on to another one.
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
                    ": there is no record in it" +
                    (files_.paths.size() > 1 ? ", nor in any other file" : ""));
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
        epoch_ = static_cast<std::uint64_t>(state.current_epoch) - 1; // Reset() comes next
    }

  private:
    const Files files_;
    const bool shuffle_after_epoch_;
    const std::uint64_t seed_;
    std::unique_ptr<Dataset> dataset_;
    dali::Index position_ = 0;                // of the next record, in the epoch's order
    std::uint64_t epoch_ = std::uint64_t(-1); // Reset() makes it 0
    std::vector<std::uint64_t> order_;        // of this epoch, if that is shuffled
};

} // namespace tfr_dali

#endif // TFR_DALI_LOADER_H
