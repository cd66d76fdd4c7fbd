// What files cost in one directory: creation, attributes, names, removal; reading and writing. One line per measurement: `name unit value`,
// each per file, per name or per 4 KiB.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "first_process.hpp"
#include "measure.hpp"

namespace {

using eremite::bench::fail;
using eremite::bench::Options;
using eremite::bench::ticks;

constexpr size_t block_size = 4096, transfer_size = 64 * 1024;

struct Plan {
    unsigned files;        // in one directory
    size_t bytes;          // of the file that is read and written
    unsigned blocks_read;  // at random places
    unsigned rounds;
};

// Not quick: 10,000 files and 32 MiB; quick: a tenth of it.
Plan plan_for(const Options& options) {
    if (options.count) return {1000, size_t{4} << 20, 512, 1};
    if (options.quick) return {1000, size_t{4} << 20, 512, 2};
    return {10'000, size_t{32} << 20, 4096, options.rounds != 0 ? options.rounds : 5};
}

void expect(bool holds, const char* what) {
    if (!holds) fail(what);
}

class Samples {
public:
    // The ticks that `work` takes, divided by the number of its operations.
    template <class Work>
    void measure(const char* name, double operations, Work work) {
        const uint64_t start = ticks();
        work();
        samples_[name].push_back(static_cast<double>(ticks() - start) / operations);
    }
    void print(const Options& options) const {
        for (const auto& [name, values] : samples_)
            if (options.only.empty() || options.only == name) eremite::bench::print(options, name.c_str(), eremite::bench::median(values));
    }

private:
    std::map<std::string, std::vector<double>> samples_;
};

// Calls `operation(path)` with the path of each file.
template <class Operation>
void for_each_file(const std::string& directory, const char* prefix, unsigned files, Operation operation) {
    std::string path = directory + "/" + prefix + "00000";
    for (unsigned i = 0; i < files; ++i) {
        unsigned rest = i;
        for (size_t digit = path.size(); digit > path.size() - 5; rest /= 10) path[--digit] = static_cast<char>('0' + rest % 10);
        operation(path);
    }
}

void names(Samples& samples, const Plan& plan, const std::string& directory) {
    const double files = plan.files;
    samples.measure("create", files, [&] {
        for_each_file(directory, "a", plan.files, [](const std::string& path) {
            const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
            expect(fd >= 0, path.c_str());
            close(fd);
        });
    });
    samples.measure("stat", files, [&] {
        struct stat attributes;
        for_each_file(directory, "a", plan.files, [&](const std::string& path) { expect(stat(path.c_str(), &attributes) == 0, "stat"); });
    });
    samples.measure("open", files, [&] {
        for_each_file(directory, "a", plan.files, [](const std::string& path) {
            const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
            expect(fd >= 0, "open");
            close(fd);
        });
    });
    samples.measure("list", files, [&] {
        DIR* const listing = opendir(directory.c_str());
        expect(listing, "opendir");
        unsigned found = 0;
        while (const dirent* const entry = readdir(listing)) found += entry->d_name[0] == 'a';
        closedir(listing);
        if (found != plan.files) {
            std::printf("%u names instead of %u\n", found, plan.files);
            std::exit(1);
        }
    });
    samples.measure("rename", files, [&] {
        for_each_file(directory, "a", plan.files, [to = directory + "/b00000"](const std::string& path) mutable {
            to.replace(to.size() - 5, 5, path, path.size() - 5, 5);
            expect(rename(path.c_str(), to.c_str()) == 0, "rename");
        });
    });
    samples.measure("unlink", files, [&] {
        for_each_file(directory, "b", plan.files, [](const std::string& path) { expect(unlink(path.c_str()) == 0, "unlink"); });
    });
}

// The kernel keeps no copy of the file: what is read next comes from where the file is. Without effect where it is in memory.
void forget(int fd) {
    expect(fsync(fd) == 0, "fsync");
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void contents(Samples& samples, const Plan& plan, const std::string& directory) {
    const std::string path = directory + "/data";
    std::vector<char> buffer(transfer_size, 'x');
    const double blocks = static_cast<double>(plan.bytes) / block_size;
    const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
    expect(fd >= 0, path.c_str());
    samples.measure("write", blocks, [&] {
        for (size_t done = 0; done < plan.bytes; done += transfer_size)
            expect(write(fd, buffer.data(), transfer_size) == static_cast<ssize_t>(transfer_size), "write");
        expect(fsync(fd) == 0, "fsync");
    });
    forget(fd);
    expect(lseek(fd, 0, SEEK_SET) == 0, "lseek");
    samples.measure("read", blocks, [&] {
        for (size_t done = 0; done < plan.bytes; done += transfer_size)
            expect(read(fd, buffer.data(), transfer_size) == static_cast<ssize_t>(transfer_size), "read");
    });
    forget(fd);
    samples.measure("read_random", plan.blocks_read, [&] {
        uint64_t place = 1;
        for (unsigned i = 0; i < plan.blocks_read; ++i) {
            place = place * 6364136223846793005 + 1442695040888963407;
            const auto offset = static_cast<off_t>((place >> 33) % (plan.bytes / block_size) * block_size);
            expect(pread(fd, buffer.data(), block_size, offset) == static_cast<ssize_t>(block_size), "pread");
        }
    });
    samples.measure("write_sync", 64, [&] {
        for (int i = 0; i < 64; ++i) {
            expect(pwrite(fd, buffer.data(), block_size, i * 4 * static_cast<off_t>(block_size)) == static_cast<ssize_t>(block_size), "pwrite");
            expect(fdatasync(fd) == 0, "fdatasync");
        }
    });
    close(fd);
    expect(unlink(path.c_str()) == 0, "unlink");
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = eremite::bench::parse_options(argc, argv);
    if (options.first_process) eremite::bench::prepare_guest(options);
    const std::string directory = options.directory + "/eremite-bench-" + std::to_string(getpid());
    const Plan plan = plan_for(options);
    expect(mkdir(directory.c_str(), 0777) == 0, directory.c_str());
    // The first files take memory that the next ones find, and calls that are made often become faster.
    Samples warm_up, samples;
    names(warm_up, {100, 0, 0, 1}, directory);
    contents(warm_up, {0, size_t{8} << 20, 64, 1}, directory);
    for (unsigned round = 0; round < plan.rounds; ++round) {
        names(samples, plan, directory);
        contents(samples, plan, directory);
    }
    expect(rmdir(directory.c_str()) == 0, "rmdir");
    samples.print(options);
    return eremite::bench::finish(options, 0);
}
