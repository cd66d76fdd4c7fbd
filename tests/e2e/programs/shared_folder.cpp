// Works on files as its arguments say: `shared_folder VERB ARGUMENT...`. Prints what it finds; exit status 1 when that is wrong.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::cout << what << ": " << std::strerror(errno) << std::endl;
    std::exit(1);
}

class File {
public:
    File(const std::string& path, int flags) : fd_{::open(path.c_str(), flags, 0644)} {
        if (fd_ < 0) fail(path);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() { ::close(fd_); }
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_;
};

std::string contents(const std::string& path) {
    std::ostringstream text;
    std::ifstream file{path, std::ios::binary};
    if (!file) fail(path);
    text << file.rdbuf();
    return text.str();
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file{path, std::ios::binary};
    if (!(file << text) || !file.flush()) fail(path);
}

// As many files as said, each of which holds its number: made, listed, read and, but for every tenth, removed.
void many(const std::string& folder, int count) {
    for (int i = 0; i < count; ++i) {
        const File file{folder + "/file " + std::to_string(i), O_CREAT | O_EXCL | O_WRONLY};
        const std::string text = std::to_string(i);
        if (::write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
    }
    std::set<std::string> names;
    DIR* const listing = ::opendir(folder.c_str());
    if (!listing) fail(folder);
    while (const dirent* entry = ::readdir(listing)) names.insert(entry->d_name);
    ::closedir(listing);
    std::cout << names.size() - 2 << " files\n";
    long sum = 0;
    for (int i = 0; i < count; ++i) sum += std::stol(contents(folder + "/file " + std::to_string(i)));
    std::cout << "sum " << sum << '\n';
    for (int i = 0; i < count; ++i)
        if (i % 10 != 0 && ::unlink((folder + "/file " + std::to_string(i)).c_str()) != 0) fail("unlink");
}

// Threads write to a file each, to their blocks of a common one, and to the end of another.
void threads(const std::string& folder, int count) {
    constexpr int rounds = 40;
    constexpr size_t block = 5000;
    const File common{folder + "/common", O_CREAT | O_RDWR};
    std::vector<std::thread> running;
    for (int t = 0; t < count; ++t) {
        running.emplace_back([&, t] {
            const File own{folder + "/own " + std::to_string(t), O_CREAT | O_RDWR};
            const File log{folder + "/log", O_CREAT | O_WRONLY | O_APPEND};
            const std::string text(block, static_cast<char>('a' + t));
            const std::string line = "thread " + std::to_string(t) + "\n";
            for (int round = 0; round < rounds; ++round) {
                const auto size = static_cast<ssize_t>(block);
                if (::write(own.fd(), text.data(), block) != size) fail("own");
                if (::pwrite(common.fd(), text.data(), block, (round * count + t) * size) != size) fail("common");
                if (::write(log.fd(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) fail("log");
            }
        });
    }
    for (std::thread& thread : running) thread.join();
    const std::string all = contents(folder + "/common");
    bool right = all.size() == block * rounds * static_cast<size_t>(count);
    for (size_t i = 0; right && i < all.size(); ++i) right = all[i] == static_cast<char>('a' + i / block % static_cast<size_t>(count));
    std::cout << "common " << (right ? "right" : "wrong") << '\n';
    if (!right) std::exit(1);
}

void sparse(const std::string& path) {
    constexpr off_t far = off_t{5} << 30;
    const File file{path, O_CREAT | O_RDWR};
    if (::pwrite(file.fd(), "end", 3, far) != 3) fail("pwrite");
    char buffer[8192];
    if (::pread(file.fd(), buffer, sizeof buffer, far - 4096) != 4099) fail("pread");
    struct stat s;
    if (::fstat(file.fd(), &s) != 0) fail("fstat");
    const bool zeros = buffer[0] == 0 && buffer[4095] == 0 && std::memcmp(buffer + 4096, "end", 3) == 0;
    std::cout << "size " << s.st_size << ", few blocks: " << (s.st_blocks < 1000) << ", zeros: " << zeros << '\n';
}

// What a read-only mount says to everything that would change it.
void refusals(const std::string& folder) {
    const auto show = [](const char* what, int result) { std::cout << what << ' ' << (result < 0 ? std::strerror(errno) : "done") << '\n'; };
    const std::string file = folder + "/file", fresh = folder + "/fresh";
    show("open to write", ::open(file.c_str(), O_WRONLY));
    show("create", ::open(fresh.c_str(), O_CREAT | O_WRONLY, 0644));
    show("unlink", ::unlink(file.c_str()));
    show("mkdir", ::mkdir(fresh.c_str(), 0755));
    show("rename", ::rename(file.c_str(), fresh.c_str()));
    show("truncate", ::truncate(file.c_str(), 0));
    show("chmod", ::chmod(file.c_str(), 0600));
    std::cout << contents(file) << '\n';
}

// A file that is used after its name has gone.
void unlinked(const std::string& folder) {
    const std::string path = folder + "/temporary";
    const File file{path, O_CREAT | O_RDWR};
    if (::write(file.fd(), "0123456789", 10) != 10 || ::unlink(path.c_str()) != 0) fail("unlink");
    struct stat s;
    char buffer[32] = {};
    if (::ftruncate(file.fd(), 4) != 0 || ::pwrite(file.fd(), "x", 1, 6) != 1) fail("ftruncate");
    const ssize_t size = ::pread(file.fd(), buffer, sizeof buffer, 0);
    if (::fstat(file.fd(), &s) != 0) fail("fstat");
    std::cout << "links " << s.st_nlink << ", size " << s.st_size << ", read " << size << ' ' << (std::memcmp(buffer, "0123\0\0x", 7) == 0) << '\n';
}

// A file larger than the machine's memory, written and read in large pieces.
void large(const std::string& path, size_t megabytes) {
    std::vector<uint32_t> piece(256 << 10);
    {
        const File file{path, O_CREAT | O_WRONLY | O_TRUNC};
        for (size_t i = 0; i < megabytes; ++i) {
            for (size_t k = 0; k < piece.size(); k += 1024) piece[k] = static_cast<uint32_t>(i * 1000 + k);
            if (::write(file.fd(), piece.data(), 1 << 20) != 1 << 20) fail("write");
        }
        if (::fsync(file.fd()) != 0) fail("fsync");
    }
    const File file{path, O_RDONLY};
    for (size_t i = 0; i < megabytes; ++i) {
        if (::read(file.fd(), piece.data(), 1 << 20) != 1 << 20) fail("read");
        for (size_t k = 0; k < piece.size(); k += 1024)
            if (piece[k] != static_cast<uint32_t>(i * 1000 + k)) fail("contents");
    }
    std::cout << megabytes << " MiB\n";
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    const std::string verb = words.empty() ? "" : words[0];
    if (verb == "write" && words.size() == 3) write_file(words[1], words[2]);
    else if (verb == "read" && words.size() == 2) std::cout << contents(words[1]);
    else if (verb == "many" && words.size() == 3) many(words[1], std::stoi(words[2]));
    else if (verb == "threads" && words.size() == 3) threads(words[1], std::stoi(words[2]));
    else if (verb == "sparse" && words.size() == 2) sparse(words[1]);
    else if (verb == "refusals" && words.size() == 2) refusals(words[1]);
    else if (verb == "unlinked" && words.size() == 2) unlinked(words[1]);
    else if (verb == "large" && words.size() == 3) large(words[1], std::stoul(words[2]));
    else return 2;
}
