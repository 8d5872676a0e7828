// loader.h: opens the data set, and decides which record comes next. Shards, epochs, shuffling,
// padding and checkpoints work as in DALI's own readers, which have the same base class.

#ifndef TFR_DALI_LOADER_H
#define TFR_DALI_LOADER_H

#include <tfr_index.hpp>

#include <dali/operators/reader/loader/loader.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace tfr_dali {

/// A record's number in the data set.
struct Record {
    std::uint64_t number = 0;
};

/// Throws what Python knows as ValueError.
inline void require(bool condition, const std::string &message) {
    if (!condition) {
        throw std::invalid_argument(message);
    }
}

/// What the arguments say of the data set.
struct Files {
    std::vector<std::string> paths;
    std::vector<std::string> index_paths;
    std::string index_dir;
    tfr_checksums checksums = TFR_CHECKSUMS_AUTO;
    bool salvage = false;
    std::size_t max_open_files = 0;

    explicit Files(const dali::OpSpec &spec) {
        paths = spec.GetRepeatedArgument<std::string>("paths");
        require(!paths.empty(), "paths is empty: give at least one TFRecord file");
        spec.TryGetRepeatedArgument(index_paths, "index_paths");
        index_dir = spec.GetArgument<std::string>("index_dir");
        std::vector<std::string> all = paths;
        all.insert(all.end(), index_paths.begin(), index_paths.end());
        all.push_back(index_dir);
        for (const std::string &path : all) {
            require(path.find('\0') == std::string::npos,
                    std::string(path.c_str()) + ": a path cannot contain a NUL");
        }
        require(index_paths.empty() || index_dir.empty(),
                "index_paths and index_dir cannot be used together: give one of them");

        const std::map<std::string, tfr_checksums> policies = {{"auto", TFR_CHECKSUMS_AUTO},
                                                               {"full", TFR_CHECKSUMS_FULL},
                                                               {"length", TFR_CHECKSUMS_LENGTH},
                                                               {"none", TFR_CHECKSUMS_NONE}};
        const std::string name = spec.GetArgument<std::string>("checksums");
        const auto policy = policies.find(name);
        require(policy != policies.end(),
                "checksums is \"" + name +
                    "\", but must be \"auto\", \"full\", \"length\" or \"none\"");
        checksums = policy->second;

        salvage = spec.GetArgument<bool>("salvage");
        const auto most = spec.GetArgument<int64_t>("max_open_files");
        require(most >= 0, "max_open_files must be at least 0");
        max_open_files = static_cast<std::size_t>(most);
    }

    /// Opens the files to count their records, unless a manifest has the counts.
    tfr::dataset open() const {
        tfr::options options;
        options.checksums(checksums).salvage(salvage).max_open_files(max_open_files);
        tfr::find_options find;
        find.index_dir = index_dir;
        find.allow_repeated = !index_paths.empty();
        const tfr::shards shards = tfr::shards::find(paths, find);
        if (index_paths.empty()) {
            return tfr::dataset(shards, options);
        }
        require(index_paths.size() == shards.size(),
                "index_paths needs one index for each path: " + std::to_string(shards.size()) +
                    ", not " + std::to_string(index_paths.size()));
        std::vector<std::string> files;
        for (std::size_t shard = 0; shard < shards.size(); shard++) {
            files.push_back(shards.path(shard));
        }
        return tfr::dataset(files, index_paths, options);
    }
};

class RecordLoader : public dali::Loader<dali::CPUBackend, Record, true> {
  public:
    explicit RecordLoader(const dali::OpSpec &spec)
        : Loader(spec), files_(spec),
          shuffle_after_epoch_(spec.GetArgument<bool>("shuffle_after_epoch")),
          shuffle_chunks_(spec.GetArgument<bool>("shuffle_chunks")),
          seed_(static_cast<std::uint64_t>(spec.GetArgument<int64_t>("shuffle_after_epoch_seed"))) {
        require(!skip_cached_images_, "skip_cached_images cannot be true: there are no images");
        // With other values, the base class reads outside its arrays, or divides by zero.
        require(shard_id_ >= 0, "shard_id must be at least 0");
        require(initial_buffer_fill_ > 0, "initial_fill must be at least 1");
        require(!shuffle_after_epoch_ || !stick_to_shard_,
                "shuffle_after_epoch and stick_to_shard cannot both be true");
        require(!shuffle_after_epoch_ || !shuffle_,
                "shuffle_after_epoch and random_shuffle cannot both be true");
        require(!shuffle_chunks_ || shuffle_after_epoch_,
                "shuffle_chunks says how shuffle_after_epoch shuffles: set both to true");
        // Each epoch has new shards, so a reader keeps its shard number.
        stick_to_shard_ = stick_to_shard_ || shuffle_after_epoch_;
    }

    void PrepareEmpty(Record &) override {}

    void ReadSample(Record &record) override {
        MoveToNextShard(position_);
        record.number = order_->at(position_++);
    }

    void Skip() override {
        Record skipped;
        ReadSample(skipped);
    }

    const tfr::dataset &dataset() const { return *dataset_; }

    /// Writes warnings that are new: a manifest's files are opened when their records are read.
    void report() {
        if (dataset_->num_warnings() <= reported_.size()) {
            return;
        }
        for (const tfr::error &warning : dataset_->warnings()) {
            if (reported_.insert(warning.what()).second) {
                DALI_WARN(warning.what());
            }
        }
    }

  protected:
    dali::Index SizeImpl() override { return static_cast<dali::Index>(dataset_->size()); }

    void PrepareMetadataImpl() override {
        try {
            dataset_.emplace(files_.open());
        } catch (const tfr::error &error) {
            require(error.status() != TFR_ERR_INVALID_ARGUMENT, error.what());
            throw;
        }
        report();
        require(
            !dataset_->empty(),
            (files_.index_paths.empty() ? files_.paths : files_.index_paths).front() +
                ": contains no records" +
                (dataset_->num_shards() > 1 ? ", and the other files contain none either" : ""));
        order_.emplace(dataset_->size());
        if (shuffle_chunks_) {
            order_->shuffle_chunks(seed_, dataset_->chunk_records());
        } else if (shuffle_after_epoch_) {
            order_->shuffle(seed_);
        }
        Reset(true);
    }

    void Reset(bool wrap_to_shard) override {
        const auto shard = static_cast<std::size_t>(wrap_to_shard ? virtual_shard_id_ : 0);
        position_ = static_cast<dali::Index>(
            dali::start_index(shard, static_cast<std::size_t>(num_shards_), dataset_->size()));
        order_->epoch(++epoch_);
    }

    void RestoreStateImpl(const dali::LoaderStateSnapshot &state) override {
        epoch_ = static_cast<std::uint64_t>(state.current_epoch) - 1; // Reset() adds 1
    }

  private:
    const Files files_;
    const bool shuffle_after_epoch_;
    const bool shuffle_chunks_;
    const std::uint64_t seed_;
    std::optional<tfr::dataset> dataset_;
    std::optional<tfr::order> order_;         // of the records in this epoch
    std::set<std::string> reported_;          // the warnings
    dali::Index position_ = 0;                // of the next record in the order
    std::uint64_t epoch_ = std::uint64_t(-1); // the first Reset() makes it 0
};

} // namespace tfr_dali

#endif // TFR_DALI_LOADER_H
