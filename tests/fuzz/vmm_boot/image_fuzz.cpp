// A file is refused, or its entry point lies in what was loaded.
#include <cstdlib>

#include "vmm/boot/image.hpp"
#include "vmm/error.hpp"

using namespace eremite;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const vmm::GuestMemory memory{uint64_t{4} << 20};
    try {
        const vmm::LoadedImage image = vmm::load_image(memory, std::as_bytes(std::span{data, size}), "image");
        if (image.entry >= image.end || image.end > memory.size()) std::abort();
    } catch (const vmm::Error&) {
    }
    return 0;
}
