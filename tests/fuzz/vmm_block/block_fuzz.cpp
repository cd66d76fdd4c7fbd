// The fuzzer plays the driver of a disk, whose operations are done at once or at a reset, as the input says.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/vmm_virtio/hostile_driver.hpp"
#include "vmm/block/block_device.hpp"
#include "vmm/block/thread_engine.hpp"

using namespace eremite;
using namespace eremite::vmm::block;
using test::Input;
using test::require;

namespace {

constexpr uint64_t disk_bytes = 65536;

int disk_file() {
    static const int file = [] {
        const int made = ::memfd_create("disk", 0);
        require(made >= 0 && ::ftruncate(made, disk_bytes) == 0);
        return made;
    }();
    return file;
}

// Does what is asked within wait(), or when an event is handled.
class LateEngine final : public IoEngine {
public:
    void submit(uint32_t slot, const Operation& operation) override {
        require(operation.offset <= disk_bytes && operation.length <= disk_bytes - operation.offset);
        size_t bytes = 0;
        for (const iovec& piece : operation.memory) bytes += piece.iov_len;
        if (operation.kind == Operation::Kind::Read || operation.kind == Operation::Kind::Write) require(bytes == operation.length && bytes > 0);
        jobs_.emplace_back(slot, operation);
        require(jobs_.size() <= BlockDevice::depth);
    }
    void kick() override {
        if (!jobs_.empty()) vmm::signal_event(event_.get());
    }
    [[nodiscard]] int event() const override { return event_.get(); }
    bool take(Outcome& outcome) override {
        if (jobs_.empty()) return false;
        outcome = {jobs_.front().first, perform(disk_file(), jobs_.front().second)};
        jobs_.pop_front();
        return true;
    }
    void wait() override { require(!jobs_.empty()); }

private:
    vmm::UniqueFd event_ = vmm::make_event();
    std::deque<std::pair<uint32_t, Operation>> jobs_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input{data, size};
    const uint8_t kind = input.byte();
    test::HostileDriver driver;
    Disk disk{.file = {}, .sectors = disk_bytes / sector_size, .read_only = (kind & 1) != 0, .can_punch = (kind & 3) == 0};
    driver.transport().attach(std::make_unique<BlockDevice>(driver.transport().host(), "disk0", std::move(disk), "serial", std::make_unique<LateEngine>()));
    driver.begin(input);
    while (!input.empty()) driver.step(input);
    struct stat info {};
    require(::fstat(disk_file(), &info) == 0 && info.st_size == static_cast<off_t>(disk_bytes));
    return 0;
}
