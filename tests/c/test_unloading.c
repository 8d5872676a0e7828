/* Threads that called a library that is closed before they end. argv[1] is an empty directory,
 * argv[2] the shared library, argv[3] the plugin. */
#include <dlfcn.h>
#include <pthread.h>

#include "check.h"

static void *library;
static pthread_barrier_t called, closed;

static void *call(void *path) {
    __typeof__(tfr_index_from_bytes) *from_bytes;
    __typeof__(tfr_index_free) *free_index;
    *(void **)&from_bytes = dlsym(library, "tfr_index_from_bytes");
    *(void **)&free_index = dlsym(library, "tfr_index_free");
    CHECK(from_bytes != NULL && free_index != NULL);
    tfr_index *index = NULL;
    CHECK(from_bytes(THREE, THREE_SIZE, NULL, &index, NULL) == TFR_OK);
    free_index(index);
    pthread_barrier_wait(&called);
    pthread_barrier_wait(&closed);
    return path;
}

static void *call_plugin(void *path) {
    int64_t (*count)(const char *);
    *(void **)&count = dlsym(library, "plugin_count");
    CHECK(count != NULL && count(path) == 3);
    pthread_barrier_wait(&called);
    pthread_barrier_wait(&closed);
    return path;
}

static void close_before_the_end_of(void *(*function)(void *), const char *name, char *path) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    CHECK(pthread_barrier_init(&called, NULL, 2) == 0);
    CHECK(pthread_barrier_init(&closed, NULL, 2) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, function, path) == 0);
    pthread_barrier_wait(&called);
    CHECK(dlclose(library) == 0);
    pthread_barrier_wait(&closed);
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int count, char **arguments) {
    CHECK(count == 4);
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/x", arguments[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(THREE, THREE_SIZE, 1, file) == 1 && fclose(file) == 0);
    close_before_the_end_of(call, arguments[2], path);
    close_before_the_end_of(call_plugin, arguments[3], path);
    return 0;
}
