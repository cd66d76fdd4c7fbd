/* A C program: reads numbers from its arguments, or makes some up, sorts them and says what they are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>

static int compare(const void* left, const void* right) {
    const double a = *(const double*)left, b = *(const double*)right;
    return (a > b) - (a < b);
}

static int parse(const char* text, double* number) {
    char* end;
    errno = 0;
    *number = strtod(text, &end);
    return errno == 0 && end != text && *end == 0;
}

int main(int argc, char** argv) {
    struct utsname system;
    if (uname(&system) == 0) fprintf(stderr, "running on %s %s\n", system.sysname, system.release);

    const size_t count = argc > 1 ? (size_t)(argc - 1) : 10;
    double* numbers = calloc(count, sizeof *numbers);
    if (!numbers) {
        perror("calloc");
        return 1;
    }
    for (size_t i = 0; i < count; ++i) {
        if (argc == 1) {
            numbers[i] = (double)(i * 7919 % 101) / 4;
        } else if (!parse(argv[i + 1], &numbers[i])) {
            fprintf(stderr, "%s: \"%s\" is not a number\n", argv[0], argv[i + 1]);
            free(numbers);
            return 2;
        }
    }
    qsort(numbers, count, sizeof *numbers, compare);
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += numbers[i];
    printf("%zu numbers: smallest %g, median %g, largest %g, mean %g\n", count, numbers[0], numbers[count / 2], numbers[count - 1],
           sum / (double)count);
    free(numbers);
    return 0;
}
