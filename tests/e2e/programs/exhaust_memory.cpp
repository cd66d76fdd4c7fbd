// Takes all memory there is, sees the exception, and goes on with what it gave back.
#include <cstdio>
#include <new>
#include <vector>

int main() {
    constexpr size_t piece = 1 << 20;
    size_t pieces = 0;
    {
        std::vector<std::vector<char>> taken;
        try {
            for (;;) {
                taken.emplace_back(piece, 'x');
                ++pieces;
            }
        } catch (const std::bad_alloc& error) {
            std::printf("caught %s\n", error.what());
        }
    }
    const std::vector<char> again(pieces / 2 * piece, 'y');
    std::printf("%zu MiB, and %zu MiB again\n", pieces, again.size() >> 20);
}
