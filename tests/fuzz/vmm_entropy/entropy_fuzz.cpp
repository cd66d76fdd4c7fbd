// The fuzzer plays the driver of an entropy device.
#include "tests/fuzz/vmm_virtio/hostile_driver.hpp"
#include "vmm/entropy/entropy_device.hpp"

using namespace eremite;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    test::Input input{data, size};
    test::HostileDriver driver;
    driver.transport().attach(std::make_unique<vmm::entropy::EntropyDevice>(driver.transport().host(), "entropy0"));
    driver.begin(input);
    while (!input.empty()) driver.step(input);
    return 0;
}
