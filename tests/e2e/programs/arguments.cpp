// Prints its arguments and its environment, each with its length, so that nothing in them is lost.
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace {

void print(const char* kind, const char* text) {
    std::printf("%s %zu [%s]\n", kind, std::strlen(text), text);
}

}  // namespace

int main(int argc, char** argv) {
    std::printf("count %d\n", argc);
    for (int i = 0; i < argc; ++i) print("argument", argv[i]);
    if (argv[argc] != nullptr) return 1;
    for (char** variable = environ; *variable != nullptr; ++variable) print("variable", *variable);
}
