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

/// Opening a file waits for the storage, so more threads than processors help.
constexpr std::size_t OPENING_THREADS = 8;

constexpr const char *TOO_MANY = ": the process or the system has too many open files, although "
                                 "this reader has none open; raise the limit (ulimit -n), or lower "
                                 "max_open_files of other readers";

/// Calls work(0) to work(count - 1) on several threads. Rethrows the exception of the lowest number
/// that failed.
template <typename Work> void for_each_number(std::size_t count, Work work) {
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> errors(count);
    const auto run = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                errors[i] = std::current_exception();
                next = count; // all lower numbers have been started
            }
        }
    };
    std::vector<std::future<void>> helpers; // their destructors wait for the threads
    try {
        while (helpers.size() + 1 < std::min(count, OPENING_THREADS)) {
            helpers.push_back(std::async(std::launch::async, run));
        }
    } catch (const std::system_error &) {
        // The system has no more threads; the existing ones do all the work.
    }
    run();
    helpers.clear();
    for (const std::exception_ptr &error : errors) {
        if (error) {
            std::rethrow_exception(error);
        }
    }
}

/// Throws if a record of the index ends after the end of the file, before anybody allocates memory
/// for it.
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
        open_--; // index() has closed the file
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

/// Returns the index of a file. Throws if the file is missing, or does not contain all records.
tfr::index Dataset::index(std::size_t file, std::vector<std::string> &warnings) const {
    const std::string &path = files_.paths[file];
    if (!files_.index_paths.empty()) {
        tfr::index given = tfr::index::read(files_.index_paths[file]);
        ensure_room(given, tfr::reader(path, given, options()));
        return given;
    }
    if (files_.salvage) {
        const auto skip = [&](const tfr::skipped &region) {
            warnings.push_back(region.message + "; skipped bytes " + std::to_string(region.start) +
                               " to " + std::to_string(region.end));
            return false;
        };
        // With valid checksums, which salvage needs, policy auto verifies records like full.
        const bool payloads_too = files_.checksums != TFR_CHECKSUMS_LENGTH;
        const auto policy = payloads_too ? TFR_CHECKSUMS_FULL : TFR_CHECKSUMS_LENGTH;
        return tfr::index::scan(path, options().checksums(policy).salvage().on_skipped(skip));
    }
    const tfr::reader reader(path, options());
    if (std::string warning = reader.warning(); !warning.empty()) {
        warnings.push_back(std::move(warning));
    }
    return reader.index();
}

Dataset::Place Dataset::find(std::uint64_t record) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), record);
    return {static_cast<std::size_t>(next - starts_.begin() - 1), record - *(next - 1)};
}

void Dataset::read(const Batch &batch) {
    const tfr::reader &reader = acquire(batch.file);
    const auto release_it = [&](const void *) { release(batch.file); };
    const std::unique_ptr<const void, decltype(release_it)> use(&reader, release_it);
    reader.read_each(batch.records, batch.buffers, batch.capacities);
}

/// Returns the reader of a file, and opens the file if necessary. It stays open until release().
const tfr::reader &Dataset::acquire(std::size_t file) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !opening_[file]; });
    if (!readers_[file]) {
        opening_[file] = true;
        lock.unlock();
        std::unique_ptr<const tfr::reader> opened;
        try {
            // The pipeline has its own threads, as many as the user chose.
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

/// Waits until one more file may be open, and opens it. If the process or the system has too many
/// open files, closes other files, finally all of them. The calling thread must not use another
/// file.
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

/// Closes the least recently used file that no thread uses. Returns false if there is none.
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
