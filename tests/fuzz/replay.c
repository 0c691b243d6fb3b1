/* Runs a fuzz target over files and folders of files, for builds without libFuzzer. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns 1, or 0 when the file cannot be read. The copy has exactly the input's size, so that ASan sees its end. */
static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = size >= 0 ? malloc((size_t)size + (size == 0)) : NULL;
    int done = data && fread(data, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    /* The last line printed is the input that a crash is about. */
    printf("%s\n", path);
    fflush(stdout);
    if (done) LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return done;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* The number of files replayed; -1 when `path` is not a folder. */
static int replay_folder(const char *path) {
    struct dirent **entries;
    int count = scandir(path, &entries, not_hidden, by_name), done = 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        done += replay_file(name);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return count < 0 ? -1 : done;
}

int main(int argc, char **argv) {
    int done = 0;
    for (int i = 1; i < argc; i++) {
        int in_folder = replay_folder(argv[i]);
        done += in_folder >= 0 ? in_folder : replay_file(argv[i]);
    }
    printf("%d inputs replayed\n", done);
    return done == 0;
}
