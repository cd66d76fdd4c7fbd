// Copies standard input to standard output, and says on standard error how much it was. With an argument, says first that it is ready.
#include <unistd.h>

#include <cstdio>

int main(int argc, char**) {
    static char buffer[65536];
    unsigned long total = 0;
    if (argc > 1) {
        std::puts("ready");
        std::fflush(stdout);
    }
    for (;;) {
        const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got < 0) {
            std::perror("read");
            return 1;
        }
        if (got == 0) break;
        for (ssize_t done = 0; done < got;) {
            const ssize_t written = write(STDOUT_FILENO, buffer + done, static_cast<size_t>(got - done));
            if (written <= 0) {
                std::perror("write");
                return 1;
            }
            done += written;
        }
        total += static_cast<unsigned long>(got);
    }
    std::fprintf(stderr, "%lu bytes\n", total);
}
