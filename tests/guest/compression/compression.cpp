// Writes a file, compresses and restores it with zlib and zstd, and compares checksums. Argument: its size in MiB.
// Sizes and checksums go to standard output, times to standard error.
#include <zlib.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "codecs.hpp"

namespace fs = std::filesystem;

namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open(const fs::path& path, const char* mode) {
    File file{std::fopen(path.c_str(), mode), std::fclose};
    if (!file) throw std::runtime_error("cannot open " + path.string());
    return file;
}

// Text of random words with a random block here and there: it compresses to about a third.
void generate(const fs::path& path, size_t megabytes) {
    std::mt19937_64 random{2026};
    std::vector<std::string> words(512);
    for (auto& word : words)
        for (size_t i = 2 + random() % 8; i > 0; --i) word += static_cast<char>('a' + random() % 26);
    const File file = open(path, "wb");
    std::string block;
    for (size_t i = 0; i < megabytes; ++i) {
        block.clear();
        for (uint64_t bits = 0; block.size() < 256 * 1024; bits >>= 9) {
            if (bits == 0) bits = random();
            (block += words[bits % 512]) += bits % 16 == 0 ? '\n' : ' ';
        }
        block.resize(256 * 1024);
        // The rest of the MiB repeats it, so that generating is not what is measured.
        for (int copy = 0; copy < 4; ++copy) {
            const uint64_t mark = random();
            for (size_t at = 0; at < 64; ++at) block[(mark >> at % 32) % block.size()] = static_cast<char>(mark >> at % 56);
            if (std::fwrite(block.data(), 1, block.size(), file.get()) != block.size()) throw std::runtime_error("cannot write");
        }
    }
}

uint32_t checksum(const fs::path& path) {
    const File file = open(path, "rb");
    std::vector<unsigned char> buffer(1 << 20);
    uLong sum = crc32(0, nullptr, 0);
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get()))
        sum = crc32(sum, buffer.data(), static_cast<uInt>(size));
    return static_cast<uint32_t>(sum);
}

void timed(const std::string& what, const std::function<void()>& action) {
    const auto start = std::chrono::steady_clock::now();
    action();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::fprintf(stderr, "%-14s %7.2f s\n", what.c_str(), seconds.count());
}

struct Codec {
    const char* name;
    void (*compress)(std::FILE*, std::FILE*, int);
    void (*restore)(std::FILE*, std::FILE*);
    int level;
};

bool there_and_back(const Codec& codec, const fs::path& original, uint32_t expected) {
    const fs::path packed = original.string() + "." + codec.name, restored = original.string() + ".restored";
    const std::string name = codec.name;
    timed(name + " compress", [&] { codec.compress(open(original, "rb").get(), open(packed, "wb").get(), codec.level); });
    timed(name + " restore", [&] { codec.restore(open(packed, "rb").get(), open(restored, "wb").get()); });
    const uint32_t sum = checksum(restored);
    const bool equal = sum == expected && fs::file_size(restored) == fs::file_size(original);
    std::printf("%s level %d: %ju bytes, restored %08x %s\n", codec.name, codec.level, static_cast<uintmax_t>(fs::file_size(packed)), sum,
                equal ? "equal" : "DIFFERENT");
    const bool smaller = fs::file_size(packed) < fs::file_size(original) / 2;
    if (!smaller) std::printf("%s did not make it smaller\n", codec.name);
    fs::remove(packed);
    fs::remove(restored);
    return equal && smaller;
}

}  // namespace

int main(int argc, char** argv) {
    const size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 50;
    std::string pattern = fs::temp_directory_path() / "compression.XXXXXX";
    if (!mkdtemp(pattern.data())) {
        std::perror("mkdtemp");
        return 1;
    }
    const fs::path folder = pattern, original = folder / "original";
    bool good = false;
    try {
        uint32_t expected = 0;
        timed("generate", [&] { generate(original, megabytes); });
        timed("checksum", [&] { expected = checksum(original); });
        std::printf("%ju bytes, checksum %08x\n", static_cast<uintmax_t>(fs::file_size(original)), expected);
        const bool zstd = there_and_back({"zstd", zstd_compress, zstd_restore, 1}, original, expected);
        const bool zlib = there_and_back({"zlib", zlib_compress, zlib_restore, 1}, original, expected);
        good = zstd && zlib;
    } catch (const std::exception& error) {
        std::printf("failed: %s\n", error.what());
    }
    fs::remove_all(folder);
    return good ? 0 : 1;
}
