#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

namespace eremite::test {

// A file of the host's that is gone with the test.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& contents = {}) : path_{::testing::TempDir() + "vmm_block.XXXXXX"} {
        const int file = ::mkstemp(path_.data());
        if (file < 0) throw std::runtime_error{"mkstemp"};
        ::close(file);
        std::ofstream{path_, std::ios::binary} << contents;
    }
    // Of zeros.
    explicit TemporaryFile(off_t size) : TemporaryFile{} { resize(size); }
    TemporaryFile(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path_.c_str()); }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string contents() const {
        std::ifstream file{path_, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    void resize(off_t size) const { EXPECT_EQ(::truncate(path_.c_str(), size), 0); }
    // What it takes of the host's disk.
    [[nodiscard]] off_t blocks() const {
        struct stat info {};
        EXPECT_EQ(::stat(path_.c_str(), &info), 0);
        return info.st_blocks;
    }

private:
    std::string path_;
};

}  // namespace eremite::test
