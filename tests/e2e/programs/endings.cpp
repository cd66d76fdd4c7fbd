// Ends in the way that its argument names, other than by a fault of the processor.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace {

struct SaysGoodbye {
    ~SaysGoodbye() { std::puts("static destructor"); }
};
SaysGoodbye goodbye;

[[gnu::noinline]] void give_up() {
    std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view how = argc > 1 ? argv[1] : "";
    // What is buffered is lost in some of these endings, as on Linux.
    std::puts("started");
    std::fflush(stdout);
    std::atexit([] { std::puts("atexit"); });
    if (how == "abort") give_up();
    if (how == "throw") throw std::runtime_error{"nobody catches this"};
    if (how == "throw int") throw 42;
    if (how == "terminate") std::terminate();
    if (how == "exit") std::exit(3);
    if (how == "_exit") _exit(4);
    if (how == "kill") kill(getpid(), SIGKILL);
    if (how == "raise") std::raise(SIGTERM);
}
