/* A process that is forked while another thread makes the library's first call in it can use the
 * library. argv[1] is an empty directory. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define ROUNDS 300

static void use(void) {
    tfr_options *options = NULL;
    tfr_index *index = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_checksums(options, TFR_CHECKSUMS_FULL, NULL) == TFR_OK);
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 3);
    tfr_index_free(index);
    tfr_options_free(options);
}

static void *first_call(void *begun) {
    __atomic_store_n((int *)begun, 1, __ATOMIC_RELEASE);
    use();
    return NULL;
}

/* Runs in a new process, which forks some time after a thread's call began. */
static int fork_amid_first_call(int delay) {
    int begun = 0;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, first_call, &begun) == 0);
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {
    }
    for (volatile int i = 0; i < delay; i++) {
    }
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60); /* ends a process that would wait forever */
        use();
        _exit(0);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && ended == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3) {
        return fork_amid_first_call(atoi(argv[2]));
    }
    CHECK(argc == 2);
    for (int round = 0; round < ROUNDS; round++) {
        char delay[16];
        CHECK(snprintf(delay, sizeof delay, "%d", round * 1000) > 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            execl("/proc/self/exe", argv[0], argv[1], delay, (char *)NULL);
            _exit(1);
        }
        int ended = -1;
        CHECK(waitpid(child, &ended, 0) == child && ended == 0);
    }
    return 0;
}
