// Says that it runs, then goes on for ever: computing, asleep, or waiting for input that does not come.
#include <unistd.h>

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
    const std::string_view how = argc > 1 ? argv[1] : "";
    std::puts("ready");
    std::fflush(stdout);
    char byte;
    if (how == "input") return read(STDIN_FILENO, &byte, 1) == 0 ? 5 : 6;
    if (how == "asleep")
        for (;;) sleep(1000);
    if (how == "printing")
        for (;;) std::puts("a line of output that nobody reads any more");
    for (volatile unsigned long i = 0;; i = i + 1) {
    }
}
