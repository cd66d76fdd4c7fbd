// The fuzzer plays a 9P server, and decides what the program does with the files that it claims to have. Input: steps of the
// program, a byte each with operands, and between them the server's replies as they are needed.
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "libos/fs/file.hpp"
#include "libos/fs/ninep/file_system.hpp"
#include "libos/fs/path.hpp"
#include "libos/mm/page_allocator.hpp"
#include "tests/fuzz/boot/require.hpp"

namespace eremite::test {

void start_machine();

namespace {

class Input {
public:
    Input(const uint8_t* data, size_t size) : data_{data}, size_{size} {}
    [[nodiscard]] bool empty() const { return size_ == 0; }
    uint8_t byte() {
        if (size_ == 0) return 0;
        --size_;
        return *data_++;
    }
    size_t take(uint8_t* into, size_t size) {
        size = std::min(size, size_);
        if (size > 0) std::memcpy(into, data_, size);
        data_ += size;
        size_ -= size;
        return size;
    }

private:
    const uint8_t* data_;
    size_t size_;
};

class Server final : public fs::remote::Transport {
public:
    explicit Server(Input& input) : input_{input} {}
    [[nodiscard]] Limits limits() const override { return {4, 19}; }
    Result<void> submit(Message& message) override {
        if (broken_) return Error{EIO};
        std::vector<uint8_t> request;
        for (const auto& segment : message.request) request.insert(request.end(), segment.begin(), segment.end());
        // Requests are always well-formed.
        uint32_t size = 0;
        require(request.size() >= 7);
        std::memcpy(&size, request.data(), 4);
        require(size == request.size());
        size_t room = 0;
        for (const auto& segment : message.reply) room += segment.size();
        require(room >= 11);
        const std::vector<uint8_t> reply = answer(request, room);
        size_t at = 0;
        for (const auto& segment : message.reply) {
            const size_t piece = std::min(segment.size(), reply.size() - at);
            if (piece > 0) std::memcpy(segment.data(), reply.data() + at, piece);
            at += piece;
        }
        message.done(message, at, broken_ ? EIO : 0);
        return {};
    }

private:
    std::vector<uint8_t> answer(const std::vector<uint8_t>& request, size_t room) {
        const bool is_version = request[4] == 100;
        const uint8_t kind = input_.byte();
        std::vector<uint8_t> reply(7);
        reply[5] = request[5];
        reply[6] = request[6];
        if (is_version && kind != 0xff) {
            reply = request;
            reply[4] = 101;
            return reply;
        }
        switch (kind & 7) {
            case 6: broken_ = kind == 0xfe; return {};
            case 7: {  // anything
                reply.resize(std::min<size_t>(input_.byte(), room));
                input_.take(reply.data(), reply.size());
                return reply;
            }
            case 5: {  // an error
                reply[4] = 7;
                reply.resize(11);
                input_.take(&reply[7], kind & 8 ? 4 : 1);
                break;
            }
            default: {  // the right reply, of fields that the fuzzer likes
                reply[4] = static_cast<uint8_t>(request[4] + 1);
                const size_t fields = std::min<size_t>(kind & 8 ? input_.byte() : 160, room - 7);
                reply.resize(7 + fields);
                const size_t given = input_.take(&reply[7], std::min<size_t>(fields, kind >> 4 << 1));
                if (given < fields) std::memset(&reply[7 + given], kind & 4 ? 1 : 0, fields - given);
                if (request[4] == 116 || request[4] == 40) fill_in_count(reply);
                break;
            }
        }
        const auto size = static_cast<uint32_t>(reply.size());
        std::memcpy(reply.data(), &size, 4);
        return reply;
    }
    // So that data are not refused at once.
    void fill_in_count(std::vector<uint8_t>& reply) {
        if (reply.size() < 11 || input_.byte() & 1) return;
        const auto count = static_cast<uint32_t>(reply.size() - 11);
        std::memcpy(&reply[7], &count, 4);
    }

    Input& input_;
    bool broken_ = false;
};

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
        switch (action % 20) {
            case 0:
            case 1: keep(other, inode->lookup(name)); break;
            case 2: keep(file, inode->create_open(name, 0644, O_RDWR | (action & 0x40 ? O_APPEND : 0))); break;
            case 3: keep(other, inode->create_directory(name, 0755)); break;
            case 4: keep(file, inode->open(action & 0x40 ? O_RDWR : O_RDONLY)); break;
            case 5: note(inode->unlink(name).ok()); break;
            case 6: note(inode->remove_directory(name).ok()); break;
            case 7: if (other) note(inode->rename(name, *other, "b", fs::RenameMode::Replace).ok()); break;
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
    static void describe(fs::Inode& inode) {
        std::array<char, 4096> path;
        note(fs::path_of(inode, path).ok());
    }

    Input& input_;
    std::array<Ref<fs::Inode>, 6> inodes_;
    std::array<Ref<fs::File>, 4> files_;
    std::array<uint8_t, 256> buffer_{};
};

}  // namespace

}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace eremite;
    test::start_machine();
    const uint64_t free_before = mm::page_allocator().free_pages();
    {
        test::Input input{data, size};
        test::Server server{input};
        fs::ninep::FileSystem file_system{server};
        auto root = file_system.start();
        if (root.ok()) {
            file_system.set_cached((size & 1) == 0);
            test::Program program{std::move(*root), input};
            while (!input.empty()) program.step();
        }
        // What is still to be written keeps its file.
        (void)file_system.synchronize();
    }
    test::require(mm::page_allocator().free_pages() == free_before);
    return 0;
}
