// Lists what is under a folder, one line each: kind, permissions, name, and for a file its size and a checksum, for a link where
// it points to. Sorted by name.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

// FNV-1a.
uint64_t checksum(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    uint64_t sum = 0xcbf29ce484222325;
    std::vector<char> buffer(65536);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
        for (std::streamsize i = 0; i < in.gcount(); ++i)
            sum = (sum ^ static_cast<unsigned char>(buffer[static_cast<size_t>(i)])) * 0x100000001b3;
    }
    return sum;
}

void print(const fs::path& path) {
    const fs::file_status status = fs::symlink_status(path);
    const auto mode = static_cast<unsigned>(status.permissions());
    switch (status.type()) {
        case fs::file_type::regular:
            std::printf("file %04o %s %ju %016jx\n", mode, path.c_str(), static_cast<uintmax_t>(fs::file_size(path)),
                        static_cast<uintmax_t>(checksum(path)));
            break;
        case fs::file_type::directory:
            std::printf("folder %04o %s\n", mode, path.c_str());
            break;
        case fs::file_type::symlink:
            std::printf("link %s -> %s\n", path.c_str(), fs::read_symlink(path).c_str());
            break;
        default:
            std::printf("other %s\n", path.c_str());
    }
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::vector<fs::path> paths{argv[i]};
        if (fs::is_directory(argv[i]))
            for (const fs::directory_entry& entry : fs::recursive_directory_iterator{argv[i]}) paths.push_back(entry.path());
        std::sort(paths.begin(), paths.end());
        for (const fs::path& path : paths) print(path);
    }
}
