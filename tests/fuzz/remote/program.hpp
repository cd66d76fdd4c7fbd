#pragma once
// A program that does what the fuzzer says with the files of a server that the fuzzer plays too: steps of a byte each with operands, and
// between them in the input what the server replies.
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "libos/fs/file.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/remote/transport.hpp"
#include "libos/mm/page_allocator.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"

namespace eremite::test {

void start_machine();

// What the program and the fuzzed server have in common: a reply goes into the pieces of memory that are there for it.
inline size_t scatter(const std::vector<uint8_t>& reply, std::span<const fs::remote::Segment> segments) {
    size_t at = 0;
    for (const auto& segment : segments) {
        const size_t piece = std::min(segment.size(), reply.size() - at);
        if (piece > 0) std::memcpy(segment.data(), reply.data() + at, piece);
        at += piece;
    }
    return at;
}
inline std::vector<uint8_t> gathered(std::span<const fs::remote::Segment> segments) {
    std::vector<uint8_t> bytes;
    for (const auto& segment : segments) bytes.insert(bytes.end(), segment.begin(), segment.end());
    return bytes;
}

class Names final : public fs::DirectorySink {
public:
    bool add(std::string_view name, uint64_t, fs::FileType, uint64_t) override {
        require(!name.empty() && name.size() <= 255 && name.find('/') == name.npos);
        return ++count_ < 20;
    }

private:
    int count_ = 0;
};

class Program {
public:
    Program(Ref<fs::Inode> root, Input& input) : input_{input} { inodes_[0] = std::move(root); }

    void step() {
        const uint8_t action = input_.byte();
        Ref<fs::Inode>& inode = inodes_[input_.byte() % inodes_.size()];
        Ref<fs::Inode>& other = inodes_[input_.byte() % inodes_.size()];
        Ref<fs::File>& file = files_[input_.byte() % files_.size()];
        if (!inode) return;
        const std::string name(1 + input_.byte() % 3, static_cast<char>('a' + action % 4));
        switch (action % 28) {
            case 0:
            case 1: keep(other, inode->lookup(name)); break;
            case 2: keep(file, inode->create_open(name, 0644, O_RDWR | (action & 0x40 ? O_APPEND : 0))); break;
            case 3: keep(other, inode->create_directory(name, 0755)); break;
            case 4: keep(file, inode->open(action & 0x40 ? O_RDWR : O_RDONLY)); break;
            case 5: note(inode->unlink(name).ok()); break;
            case 6: note(inode->remove_directory(name).ok()); break;
            case 7: if (other) note(inode->rename(name, *other, "b", action & 0x40 ? fs::RenameMode::Exchange : fs::RenameMode::Replace).ok()); break;
            case 8: if (other) note(inode->link(name, *other).ok()); break;
            case 9: note(inode->attributes().ok()); break;
            case 10: note(inode->link_target().ok()); break;
            case 11: note(inode->truncate(input_.byte()).ok()); break;
            case 12: if (file) read(*file); break;
            case 13: if (file) write(*file); break;
            case 14: if (file) list(*file); break;
            case 15: note(inode->extended_attribute("user.a", bytes()).ok()); break;
            case 16: note(inode->set_extended_attribute("user.a", bytes(), 0).ok()); break;
            case 17: describe(*inode); break;
            case 18: other = nullptr; break;
            case 19: file = nullptr; break;
            case 20: note(inode->create_symbolic_link(name, "target").ok()); break;
            case 21: keep(other, inode->create(name, {.mode = S_IFIFO | 0600})); break;
            case 22: names(*inode); break;
            case 23: note(inode->seek_data(input_.byte(), (action & 0x40) != 0).ok()); break;
            case 24: note(inode->allocate(fs::AllocateMode::Allocate, input_.byte(), 100, false).ok()); break;
            case 25: copy(*inode, other); break;
            case 26: if (file) note(file->synchronize(true).ok() && file->flush().ok()); break;
            // As one that goes through a directory.
            case 27: for (char c = 'a'; c < 'k'; ++c) note(inode->lookup({&c, 1}).ok()); break;
        }
    }

private:
    static void note(bool) {}
    template <typename T, typename Made>
    static void keep(Ref<T>& place, Made made) {
        if (made.ok()) place = std::move(*made);
    }
    std::span<uint8_t> bytes() { return std::span{buffer_}.first(input_.byte() + 1U); }
    void read(fs::File& file) {
        const auto into = bytes();
        auto io = fs::IoBuffer::kernel(into);
        const auto got = file.read(io);
        require(!got.ok() || got.value() <= into.size());
    }
    void write(fs::File& file) {
        const auto from = bytes();
        auto io = fs::IoBuffer::kernel(from);
        const auto written = file.write(io);
        require(!written.ok() || written.value() <= from.size());
    }
    void list(fs::File& file) {
        Names names;
        note(file.list(names).ok());
    }
    void names(fs::Inode& inode) {
        std::array<char, 40> room;
        const auto size = inode.list_extended_attributes(std::span{room}.first(input_.byte() % room.size()));
        require(!size.ok() || size.value() <= 65536);
    }
    // As copy_file_range() does, between regular files.
    void copy(fs::Inode& inode, const Ref<fs::Inode>& other) {
        if (!other || inode.type() != fs::FileType::Regular || other->type() != fs::FileType::Regular) return;
        const auto copied = inode.copy_range(0, *other, 1000, 100);
        require(!copied.ok() || copied.value() <= 100);
    }
    static void describe(fs::Inode& inode) {
        std::array<char, 4096> path;
        note(fs::path_of(inode, path).ok());
    }

    Input& input_;
    std::array<Ref<fs::Inode>, 6> inodes_;
    std::array<Ref<fs::File>, 4> files_;
    std::array<uint8_t, 256> buffer_{};
};

// Mounts what the server has, and lets the program at it. Whatever happens, no memory is lost.
template <typename FileSystem, typename Server>
void fuzz_file_system(const uint8_t* data, size_t size) {
    start_machine();
    const uint64_t free_before = mm::page_allocator().free_pages();
    {
        Input input{data, size};
        Server server{input};
        {
            FileSystem file_system{server};
            file_system.set_cached((size & 1) == 0);
            auto root = file_system.start();
            if (root.ok()) {
                Program program{std::move(*root), input};
                while (!input.empty()) program.step();
            }
            // What is still to be written keeps its file.
            (void)file_system.synchronize();
            file_system.unmounted();
        }
        server.end();
    }
    require(mm::page_allocator().free_pages() == free_before);
}

}  // namespace eremite::test
