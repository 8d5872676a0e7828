/* A plugin that is linked with the static library. */
#include <tfr_index.h>

int64_t plugin_count(const char *path);

int64_t plugin_count(const char *path) {
    tfr_index *index = NULL;
    int64_t count = -1;
    if (tfr_index_scan(path, NULL, &index, NULL) == TFR_OK) {
        count = (int64_t)tfr_index_len(index);
    }
    tfr_index_free(index);
    return count;
}
