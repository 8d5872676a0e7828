#include "dataset.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <utility>

namespace tfr_dali {

namespace {

/// Opening a file waits for the medium, so more are opened at once than there are processors.
constexpr std::size_t OPENING_THREADS = 8;

constexpr const char *TOO_MANY = ": the process, or the system, has too many files open, and none "
                                 "of this reader; raise the limit "
                                 "(ulimit -n), or lower max_open_files of other readers";

/// Calls work(0) to work(count - 1), several at once; throws what the first that failed threw.
template <typename Work> void for_each_number(std::size_t count, Work work) {
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> errors(count);
    const auto run = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                errors[i] = std::current_exception();
                next = count; // those before it are done, or being done
            }
        }
    };
    std::vector<std::future<void>> helpers; // whose destructors wait until they are done
    try {
        while (helpers.size() + 1 < std::min(count, OPENING_THREADS)) {
            helpers.push_back(std::async(std::launch::async, run));
        }
    } catch (const std::system_error &) {
        // There are no more threads to be had; those that are there do it all.
    }
    run();
    helpers.clear();
    for (const std::exception_ptr &error : errors) {
        if (error) {
            std::rethrow_exception(error);
        }
    }
}

/// Fails if the file ends before a record of its index does: no memory is to be taken for that.
void ensure_room(const tfr::index &index, const tfr::reader &reader) {
    const auto ends_before = [](const tfr::entry &a, const tfr::entry &b) {
        return a.offset + a.size < b.offset + b.size;
    };
    const auto last = std::max_element(index.begin(), index.end(), ends_before);
    if (last != index.end()) {
        static_cast<void>(reader.size_of(static_cast<std::size_t>(last - index.begin())));
    }
}

} // namespace

Dataset::Dataset(Files files)
    : files_(std::move(files)), readers_(files_.paths.size()), users_(files_.paths.size()),
      opening_(files_.paths.size()), idle_at_(files_.paths.size()) {
    const std::size_t count = files_.paths.size();
    std::vector<std::optional<tfr::index>> indexes(count);
    std::vector<std::vector<std::string>> warnings(count);
    for_each_number(count, [&](std::size_t i) {
        indexes[i] = open([&] { return index(i, warnings[i]); });
        const std::lock_guard<std::mutex> lock(mutex_);
        open_--; // it was open meanwhile
        changed_.notify_all();
    });
    starts_.push_back(0);
    for (std::size_t i = 0; i < count; i++) {
        starts_.push_back(starts_.back() + indexes[i]->size());
        indexes_.push_back(std::move(*indexes[i]));
        warnings_.insert(warnings_.end(), warnings[i].begin(), warnings[i].end());
    }
}

tfr::options Dataset::options() const {
    tfr::options options;
    options.checksums(files_.checksums);
    return options;
}

/// Which records a file has; fails if the file is not there, or has not all of them.
tfr::index Dataset::index(std::size_t file, std::vector<std::string> &warnings) const {
    const std::string &path = files_.paths[file];
    if (!files_.index_paths.empty()) {
        tfr::index given = tfr::index::read(files_.index_paths[file]);
        ensure_room(given, tfr::reader(path, given, options()));
        return given;
    }
    if (files_.salvage) {
        const auto skip = [&](const tfr::skipped &region) {
            warnings.push_back(region.message + "; left out: bytes " +
                               std::to_string(region.start) + " to " + std::to_string(region.end));
            return false;
        };
        // Policy auto reads records as full does where there are true checksums, which salvage
        // takes.
        const bool payloads_too = files_.checksums != TFR_CHECKSUMS_LENGTH;
        const auto policy = payloads_too ? TFR_CHECKSUMS_FULL : TFR_CHECKSUMS_LENGTH;
        return tfr::index::scan(path, options().checksums(policy).salvage().on_skipped(skip));
    }
    const tfr::reader reader(path, options());
    if (std::string warning = reader.warning(); !warning.empty()) {
        warnings.push_back(std::move(warning));
    }
    return tfr::index::from_entries(reader.entries());
}

Dataset::Place Dataset::find(std::uint64_t record) const {
    const auto behind = std::upper_bound(starts_.begin(), starts_.end(), record);
    return {static_cast<std::size_t>(behind - starts_.begin() - 1), record - *(behind - 1)};
}

void Dataset::read(const Batch &batch) {
    const tfr::reader &reader = acquire(batch.file);
    const auto release_it = [&](const void *) { release(batch.file); };
    const std::unique_ptr<const void, decltype(release_it)> use(&reader, release_it);
    reader.read_each(batch.records, batch.buffers, batch.capacities);
}

/// A file's reader, opened if it isn't. It stays open until it is released.
const tfr::reader &Dataset::acquire(std::size_t file) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !opening_[file]; });
    if (!readers_[file]) {
        opening_[file] = true;
        lock.unlock();
        std::unique_ptr<const tfr::reader> opened;
        try {
            // The threads are the pipeline's: it has as many as it was told to have.
            opened = open([&] {
                return std::make_unique<const tfr::reader>(files_.paths[file], indexes_[file],
                                                           options().threads(1));
            });
        } catch (...) {
            lock.lock();
            opening_[file] = false;
            changed_.notify_all();
            throw;
        }
        lock.lock();
        opening_[file] = false;
        readers_[file] = std::move(opened);
        changed_.notify_all();
    } else if (users_[file] == 0) {
        idle_.erase(idle_at_[file]);
    }
    users_[file]++;
    return *readers_[file];
}

void Dataset::release(std::size_t file) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--users_[file] == 0) {
        idle_at_[file] = idle_.insert(idle_.end(), file);
        changed_.notify_all();
    }
}

/// Opens a file when there is a place for it. If the process or the system has too many files open,
/// others are closed, in the end all of them. A thread must not have another file in use.
template <typename Open> auto Dataset::open(Open open_file) -> decltype(open_file()) {
    std::unique_lock<std::mutex> lock(mutex_);
    bool alone = false;
    while (true) {
        changed_.wait(lock, [&] {
            while (alone && close_one()) {
            }
            return alone ? open_ == 0 : !is_alone_ && (open_ < files_.max_open || close_one());
        });
        open_++;
        lock.unlock();
        const auto failed = [&] {
            lock.lock();
            open_--;
            is_alone_ = is_alone_ && !alone;
            changed_.notify_all();
        };
        try {
            auto opened = open_file();
            if (alone) {
                lock.lock();
                is_alone_ = false;
                changed_.notify_all();
            }
            return opened;
        } catch (const tfr::error &error) {
            failed();
            if (error.os_error() != EMFILE && error.os_error() != ENFILE) {
                throw;
            }
            if (alone) {
                throw tfr::error(error.status(), std::string(error.what()) + TOO_MANY);
            }
        } catch (...) {
            failed();
            throw;
        }
        if (!close_one()) {
            changed_.wait(lock, [&] { return !is_alone_; });
            is_alone_ = alone = true;
        }
    }
}

/// Closes the file that was used least recently, of those that nobody uses.
bool Dataset::close_one() {
    if (idle_.empty()) {
        return false;
    }
    readers_[idle_.front()].reset();
    idle_.pop_front();
    open_--;
    return true;
}

} // namespace tfr_dali
