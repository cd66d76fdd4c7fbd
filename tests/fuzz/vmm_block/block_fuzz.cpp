// The fuzzer plays the driver of a disk, whose operations are done at once or at a reset, as the input says.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

// Does what is asked when it is kicked without anything new, as when its event is handled, or waited for; or at once.
class LateEngine final : public IoEngine {
public:
    void submit(uint32_t slot, const Operation& operation) override {
        require(operation.offset <= disk_bytes && operation.length <= disk_bytes - operation.offset);
        size_t bytes = 0;
        for (const iovec& piece : operation.memory) bytes += piece.iov_len;
        if (operation.kind == Operation::Kind::Read || operation.kind == Operation::Kind::Write) require(bytes == operation.length && bytes > 0);
        jobs_.emplace_back(slot, operation);
        require(jobs_.size() <= BlockDevice::depth);
        is_new_ = true;
    }
    void kick() override {
        done_ = !std::exchange(is_new_, false) || prompt;
        if (!jobs_.empty()) vmm::signal_event(event_.get());
    }
    [[nodiscard]] int event() const override { return event_.get(); }
    bool take(Outcome& outcome) override {
        if (jobs_.empty() || !done_) return false;
        const auto [slot, operation] = jobs_.front();
        jobs_.pop_front();
        const bool transfers = operation.kind == Operation::Kind::Read || operation.kind == Operation::Kind::Write;
        const auto bytes = static_cast<int64_t>(operation.length);
        switch (mood) {
            case 1: outcome = {slot, -EIO}; break;
            case 2: outcome = {slot, -EINTR}; break;
            case 3: outcome = {slot, -EOPNOTSUPP}; break;
            case 4: outcome = {slot, transfers ? (bytes + 1) / 2 : 0}; break;
            case 5: outcome = {slot, transfers ? 0 : -ENOSPC}; break;
            default: outcome = {slot, perform(disk_file(), operation)}; break;
        }
        return true;
    }
    void wait() override {
        require(!jobs_.empty());
        done_ = true;
    }

    // How the host does what it is asked; 0: well.
    uint8_t mood = 0;
    bool prompt = false;

private:
    vmm::UniqueFd event_ = vmm::make_event();
    std::deque<std::pair<uint32_t, Operation>> jobs_;
    bool is_new_ = false, done_ = false;
};

// A request that may be one: a known type, whole sectors, most of them inside the disk.
void send_request(test::HostileDriver& driver, Input& input) {
    constexpr std::array<uint32_t, 8> types{VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_FLUSH,        VIRTIO_BLK_T_GET_ID,
                                            VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_SCSI_CMD, VIRTIO_BLK_T_OUT};
    const uint32_t type = types[input.byte() % types.size()];
    const uint8_t sector = input.byte(), count = input.byte();
    const virtio_blk_outhdr header{type, 0, sector};
    const virtio_blk_discard_write_zeroes range{sector, count % 32U, count / 128U};
    std::array<uint8_t, 1024> bytes{};
    std::memcpy(bytes.data(), &header, sizeof header);
    size_t out = sizeof header, in = 1;
    if (type == VIRTIO_BLK_T_IN) in += count % 4 * sector_size;
    else if (type == VIRTIO_BLK_T_OUT) out += count % 2 * sector_size;
    else if (type == VIRTIO_BLK_T_GET_ID) in += count % 32;
    else if (type != VIRTIO_BLK_T_FLUSH) out += sizeof range;
    if (out == sizeof header + sizeof range) std::memcpy(bytes.data() + sizeof header, &range, sizeof range);
    driver.request(0, std::span{bytes}.first(out), in);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input input{data, size};
    const uint8_t kind = input.byte();
    test::HostileDriver driver;
    Disk disk{.file = {}, .sectors = disk_bytes / sector_size, .read_only = (kind & 1) != 0, .can_punch = (kind & 3) == 0};
    auto made = std::make_unique<LateEngine>();
    LateEngine& engine = *made;
    driver.transport().attach(std::make_unique<BlockDevice>(driver.transport().host(), "disk0", std::move(disk), "serial", std::move(made)));
    driver.begin(input);
    while (!input.empty()) {
        const uint8_t turn = input.byte();
        engine.mood = turn / 4 % 8;
        engine.prompt = turn / 32 % 2 != 0;
        if (turn % 2 == 0) driver.step(input);
        else send_request(driver, input);
    }
    struct stat info {};
    require(::fstat(disk_file(), &info) == 0 && info.st_size == static_cast<off_t>(disk_bytes));
    return 0;
}
