#include "vmm/snapshot/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "vmm/error.hpp"

namespace eremite::vmm {

namespace {

constexpr std::array<char, 16> magic{'e', 'r', 'e', 'm', 'i', 't', 'e', ' ', 's', 'n', 'a', 'p', 's', 'h', 'o', 't'};
constexpr uint32_t version = 1;
constexpr uint64_t page = 4096;
constexpr uint64_t most_state = uint64_t{256} << 20;

// Memory stands behind it, from the second page on, then the state.
struct Header {
    std::array<char, 16> magic;
    uint32_t version, reserved;
    uint64_t memory_size, state_size, state_checksum;
};

// FNV-1a: against damage, not against anybody.
uint64_t checksum(std::span<const std::byte> bytes) {
    uint64_t hash = 0xcbf29ce484222325;
    for (const std::byte b : bytes) hash = (hash ^ std::to_integer<uint64_t>(b)) * 0x100000001b3;
    return hash;
}

void write_at(int file, std::span<const std::byte> bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw system_error("the snapshot cannot be written");
        bytes = bytes.subspan(static_cast<size_t>(count));
        offset += static_cast<uint64_t>(count);
    }
}

void read_at(int file, std::span<std::byte> bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t count = ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw system_error("the snapshot cannot be read");
        if (count == 0) throw Error{"the snapshot is damaged: its file was cut short"};
        bytes = bytes.subspan(static_cast<size_t>(count));
        offset += static_cast<uint64_t>(count);
    }
}

bool is_zero(std::span<const std::byte> bytes) { return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0; }

// Writes the pages that are not zero, those that follow each other together. Returns how much that is. Requires: whole pages.
uint64_t write_run(int file, std::span<const std::byte> bytes, uint64_t at) {
    uint64_t written = 0;
    size_t start = 0;  // of those that are to be written
    for (size_t end = 0; end <= bytes.size(); end += page) {
        if (end < bytes.size() && !is_zero(bytes.subspan(end, page))) continue;
        write_at(file, bytes.subspan(start, end - start), at + start);
        written += end - start;
        start = end + page;
    }
    return written;
}

}  // namespace

uint64_t write_snapshot(int file, const GuestMemory& memory, std::span<const std::byte> state) {
    const uint64_t state_at = page + memory.size();
    // What an earlier try left there goes first.
    if (::ftruncate(file, 0) != 0 || ::ftruncate(file, static_cast<off_t>(state_at + state.size())) != 0) throw system_error("the snapshot cannot be written");
    uint64_t written = page + state.size();
    uint64_t start = 0;  // of the region
    for (const GuestMemory::Region& region : memory.regions()) {
        const uint64_t end = start + region.bytes.size();
        for (PageMap::Run run = memory.next_touched(start); run.size != 0 && run.offset < end; run = memory.next_touched(run.offset + run.size)) {
            run.size = std::min(run.size, end - run.offset);
            written += write_run(file, region.bytes.subspan(run.offset - start, run.size), page + run.offset);
        }
        start = end;
    }
    write_at(file, state, state_at);
    const Header header{.magic = magic, .version = version, .reserved = 0, .memory_size = memory.size(), .state_size = state.size(), .state_checksum = checksum(state)};
    write_at(file, std::as_bytes(std::span{&header, 1}), 0);
    return written;
}

SnapshotFile::SnapshotFile(const std::string& path) : file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
    if (!file_) throw system_error(path);
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) throw system_error(path);
    Header header{};
    if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(page)) throw Error{path + ": this is no snapshot"};
    read_at(file_.get(), std::as_writable_bytes(std::span{&header, 1}), 0);
    if (header.magic != magic) throw Error{path + ": this is no snapshot"};
    if (header.version != version) throw Error{path + ": the snapshot was written by another version of eremite"};
    // A file that is cut short while the machine runs would end it by a signal; one that is too short is found here.
    const auto size = static_cast<uint64_t>(status.st_size);
    if (header.memory_size % page != 0 || header.state_size > most_state || header.memory_size > size - page || header.state_size != size - page - header.memory_size)
        throw Error{path + ": the snapshot is damaged: its file has another size than it says"};
    memory_size_ = header.memory_size;
    state_.resize(header.state_size);
    read_at(file_.get(), state_, page + memory_size_);
    if (checksum(state_) != header.state_checksum) throw Error{path + ": the snapshot is damaged: its state does not have its checksum"};
}

void SnapshotFile::write_notes(StateWriter& state, const std::string& notes) {
    state.begin("notes");
    state.add_text(notes);
}

std::string SnapshotFile::read_notes(StateReader& state) {
    state.begin("notes");
    return state.take_text();
}

MemoryImage SnapshotFile::memory() const { return {.file = file_.get(), .offset = page, .size = memory_size_}; }

}  // namespace eremite::vmm
