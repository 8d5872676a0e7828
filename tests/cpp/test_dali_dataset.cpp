// The DALI plugin's dataset, without DALI. argv[1] is an empty directory.
#include "../../examples/dali_plugin/dataset.cc"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "check.hpp"

namespace {

std::atomic<int> open_files{0}, most_open{0}; // of the data files
std::atomic<bool> is_data[1000];

} // namespace

// The library's calls arrive here first.
extern "C" int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const unsigned mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    using function = int (*)(const char *, int, ...);
    static const auto next = reinterpret_cast<function>(dlsym(RTLD_NEXT, "open64"));
    const int descriptor = next(path, flags, mode);
    if (descriptor >= 0 && std::filesystem::path(path).extension() == ".tfrecord") {
        is_data[descriptor] = true;
        const int now = ++open_files;
        for (int most = most_open; most < now && !most_open.compare_exchange_weak(most, now);) {
        }
    }
    return descriptor;
}

extern "C" int close(int descriptor) {
    static const auto next = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "close"));
    open_files -= descriptor >= 0 && is_data[descriptor].exchange(false);
    return next(descriptor);
}

namespace {

constexpr std::size_t FILES = 60;

std::string payload(std::size_t file, std::size_t record) {
    return std::to_string(record) + " of " + std::to_string(file);
}

/// Checks record 1 of a file.
void read(tfr_dali::Dataset &dataset, std::size_t file) {
    std::uint8_t buffer[20];
    dataset.read({file, {1}, {buffer}, {sizeof buffer}});
    const std::string expected = payload(file, 1);
    CHECK(std::string(reinterpret_cast<char *>(buffer), expected.size()) == expected);
}

void keeps_to_its_limit(const tfr_dali::Files &files) {
    for (const int limit : {1, 3, 7}) {
        tfr_dali::Files limited = files;
        limited.max_open = static_cast<std::size_t>(limit);
        most_open = 0;
        tfr_dali::Dataset dataset(limited);
        CHECK(dataset.size() == 2 * FILES && open_files == 0 && dataset.warnings().empty());
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 12; thread++) {
            threads.emplace_back([&, thread] {
                for (std::size_t i = 0; i < 300; i++) {
                    read(dataset, (i * (thread + 1) + thread) % FILES);
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        CHECK(open_files == limit && most_open == limit);
    }
}

void closes_files_where_the_process_may_open_no_more(const tfr_dali::Files &files) {
    rlimit before;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit few = {20, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    {
        tfr_dali::Dataset dataset(files);
        CHECK(dataset.warnings().empty()); // no index is left aside for want of a descriptor
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 12; thread++) {
            threads.emplace_back([&] {
                for (std::size_t file = 0; file < FILES; file++) {
                    read(dataset, file);
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }
    // If the program itself holds all descriptors, there is nothing to close.
    tfr_dali::Dataset other(files);
    std::vector<int> taken;
    for (int descriptor = dup(2); descriptor >= 0; descriptor = dup(2)) {
        taken.push_back(descriptor);
    }
    try {
        read(other, 5);
        CHECK(false);
    } catch (const tfr::error &error) {
        const std::string message = error.what();
        CHECK(message.find(files.paths[5]) == 0);
        CHECK(message.find("ulimit -n") != std::string::npos);
        CHECK(message.find("max_open_files") != std::string::npos);
    }
    for (const int descriptor : taken) {
        close(descriptor);
    }
    read(other, 5);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

} // namespace

int main(int, char **arguments) {
    const std::filesystem::path folder = arguments[1];
    tfr_dali::Files files;
    for (std::size_t file = 0; file < FILES; file++) {
        files.paths.push_back(folder / (std::to_string(file) + ".tfrecord"));
        tfr::writer writer = tfr::writer::create(files.paths.back());
        for (std::size_t record = 0; record < 2; record++) {
            writer.write(payload(file, record));
        }
        writer.finish();
    }
    keeps_to_its_limit(files);
    closes_files_where_the_process_may_open_no_more(files);
    return 0;
}
