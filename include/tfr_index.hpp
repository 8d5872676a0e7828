// tfr_index.hpp: the C++ face of tfr_index.h: handles that free themselves, errors that are thrown.
//
//     #include <iostream>
//     #include <tfr_index.hpp>
//
//     int main(int count, char **arguments) {
//         if (count != 2) return 2;
//         try {
//             tfr::reader reader(arguments[1]);
//             for (std::string_view payload : reader) {
//                 std::cout << payload.size() << " bytes\n";
//             }
//         } catch (const tfr::error &error) {
//             std::cerr << error.what() << '\n';
//             return 1;
//         }
//     }
//
// All of it is inline: there is nothing to link but what tfr_index.h needs. tfr_index.h is the
// manual: what a function does, which errors it has and what threads may do is said there, at the C
// function of the same name. Here it is only:
//
// - Objects can be moved, not copied, but for sources. One that was moved from may be destroyed or
//   assigned to.
// - Paths are std::string: const char * and std::filesystem::path become one by themselves. One
//   that is empty, where that does not mean the default, or has a NUL in it is
//   TFR_ERR_INVALID_ARGUMENT.
// - Borrowed arrays are tfr::array_view, made of a vector, an array, a span or a list in braces.
// - What fails throws tfr::error. What a callback or a source throws comes out of the call that it
//   was for.
// - const functions may be called by many threads at once, and so may those of a writer.
//
// It takes C++17 and exceptions; where these are turned off, use tfr_index.h. In C++20 the ranges
// here are those of <ranges>.

#ifndef TFR_INDEX_HPP
#define TFR_INDEX_HPP

#include "tfr_index.h"

#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "tfr_index.hpp throws exceptions: compile with them, or use tfr_index.h"
#endif

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __cpp_lib_ranges
#include <ranges>
#endif

namespace tfr {

/// One record's place: the byte where its frame starts, and the frame's size.
using entry = tfr_entry;

/// Where a payload starts in the file.
[[nodiscard]] inline std::uint64_t payload_offset(const entry &of) noexcept {
    return of.offset + 12;
}

/// How many bytes a payload has.
[[nodiscard]] inline std::uint64_t payload_size(const entry &of) noexcept { return of.size - 16; }

/// An array that is borrowed, as a string_view borrows a string. It is made of what has data() and
/// size(), of an array, and of a list in braces, for the call that it is an argument of. It is what
/// std::span<const T> is in C++20, and becomes one by itself.
template <typename T> class array_view {
  public:
    using value_type = T;
    using const_iterator = const T *;
    using iterator = const_iterator;

    constexpr array_view() noexcept = default;
    constexpr array_view(const T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    constexpr array_view(std::initializer_list<T> list) noexcept
        : array_view(list.begin(), list.size()) {}
    template <typename Array, typename = std::enable_if_t<std::is_convertible_v<
                                  decltype(std::data(std::declval<const Array &>())), const T *>>>
    constexpr array_view(const Array &array) noexcept
        : array_view(std::data(array), std::size(array)) {}

    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr const T *data() const noexcept { return data_; }
    [[nodiscard]] constexpr const T *begin() const noexcept { return data_; }
    [[nodiscard]] constexpr const T *end() const noexcept { return data_ + size_; }
    /// Element i; i must be below size().
    [[nodiscard]] constexpr const T &operator[](std::size_t i) const noexcept { return data_[i]; }

  private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// What went wrong. what() is one line that names file, record and byte.
class error : public std::runtime_error {
  public:
    /// Takes the error of a C function.
    error(tfr_status status, tfr_error *taken)
        : error(status, std::shared_ptr<tfr_error>(taken, tfr_error_free)) {}

    /// An error that no C function returned.
    error(tfr_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}

    [[nodiscard]] tfr_status status() const noexcept { return status_; }
    /// The file it is about; empty if it is about none.
    [[nodiscard]] std::string path() const { return text(tfr_error_path(error_.get())); }
    /// The record's number.
    [[nodiscard]] std::optional<std::uint64_t> record() const noexcept {
        return known(tfr_error_record(error_.get()));
    }
    /// The byte where the record's frame, or the index's line, starts.
    [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept {
        return known(tfr_error_offset(error_.get()));
    }
    /// What the data is instead of TFRecord, such as "gzip"; empty if that isn't known.
    [[nodiscard]] std::string format() const { return text(tfr_error_format(error_.get())); }
    [[nodiscard]] std::optional<std::uint64_t> stored_crc() const noexcept {
        return known(tfr_error_stored_crc(error_.get()));
    }
    [[nodiscard]] std::optional<std::uint64_t> computed_crc() const noexcept {
        return known(tfr_error_computed_crc(error_.get()));
    }
    /// The system's errno; 0 if it is not the system that refused.
    [[nodiscard]] int os_error() const noexcept { return tfr_error_os_error(error_.get()); }

  private:
    error(tfr_status status, std::shared_ptr<tfr_error> taken)
        : std::runtime_error(taken ? tfr_error_message(taken.get()) : tfr_status_name(status)),
          status_(status), error_(std::move(taken)) {}

    static std::string text(const char *text) { return text ? text : ""; }
    static std::optional<std::uint64_t> known(std::uint64_t number) noexcept {
        return number == TFR_UNKNOWN ? std::nullopt : std::optional(number);
    }

    tfr_status status_;
    std::shared_ptr<tfr_error> error_; // shared, for exceptions are copied
};

/// Data in memory as a source, such as a mapped file. It must stay as long as the source is used.
[[nodiscard]] inline tfr_source memory_source(std::string_view data) noexcept {
    return {const_cast<char *>(data.data()), data.size(), tfr_read_memory};
}

namespace detail {

/// Calls a C function, all but its last argument given.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
    tfr_error *error = nullptr;
    const tfr_status status = function(arguments..., &error);
    if (status != TFR_OK) {
        throw tfr::error(status, error);
    }
}

/// A path for C, where a NUL would end it early.
inline const char *path(const std::string &path) {
    if (path.find('\0') != std::string::npos) {
        throw tfr::error(TFR_ERR_INVALID_ARGUMENT,
                         std::string("the path has a NUL character in it: ") + path.c_str());
    }
    return path.c_str();
}

/// An index's path for C, which takes NULL for the default one.
inline const char *index_path(const std::string &path) {
    return path.empty() ? nullptr : detail::path(path);
}

/// Frees what a C function gave.
template <auto Free> struct freeing {
    template <typename Handle> void operator()(Handle *handle) const noexcept { Free(handle); }
};

template <typename Handle, auto Free> using handle = std::unique_ptr<Handle, freeing<Free>>;

} // namespace detail

/// Data of known size that a function reads, such as an object store's. It owns the function;
/// copies share it. A tfr_source becomes one by itself, and owns nothing.
class source {
  public:
    /// `read(offset, buffer, size)` reads up to `size` bytes from byte `offset` into `buffer`
    /// (std::uint64_t, void *, std::size_t), and returns how many: at least 1, fewer than `size`
    /// where that suits it. Several threads call it at once, unless options::threads(1). What it
    /// throws comes out of the call that reads; of several exceptions, the first.
    template <typename Read>
    source(std::uint64_t size, Read read)
        : source(size, std::make_shared<reading<Read>>(std::move(read))) {}
    source(const tfr_source &raw) noexcept : raw_(raw) {}

    [[nodiscard]] std::uint64_t size() const noexcept { return raw_.size; }
    [[nodiscard]] const tfr_source *get() const noexcept { return &raw_; }

    /// Calls what reads this source; what its function threw is thrown on.
    template <typename Work> void during(Work work) const {
        if (!state_) {
            return work();
        }
        const call under_way(*state_);
        try {
            work();
        } catch (const error &failed) {
            const std::exception_ptr thrown = state_->thrown();
            if (thrown && failed.os_error() == ECANCELED) {
                std::rethrow_exception(thrown);
            }
            throw;
        }
    }

  private:
    /// What its function threw during the calls that are under way.
    class state {
      public:
        [[nodiscard]] std::exception_ptr thrown() {
            const std::lock_guard<std::mutex> locked(mutex_);
            delivered_ = true;
            return thrown_;
        }
        void keep(std::exception_ptr thrown) {
            const std::lock_guard<std::mutex> locked(mutex_);
            if (!thrown_ || delivered_) {
                thrown_ = std::move(thrown);
                delivered_ = false;
            }
        }
        void begin() {
            const std::lock_guard<std::mutex> locked(mutex_);
            ++calls_;
        }
        void end() {
            const std::lock_guard<std::mutex> locked(mutex_);
            if (--calls_ == 0) {
                thrown_ = nullptr;
            }
        }

      private:
        std::mutex mutex_;
        std::size_t calls_ = 0;
        std::exception_ptr thrown_;
        bool delivered_ = false; // it stays for other calls that it made fail
    };

    struct call {
        explicit call(state &of) : state_(of) { state_.begin(); }
        ~call() { state_.end(); }
        call(const call &) = delete;
        call &operator=(const call &) = delete;
        state &state_;
    };

    template <typename Read> struct reading : state {
        explicit reading(Read given) : read(std::move(given)) {}

        /// No exception may pass through C.
        static std::int64_t read_at(void *context, std::uint64_t offset, std::uint8_t *buffer,
                                    std::size_t size) noexcept {
            auto *self = static_cast<reading *>(context);
            try {
                const std::size_t count = self->read(offset, static_cast<void *>(buffer), size);
                return count > size ? -EINVAL : static_cast<std::int64_t>(count);
            } catch (...) {
                self->keep(std::current_exception());
                return -ECANCELED;
            }
        }

        Read read;
    };

    template <typename Read>
    source(std::uint64_t size, std::shared_ptr<reading<Read>> made)
        : raw_{made.get(), size, reading<Read>::read_at}, state_(std::move(made)) {}

    friend class reader;
    source() noexcept = default; // of a reader of a path

    tfr_source raw_{};
    std::shared_ptr<state> state_;
};

/// A region of the data that a scan skips, because of options::salvage() or
/// options::allow_incomplete_tail().
struct skipped {
    std::uint64_t start;  ///< its first byte
    std::uint64_t end;    ///< the byte after its last one
    std::uint64_t record; ///< how many good records are before it
    std::string message;  ///< what is wrong at its start
    tfr_status status;    ///< the same, for programs
    bool incomplete_tail; ///< the last record, which is still being written, and not damage
};

/// Choices for a scan or a reader. They must live as long as the call that they are given to; calls
/// of several threads share them only if they have no callbacks.
class options {
  public:
    options() : state_(std::make_unique<state>()) {
        tfr_options *made = nullptr;
        detail::call(tfr_options_new, &made);
        state_->native.reset(made);
    }

    options &checksums(tfr_checksums policy) {
        detail::call(tfr_options_set_checksums, get(), static_cast<std::int32_t>(policy));
        return *this;
    }
    options &threads(std::size_t count) {
        detail::call(tfr_options_set_threads, get(), count);
        return *this;
    }
    /// Has create_index() go on where the index file ends, with what was appended to the data
    /// since.
    options &resume(bool yes = true) {
        detail::call(tfr_options_set_resume, get(), std::int32_t{yes});
        return *this;
    }
    /// Waits until what is written is on the medium.
    options &sync(bool yes = true) {
        detail::call(tfr_options_set_sync, get(), std::int32_t{yes});
        return *this;
    }
    options &allow_partial(bool yes = true) {
        detail::call(tfr_options_set_allow_partial, get(), std::int32_t{yes});
        return *this;
    }
    /// Has a reader give whole frames instead of payloads.
    options &raw_frames(bool yes = true) {
        detail::call(tfr_options_set_raw_frames, get(), std::int32_t{yes});
        return *this;
    }
    /// Called as callback(bytes_done, bytes_total, records); true cancels the scan.
    options &progress(std::function<bool(std::uint64_t, std::uint64_t, std::uint64_t)> callback) {
        const auto function = callback ? report : nullptr;
        state_->progress = std::move(callback);
        detail::call(tfr_options_set_progress, get(), function, static_cast<void *>(state_.get()));
        return *this;
    }
    /// Skips damage instead of throwing: the index has the good records.
    options &salvage(bool yes = true) {
        detail::call(tfr_options_set_salvage, get(), std::int32_t{yes});
        return *this;
    }
    /// Accepts data that ends inside a record, as a file does that is still being written.
    options &allow_incomplete_tail(bool yes = true) {
        detail::call(tfr_options_set_allow_incomplete_tail, get(), std::int32_t{yes});
        return *this;
    }
    /// Called for each region that a scan skips; true cancels the scan.
    options &on_skipped(std::function<bool(const skipped &)> callback) {
        const auto function = callback ? report_skipped : nullptr;
        state_->on_skipped = std::move(callback);
        detail::call(tfr_options_set_on_skipped, get(), function,
                     static_cast<void *>(state_.get()));
        return *this;
    }

    /// Calls a C function that takes these options; what a callback threw is thrown on.
    template <typename Function, typename... Arguments>
    void call(Function function, Arguments... arguments) const {
        if (state_->thrown) {
            state_->thrown = nullptr; // nothing is written where no callback may throw
        }
        try {
            detail::call(function, arguments...);
        } catch (const error &) {
            if (state_->thrown) {
                std::rethrow_exception(std::exchange(state_->thrown, nullptr));
            }
            throw;
        }
    }

    [[nodiscard]] tfr_options *get() const noexcept { return state_->native.get(); }

  private:
    /// What the C library's callbacks are given: it stays where it is.
    struct state {
        detail::handle<tfr_options, tfr_options_free> native;
        std::function<bool(std::uint64_t, std::uint64_t, std::uint64_t)> progress;
        std::function<bool(const skipped &)> on_skipped;
        std::exception_ptr thrown;

        /// No exception may pass through C.
        template <typename Callback> std::int32_t guard(Callback callback) noexcept {
            try {
                return callback() ? 1 : 0;
            } catch (...) {
                thrown = std::current_exception();
                return 1;
            }
        }
    };

    static std::int32_t report(void *context, std::uint64_t done, std::uint64_t total,
                               std::uint64_t records) {
        auto *self = static_cast<state *>(context);
        return self->guard([&] { return self->progress(done, total, records); });
    }
    static std::int32_t report_skipped(void *context, const tfr_skipped *region) {
        auto *self = static_cast<state *>(context);
        return self->guard([&] {
            return self->on_skipped(
                {region->start, region->end, region->record, tfr_error_message(region->error),
                 tfr_error_status(region->error), region->incomplete_tail != 0});
        });
    }

    std::unique_ptr<state> state_;
};

/// How an index fits its data: what index::check() returns.
struct fit {
    std::uint64_t uncovered_bytes; ///< bytes of the data that no entry covers
    bool reordered;                ///< an entry starts before the previous one
    bool repeated;                 ///< an entry is there twice
    bool checksums_skipped;        ///< no checksum was looked at
    bool partial;                  ///< valid records are left out
};

/// Indexes a TFRecord file into an index file, at tfrecord_path with ".idx" appended if index_path
/// is empty; returns the number of records.
inline std::uint64_t create_index(const std::string &tfrecord_path,
                                  const std::string &index_path = {},
                                  const options &options = tfr::options()) {
    std::uint64_t count = 0;
    options.call(tfr_index_create, detail::path(tfrecord_path), detail::index_path(index_path),
                 options.get(), &count);
    return count;
}

/// Indexes a TFRecord file as create_index(), if its index is missing or stale, or just if it is missing;
/// returns the number of records, or nothing if the index is left as it is.
inline std::optional<std::uint64_t> update_index(const std::string &tfrecord_path,
                                                 const std::string &index_path = {},
                                                 tfr_only only = TFR_ONLY_STALE,
                                                 const options &options = tfr::options()) {
    std::uint64_t count = 0;
    options.call(tfr_index_update, detail::path(tfrecord_path), detail::index_path(index_path), only,
                 options.get(), &count);
    return count == TFR_UNKNOWN ? std::nullopt : std::optional(count);
}

/// The path of a TFRecord file's index, by the file's name: in a directory, or beside the file if that
/// is empty.
inline std::string find_index(const std::string &tfrecord_path, const std::string &directory = {}) {
    char *found = nullptr;
    detail::call(tfr_index_find, detail::path(tfrecord_path), detail::index_path(directory), &found);
    const detail::handle<char, tfr_text_free> owned(found);
    return found;
}

/// Indexes a source into an index file; returns the number of records.
inline std::uint64_t create_index(const source &source, const std::string &index_path,
                                  const options &options = tfr::options()) {
    std::uint64_t count = 0;
    source.during([&] {
        options.call(tfr_index_create_from_source, source.get(), detail::path(index_path),
                     options.get(), &count);
    });
    return count;
}

/// An immutable, contiguous range of entries, one for each record.
class index {
  public:
    using value_type = entry;
    using const_iterator = const entry *;
    using iterator = const_iterator;

    /// The index in an index file.
    [[nodiscard]] static index read(const std::string &index_path) {
        return made(
            [&](tfr_index **out) { detail::call(tfr_index_read, detail::path(index_path), out); });
    }
    /// The index of a TFRecord file, in memory.
    [[nodiscard]] static index scan(const std::string &tfrecord_path,
                                    const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            options.call(tfr_index_scan, detail::path(tfrecord_path), options.get(), out);
        });
    }
    /// The index of a source, in memory.
    [[nodiscard]] static index scan(const source &source, const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            source.during(
                [&] { options.call(tfr_index_from_source, source.get(), options.get(), out); });
        });
    }
    /// The index of TFRecord bytes, which are borrowed during the call.
    [[nodiscard]] static index from_bytes(std::string_view data,
                                          const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            const auto *bytes = reinterpret_cast<const std::uint8_t *>(data.data());
            options.call(tfr_index_from_bytes, bytes, data.size(), options.get(), out);
        });
    }
    /// The index of index text.
    [[nodiscard]] static index from_text(std::string_view text) {
        return made([&](tfr_index **out) {
            detail::call(tfr_index_from_text, text.data(), text.size(), out);
        });
    }
    /// An index of these entries, in their order.
    [[nodiscard]] static index from_entries(array_view<entry> entries) {
        return made([&](tfr_index **out) {
            detail::call(tfr_index_from_entries, entries.data(), entries.size(), out);
        });
    }

    [[nodiscard]] std::size_t size() const noexcept { return tfr_index_len(native_.get()); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] const entry *data() const noexcept { return tfr_index_entries(native_.get()); }
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    [[nodiscard]] const_iterator end() const noexcept { return data() + size(); }
    /// Record i's entry; i must be below size().
    [[nodiscard]] const entry &operator[](std::size_t i) const noexcept { return data()[i]; }
    /// Record i's entry.
    [[nodiscard]] entry at(std::size_t i) const {
        entry found{};
        detail::call(tfr_index_get, native_.get(), i, &found);
        return found;
    }

    /// The index as text, as it stands in an index file.
    [[nodiscard]] std::string to_text() const {
        char *text = nullptr;
        std::size_t size = 0;
        detail::call(tfr_index_to_text, native_.get(), &text, &size);
        const detail::handle<char, tfr_text_free> owned(text);
        return std::string(text, size);
    }
    /// Writes the index to a file, whole or not at all.
    void write(const std::string &index_path) const {
        detail::call(tfr_index_write, native_.get(), detail::path(index_path));
    }
    /// Checks that this is the index of a TFRecord file.
    fit check(const std::string &tfrecord_path, tfr_check_level level = TFR_CHECK_QUICK,
              const options &options = tfr::options()) const {
        return check_by(tfr_index_check, detail::path(tfrecord_path), level, options);
    }
    fit check(const source &source, tfr_check_level level = TFR_CHECK_QUICK,
              const options &options = tfr::options()) const {
        fit found{};
        source.during(
            [&] { found = check_by(tfr_index_check_source, source.get(), level, options); });
        return found;
    }

    /// The entries of these records, in this order.
    [[nodiscard]] index select(array_view<std::size_t> records) const {
        return edited(tfr_index_select, records.data(), records.size());
    }
    /// The records whose payloads have so many bytes.
    [[nodiscard]] index filter_size(std::uint64_t min, std::uint64_t max = UINT64_MAX) const {
        return edited(tfr_index_filter_size, min, max);
    }
    /// All records, in an order that is the seed's, everywhere and for ever.
    [[nodiscard]] index shuffle(std::uint64_t seed) const {
        return edited(tfr_index_shuffle, seed);
    }
    /// Some records, each at most once, in this index's order.
    [[nodiscard]] index sample(std::size_t count, std::uint64_t seed) const {
        return edited(tfr_index_sample, count, seed);
    }
    /// A run of the records: the share of one of several ranks.
    [[nodiscard]] index shard(std::size_t rank, std::size_t world_size,
                              tfr_shard_by by = TFR_SHARD_BY_RECORDS,
                              tfr_remainder remainder = TFR_REMAINDER_KEEP) const {
        return edited(tfr_index_shard, rank, world_size, static_cast<std::int32_t>(by),
                      static_cast<std::int32_t>(remainder));
    }
    /// One of the files of concat(): its index, and how many bytes it has.
    struct part {
        const index &of;
        std::uint64_t size;
    };
    /// The index of files that are put one behind the other: concat({{index, 700}, {other, 900}}).
    [[nodiscard]] static index concat(array_view<part> parts) {
        std::vector<const tfr_index *> indexes;
        std::vector<std::uint64_t> sizes;
        for (const part &one : parts) {
            indexes.push_back(one.of.get());
            sizes.push_back(one.size);
        }
        return made([&](tfr_index **out) {
            detail::call(tfr_index_concat, indexes.data(), sizes.data(), parts.size(), out);
        });
    }

    [[nodiscard]] const tfr_index *get() const noexcept { return native_.get(); }

  private:
    explicit index(tfr_index *made) noexcept : native_(made) {}

    template <typename Function, typename Data>
    fit check_by(Function function, Data data, tfr_check_level level,
                 const options &options) const {
        std::uint64_t uncovered_bytes = 0;
        std::uint32_t notes = 0;
        options.call(function, native_.get(), data, static_cast<std::int32_t>(level), options.get(),
                     &uncovered_bytes, &notes);
        return {uncovered_bytes, (notes & TFR_FIT_REORDERED) != 0, (notes & TFR_FIT_REPEATED) != 0,
                (notes & TFR_FIT_CHECKSUMS_SKIPPED) != 0, (notes & TFR_FIT_PARTIAL) != 0};
    }

    template <typename Edit, typename... Arguments>
    index edited(Edit edit, Arguments... arguments) const {
        return made([&](tfr_index **out) { detail::call(edit, get(), arguments..., out); });
    }

    template <typename Make> static index made(Make make) {
        tfr_index *out = nullptr;
        make(&out);
        return index(out);
    }

    detail::handle<tfr_index, tfr_index_free> native_;
};

/// The payloads that reader::read_many() read: one buffer, and a view of each.
class payloads {
  public:
    using value_type = std::string_view;
    using const_iterator = const std::string_view *;
    using iterator = const_iterator;

    [[nodiscard]] std::size_t size() const noexcept { return views_.size(); }
    [[nodiscard]] bool empty() const noexcept { return views_.empty(); }
    [[nodiscard]] const std::string_view *data() const noexcept { return views_.data(); }
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    [[nodiscard]] const_iterator end() const noexcept { return data() + size(); }
    /// Payload i, borrowed; i must be below size().
    [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept { return views_[i]; }
    /// All of the payloads, one behind the other.
    [[nodiscard]] std::string_view bytes() const noexcept {
        const auto *bytes = reinterpret_cast<const char *>(buffer_.get());
        return {bytes, empty() ? 0 : offsets_.back()};
    }
    /// Where each payload starts in bytes(), and where the last one ends: size() + 1 numbers, but
    /// none where nothing was read.
    [[nodiscard]] array_view<std::size_t> offsets() const noexcept { return offsets_; }

  private:
    friend class reader;

    void clear() noexcept {
        offsets_.clear();
        views_.clear();
    }

    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t capacity_ = 0;
    std::vector<std::size_t> offsets_;
    std::vector<std::string_view> views_;
};

/// The records of a TFRecord file, in any order. const functions may be called by many threads.
class reader {
  public:
    class iterator;

    /// With the index at tfrecord_path with ".idx" appended if it is there and accounts for each
    /// valid record, else with one that is made in memory; then warning() says why.
    explicit reader(const std::string &tfrecord_path, const options &options = tfr::options())
        : native_(open(tfr_reader_open, detail::path(tfrecord_path), nullptr, options)) {}
    /// With this index, as it is: record i is what its entry i says.
    reader(const std::string &tfrecord_path, const index &index,
           const options &options = tfr::options())
        : native_(open(tfr_reader_open, detail::path(tfrecord_path), index.get(), options)) {}
    /// Of a source, which the reader shares. The context of a tfr_source must stay as long as the
    /// reader.
    explicit reader(const source &source, const options &options = tfr::options())
        : source_(source), native_(from_source(nullptr, options)) {}
    reader(const source &source, const index &index, const options &options = tfr::options())
        : source_(source), native_(from_source(index.get(), options)) {}

    [[nodiscard]] std::size_t size() const noexcept { return tfr_reader_len(native_.get()); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// Why the index found beside the file is not used; empty if there was none, or it is used.
    [[nodiscard]] std::string warning() const {
        return tfr_error_message(tfr_reader_warning(native_.get()));
    }
    /// The entries that it reads by, borrowed from the reader.
    [[nodiscard]] array_view<entry> entries() const noexcept {
        return {tfr_reader_entries(native_.get()), size()};
    }

    /// How many bytes read(i) gives.
    [[nodiscard]] std::size_t size_of(std::size_t i) const {
        std::size_t size = 0;
        call(tfr_reader_read, native_.get(), i, nullptr, std::size_t{0}, &size);
        return size;
    }

    /// Record i's payload.
    [[nodiscard]] std::string read(std::size_t i) const {
        std::string payload;
        read(i, payload);
        return payload;
    }
    /// Record i's payload, in place of what `payload` holds; its memory is used again. After an
    /// error it is empty.
    void read(std::size_t i, std::string &payload) const {
        std::size_t size = size_of(i);
        try {
            payload.resize(size);
            auto *buffer = reinterpret_cast<std::uint8_t *>(payload.data());
            call(tfr_reader_read, native_.get(), i, buffer, size, &size);
        } catch (...) {
            payload.clear();
            throw;
        }
    }

    /// Many records' payloads, in this order; reads are sorted, joined and shared by threads.
    /// Payloads of more than a GiB that take more memory than is available are
    /// TFR_ERR_OUT_OF_MEMORY.
    [[nodiscard]] payloads read_many(array_view<std::size_t> records) const {
        payloads read;
        read_many(records, read);
        return read;
    }
    /// The same, in place of what `read` holds; its memory is used again. After an error there are
    /// no payloads in it.
    void read_many(array_view<std::size_t> records, payloads &read) const {
        read.clear();
        try {
            const std::size_t count = records.size();
            read.offsets_.resize(count + 1);
            std::size_t *offsets = read.offsets_.data();
            call(tfr_reader_read_many, native_.get(), records.data(), count, nullptr,
                 std::size_t{0}, offsets);
            const std::size_t size = offsets[count] + 1; // without a buffer nothing would be read
            if (!read.buffer_ || read.capacity_ < size) {
                read.buffer_.reset();
                read.buffer_.reset(new std::uint8_t[size]);
                read.capacity_ = size;
            }
            call(tfr_reader_read_many, native_.get(), records.data(), count, read.buffer_.get(),
                 size, offsets);
            const auto *bytes = reinterpret_cast<const char *>(read.buffer_.get());
            read.views_.reserve(count);
            for (std::size_t i = 0; i < count; i++) {
                read.views_.emplace_back(bytes + offsets[i], offsets[i + 1] - offsets[i]);
            }
        } catch (...) {
            read.clear();
            throw;
        }
    }

    /// Many records' payloads, each to the start of a buffer of its own, as large as its capacity
    /// says.
    void read_each(array_view<std::size_t> records, array_view<std::uint8_t *> buffers,
                   array_view<std::size_t> capacities) const {
        if (buffers.size() != records.size() || capacities.size() != records.size()) {
            throw std::invalid_argument("tfr::reader::read_each: a buffer for each record");
        }
        call(tfr_reader_read_each, native_.get(), records.data(), records.size(), buffers.data(),
             capacities.data());
    }

    /// All payloads, one after the other: `for (std::string_view payload : reader)`. A payload is
    /// there until the iterator goes on. It is a single pass, that reads ahead some records. One
    /// that is bad throws at its turn, the first in begin(); the iterator may go on behind it. The
    /// reader must stay where it is meanwhile.
    [[nodiscard]] inline iterator begin() const;
    [[nodiscard]] inline iterator end() const noexcept;

    [[nodiscard]] const tfr_reader *get() const noexcept { return native_.get(); }

  private:
    template <typename Open, typename Data>
    static tfr_reader *open(Open function, Data data, const tfr_index *index,
                            const options &options) {
        tfr_reader *made = nullptr;
        options.call(function, data, index, options.get(), &made);
        return made;
    }

    tfr_reader *from_source(const tfr_index *index, const options &options) const {
        tfr_reader *made = nullptr;
        source_.during([&] { made = open(tfr_reader_from_source, source_.get(), index, options); });
        return made;
    }

    template <typename Function, typename... Arguments>
    void call(Function function, Arguments... arguments) const {
        source_.during([&] { detail::call(function, arguments...); });
    }

    source source_; // it comes first: it goes last
    detail::handle<tfr_reader, tfr_reader_free> native_;
};

class reader::iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view *;
    using reference = const std::string_view &;

    /// The end.
    iterator() = default;
    explicit iterator(const reader &from) : ahead_(std::make_shared<ahead>(from)) { settle(); }

    reference operator*() const noexcept { return *(ahead_->read.begin() + ahead_->at); }
    pointer operator->() const noexcept { return &**this; }
    iterator &operator++() {
        if (ahead_->at < ahead_->read.size()) {
            ++ahead_->at;
        }
        settle();
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator &a, const iterator &b) noexcept {
        return a.ahead_ == b.ahead_;
    }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

  private:
    struct ahead {
        explicit ahead(const reader &records) : from(&records) {}

        /// Reads the next records: a megabyte of them, or one that is larger; each alone where not
        /// all of them are good.
        void more() {
            at = 0;
            if (next < alone) {
                return from->read_many({next++}, read);
            }
            std::vector<std::size_t> records;
            const array_view<entry> entries = from->entries();
            std::size_t end = next;
            for (std::uint64_t bytes = 0; end < entries.size() && bytes < (1 << 20); end++) {
                bytes += entries[end].size;
                records.push_back(end);
            }
            try {
                from->read_many(records, read);
                next = end;
            } catch (...) {
                alone = end;
                more();
            }
        }

        const reader *from;
        payloads read;
        std::size_t at = 0;    // in what was read
        std::size_t next = 0;  // the record behind it
        std::size_t alone = 0; // records before this one are read alone
    };

    /// Sees to it that there is a payload here, or that this is the end.
    void settle() {
        if (ahead_->at >= ahead_->read.size()) {
            if (ahead_->next == ahead_->from->size()) {
                ahead_.reset();
            } else {
                ahead_->more();
            }
        }
    }

    std::shared_ptr<ahead> ahead_;
};

inline reader::iterator reader::begin() const { return iterator(*this); }
inline reader::iterator reader::end() const noexcept { return {}; }

/// Writes a TFRecord file and, along with it, its index. Both are there when finish() returns; one
/// that is destroyed before leaves nothing behind.
class writer {
  public:
    /// A new file, or one in the place of what is there.
    [[nodiscard]] static writer create(const std::string &tfrecord_path,
                                       const std::string &index_path = {},
                                       const options &options = tfr::options()) {
        return open(tfr_writer_create, tfrecord_path, index_path, options);
    }
    /// More records at the end of a file.
    [[nodiscard]] static writer append(const std::string &tfrecord_path,
                                       const std::string &index_path = {},
                                       const options &options = tfr::options()) {
        return open(tfr_writer_append, tfrecord_path, index_path, options);
    }

    void write(std::string_view payload) {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(payload.data());
        detail::call(tfr_writer_write, native_.get(), bytes, payload.size());
    }
    /// Writes all of them, no other thread's records between them.
    void write_many(const payloads &many) {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(many.bytes().data());
        detail::call(tfr_writer_write_many, native_.get(), bytes, many.offsets().data(),
                     many.size());
    }
    /// Hands what was written to the system.
    void flush() { detail::call(tfr_writer_flush, native_.get()); }
    /// The number of records in the file, with those that are being written.
    [[nodiscard]] std::uint64_t num_records() const noexcept {
        return tfr_writer_num_records(native_.get());
    }
    /// Puts data and index in their places; returns how many records the file has.
    std::uint64_t finish() {
        std::uint64_t count = 0;
        detail::call(tfr_writer_finish, native_.get(), &count);
        return count;
    }

    [[nodiscard]] tfr_writer *get() const noexcept { return native_.get(); }

  private:
    explicit writer(tfr_writer *made) noexcept : native_(made) {}

    template <typename Open>
    static writer open(Open function, const std::string &tfrecord_path,
                       const std::string &index_path, const options &options) {
        tfr_writer *made = nullptr;
        options.call(function, detail::path(tfrecord_path), detail::index_path(index_path),
                     options.get(), &made);
        return writer(made);
    }

    detail::handle<tfr_writer, tfr_writer_free> native_;
};

/// Indexes a TFRecord stream that is pushed in pieces: a download, a pipe.
class indexer {
  public:
    explicit indexer(const options &options = tfr::options()) {
        tfr_indexer *made = nullptr;
        options.call(tfr_indexer_new, options.get(), &made);
        native_.reset(made);
    }

    /// Takes the stream's next bytes, and calls `found(entry)` for each record that they complete.
    /// A bad record behind good ones may be an error of the next call, or of finish().
    template <typename Found> void push(std::string_view bytes, Found found) {
        const auto *data = reinterpret_cast<const std::uint8_t *>(bytes.data());
        std::size_t size = bytes.size();
        while (size > 0) {
            entry entries[256];
            std::size_t taken = 0;
            std::size_t count = 0;
            detail::call(tfr_indexer_push, native_.get(), data, size, entries, std::size_t{256},
                         &taken, &count);
            for (std::size_t i = 0; i < count; i++) {
                found(entries[i]);
            }
            data += taken;
            size -= taken;
        }
    }
    /// Says that the stream is at its end.
    void finish() { detail::call(tfr_indexer_finish, native_.get()); }

    [[nodiscard]] tfr_indexer *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_indexer, tfr_indexer_free> native_;
};

} // namespace tfr

#ifdef __cpp_lib_ranges
template <typename T> inline constexpr bool std::ranges::enable_view<tfr::array_view<T>> = true;
template <typename T>
inline constexpr bool std::ranges::enable_borrowed_range<tfr::array_view<T>> = true;
#endif

#endif // TFR_INDEX_HPP
