// Several threads work on the same files and the same folder.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "stress.hpp"

namespace stress {

namespace {

// A folder of its own, which is empty again when it goes.
class Folder {
public:
    Folder() {
        std::strcpy(path_, "/tmp/stress-XXXXXX");
        REQUIRE(mkdtemp(path_));
    }
    ~Folder() { REQUIRE(rmdir(path_) == 0); }
    std::string operator/(const std::string& name) const { return std::string{path_} + "/" + name; }

private:
    char path_[32];
};

}  // namespace

// With O_APPEND every record is written whole, at the end, and none over another.
void appended_files() {
    constexpr int writers = 6, records = 100;
    struct Record {
        int writer, number;
        char filling[48];
    };
    const Folder folder;
    const std::string name = folder / "log";
    in_threads(writers, [&](int writer) {
        const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        REQUIRE(fd >= 0);
        Record record{writer, 0, {}};
        std::memset(record.filling, 'a' + writer, sizeof record.filling);
        for (; record.number < records; ++record.number) {
            REQUIRE(write(fd, &record, sizeof record) == sizeof record);
            progress();
        }
        REQUIRE(close(fd) == 0);
    });
    const int fd = open(name.c_str(), O_RDONLY);
    Record record;
    int next[writers] = {};
    ssize_t size;
    while ((size = read(fd, &record, sizeof record)) == sizeof record) {
        REQUIRE(record.writer >= 0 && record.writer < writers && record.number == next[record.writer]++);
        for (char c : record.filling) REQUIRE(c == 'a' + record.writer);
    }
    REQUIRE(size == 0);
    for (int count : next) REQUIRE(count == records);
    REQUIRE(close(fd) == 0 && unlink(name.c_str()) == 0);
}

// Files are renamed over one name by several threads: it is always there, with the whole contents of one of them.
void renamed_files() {
    constexpr int writers = 4, rounds = 60;
    const Folder folder;
    const std::string target = folder / "current";
    const auto write_file = [](const std::string& name, int writer, int round) {
        char text[600];
        std::memset(text, 'a' + (writer + round) % 26, sizeof text);
        const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
        REQUIRE(fd >= 0 && write(fd, text, sizeof text) == sizeof text && close(fd) == 0);
    };
    write_file(target, 0, 0);
    std::atomic<int> left = writers;
    in_threads(writers + 2, [&](int i) {
        if (i < writers) {
            const std::string own = folder / ("new" + std::to_string(i));
            for (int round = 0; round < rounds; ++round) {
                write_file(own, i, round);
                REQUIRE(rename(own.c_str(), target.c_str()) == 0);
                REQUIRE(access(own.c_str(), F_OK) == -1 && errno == ENOENT);
                progress();
            }
            --left;
            return;
        }
        while (left > 0) {
            char text[700];
            const int fd = open(target.c_str(), O_RDONLY);
            REQUIRE(fd >= 0);
            REQUIRE(read(fd, text, sizeof text) == 600);
            for (int k = 1; k < 600; ++k) REQUIRE(text[k] == text[0]);
            struct stat status;
            REQUIRE(fstat(fd, &status) == 0 && status.st_size == 600 && status.st_nlink <= 1);
            REQUIRE(close(fd) == 0);
            sched_yield();
        }
    });
    REQUIRE(unlink(target.c_str()) == 0);
}

// One descriptor, a block of the file for each thread; and names that are made, linked and removed in the same folder.
void file_blocks() {
    constexpr int workers = 6, rounds = 40;
    constexpr size_t size = 5000;
    const Folder folder;
    const std::string name = folder / "blocks";
    const int fd = open(name.c_str(), O_RDWR | O_CREAT, 0600);
    REQUIRE(fd >= 0);
    in_threads(workers, [&](int worker) {
        char block[size];
        const std::string other = folder / ("link" + std::to_string(worker));
        for (int round = 0; round < rounds; ++round) {
            const char c = static_cast<char>('a' + (worker + round) % 26);
            std::memset(block, c, size);
            REQUIRE(pwrite(fd, block, size, worker * size) == size);
            REQUIRE(link(name.c_str(), other.c_str()) == 0);
            std::memset(block, 0, size);
            REQUIRE(pread(fd, block, size, worker * size) == size);
            for (char read : block) REQUIRE(read == c);
            REQUIRE(unlink(other.c_str()) == 0);
            progress();
        }
    });
    struct stat status;
    REQUIRE(fstat(fd, &status) == 0 && status.st_size == workers * size && status.st_nlink == 1);
    REQUIRE(close(fd) == 0 && unlink(name.c_str()) == 0);
}

}  // namespace stress
