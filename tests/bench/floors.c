// Loops of one thread, to compare work on many files with:
//
// - floors whole FILE...: reads each file whole into one buffer, walks its headers, writes an index
// - floors start FILE...: reads 4 KB of each file, writes an index of one line
// - floors stat FILE...: stats each file and its index
//
// An index is written beside its file under another name, then renamed to FILE.idx.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *buffer, *text;
static size_t capacity;

static void fail(const char *path) {
    perror(path);
    exit(1);
}

static char *number(char *to, uint64_t value) {
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

/* Reads up to `most` bytes. */
static size_t read_start(const char *path, size_t most) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        fail(path);
    }
    size_t size = (size_t)about.st_size < most ? (size_t)about.st_size : most;
    if (size > capacity) {
        capacity = size;
        buffer = realloc(buffer, capacity);
        text = realloc(text, 3 * capacity);
        if (buffer == NULL || text == NULL) {
            fail(path);
        }
    }
    size_t filled = 0;
    while (filled < size) {
        ssize_t count = read(file, buffer + filled, size - filled);
        if (count <= 0) {
            fail(path);
        }
        filled += (size_t)count;
    }
    close(file);
    return filled;
}

static void write_index(const char *path, size_t length) {
    char temporary[4096], index[4096];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    snprintf(index, sizeof index, "%s.idx", path);
    int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || write(file, text, length) != (ssize_t)length || close(file) != 0) {
        fail(temporary);
    }
    if (rename(temporary, index) != 0) {
        fail(index);
    }
}

static char *line(char *to, uint64_t offset, uint64_t size) {
    to = number(to, offset);
    *to++ = ' ';
    to = number(to, size);
    *to++ = '\n';
    return to;
}

static void index_whole(const char *path) {
    size_t size = read_start(path, SIZE_MAX), offset = 0;
    char *end = text;
    while (offset + 16 <= size) {
        uint64_t payload;
        memcpy(&payload, buffer + offset, sizeof payload);
        if (payload > size - offset - 16) {
            exit(1);
        }
        end = line(end, offset, payload + 16);
        offset += (size_t)payload + 16;
    }
    write_index(path, (size_t)(end - text));
}

static void index_start(const char *path) {
    uint64_t payload;
    if (read_start(path, 4096) < sizeof payload) {
        exit(1);
    }
    memcpy(&payload, buffer, sizeof payload);
    write_index(path, (size_t)(line(text, 0, payload + 16) - text));
}

static void stat_both(const char *path) {
    char index[4096];
    struct stat about;
    snprintf(index, sizeof index, "%s.idx", path);
    if (stat(path, &about) != 0 || stat(index, &about) != 0) {
        fail(path);
    }
}

int main(int count, char **arguments) {
    const char *work = count > 1 ? arguments[1] : "";
    void (*each)(const char *) = strcmp(work, "whole") == 0   ? index_whole
                                 : strcmp(work, "start") == 0 ? index_start
                                 : strcmp(work, "stat") == 0  ? stat_both
                                                              : NULL;
    if (each == NULL) {
        fprintf(stderr, "usage: floors whole|start|stat FILE...\n");
        return 2;
    }
    for (int file = 2; file < count; file++) {
        each(arguments[file]);
    }
    return 0;
}
