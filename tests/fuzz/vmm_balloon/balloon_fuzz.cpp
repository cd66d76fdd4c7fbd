// The fuzzer plays the driver of a memory balloon.
#include "tests/fuzz/boot/require.hpp"
#include "tests/fuzz/vmm_virtio/hostile_driver.hpp"
#include "vmm/balloon/balloon_device.hpp"

using namespace eremite;
using test::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::Input input{data, size};
    test::HostileDriver driver;
    auto made = std::make_unique<vmm::balloon::BalloonDevice>(driver.transport().host(), driver.memory(), "balloon0");
    vmm::balloon::BalloonDevice& device = *made;
    driver.transport().attach(std::move(made));
    const uint8_t target = input.byte();
    device.set_target(target);
    driver.begin(input);
    while (!input.empty()) driver.step(input);
    // What the host wants is not for the guest to change.
    uint32_t pages = 0;
    driver.transport().read(0x100, std::as_writable_bytes(std::span{&pages, 1}));
    require(pages == std::min<uint64_t>(target, test::HostileDriver::memory_bytes / vmm::balloon::BalloonDevice::page));
    return 0;
}
