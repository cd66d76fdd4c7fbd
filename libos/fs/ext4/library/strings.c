// Functions of the C library for strings, as libext2fs wants them; in C, since C++ has others of the same names.
#include <string.h>

int strcmp(const char* left, const char* right) {
    for (; *left && *left == *right; ++left) ++right;
    return (unsigned char)*left - (unsigned char)*right;
}

int strncmp(const char* left, const char* right, size_t size) {
    for (; size > 0; --size, ++left, ++right)
        if (*left != *right || !*left) return (unsigned char)*left - (unsigned char)*right;
    return 0;
}

char* strcpy(char* to, const char* from) {
    memcpy(to, from, strlen(from) + 1);
    return to;
}

char* strcat(char* to, const char* from) {
    strcpy(to + strlen(to), from);
    return to;
}

char* strchr(const char* text, int wanted) {
    for (;; ++text) {
        if (*text == (char)wanted) return (char*)text;
        if (!*text) return NULL;
    }
}
