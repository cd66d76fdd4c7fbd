#include "vmm/block/disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>

#include "vmm/error.hpp"

namespace eremite::vmm::block {

namespace {

// A lock of the open file, so that it lasts as long as that, and not until this process closes some other descriptor of the file.
void lock(const UniqueFd& file, const std::string& path, bool read_only) {
    struct flock whole {};
    whole.l_type = read_only ? F_RDLCK : F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return;
    if (errno == EAGAIN || errno == EACCES)
        throw Error{path + ": another machine has this volume: only one at a time can, unless all mount it with :ro"};
    throw system_error(path + " cannot be locked");
}

void measure_device(Disk& disk, const std::string& path) {
    uint64_t bytes = 0;
    int block = 0;
    if (::ioctl(disk.file.get(), BLKGETSIZE64, &bytes) != 0 || ::ioctl(disk.file.get(), BLKSSZGET, &block) != 0) throw system_error(path);
    disk.sectors = bytes / sector_size;
    if (block > 0 && std::has_single_bit(static_cast<unsigned>(block)) && static_cast<unsigned>(block) >= sector_size) disk.block_size = static_cast<uint32_t>(block);
    disk.can_punch = !disk.read_only;
}

void measure_file(Disk& disk, const std::string& path, uint64_t bytes) {
    if (bytes % sector_size != 0)
        throw Error{path + " has " + std::to_string(bytes) + " bytes, which are not whole sectors of 512: enlarge it with truncate"};
    disk.sectors = bytes / sector_size;
    // Behind its end there is nothing to be lost, and who cannot punch holes says so there too.
    disk.can_punch =
        !disk.read_only && ::fallocate(disk.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(bytes), sector_size) == 0;
}

}  // namespace

Disk open_disk(const std::string& path, bool read_only) {
    Disk disk;
    disk.read_only = read_only;
    // A pipe that somebody put there is not waited for.
    disk.file = UniqueFd{::open(path.c_str(), (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (!disk.file) throw system_error(path);
    // With the flag, io_uring gives up where it would have to wait.
    if (::fcntl(disk.file.get(), F_SETFL, 0) != 0) throw system_error(path);
    struct stat info {};
    if (::fstat(disk.file.get(), &info) != 0) throw system_error(path);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) throw Error{path + " is no file and no block device: a volume has to be one"};
    lock(disk.file, path, read_only);
    if (S_ISBLK(info.st_mode)) measure_device(disk, path);
    else measure_file(disk, path, static_cast<uint64_t>(info.st_size));
    if (disk.sectors == 0) throw Error{path + " is empty: make a file system in it first"};
    return disk;
}

}  // namespace eremite::vmm::block
