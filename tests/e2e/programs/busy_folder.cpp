// What a folder of the host goes through under load and when its server or its disk fails: `busy_folder VERB ARGUMENT...`.
// Prints what it finds; exit status 1 when that is wrong.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::cout << what << ": " << std::strerror(errno) << std::endl;
    std::exit(1);
}

std::string numbered(const std::string& folder, int i) { return folder + "/number " + std::to_string(i); }

// Makes files with a number each; every tenth holds it.
void make(const std::string& folder, int count) {
    for (int i = 0; i < count; ++i) {
        const int fd = ::open(numbered(folder, i).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644);
        if (fd < 0) fail("create");
        const std::string text = std::to_string(i);
        if (i % 10 == 0 && ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
        if (::close(fd) != 0) fail("close");
    }
    std::cout << "made " << count << std::endl;
}

// Removes whatever is in a folder as it is listed.
void clear(const std::string& folder) {
    DIR* const listing = ::opendir(folder.c_str());
    if (!listing) fail(folder);
    int count = 0;
    while (const dirent* entry = ::readdir(listing)) {
        if (entry->d_name[0] == '.') continue;
        if (::unlink((folder + "/" + entry->d_name).c_str()) != 0) fail(entry->d_name);
        ++count;
    }
    ::closedir(listing);
    if (::rmdir(folder.c_str()) != 0) fail("rmdir");
    std::cout << "removed " << count << std::endl;
}

// Gives every file of a folder another name in another folder.
void move(const std::string& from, const std::string& to) {
    DIR* const listing = ::opendir(from.c_str());
    if (!listing || ::mkdir(to.c_str(), 0755) != 0) fail(from);
    int count = 0;
    while (const dirent* entry = ::readdir(listing)) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        struct stat s;
        if (::stat((from + "/" + name).c_str(), &s) != 0 || ::rename((from + "/" + name).c_str(), (to + "/" + name).c_str()) != 0) fail(name);
        ++count;
    }
    ::closedir(listing);
    std::cout << "moved " << count << std::endl;
}

// One thing after the other, until one of them fails. The error.
int work_until_failure(const std::string& folder, int thread, std::atomic<int>& rounds) {
    const std::string path = numbered(folder, thread);
    const std::vector<char> bytes(20'000, 'x');
    std::vector<char> back(bytes.size());
    for (int round = 0;; ++round) {
        const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0644);
        if (fd < 0) return errno;
        int error = 0;
        if (::pwrite(fd, bytes.data(), bytes.size(), round % 10 * 20'000) < 0) error = errno;
        else if (thread % 2 == 0 && ::fsync(fd) != 0) error = errno;
        else if (::pread(fd, back.data(), back.size(), 0) < 0) error = errno;
        if (::close(fd) != 0 && error == 0) error = errno;
        struct stat s;
        if (error == 0 && ::stat((path + " absent").c_str(), &s) != 0 && errno != ENOENT) error = errno;
        if (error == 0 && thread % 3 == 0 && ::unlink(path.c_str()) != 0) error = errno;
        if (error != 0) return error;
        ++rounds;
    }
}

// Threads are at work when the server dies. Each is told, in time; what other servers have can be used as before.
void orphans(const std::string& folder, const std::string& other, int count) {
    std::atomic<int> rounds{0};
    std::vector<int> errors(static_cast<size_t>(count));
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&, i] { errors[static_cast<size_t>(i)] = work_until_failure(folder, i, rounds); });
    while (rounds < 5 * count) std::this_thread::yield();
    std::cout << "at work" << std::endl;
    for (std::thread& thread : threads) thread.join();
    for (const int error : errors) std::cout << std::strerror(error) << '\n';
    struct stat s;
    std::cout << "folder: " << (::stat(folder.c_str(), &s) == 0 || ::open((folder + "/new").c_str(), O_CREAT | O_RDWR, 0644) >= 0 ? "there" : std::strerror(errno)) << '\n';
    for (const std::string& place : {other, std::string{"/tmp"}}) {
        make(place, 20);
        for (int i = 0; i < 20; ++i)
            if (::unlink(numbered(place, i).c_str()) != 0) fail("unlink");
    }
}

// Writes and stores, again and again. What took longest, in seconds.
void store(const std::string& path, int rounds) {
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0644);
    if (fd < 0) fail(path);
    std::chrono::steady_clock::duration longest{};
    for (int i = 0; i < rounds; ++i) {
        if (i == rounds / 2) {
            std::cout << "half" << std::endl;
            (void)std::getchar();
        }
        const auto start = std::chrono::steady_clock::now();
        const std::string text = std::to_string(i) + "\n";
        if (::write(fd, text.data(), text.size()) < 0 || ::fsync(fd) != 0) fail("store");
        longest = std::max(longest, std::chrono::steady_clock::now() - start);
    }
    ::close(fd);
    std::cout << "longest " << std::chrono::duration_cast<std::chrono::seconds>(longest).count() << std::endl;
}

// A server has a file that was removed until it hears that nobody knows it any more, which is not waited for.
void await_room(const std::string& folder, uint64_t bytes) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    struct statvfs there {};
    while (::statvfs(folder.c_str(), &there) == 0 && there.f_bavail * there.f_frsize < bytes) {
        if (std::chrono::steady_clock::now() > end) fail("room");
        ::usleep(1000);
    }
}

// Blocks with a number each are written and stored until there is no more room, and again when there is.
void fill(const std::string& folder) {
    constexpr size_t block = 64 << 10;
    const int fd = ::open((folder + "/log").c_str(), O_CREAT | O_RDWR, 0644);
    if (fd < 0) fail("log");
    std::vector<uint32_t> words(block / sizeof(uint32_t));
    int stored = 0, error = 0;
    const auto store = [&] {
        for (uint32_t& word : words) word = static_cast<uint32_t>(stored);
        const ssize_t written = ::pwrite(fd, words.data(), block, static_cast<off_t>(stored) * static_cast<off_t>(block));
        if (written < 0) return errno;
        if (written < static_cast<ssize_t>(block)) return ENOSPC;
        return ::fsync(fd) == 0 ? 0 : errno;
    };
    while ((error = store()) == 0) ++stored;
    std::cout << stored << " stored, then " << std::strerror(error) << std::endl;
    if (::unlink((folder + "/filler").c_str()) != 0) fail("filler");
    await_room(folder, 8 * block);
    // What was refused may be told once more.
    (void)::fsync(fd);
    const int before = stored;
    while (stored < before + 4 && (error = store()) == 0) ++stored;
    std::cout << stored << " stored" << std::endl;
    ::close(fd);
}

// Where a file has data, in KiB.
void data_of(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY);
    if (fd < 0) fail(path);
    for (off_t at = 0; (at = ::lseek(fd, at, SEEK_DATA)) >= 0;) {
        const off_t end = ::lseek(fd, at, SEEK_HOLE);
        std::cout << (at >> 10) << '-' << (end >> 10) << ' ';
        at = end;
    }
    std::cout << ::lseek(fd, 0, SEEK_END) << '\n';
    ::close(fd);
}

// The sum of a file's words.
void sum(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY);
    if (fd < 0) fail(path);
    std::vector<uint32_t> piece(128 << 10);
    uint64_t total = 0, size = 0;
    for (ssize_t got; (got = ::read(fd, piece.data(), piece.size() * sizeof(uint32_t))) > 0; size += static_cast<uint64_t>(got))
        for (size_t i = 0; i < static_cast<size_t>(got) / sizeof(uint32_t); ++i) total += piece[i];
    std::cout << size << " bytes, sum " << total << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::string verb = words.empty() ? "" : words[0];
    if (verb == "make" && words.size() == 3) make(words[1], std::stoi(words[2]));
    else if (verb == "clear" && words.size() == 2) clear(words[1]);
    else if (verb == "move" && words.size() == 3) move(words[1], words[2]);
    else if (verb == "orphans" && words.size() == 4) orphans(words[1], words[2], std::stoi(words[3]));
    else if (verb == "fill" && words.size() == 2) fill(words[1]);
    else if (verb == "store" && words.size() == 3) store(words[1], std::stoi(words[2]));
    else if (verb == "data" && words.size() == 2) data_of(words[1]);
    else if (verb == "sum" && words.size() == 2) sum(words[1]);
    else return 2;
}
