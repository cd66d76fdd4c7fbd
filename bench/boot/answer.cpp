// Answers a line of its input: what a server that has started does for its first client.
#include <cstdio>

int main() {
    std::puts("ready");
    std::fflush(stdout);
    char line[64];
    while (std::fgets(line, sizeof line, stdin)) {
        std::fputs(line, stdout);
        std::fflush(stdout);
    }
    return 0;
}
