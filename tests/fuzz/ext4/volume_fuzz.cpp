// The fuzzer changes bytes of a volume and decides what is done with it. Input: how many changes, each with its place and its bytes; then
// steps, a byte each with operands. Whatever is on the volume, a step ends, with success or with an error.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "libos/fs/ext4/file_system.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"

namespace eremite::test {

void start_machine();

namespace {

constexpr size_t block_size = 1024;

const std::vector<uint8_t>& fresh_volume() {
    static const std::vector<uint8_t> bytes = [] {
        std::ifstream file{EREMITE_FUZZ_VOLUME, std::ios::binary};
        return std::vector<uint8_t>{std::istreambuf_iterator<char>{file}, {}};
    }();
    require(!bytes.empty());
    return bytes;
}

// Blocks that hold anything.
const std::vector<size_t>& used_blocks() {
    static const std::vector<size_t> blocks = [] {
        std::vector<size_t> found;
        const auto& bytes = fresh_volume();
        for (size_t at = 0; at + block_size <= bytes.size(); at += block_size)
            if (std::any_of(bytes.begin() + static_cast<long>(at), bytes.begin() + static_cast<long>(at + block_size), [](uint8_t b) { return b != 0; }))
                found.push_back(at);
        return found;
    }();
    return blocks;
}

class Disk final : public block::Device {
public:
    explicit Disk(std::vector<uint8_t> bytes) : bytes_{std::move(bytes)} {
        limits_.sectors = bytes_.size() / block::sector_size;
        limits_.segments = 4;
    }
    [[nodiscard]] const char* name() const override { return "disk"; }
    void submit(block::Request& request) override {
        request.done = true;
        request.error = broken ? EIO : 0;
        uint64_t offset = request.sector * block::sector_size;
        for (const block::Segment& segment : request.memory) {
            require(offset + segment.length <= bytes_.size());
            auto* const memory = direct_map(segment.address).as<uint8_t>();
            if (request.operation == block::Operation::Read) std::memcpy(memory, bytes_.data() + offset, segment.length);
            else if (!broken) std::memcpy(bytes_.data() + offset, memory, segment.length);
            offset += segment.length;
        }
    }
    [[nodiscard]] Result<void> wait(block::Request& request) override { return request.error != 0 ? Result<void>{Error{request.error}} : Result<void>{}; }

    bool broken = false;

private:
    std::vector<uint8_t> bytes_;
};

// Takes up to some hundred entries, and has the files.
class Entries final : public fs::DirectorySink {
public:
    bool add(std::string_view name, uint64_t, fs::FileType, uint64_t) override {
        require(!name.empty() && name.size() <= 255 && name.find('/') == name.npos);
        names.emplace_back(name);
        return names.size() < most;
    }
    static constexpr size_t most = 300;
    std::vector<std::string> names;
};

class User {
public:
    explicit User(Ref<fs::Inode> root) { known_.push_back(std::move(root)); }

    void step(Input& input) {
        const uint8_t what = input.byte();
        Ref<fs::Inode> file = pick(input);
        switch (what % 16) {
            case 0: return list(*file);
            case 1: return read(*file, input.number(3));
            case 2: return write(*file, input.number(3), input.byte());
            case 3: return (void)file->truncate(input.number(3));
            case 4: return (void)file->attributes();
            case 5: return (void)file->link_target();
            case 6: return (void)file->unlink(name(input));
            case 7: return (void)file->remove_directory(name(input));
            case 8: return remember(file->create(name(input), {.mode = S_IFREG | 0644}));
            case 9: return remember(file->create_directory(name(input), 0755));
            case 10: return (void)file->rename(name(input), *pick_folder(input), name(input), static_cast<fs::RenameMode>(input.byte() % 3));
            case 11: return (void)file->allocate(static_cast<fs::AllocateMode>(input.byte() % 3), input.number(3), 1 + input.number(3), true);
            case 12: return attributes_of(*file, input);
            case 13: return (void)file->synchronize(input.byte() % 2 == 0);
            case 14: return (void)file->seek_data(input.number(3), input.byte() % 2 == 0);
            default: return remember(file->lookup(name(input)));
        }
    }

    // Everything there is, up to some depth.
    void walk() {
        for (size_t i = 0; i < known_.size() && known_.size() < 200; ++i) {
            const Ref<fs::Inode> file = known_[i];
            list(*file);
            read(*file, 0);
            (void)file->attributes();
            (void)file->link_target();
            std::array<char, 256> names;
            (void)file->list_extended_attributes(names);
        }
    }

private:
    Ref<fs::Inode> pick(Input& input) { return known_[input.byte() % known_.size()]; }
    Ref<fs::Inode> pick_folder(Input& input) {
        Ref<fs::Inode> found = pick(input);
        return found->is_directory() ? found : known_.front();
    }
    std::string name(Input& input) {
        const uint8_t which = input.byte();
        if (which < 128 && !names_.empty()) return names_[which % names_.size()];
        return "new " + std::to_string(which % 20);
    }
    void remember(Result<Ref<fs::Inode>> found) {
        if (found.ok() && known_.size() < 250) known_.push_back(std::move(found).value());
    }
    void list(fs::Inode& folder) {
        Entries entries;
        uint64_t cursor = 0;
        if (!folder.list(cursor, entries).ok()) return;
        for (const std::string& entry : entries.names) {
            if (entry == "." || entry == "..") continue;
            if (names_.size() < 300) names_.push_back(entry);
            remember(folder.lookup(entry));
        }
    }
    void read(fs::Inode& file, uint64_t offset) {
        std::vector<uint8_t> bytes(20000);
        auto io = fs::IoBuffer::kernel(bytes);
        if (file.type() == fs::FileType::Regular) (void)file.read(offset, io);
    }
    void write(fs::Inode& file, uint64_t offset, uint8_t size) {
        const std::vector<uint8_t> bytes(size_t{size} * 100, size);
        auto io = fs::IoBuffer::kernel(bytes);
        if (file.type() == fs::FileType::Regular) (void)file.write(offset, io, false);
    }
    static void attributes_of(fs::Inode& file, Input& input) {
        const std::vector<uint8_t> value(size_t{input.byte()} * 4, 'v');
        const std::string name = "user." + std::string(1 + input.byte() % 3, 'k');
        std::array<uint8_t, 256> got;
        (void)file.set_extended_attribute(name, value, 0);
        (void)file.extended_attribute(name, got);
        (void)file.extended_attribute("user.key", got);
        if (input.byte() % 2 == 0) (void)file.remove_extended_attribute(name);
    }

    std::vector<Ref<fs::Inode>> known_;
    std::vector<std::string> names_;
};

void run(Input& input) {
    std::vector<uint8_t> bytes = fresh_volume();
    for (int changes = input.byte() % 16; changes > 0; --changes) {
        const size_t at = used_blocks()[input.number(2) % used_blocks().size()] + input.number(2) % block_size;
        const uint8_t count = input.byte() % 8;
        for (size_t i = at; i <= at + count && i < bytes.size(); ++i) bytes[i] = input.byte();
    }
    Disk disk{std::move(bytes)};
    auto file_system = std::make_unique<fs::ext4::FileSystem>(disk);
    auto root = file_system->start(input.byte() % 4 == 0);
    if (!root.ok()) return;
    {
        User user{std::move(*root)};
        user.walk();
        for (int steps = 0; steps < 40 && !input.empty(); ++steps) user.step(input);
    }
    if (input.byte() % 2 == 0) (void)file_system->synchronize();
    (void)file_system->stop();
    // What could not be written goes, and with it what kept its files.
    disk.broken = true;
    (void)fs::write_back_all(*file_system);
    file_system->drop_recent();
}

}  // namespace

}  // namespace eremite::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace eremite::test;
    start_machine();
    Input input{data, size};
    run(input);
    return 0;
}
