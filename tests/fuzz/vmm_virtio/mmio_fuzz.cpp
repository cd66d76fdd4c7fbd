// The fuzzer plays CPUs that access a virtio device, one that echoes. Input: steps of a byte each with their operands: accesses of registers of any
// width, writes to memory, and the device's turn.
#include <array>
#include <cstring>

#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/vmm_virtio/silence.hpp"
#include "tests/unit/vmm_core/echo_device.hpp"
#include "vmm/virtio/mmio.hpp"

using namespace eremite;
using test::Input;
using test::require;

namespace {

constexpr uint64_t memory_bytes = 8192;

vmm::GuestMemory& memory() {
    static vmm::GuestMemory shared{memory_bytes};
    return shared;
}

// A whole queue in three steps, which a fuzzer would find late.
void set_up(vmm::virtio::MmioTransport& transport, uint8_t what) {
    const auto set = [&](uint64_t reg, uint32_t value) { transport.write(reg, std::as_bytes(std::span{&value, 1})); };
    if (what == 0) {
        set(0x24, 1);
        set(0x20, 1);
        return set(0x70, 11);
    }
    set(0x30, what % 2);
    set(0x38, 8);
    set(0x80, 0);
    set(0x90, 128);
    set(0xa0, 152);
    set(0x44, 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::silence();
    Input input{data, size};
    static const vmm::UniqueFd interrupt = vmm::make_event();
    const auto bytes = memory().piece(0, memory_bytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    vmm::virtio::MmioTransport transport{memory(), interrupt.get()};
    auto made = std::make_unique<test::EchoDevice>(transport.host(), false);
    const test::EchoDevice& device = *made;
    transport.attach(std::move(made));
    std::array<std::byte, 16> operand{};
    while (!input.empty()) {
        const uint8_t step = input.byte();
        switch (step % 8) {
            case 0:
            case 1: {  // a register, as it should be
                const uint32_t value = input.word();
                transport.write(step / 8 * 4U + (step % 8) * 128U, std::as_bytes(std::span{&value, 1}));
                break;
            }
            case 2: {
                const size_t width = input.byte() % (operand.size() + 1);
                transport.write(input.half(), std::span{operand}.first(width));
                break;
            }
            case 3: {
                const size_t width = input.byte() % (operand.size() + 1);
                transport.read(input.half(), std::span{operand}.first(width));
                break;
            }
            case 4: {
                const size_t at = input.half() % memory_bytes;
                const auto piece = input.take(std::min<size_t>(step / 8U + 1, memory_bytes - at));
                std::memcpy(bytes.data() + at, piece.data(), piece.size());
                break;
            }
            case 5: set_up(transport, step / 8); break;
            case 6: vmm::signal_event(transport.notification(step / 8 % 2)); break;
            default: transport.host().loop().run_pending(); break;
        }
    }
    require(device.starts - device.stops == (device.started ? 1 : 0));
    return 0;
}
