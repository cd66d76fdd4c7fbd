#pragma once
// A disk in memory, as hosts have them: what was written since the last flush may be there after a crash, or not, or in part. And the tools
// of e2fsprogs, which make images and judge them.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "libos/block/device.hpp"

namespace eremite::test {

class Image final : public block::Device {
public:
    explicit Image(std::vector<uint8_t> bytes);
    // Made by mke2fs with these options. Empty: there is no mke2fs.
    static std::vector<uint8_t> make(size_t size, const std::string& options);

    [[nodiscard]] const char* name() const override { return "image"; }
    void submit(block::Request& request) override;
    [[nodiscard]] Result<void> wait(block::Request& request) override {
        if (request.error != 0) return Error{request.error};
        return {};
    }

    // What is on the disk now.
    [[nodiscard]] const std::vector<uint8_t>& bytes() const { return bytes_; }
    // The same of what was flushed.
    [[nodiscard]] const std::vector<uint8_t>& durable() const { return durable_; }
    // What a crash would leave: some of the blocks that were written since the last flush.
    template <typename Random>
    [[nodiscard]] std::vector<uint8_t> crash(Random& random) const {
        std::vector<uint8_t> left = durable_;
        for (const Write& write : pending_) {
            if (std::uniform_int_distribution<int>{0, 1}(random) == 0) continue;
            std::copy(write.bytes.begin(), write.bytes.end(), left.begin() + static_cast<long>(write.offset));
        }
        return left;
    }
    // Called before each write and flush.
    void (*before_change)(Image& image, void* context) = nullptr;
    void* context = nullptr;
    size_t reads = 0;
    // Writes fail from now on.
    bool broken = false;
    void set_read_only(bool on) { limits_.read_only = on; }

private:
    struct Write {
        uint64_t offset;
        std::vector<uint8_t> bytes;
    };
    std::vector<uint8_t> bytes_;
    std::vector<uint8_t> durable_;
    std::vector<Write> pending_;
};

// What a tool says about an image.
struct Judgement {
    int status;
    std::string output;
};
// e2fsck -f with these options; the image is changed by it if they let it.
Judgement e2fsck(std::vector<uint8_t>& image, const std::string& options);
// The output of a debugfs command.
std::string debugfs(const std::vector<uint8_t>& image, const std::string& command);
// Changes an image by debugfs commands.
std::vector<uint8_t> change_by_debugfs(const std::vector<uint8_t>& image, const std::string& commands);
bool have_e2fsprogs();

}  // namespace eremite::test
